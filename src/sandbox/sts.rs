//! Security Token Service: who is calling, and roles that lead into other accounts of the same cloud.

mod policy;

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::cloud::Ctx;
use super::ec2;
use super::value::{ApiError, Get, time};
use super::wire::{self, Service};

/// How long a session lasts when the request does not say, in seconds.
const DEFAULT_DURATION: i64 = 3_600;

/// Carries out an operation for the holder of an access key.
///
/// # Errors
/// The error that AWS gives.
pub fn call(ctx: &mut Ctx<'_>, access_key: &str, operation: &str, input: &Value) -> Result<Value, ApiError> {
    match operation {
        "GetCallerIdentity" => Ok(caller_identity(ctx, access_key)),
        "AssumeRole" => assume_role(ctx, access_key, input),
        _ => Err(wire::unknown_operation(Service::Sts, operation)),
    }
}

/// The ARN of whoever holds an access key: a role session, or the one user that every account has.
fn caller_arn(ctx: &Ctx<'_>, access_key: &str) -> String {
    let user = || format!("arn:aws:iam::{}:user/sandbox", ctx.place.account);
    ctx.cloud.sessions.get(access_key).cloned().unwrap_or_else(user)
}

fn caller_identity(ctx: &Ctx<'_>, access_key: &str) -> Value {
    let arn = caller_arn(ctx, access_key);
    let user_id = match arn.split_once(":assumed-role/").and_then(|(_, rest)| rest.split_once('/')) {
        Some((role, session)) => format!("{}:{session}", principal_id(ctx, "AROA", &ctx.place.account, role)),
        None => principal_id(ctx, "AIDA", &ctx.place.account, "sandbox"),
    };
    json!({"UserId": user_id, "Account": ctx.place.account, "Arn": arn})
}

/// Issues a key of the role's account. The same role and session name always get the same key, so that a session
/// opened twice is one session.
fn assume_role(ctx: &mut Ctx<'_>, access_key: &str, input: &Value) -> Result<Value, ApiError> {
    let role_arn = input.text("RoleArn").unwrap_or_default();
    let session = input.text("RoleSessionName").unwrap_or_default();
    let parsed = role_arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":role/"));
    let Some((account, path)) = parsed.filter(|_| ctx.cloud.roles.iter().any(|role| role == role_arn)) else {
        let caller = caller_arn(ctx, access_key);
        let message = format!("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role_arn}");
        return Err(ApiError::new("AccessDenied", message).status(403));
    };
    if !ec2::is_region_enabled(ctx, account) {
        let message = format!("STS is not activated in this region for account: {account}.");
        return Err(ApiError::new("RegionDisabledException", message).status(403));
    }
    if !input.items("ProvidedContexts").is_empty() {
        // Nothing here issues any.
        return Err(ApiError::new("ExpiredTokenException", "The context assertion is expired or not valid."));
    }
    let packed = policy::packed_percent(input)?;
    let role = path.rsplit('/').next().unwrap_or(path);
    let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/{session}");
    let key = unique(ctx, "ASIA", &arn);
    ctx.cloud.access_keys.insert(key.clone(), account.to_owned());
    ctx.cloud.sessions.insert(key.clone(), arn.clone());
    let seconds = input.int("DurationSeconds").unwrap_or(DEFAULT_DURATION).max(0) as u64;
    let end = ctx.now + Duration::from_secs(seconds);
    ctx.cloud.session_ends.insert(key.clone(), end);
    Ok(json!({
        "Credentials": {
            "AccessKeyId": key,
            "SecretAccessKey": unique(ctx, "secret", &arn),
            "SessionToken": unique(ctx, "token", &arn),
            "Expiration": time(end),
        },
        "PackedPolicySize": packed,
        "SourceIdentity": input.text("SourceIdentity"),
        "AssumedRoleUser": {
            "AssumedRoleId": format!("{}:{session}", principal_id(ctx, "AROA", account, role)),
            "Arn": arn,
        },
    }))
}

/// The unique id of a role (`AROA…`) or user (`AIDA…`).
fn principal_id(ctx: &Ctx<'_>, kind: &str, account: &str, name: &str) -> String {
    unique(ctx, kind, &format!("{account} {name}"))
}

/// A kind, and sixteen capitals and digits that follow from the seed and a label, wherever they are asked for.
fn unique(ctx: &Ctx<'_>, kind: &str, label: &str) -> String {
    let digest =
        Sha256::new().chain_update(ctx.cloud.seed.to_le_bytes()).chain_update(kind).chain_update(label).finalize();
    digest.iter().take(8).fold(kind.to_owned(), |id, byte| format!("{id}{byte:02X}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::catalogue::Catalogue;
    use crate::sandbox::cloud::{Cloud, Place};

    #[test]
    fn a_role_leads_into_its_account_and_no_other_role_does() {
        let mut cloud = Cloud::new(1, "2026-11-24T08:00:00Z".parse().unwrap(), Catalogue::default());
        cloud.roles.push("arn:aws:iam::222222222222:role/ops/rebake".to_owned());
        let here = Place::new("111111111111", "eu-west-1");
        let ask = |role: &str| json!({"RoleArn": role, "RoleSessionName": "run-1", "DurationSeconds": 900});

        let known = ask("arn:aws:iam::222222222222:role/ops/rebake");
        let answer = call(&mut cloud.at(&here), "AKIAMINE", "AssumeRole", &known).unwrap();
        let key = answer["Credentials"]["AccessKeyId"].as_str().unwrap();
        assert_eq!(cloud.access_keys[key], "222222222222");
        let there = Place::new("222222222222", "eu-west-1");
        let identity = call(&mut cloud.at(&there), key, "GetCallerIdentity", &json!({})).unwrap();
        assert_eq!(identity["Arn"], "arn:aws:sts::222222222222:assumed-role/rebake/run-1");
        assert_eq!(identity["UserId"], answer["AssumedRoleUser"]["AssumedRoleId"]);

        let unknown = ask("arn:aws:iam::222222222222:role/admin");
        let refused = call(&mut cloud.at(&here), "AKIAMINE", "AssumeRole", &unknown).unwrap_err();
        assert_eq!((refused.code.as_str(), refused.status), ("AccessDenied", 403));
        assert!(refused.message.contains("arn:aws:iam::111111111111:user/sandbox"));
    }
}
