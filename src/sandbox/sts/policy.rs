//! Session policies: whether they are any, and how much of a session they take up.

use serde_json::Value;

use crate::sandbox::value::{ApiError, Get};

/// The longest text of all session policies together (botocore 1.44.5, `AssumeRoleRequest.PolicyArns`).
const LONGEST: usize = 2_048;

/// How much fits into a session: policies, and the keys and values of tags. Assumed, with one byte for each character:
/// AWS packs them, and tells neither how nor the limit.
const PACKED: usize = 4_096;

/// How much of a session its policies and tags take up, in percent; none without any.
///
/// # Errors
/// `MalformedPolicyDocument`, `PackedPolicyTooLarge`.
pub(super) fn packed_percent(input: &Value) -> Result<Option<u64>, ApiError> {
    let policy = input.text("Policy").unwrap_or_default();
    if !policy.is_empty() {
        check(policy).map_err(|why| ApiError::new("MalformedPolicyDocument", why))?;
    }
    let arns: usize = input.items("PolicyArns").iter().filter_map(|policy| policy.text("arn")).map(str::len).sum();
    let tags = input.items("Tags").iter().flat_map(|tag| [tag.text("Key"), tag.text("Value")]);
    let tags: usize = tags.flatten().map(str::len).sum();
    let packed = policy.chars().filter(|letter| !letter.is_whitespace()).count() + arns + tags;
    if packed == 0 {
        return Ok(None);
    }
    // Of the two limits the one that is nearer.
    let percent = (packed * 100).div_ceil(PACKED).max(((policy.len() + arns) * 100).div_ceil(LONGEST));
    if percent > 100 {
        let message = format!("Packed policy consumes {percent}% of allotted space, please use smaller policy.");
        return Err(ApiError::new("PackedPolicyTooLarge", message));
    }
    Ok(Some(percent as u64))
}

/// Refuses what is no session policy.
///
/// Source: IAM user guide, "Grammar of the IAM JSON policy language".
fn check(text: &str) -> Result<(), String> {
    let syntax = || "Syntax errors in policy.".to_owned();
    let policy: Value = serde_json::from_str(text).map_err(|_| syntax())?;
    let version = policy.get("Version").map_or(Some("2008-10-17"), Value::as_str);
    if !matches!(version, Some("2012-10-17" | "2008-10-17")) {
        return Err("The policy must contain a valid version string.".to_owned());
    }
    let statements: &[Value] = match policy.get("Statement") {
        Some(Value::Array(several)) if !several.is_empty() => several,
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => return Err(syntax()),
    };
    for statement in statements {
        if !matches!(statement.text("Effect"), Some("Allow" | "Deny")) {
            return Err(syntax());
        }
        if statement.has("Principal") || statement.has("NotPrincipal") {
            return Err("Policy document should not specify a principal.".to_owned());
        }
        for (one, other) in [("Action", "NotAction"), ("Resource", "NotResource")] {
            if statement.has(one) == statement.has(other) {
                return Err(format!("Policy statement must contain {}s.", one.to_lowercase()));
            }
        }
    }
    Ok(())
}
