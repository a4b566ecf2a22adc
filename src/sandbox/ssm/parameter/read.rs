//! Reading parameters by name.

use serde_json::{Value, json};

use super::{Parameter, Version, arn, not_found};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::faults::Faults;
use crate::sandbox::value::{ApiError, Get, time};

/// The version that a selector names: `NAME`, `NAME:VERSION`, `NAME:LABEL`, or an ARN in place of the name.
///
/// # Errors
/// `ParameterNotFound`, `ParameterVersionNotFound`.
pub(in crate::sandbox::ssm) fn find<'a>(
    ctx: &'a mut Ctx<'_>,
    selector: &str,
) -> Result<(&'a Parameter, &'a Version), ApiError> {
    let (name, selected) = split(selector);
    let parameters = &ctx.region().ssm.parameters;
    let by_arn = name.starts_with("arn:").then(|| name.split_once(":parameter/")).flatten().map(|(_, tail)| tail);
    let parameter = match by_arn {
        Some(tail) => parameters.get(&format!("/{tail}")).or_else(|| parameters.get(tail)),
        None => parameters.get(name),
    };
    let parameter = parameter.ok_or_else(not_found)?;
    let version = match selected {
        None => parameter.latest(),
        Some(selected) => match selected.parse::<i64>() {
            Ok(number) => parameter.versions.iter().find(|version| version.number == number),
            Err(_) => parameter.versions.iter().find(|version| version.labels.iter().any(|label| label == selected)),
        },
    };
    version.map(|version| (parameter, version)).ok_or_else(|| {
        ApiError::new(
            "ParameterVersionNotFound",
            format!(
                "Systems Manager could not find version {} of {name}. Verify the version and try again.",
                selected.unwrap_or_default()
            ),
        )
    })
}

/// `GetParameter`.
pub(in crate::sandbox::ssm) fn get(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let selector = input.text("Name").unwrap_or_default();
    Ok(json!({"Parameter": one(ctx, selector, input.flag("WithDecryption"))?}))
}

/// `GetParameters`.
pub(in crate::sandbox::ssm) fn get_many(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for selector in input.texts("Names") {
        match one(ctx, selector, input.flag("WithDecryption")) {
            Ok(parameter) => found.push(parameter),
            Err(sealed) if sealed.code == "InvalidKeyId" => return Err(sealed),
            Err(_) => invalid.push(selector),
        }
    }
    Ok(json!({"Parameters": found, "InvalidParameters": invalid}))
}

fn one(ctx: &mut Ctx<'_>, selector: &str, decrypt: Option<bool>) -> Result<Value, ApiError> {
    let place = ctx.place.clone();
    let (plain, selected) = split(selector);
    let name = match plain.split_once(":parameter/") {
        Some((_, tail)) if ctx.region().ssm.parameters.contains_key(tail) => tail.to_owned(),
        Some((_, tail)) => format!("/{tail}"),
        None => plain.to_owned(),
    };
    let decrypt = decrypt.unwrap_or(false);
    let faults = ctx.cloud.faults.clone();
    let (parameter, version) = find(ctx, selector)?;
    refuse_sealed(&faults, parameter, version, decrypt)?;
    let mut answer = shown(&place, &name, parameter, version, decrypt);
    if let Some(selected) = selected {
        answer["Selector"] = format!(":{selected}").into();
    }
    Ok(answer)
}

/// A `Parameter` of the answers.
pub(super) fn shown(
    place: &crate::sandbox::Place,
    name: &str,
    parameter: &Parameter,
    version: &Version,
    decrypt: bool,
) -> Value {
    json!({
        "Name": name,
        "Type": parameter.kind,
        "Value": visible(parameter, version, decrypt),
        "Version": version.number,
        "LastModifiedDate": time(version.at),
        "ARN": arn(place, name),
        "DataType": parameter.data_type,
    })
}

/// Refuses to unseal a value whose key is disabled or deleted.
///
/// # Errors
/// `InvalidKeyId`.
pub(super) fn refuse_sealed(
    faults: &Faults,
    parameter: &Parameter,
    version: &Version,
    decrypt: bool,
) -> Result<(), ApiError> {
    let sealed = decrypt && parameter.kind == "SecureString";
    match version.key_id.as_deref().filter(|key| sealed && faults.disables_key(key)) {
        Some(_) => Err(invalid_key()),
        None => Ok(()),
    }
}

/// The refusal of a key.
pub(super) fn invalid_key() -> ApiError {
    ApiError::new("InvalidKeyId", "The query key ID isn't valid.")
}

/// The value, or its ciphertext.
pub(super) fn visible(parameter: &Parameter, version: &Version, decrypt: bool) -> String {
    use base64::Engine;
    if parameter.kind == "SecureString" && !decrypt {
        return base64::engine::general_purpose::STANDARD.encode(format!("sealed:{}", version.value));
    }
    version.value.clone()
}

/// The name or ARN, and the version or label behind it.
fn split(selector: &str) -> (&str, Option<&str>) {
    let tail = selector.find(":parameter/").map_or(0, |at| at + 1);
    let colon = selector.get(tail..).and_then(|rest| {
        // The colon of `:parameter/` itself lies before the tail.
        rest.rfind(':').map(|at| at + tail)
    });
    match colon {
        Some(at) => (&selector[..at], Some(&selector[at + 1..])),
        None => (selector, None),
    }
}
