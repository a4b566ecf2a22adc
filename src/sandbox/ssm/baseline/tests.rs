use serde_json::json;

use crate::sandbox::ssm::fixture::Fixture;

#[test]
fn every_operating_system_has_a_default_that_aws_owns() {
    let mut world = Fixture::new();
    let got = world.call("GetDefaultPatchBaseline", json!({"OperatingSystem": "AMAZON_LINUX_2023"}));
    let id = got["BaselineId"].as_str().unwrap().to_owned();
    assert!(id.starts_with("arn:aws:ssm:eu-west-1:"), "{id}");
    let baseline = world.call("GetPatchBaseline", json!({"BaselineId": id}));
    assert_eq!(baseline["Name"], "AWS-AmazonLinux2023DefaultPatchBaseline");
    assert_eq!(baseline["ApprovalRules"]["PatchRules"][0]["ApproveAfterDays"], 7);
    let filter = json!({"Filters": [{"Key": "OPERATING_SYSTEM", "Values": ["WINDOWS"]}]});
    let windows = world.call("DescribePatchBaselines", filter);
    let defaults =
        windows["BaselineIdentities"].as_array().unwrap().iter().filter(|one| one["DefaultBaseline"] == true);
    assert_eq!(defaults.count(), 1);
    assert_eq!(world.refused("DeletePatchBaseline", json!({"BaselineId": id})).code, "ResourceInUseException");
}

#[test]
fn approvals_mature_and_rejections_win() {
    let mut world = Fixture::new();
    let rule = json!({"PatchFilterGroup": {"PatchFilters": [{"Key": "CLASSIFICATION", "Values": ["Security"]}]}, "ApproveAfterDays": 10, "ComplianceLevel": "CRITICAL"});
    let made = world.call(
        "CreatePatchBaseline",
        json!({"Name": "own", "OperatingSystem": "AMAZON_LINUX_2023", "ApprovalRules": {"PatchRules": [rule]}, "RejectedPatches": ["kernel-2"], "ApprovedPatches": ["ALAS-3"]}),
    );
    let effective = world.call("DescribeEffectivePatchesForPatchBaseline", json!({"BaselineId": made["BaselineId"]}));
    let status = effective["EffectivePatches"].as_array().unwrap().iter().map(|one| {
        format!(
            "{} {}",
            one["Patch"]["AdvisoryIds"][0].as_str().unwrap(),
            one["PatchStatus"]["DeploymentStatus"].as_str().unwrap()
        )
    });
    let expected =
        ["ALAS-1 EXPLICIT_REJECTED", "ALAS-2 APPROVED", "ALAS-3 EXPLICIT_APPROVED", "ALAS-4 PENDING_APPROVAL"];
    assert_eq!(status.collect::<Vec<_>>(), expected);
}

#[test]
fn a_patch_group_has_one_baseline_for_an_operating_system() {
    let mut world = Fixture::new();
    let made = world.call("CreatePatchBaseline", json!({"Name": "own", "OperatingSystem": "AMAZON_LINUX_2023"}));
    let id = made["BaselineId"].as_str().unwrap().to_owned();
    let pair = json!({"BaselineId": id, "PatchGroup": "db"});
    world.call("RegisterPatchBaselineForPatchGroup", pair.clone());
    assert_eq!(world.refused("RegisterPatchBaselineForPatchGroup", pair).code, "AlreadyExistsException");
    let asked = json!({"PatchGroup": "db", "OperatingSystem": "AMAZON_LINUX_2023"});
    assert_eq!(world.call("GetPatchBaselineForPatchGroup", asked)["BaselineId"], id);
    let other = json!({"PatchGroup": "db", "OperatingSystem": "UBUNTU"});
    let default = world.call("GetPatchBaselineForPatchGroup", other);
    assert!(default["BaselineId"].as_str().unwrap().starts_with("arn:"));
}
