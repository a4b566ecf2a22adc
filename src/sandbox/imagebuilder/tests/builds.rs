//! Builds from beginning to end, in virtual time.

use std::time::Duration;

use super::*;
use crate::sandbox::catalogue::Patch;
use crate::sandbox::ec2;
use crate::sandbox::faults::{BuildFault, CapacityFault};
use crate::sandbox::world;

const PARENT: &str = "arn:aws:imagebuilder:eu-west-1:aws:image/amazon-linux-2023-x86/x.x.x";

/// The id of a patch that no image has yet.
const NEW: &str = "ALAS2023-2099-1";

fn place(region: &str) -> Place {
    Place::new("123456789012", region)
}

/// An account in which only AWS's own things are, with a critical patch for the parent's system that is out since now.
pub(super) fn world() -> Cloud {
    let mut cloud = world::empty(cloud().now).unwrap();
    let patch = Patch {
        system: "amazon-linux-2023".to_owned(),
        title: "bash".to_owned(),
        classification: "Security".to_owned(),
        severity: "Critical".to_owned(),
        cves: Vec::new(),
        released: cloud.now,
        updated: cloud.now,
        reboot: false,
        package: Some(("bash".to_owned(), "9.9".to_owned())),
        broken: false,
    };
    cloud.catalogue.patches.insert(NEW.to_owned(), patch);
    cloud
}

/// Makes all that a build of `web` needs, and the request for it.
pub(super) fn prepare(cloud: &mut Cloud) -> Value {
    let managed =
        |name: &str| json!({"componentArn": format!("arn:aws:imagebuilder:eu-west-1:aws:component/{name}/x.x.x")});
    let own = ask(cloud, "CreateComponent", component("web", "1.0.0", "component")).unwrap();
    let own = json!({"componentArn": own["componentBuildVersionArn"]});
    let recipe = json!({
        "name": "web", "semanticVersion": "1.0.0", "parentImage": PARENT, "clientToken": "recipe",
        "components": [managed("update-linux"), own, managed("simple-boot-test-linux")],
        "amiTags": {"rebake": "yes"},
    });
    let infrastructure = json!({
        "name": "build", "instanceProfileName": "p", "clientToken": "infrastructure",
        "instanceTypes": ["m7i.large", "m6i.large"],
    });
    let home = json!({"name": "web-{{ imagebuilder:buildDate }}", "amiTags": {"state": "candidate"}});
    let distribution = json!({
        "name": "everywhere", "clientToken": "distribution",
        "distributions": [
            {"region": "eu-west-1", "amiDistributionConfiguration": home},
            {"region": "us-east-1", "amiDistributionConfiguration": home},
        ],
    });
    let mut made = |operation, request, member: &str| ask(cloud, operation, request).unwrap()[member].clone();
    json!({
        "imageRecipeArn": made("CreateImageRecipe", recipe, "imageRecipeArn"),
        "infrastructureConfigurationArn":
            made("CreateInfrastructureConfiguration", infrastructure, "infrastructureConfigurationArn"),
        "distributionConfigurationArn":
            made("CreateDistributionConfiguration", distribution, "distributionConfigurationArn"),
        "clientToken": "image",
    })
}

/// Begins a build in a world with some faults.
fn begin(cloud: &mut Cloud) -> String {
    let request = prepare(cloud);
    let answer = ask(cloud, "CreateImage", request).unwrap();
    answer.text("imageBuildVersionArn").unwrap().to_owned()
}

pub(super) fn image(cloud: &mut Cloud, arn: &str) -> Value {
    ask(cloud, "GetImage", json!({"imageBuildVersionArn": arn})).unwrap()["image"].clone()
}

pub(super) fn wait(cloud: &mut Cloud, seconds: u64) {
    cloud.advance(cloud.now + Duration::from_secs(seconds));
}

/// Waits for the end of a build; the states it went through, each with the second in which it was first seen.
fn watch(cloud: &mut Cloud, arn: &str) -> Vec<(String, u64)> {
    let mut seen: Vec<(String, u64)> = Vec::new();
    for second in 0..3600 {
        let status = json!(cloud.at(&place("eu-west-1")).region().imagebuilder.images[arn].status);
        let status = status.as_str().unwrap().to_owned();
        if seen.last().is_none_or(|(last, _)| *last != status) {
            seen.push((status.clone(), second));
        }
        if ["AVAILABLE", "FAILED", "CANCELLED"].contains(&status.as_str()) {
            break;
        }
        wait(cloud, 1);
    }
    seen
}

pub(super) fn status_of(cloud: &mut Cloud, arn: &str) -> String {
    watch(cloud, arn).pop().unwrap().0
}

/// The steps of the latest workflow of a build, with their states.
fn steps(cloud: &mut Cloud, arn: &str) -> Vec<(String, String)> {
    let workflows = ask(cloud, "ListWorkflowExecutions", json!({"imageBuildVersionArn": arn})).unwrap();
    let latest = json!({"workflowExecutionId": workflows["workflowExecutions"][0]["workflowExecutionId"]});
    let steps = ask(cloud, "ListWorkflowStepExecutions", latest).unwrap();
    let text = |step: &Value, member| step.text(member).unwrap().to_owned();
    steps.items("steps").iter().map(|step| (text(step, "name"), text(step, "status"))).collect()
}

pub(super) fn fails_at(step: &str, times: u32) -> BuildFault {
    BuildFault { recipe: "web".to_owned(), step: step.to_owned(), message: "no luck".to_owned(), times: Some(times) }
}

fn nothing_runs(cloud: &mut Cloud) -> bool {
    cloud.at(&place("eu-west-1")).region().machines.values().all(|machine| !machine.running)
}

#[test]
fn a_build_takes_its_time_and_ends_in_every_region() {
    let mut cloud = world();
    let arn = begin(&mut cloud);
    let seen = watch(&mut cloud, &arn);
    let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["PENDING", "CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING", "AVAILABLE"]);
    let minutes = seen.last().unwrap().1 / 60;
    assert!((12..35).contains(&minutes), "{minutes} minutes");

    let workflows = ask(&mut cloud, "ListWorkflowExecutions", json!({"imageBuildVersionArn": arn})).unwrap();
    let kinds: Vec<_> = workflows.items("workflowExecutions").iter().map(|found| found.text("type").unwrap()).collect();
    assert_eq!(kinds, ["DISTRIBUTION", "TEST", "BUILD"]);
    let build = &workflows["workflowExecutions"][2];
    assert_eq!((build.int("totalStepsSucceeded"), build.int("totalStepsSkipped")), (Some(6), Some(1)));

    let image = image(&mut cloud, &arn);
    let amis = image["outputResources"].items("amis");
    let regions: Vec<_> = amis.iter().map(|ami| ami.text("region").unwrap()).collect();
    assert_eq!(regions, ["eu-west-1", "us-east-1"]);
    for ami in amis {
        let mut there = cloud.at(&place(ami.text("region").unwrap()));
        let view = ec2::image(&mut there, ami.text("image").unwrap()).unwrap();
        assert_eq!(view.state, "available");
        assert!(view.name.starts_with("web-2026-11-24T08-"), "{}", view.name);
        assert!(view.software.installed.contains_key(NEW), "the update reaches every copy");
    }
    let packages = ask(&mut cloud, "ListImagePackages", json!({"imageBuildVersionArn": arn})).unwrap();
    assert!(packages.items("imagePackageList").contains(&json!({"packageName": "bash", "packageVersion": "9.9"})));
    wait(&mut cloud, 300);
    assert!(nothing_runs(&mut cloud));
}

#[test]
fn the_same_token_builds_once_and_another_counts_on() {
    let mut cloud = world();
    let mut request = prepare(&mut cloud);
    let first = ask(&mut cloud, "CreateImage", request.clone()).unwrap();
    assert_eq!(ask(&mut cloud, "CreateImage", request.clone()).unwrap(), first);
    request["clientToken"] = json!("another");
    let second = ask(&mut cloud, "CreateImage", request).unwrap();
    assert!(second.text("imageBuildVersionArn").unwrap().ends_with(":image/web/1.0.0/2"));
    let listed = ask(&mut cloud, "ListImageBuildVersions", json!({})).unwrap();
    assert_eq!(listed.items("imageSummaryList").len(), 2);
}

#[test]
fn a_component_that_fails_is_named() {
    let mut cloud = world();
    cloud.faults.builds.push(fails_at("ApplyBuildComponents", 1));
    let arn = begin(&mut cloud);
    assert_eq!(status_of(&mut cloud, &arn), "FAILED");
    let state = image(&mut cloud, &arn)["state"].clone();
    let guilty = "arn:aws:imagebuilder:eu-west-1:123456789012:component/web/1.0.0/1";
    assert!(state.text("reason").unwrap().ends_with(&format!("failed with reason: Document {guilty} failed!")));
    let context = &state["failureContext"];
    assert_eq!(
        (context.text("imageStatus"), context.text("failedStep")),
        (Some("BUILDING"), Some("ApplyBuildComponents"))
    );
    assert_eq!(context["componentFailure"]["errorMessage"], "no luck");
    assert_eq!(context["componentFailure"]["stepName"], "Install");
    let steps = steps(&mut cloud, &arn);
    assert_eq!((steps[1].1.as_str(), steps[2].1.as_str()), ("FAILED", "PENDING"));
    let retried = ask(&mut cloud, "RetryImage", json!({"imageBuildVersionArn": arn, "clientToken": "r"})).unwrap_err();
    assert_eq!(retried.code, "InvalidRequestException");
    wait(&mut cloud, 300);
    assert!(nothing_runs(&mut cloud));
}

#[test]
fn a_failed_test_leaves_the_ami_behind_and_can_be_retried() {
    let mut cloud = world();
    cloud.faults.builds.push(fails_at("ApplyTestComponents", 1));
    let arn = begin(&mut cloud);
    assert_eq!(status_of(&mut cloud, &arn), "FAILED");
    let output = cloud.at(&place("eu-west-1")).region().imagebuilder.images[&arn].output.clone().unwrap();
    assert_eq!(ec2::image(&mut cloud.at(&place("eu-west-1")), &output).unwrap().state, "available");
    assert_eq!(image(&mut cloud, &arn)["outputResources"], json!({"amis": []}));

    ask(&mut cloud, "RetryImage", json!({"imageBuildVersionArn": arn, "clientToken": "r"})).unwrap();
    let seen = watch(&mut cloud, &arn);
    assert_eq!((seen[0].0.as_str(), seen.last().unwrap().0.as_str()), ("TESTING", "AVAILABLE"));
    let workflows = ask(&mut cloud, "ListWorkflowExecutions", json!({"imageBuildVersionArn": arn})).unwrap();
    let retried: Vec<_> = workflows.items("workflowExecutions").iter().map(|found| found.flag("retried")).collect();
    assert_eq!(retried, [Some(false), Some(false), Some(true), Some(false)]);
}

#[test]
fn a_region_that_fails_is_named_and_a_retry_makes_only_its_copy() {
    let mut cloud = world();
    cloud.faults.builds.push(fails_at("DistributeImage", 1));
    let arn = begin(&mut cloud);
    assert_eq!(status_of(&mut cloud, &arn), "FAILED");
    let failed = image(&mut cloud, &arn);
    let home = failed["outputResources"]["amis"].clone();
    assert_eq!(home.as_array().map(Vec::len), Some(1), "the region that worked keeps its AMI");
    let failures = &failed["state"]["failureContext"]["distributionFailure"]["regionFailures"];
    assert_eq!((failures[0].text("region"), failures[0].text("errorMessage")), (Some("us-east-1"), Some("no luck")));

    ask(&mut cloud, "RetryImage", json!({"imageBuildVersionArn": arn, "clientToken": "r"})).unwrap();
    assert_eq!(status_of(&mut cloud, &arn), "AVAILABLE");
    let amis = image(&mut cloud, &arn)["outputResources"]["amis"].clone();
    assert_eq!((amis.as_array().map(Vec::len), &amis[0]), (Some(2), &home[0]));
}

#[test]
fn a_cancelled_build_stops_soon_and_ends_its_instance() {
    let mut cloud = world();
    let arn = begin(&mut cloud);
    wait(&mut cloud, 200);
    ask(&mut cloud, "CancelImageCreation", json!({"imageBuildVersionArn": arn, "clientToken": "c"})).unwrap();
    let seen = watch(&mut cloud, &arn);
    assert!(seen.last().unwrap().1 <= 60, "{seen:?}");
    assert_eq!(seen.last().unwrap().0, "CANCELLED");
    let steps = steps(&mut cloud, &arn);
    assert_eq!((steps[1].1.as_str(), steps[5].1.as_str()), ("CANCELLED", "PENDING"));
    wait(&mut cloud, 3600);
    assert_eq!(image(&mut cloud, &arn)["state"]["status"], "CANCELLED", "late events come to nothing");
    assert!(nothing_runs(&mut cloud));
    let again = json!({"imageBuildVersionArn": arn, "clientToken": "d"});
    assert_eq!(ask(&mut cloud, "CancelImageCreation", again).unwrap_err().code, "InvalidRequestException");
}

#[test]
fn the_next_instance_type_is_tried_when_one_has_no_capacity() {
    let lacking = |instance_type: &str| CapacityFault {
        instance_type: instance_type.to_owned(),
        region: None,
        from: None,
        until: None,
    };
    let mut cloud = world();
    cloud.faults.no_capacity.push(lacking("m7i.large"));
    let arn = begin(&mut cloud);
    assert_eq!(status_of(&mut cloud, &arn), "AVAILABLE");

    let mut cloud = world();
    cloud.faults.no_capacity.push(lacking("*"));
    let arn = begin(&mut cloud);
    assert_eq!(status_of(&mut cloud, &arn), "FAILED");
    let reason = image(&mut cloud, &arn)["state"].text("reason").unwrap().to_owned();
    assert!(reason.contains("RunInstances") && reason.contains("LaunchBuildInstance"), "{reason}");
}

#[test]
fn recipes_are_immutable_and_name_what_exists() {
    let mut cloud = world();
    let request = prepare(&mut cloud);
    let mut recipe = json!({
        "name": "Web", "semanticVersion": "1.0.0", "parentImage": PARENT, "components": [], "clientToken": "2",
    });
    let code = |cloud: &mut Cloud, recipe: &Value| ask(cloud, "CreateImageRecipe", recipe.clone()).unwrap_err().code;
    assert_eq!(code(&mut cloud, &recipe), "ResourceAlreadyExistsException", "names differ in case only");
    recipe["semanticVersion"] = json!("1.0.x");
    let next = ask(&mut cloud, "CreateImageRecipe", recipe.clone()).unwrap();
    assert!(next.text("imageRecipeArn").unwrap().ends_with("/web/1.0.1"));
    recipe["clientToken"] = json!("3");
    recipe["parentImage"] = json!("ami-0000000000000dead");
    assert_eq!(code(&mut cloud, &recipe), "InvalidParameterValueException");
    recipe["parentImage"] = json!("ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64");
    recipe["components"] =
        json!([{"componentArn": "arn:aws:imagebuilder:eu-west-1:aws:component/update-windows/x.x.x"}]);
    assert_eq!(code(&mut cloud, &recipe), "InvalidParameterValueException", "another platform");
    let used = json!({"componentBuildVersionArn": "arn:aws:imagebuilder:eu-west-1:123456789012:component/web/1.0.0/1"});
    assert_eq!(ask(&mut cloud, "DeleteComponent", used).unwrap_err().code, "ResourceDependencyException");
    ask(&mut cloud, "DeleteImageRecipe", json!({"imageRecipeArn": request["imageRecipeArn"]})).unwrap();
    let gone = ask(&mut cloud, "CreateImage", request).unwrap_err();
    assert_eq!(gone.code, "InvalidParameterValueException");
}

#[test]
fn a_pipeline_starts_builds_and_holds_its_parts() {
    let mut cloud = world();
    let mut request = prepare(&mut cloud);
    request["name"] = json!("nightly");
    let pipeline = ask(&mut cloud, "CreateImagePipeline", request.clone()).unwrap()["imagePipelineArn"].clone();
    let recipe = json!({"imageRecipeArn": request["imageRecipeArn"]});
    assert_eq!(ask(&mut cloud, "DeleteImageRecipe", recipe).unwrap_err().code, "ResourceDependencyException");
    let start = json!({"imagePipelineArn": pipeline, "clientToken": "s"});
    let arn = ask(&mut cloud, "StartImagePipelineExecution", start).unwrap()["imageBuildVersionArn"].clone();
    assert_eq!(status_of(&mut cloud, arn.as_str().unwrap()), "AVAILABLE");
    let images = ask(&mut cloud, "ListImagePipelineImages", json!({"imagePipelineArn": pipeline})).unwrap();
    assert_eq!(images["imageSummaryList"][0]["arn"], arn);
    let got = ask(&mut cloud, "GetImagePipeline", json!({"imagePipelineArn": pipeline})).unwrap();
    assert_eq!(got["imagePipeline"]["lastRunStatus"], "AVAILABLE");
}

#[test]
fn what_was_made_is_got_and_listed() {
    let mut cloud = world();
    let request = prepare(&mut cloud);
    let image = ask(&mut cloud, "CreateImage", request.clone()).unwrap()["imageBuildVersionArn"].clone();
    status_of(&mut cloud, image.as_str().unwrap());
    for (get, member, list, entries) in [
        ("GetImageRecipe", "imageRecipeArn", "ListImageRecipes", "imageRecipeSummaryList"),
        (
            "GetInfrastructureConfiguration",
            "infrastructureConfigurationArn",
            "ListInfrastructureConfigurations",
            "infrastructureConfigurationSummaryList",
        ),
        (
            "GetDistributionConfiguration",
            "distributionConfigurationArn",
            "ListDistributionConfigurations",
            "distributionConfigurationSummaryList",
        ),
    ] {
        let got = ask(&mut cloud, get, json!({member: request[member]})).unwrap();
        assert!(got.to_string().contains(request.text(member).unwrap()), "{get}");
        let listed = ask(&mut cloud, list, json!({})).unwrap();
        assert_eq!(listed[entries][0]["arn"], request[member], "{list}");
    }
    let listed = ask(&mut cloud, "ListImages", json!({})).unwrap();
    assert_eq!(listed["imageVersionList"][0]["arn"], arn::parent(image.as_str().unwrap()));

    let workflows = ask(&mut cloud, "ListWorkflowExecutions", json!({"imageBuildVersionArn": image})).unwrap();
    let workflow = json!({"workflowExecutionId": workflows["workflowExecutions"][0]["workflowExecutionId"]});
    assert_eq!(ask(&mut cloud, "GetWorkflowExecution", workflow.clone()).unwrap()["imageBuildVersionArn"], image);
    let steps = ask(&mut cloud, "ListWorkflowStepExecutions", workflow).unwrap();
    let step = json!({"stepExecutionId": steps["steps"][0]["stepExecutionId"]});
    let step = ask(&mut cloud, "GetWorkflowStepExecution", step).unwrap();
    assert_eq!((step.text("name"), step.int("timeoutSeconds")), (Some("DistributeImage"), Some(21_600)));

    ask(&mut cloud, "DeleteImage", json!({"imageBuildVersionArn": image})).unwrap();
    let gone = ask(&mut cloud, "GetImage", json!({"imageBuildVersionArn": image})).unwrap_err();
    assert_eq!((gone.code.as_str(), gone.status), ("ResourceNotFoundException", 404));
}

#[test]
fn images_are_shared_and_put_into_parameters_and_templates() {
    let mut cloud = world();
    let home = place("eu-west-1");
    let template = json!({"LaunchTemplateName": "web", "LaunchTemplateData": {"InstanceType": "m7i.large"}});
    let made = ec2::call(&mut cloud.at(&home), "CreateLaunchTemplate", &template).unwrap();
    let template = made["LaunchTemplate"]["LaunchTemplateId"].clone();
    let mut request = prepare(&mut cloud);
    let distribution = json!({
        "name": "shared", "clientToken": "shared",
        "distributions": [{
            "region": "eu-west-1",
            "amiDistributionConfiguration": {"launchPermission": {"userIds": ["222222222222"]}},
            "launchTemplateConfigurations": [{"launchTemplateId": template}],
            "ssmParameterConfigurations": [{"parameterName": "/images/web", "dataType": "text"}],
        }],
    });
    let distribution = ask(&mut cloud, "CreateDistributionConfiguration", distribution).unwrap();
    request["distributionConfigurationArn"] = distribution["distributionConfigurationArn"].clone();
    let arn = ask(&mut cloud, "CreateImage", request).unwrap()["imageBuildVersionArn"].clone();
    assert_eq!(status_of(&mut cloud, arn.as_str().unwrap()), "AVAILABLE");

    let ami = image(&mut cloud, arn.as_str().unwrap())["outputResources"]["amis"][0]["image"].clone();
    let asked = json!({"ImageId": ami, "Attribute": "launchPermission"});
    let permissions = ec2::call(&mut cloud.at(&home), "DescribeImageAttribute", &asked).unwrap();
    assert_eq!(permissions["LaunchPermissions"], json!([{"UserId": "222222222222"}]));
    let parameter = crate::sandbox::ssm::parameter(&mut cloud.at(&home), "/images/web");
    assert_eq!(parameter.as_deref(), ami.as_str());
    let default = json!({"LaunchTemplateId": template, "Version": "$Default"});
    let default = ec2::resolve_template(&mut cloud.at(&home), &default).unwrap();
    assert_eq!((default.version, &default.data["ImageId"]), (2, &ami));
}

#[test]
fn a_parent_that_went_away_fails_before_anything_runs() {
    let mut cloud = world();
    let home = place("eu-west-1");
    let first = begin(&mut cloud);
    assert_eq!(status_of(&mut cloud, &first), "AVAILABLE");
    let ami = image(&mut cloud, &first)["outputResources"]["amis"][0]["image"].clone();
    let recipe = json!({
        "name": "child", "semanticVersion": "1.0.0", "clientToken": "child",
        "parentImage": "arn:aws:imagebuilder:eu-west-1:123456789012:image/web/1.x.x",
    });
    let recipe = ask(&mut cloud, "CreateImageRecipe", recipe).unwrap();
    ec2::call(&mut cloud.at(&home), "DeregisterImage", &json!({"ImageId": ami})).unwrap();
    let request = json!({
        "imageRecipeArn": recipe["imageRecipeArn"], "clientToken": "child",
        "infrastructureConfigurationArn":
            "arn:aws:imagebuilder:eu-west-1:123456789012:infrastructure-configuration/build",
    });
    let child = ask(&mut cloud, "CreateImage", request).unwrap()["imageBuildVersionArn"].clone();
    assert_eq!(status_of(&mut cloud, child.as_str().unwrap()), "FAILED");
    let state = image(&mut cloud, child.as_str().unwrap())["state"].clone();
    assert!(state.text("reason").unwrap().contains(ami.as_str().unwrap()), "{state}");
    let workflows = ask(&mut cloud, "ListWorkflowExecutions", json!({"imageBuildVersionArn": child})).unwrap();
    assert_eq!(workflows["workflowExecutions"], json!([]));
}

#[test]
fn a_windows_is_generalised_and_an_arm_gets_its_own_instance_type() {
    let mut cloud = world();
    let infrastructure = json!({"name": "plain", "instanceProfileName": "p", "clientToken": "plain"});
    let infrastructure = ask(&mut cloud, "CreateInfrastructureConfiguration", infrastructure).unwrap();
    for (name, skipped) in [
        ("windows-server-2022-english-full-base-x86", "RunSanitizeScript"),
        ("amazon-linux-2023-arm64", "RunSysPrepScript"),
    ] {
        let recipe = json!({
            "name": name, "semanticVersion": "1.0.0", "clientToken": name,
            "parentImage": format!("arn:aws:imagebuilder:eu-west-1:aws:image/{name}/x.x.x"),
        });
        let recipe = ask(&mut cloud, "CreateImageRecipe", recipe).unwrap();
        let request = json!({
            "imageRecipeArn": recipe["imageRecipeArn"],
            "infrastructureConfigurationArn": infrastructure["infrastructureConfigurationArn"],
            "imageTestsConfiguration": {"imageTestsEnabled": false},
            "clientToken": name,
        });
        let arn = ask(&mut cloud, "CreateImage", request).unwrap()["imageBuildVersionArn"].clone();
        let seen = watch(&mut cloud, arn.as_str().unwrap());
        assert!(seen.iter().all(|(status, _)| status != "TESTING"), "{seen:?}");
        assert_eq!(seen.last().unwrap().0, "AVAILABLE", "{name}");
        let images = &cloud.places[&place("eu-west-1")].imagebuilder.images;
        let build = &images[arn.as_str().unwrap()].workflows[0];
        let skips: Vec<_> = build.steps.iter().filter(|step| step.progress == Progress::Skipped).collect();
        let skips: Vec<String> = skips.iter().map(|step| step.plan.name.clone()).collect();
        assert_eq!(skips, ["ApplyBuildComponents", skipped], "{name}");
    }
}

#[test]
fn another_account_gets_a_copy_of_its_own() {
    let mut cloud = world();
    let mut request = prepare(&mut cloud);
    let accounts = json!({"targetAccountIds": ["222222222222"], "amiTags": {"state": "candidate"}});
    let distribution = json!({
        "name": "abroad", "clientToken": "abroad",
        "distributions": [{"region": "us-east-1", "amiDistributionConfiguration": accounts}],
    });
    let distribution = ask(&mut cloud, "CreateDistributionConfiguration", distribution).unwrap();
    request["distributionConfigurationArn"] = distribution["distributionConfigurationArn"].clone();
    let arn = ask(&mut cloud, "CreateImage", request).unwrap()["imageBuildVersionArn"].clone();
    assert_eq!(status_of(&mut cloud, arn.as_str().unwrap()), "AVAILABLE");
    let ami = image(&mut cloud, arn.as_str().unwrap())["outputResources"]["amis"][0].clone();
    assert_eq!((ami.text("accountId"), ami.text("region")), (Some("222222222222"), Some("us-east-1")));
    let view = ec2::image(&mut cloud.at(&Place::new("222222222222", "us-east-1")), ami.text("image").unwrap()).unwrap();
    assert_eq!(view.owner, "222222222222");
}
