//! Pipelines that start builds on their schedule.

use super::builds::{fails_at, prepare, wait, world};
use super::*;

const HOUR: u64 = 3600;

/// Makes a pipeline with a schedule; its ARN. It is 08:00.
fn scheduled(cloud: &mut Cloud, schedule: Value) -> Value {
    let mut request = prepare(cloud);
    request["name"] = json!("nightly");
    request["schedule"] = schedule;
    request["imageTags"] = json!({"by": "schedule"});
    ask(cloud, "CreateImagePipeline", request).unwrap()["imagePipelineArn"].clone()
}

fn got(cloud: &mut Cloud, pipeline: &Value) -> Value {
    ask(cloud, "GetImagePipeline", json!({"imagePipelineArn": pipeline})).unwrap()["imagePipeline"].clone()
}

fn images(cloud: &mut Cloud, pipeline: &Value) -> Vec<Value> {
    let listed = ask(cloud, "ListImagePipelineImages", json!({"imagePipelineArn": pipeline})).unwrap();
    listed.items("imageSummaryList").to_vec()
}

/// Lets the parameter `/web/parent` name an AMI.
fn point(cloud: &mut Cloud, ami: &Value) {
    let put = json!({"Name": "/web/parent", "Value": ami, "Type": "String", "Overwrite": true});
    let mut here = cloud.at(&Place::new("123456789012", "eu-west-1"));
    crate::sandbox::ssm::call(&mut here, "PutParameter", &put).unwrap();
}

#[test]
fn a_pipeline_builds_whenever_its_expression_matches() {
    let mut cloud = world();
    let schedule = json!({
        "scheduleExpression": "cron(0 2 * * ? *)", "timezone": "Europe/Berlin",
        "pipelineExecutionStartCondition": "EXPRESSION_MATCH_ONLY",
    });
    let pipeline = scheduled(&mut cloud, schedule);
    let before = got(&mut cloud, &pipeline);
    assert_eq!(before.text("dateNextRun"), Some("2026-11-25T01:00:00.000Z"));
    assert!(!before.has("dateLastRun") && !before.has("lastRunStatus"));
    wait(&mut cloud, 17 * HOUR);
    assert!(images(&mut cloud, &pipeline).is_empty());
    wait(&mut cloud, 61);
    assert_eq!(images(&mut cloud, &pipeline).len(), 1);
    let during = got(&mut cloud, &pipeline);
    assert_eq!(during.text("dateNextRun"), Some("2026-11-26T01:00:00.000Z"));
    assert!(during.text("dateLastRun").unwrap().starts_with("2026-11-25T01:00:"), "{during}");
    wait(&mut cloud, 25 * HOUR);
    let seen = images(&mut cloud, &pipeline);
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|image| image["state"]["status"] == "AVAILABLE" && image["buildType"] == "SCHEDULED"));
    assert!(seen.iter().all(|image| image["tags"] == json!({"by": "schedule"})));
    assert_eq!(got(&mut cloud, &pipeline)["lastRunStatus"], "AVAILABLE");
}

#[test]
fn by_default_only_what_is_new_is_built() {
    let mut cloud = world();
    let pipeline = scheduled(&mut cloud, json!({"scheduleExpression": "rate(1 day)"}));
    wait(&mut cloud, 4 * 24 * HOUR);
    assert_eq!(images(&mut cloud, &pipeline).len(), 1, "nothing has been built of it, and then nothing is new");

    // A recipe with a component by wildcard, and a parent by parameter: each of them that moves counts once.
    let ami = images(&mut cloud, &pipeline)[0]["outputResources"]["amis"][0]["image"].clone();
    point(&mut cloud, &ami);
    let recipe = json!({
        "name": "web", "semanticVersion": "2.0.0", "parentImage": "ssm:/web/parent", "clientToken": "second",
        "components": [{"componentArn": "arn:aws:imagebuilder:eu-west-1:123456789012:component/web/x.x.x"}],
    });
    let recipe = ask(&mut cloud, "CreateImageRecipe", recipe).unwrap()["imageRecipeArn"].clone();
    let mut update = pick(&got(&mut cloud, &pipeline), &["schedule", "infrastructureConfigurationArn"]);
    update["imagePipelineArn"] = pipeline.clone();
    update["imageRecipeArn"] = recipe;
    update["clientToken"] = json!("update");
    ask(&mut cloud, "UpdateImagePipeline", update).unwrap();
    wait(&mut cloud, 3 * 24 * HOUR);
    assert_eq!(images(&mut cloud, &pipeline).len(), 2, "another recipe");
    ask(&mut cloud, "CreateComponent", component("web", "1.1.0", "newer")).unwrap();
    wait(&mut cloud, 3 * 24 * HOUR);
    assert_eq!(images(&mut cloud, &pipeline).len(), 3, "a newer component");
    let newer = images(&mut cloud, &pipeline).last().unwrap()["outputResources"]["amis"][0]["image"].clone();
    assert_ne!(newer, ami);
    point(&mut cloud, &newer);
    wait(&mut cloud, 3 * 24 * HOUR);
    assert_eq!(images(&mut cloud, &pipeline).len(), 4, "another parent");
}

#[test]
fn failures_in_a_row_disable_a_pipeline() {
    let mut cloud = world();
    let pipeline =
        scheduled(&mut cloud, json!({"scheduleExpression": "rate(1 day)", "autoDisablePolicy": {"failureCount": 2}}));
    cloud.faults.builds = vec![fails_at("ApplyBuildComponents", 1)];
    wait(&mut cloud, 25 * HOUR);
    let once = got(&mut cloud, &pipeline);
    assert_eq!((once.int("consecutiveFailures"), once.text("lastRunStatus")), (Some(1), Some("FAILED")));
    // By hand, a failure does not count, a success does.
    cloud.faults.builds = vec![fails_at("ApplyBuildComponents", 1)];
    for (token, failures) in [("fails", 1), ("succeeds", 0)] {
        let start = json!({"imagePipelineArn": pipeline, "clientToken": token});
        ask(&mut cloud, "StartImagePipelineExecution", start).unwrap();
        wait(&mut cloud, HOUR);
        assert_eq!(got(&mut cloud, &pipeline).int("consecutiveFailures"), Some(failures), "{token}");
    }
    // The dependencies are those of the image that was made by hand, until one of them moves.
    ask(&mut cloud, "CreateComponent", component("web", "1.0.0", "newer")).unwrap();
    let images_then = images(&mut cloud, &pipeline).len();
    wait(&mut cloud, 48 * HOUR);
    assert_eq!(images(&mut cloud, &pipeline).len(), images_then, "its recipe names one build of the component");

    let mut update = pick(
        &got(&mut cloud, &pipeline),
        &["schedule", "imageRecipeArn", "infrastructureConfigurationArn", "distributionConfigurationArn"],
    );
    update["imagePipelineArn"] = pipeline.clone();
    update["clientToken"] = json!("always");
    update["schedule"]["pipelineExecutionStartCondition"] = json!("EXPRESSION_MATCH_ONLY");
    ask(&mut cloud, "UpdateImagePipeline", update.clone()).unwrap();
    cloud.faults.builds = vec![fails_at("ApplyBuildComponents", 9)];
    wait(&mut cloud, 5 * 24 * HOUR);
    let disabled = got(&mut cloud, &pipeline);
    assert_eq!((disabled.text("status"), disabled.int("consecutiveFailures")), (Some("DISABLED"), Some(2)));
    assert!(!disabled.has("dateNextRun"));
    assert_eq!(images(&mut cloud, &pipeline).len(), images_then + 2);
    // An update begins anew.
    update["clientToken"] = json!("again");
    ask(&mut cloud, "UpdateImagePipeline", update).unwrap();
    let again = got(&mut cloud, &pipeline);
    assert_eq!((again.text("status"), again.int("consecutiveFailures")), (Some("ENABLED"), Some(0)));
    assert!(again.has("dateNextRun") && again.has("dateLastRun"));
}

#[test]
fn a_schedule_that_was_changed_or_removed_starts_nothing() {
    let mut cloud = world();
    let pipeline = scheduled(&mut cloud, json!({"scheduleExpression": "rate(1 hour)"}));
    let mut update = pick(&got(&mut cloud, &pipeline), &["imageRecipeArn", "infrastructureConfigurationArn"]);
    update["imagePipelineArn"] = pipeline.clone();
    update["clientToken"] = json!("none");
    ask(&mut cloud, "UpdateImagePipeline", update.clone()).unwrap();
    wait(&mut cloud, 3 * HOUR);
    assert!(images(&mut cloud, &pipeline).is_empty());
    update["schedule"] = json!({"scheduleExpression": "rate(1 hour)"});
    update["status"] = json!("DISABLED");
    update["clientToken"] = json!("disabled");
    ask(&mut cloud, "UpdateImagePipeline", update.clone()).unwrap();
    wait(&mut cloud, 3 * HOUR);
    assert!(images(&mut cloud, &pipeline).is_empty());
    for (member, wrong) in [("scheduleExpression", "at noon"), ("timezone", "Europe/Atlantis")] {
        update["schedule"][member] = json!(wrong);
        update["clientToken"] = json!(wrong);
        let refused = ask(&mut cloud, "UpdateImagePipeline", update.clone()).unwrap_err();
        assert!(refused.code == "InvalidParameterValueException" && refused.message.contains(member), "{refused:?}");
        update["schedule"] = json!({"scheduleExpression": "rate(1 hour)"});
    }
}
