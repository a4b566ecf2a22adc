//! The regions of AWS, so that a typing error is found before a call goes nowhere.

use crate::text::suggest;

/// The regions that this version of rebake knows: commercial, China and GovCloud.
pub const REGIONS: [&str; 39] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
    "eusc-de-east-1",
];

/// Checks that a region exists: it is known, or the configuration says that it is `new`.
///
/// # Errors
/// What would be right.
pub fn check(region: &str, new: &[String]) -> Result<(), String> {
    if REGIONS.contains(&region) || new.iter().any(|new| new == region) {
        return Ok(());
    }
    let added = "if AWS has opened it lately, name it in `new-regions` at the top of rebake.toml";
    Err(match suggest(region, REGIONS) {
        Some(meant) => format!("did you mean `{meant}`? {added}"),
        None => format!("write for example `eu-west-1`; {added}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regions_that_exist_pass() {
        assert!(check("eu-west-1", &[]).is_ok());
        assert!(check("eu-wset-1", &[]).unwrap_err().contains("`eu-west-1`"));
        assert!(check("mars-1", &[]).unwrap_err().contains("new-regions"));
        assert!(check("eu-west-9", &["eu-west-9".to_owned()]).is_ok());
    }
}
