//! Where the output of commands goes, and who hears of them: checked, and not done, for there is no S3 and no SNS.

use serde_json::Value;

use crate::sandbox::value::{ApiError, Get};

/// Checks what SendCommand says of its output and its notifications.
///
/// # Errors
/// `InvalidOutputFolder`, `InvalidRole`, `InvalidNotificationConfig`.
pub(super) fn check(input: &Value) -> Result<(), ApiError> {
    if input.text("OutputS3BucketName").is_some_and(|name| !is_bucket(name)) {
        return Err(ApiError::new("InvalidOutputFolder", "The S3 bucket doesn't exist."));
    }
    let role = input.text("ServiceRoleArn").filter(|role| !role.is_empty());
    let is_role = |role: &str| role.starts_with("arn:aws:iam::") && role.contains(":role/") && !role.contains(' ');
    if role.is_some_and(|role| !is_role(role)) {
        return Err(ApiError::new(
            "InvalidRole",
            "The role name can't contain invalid characters. Also verify that you specified an IAM role for \
             notifications that includes the required trust policy.",
        ));
    }
    let Some(notification) = input.get("NotificationConfig").filter(|given| !given.is_null()) else { return Ok(()) };
    let arn = notification.text("NotificationArn").unwrap_or_default();
    // Without events there is nothing to tell, as in the answers of AWS itself.
    let wanted = !arn.is_empty() || !notification.texts("NotificationEvents").is_empty();
    if wanted && (!arn.starts_with("arn:aws:sns:") || role.is_none()) {
        return Err(ApiError::new(
            "InvalidNotificationConfig",
            "One or more configuration items isn't valid. Verify that a valid Amazon Resource Name (ARN) was provided \
             for an Amazon Simple Notification Service topic.",
        ));
    }
    Ok(())
}

/// Whether a bucket can have such a name (S3 user guide, "General purpose bucket naming rules").
pub(in crate::sandbox::ssm) fn is_bucket(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.chars().all(allowed) && ends(name.chars().next()) && ends(name.chars().last()) && !name.contains("..")
}
