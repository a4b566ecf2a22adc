//! User data: base64 text of at most 16 KB before it was encoded.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use crate::sandbox::value::{ApiError, Get};

/// How many bytes it may have (EC2 user guide, "User data is limited to 16 KB, in raw form, before it is
/// base64-encoded").
const MOST: usize = 16_384;

/// AWS asks for no padding (getmoto/moto#9543, rancher/eks-operator#33).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Refuses user data of a launch that is no base64, or too long.
///
/// # Errors
/// `InvalidParameterValue` (ManageIQ/manageiq#7344, runs-on/runs-on#9).
pub(super) fn check_launch(settings: &Value) -> Result<(), ApiError> {
    check(settings).map_err(|message| ApiError::new("InvalidParameterValue", message))
}

/// Refuses user data of a launch template that is no base64, or too long.
///
/// # Errors
/// `InvalidUserData.Malformed` (awslabs/ec2-spot-workshops#15, github-aws-runners/terraform-aws-github-runner#3700).
pub(super) fn check_template(data: &Value) -> Result<(), ApiError> {
    check(data).map_err(|message| ApiError::new("InvalidUserData.Malformed", message))
}

fn check(settings: &Value) -> Result<(), String> {
    let text = settings.text("UserData").unwrap_or_default();
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    match BASE64.decode(text) {
        Ok(raw) if raw.len() > MOST => Err(format!("User data is limited to {MOST} bytes.")),
        Ok(_) => Ok(()),
        Err(_) => Err("Invalid BASE64 encoding of user data.".to_owned()),
    }
}
