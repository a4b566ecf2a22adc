//! Build and test instances, and the AMI that is made of one.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::build::{BEAT, Failure, Finish, Start};
use super::image::Image;
use super::workflow::Kind;
use super::workflow::document::Plan;
use super::{build, distribute, text_map};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2::{self, Health, Launch, NewImage};
use crate::sandbox::machine::Agent;
use crate::sandbox::value::Get;

/// The tags that everything gets which Image Builder makes in EC2.
pub(super) fn own_tags(image: &Image) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("CreatedBy".to_owned(), "EC2 Image Builder".to_owned()),
        ("Ec2ImageBuilderArn".to_owned(), image.arn.clone()),
    ])
}

/// Launches the instance of a phase: of the first instance type that has capacity.
pub(super) fn start(ctx: &mut Ctx<'_>, image: &mut Image, plan: &Plan) -> Start {
    let phase = if image.stage() == Kind::Build { "Build" } else { "Test" };
    let source = if phase == "Build" { &image.parent } else { &image.output };
    let source = source.clone().unwrap_or_default();
    let architecture = ec2::image(ctx, &source).map(|view| view.architecture);
    let configured = image.infrastructure.body.texts("instanceTypes");
    let types = match (configured.is_empty(), architecture.as_deref()) {
        (false, _) => configured,
        (true, Some("arm64")) => vec!["m6g.large"],
        (true, _) => vec!["m5.large"],
    };
    let mut tags = own_tags(image);
    tags.insert("Name".to_owned(), format!("{phase} instance for {}", image.recipe.name));
    tags.extend(text_map(&image.infrastructure.body, "resourceTags"));
    let mut refusal = String::new();
    for instance_type in types {
        let launch = Launch {
            image_id: source.clone(),
            instance_type: instance_type.to_owned(),
            zone: image.infrastructure.body["placement"].text("availabilityZone").map(str::to_owned),
            subnet_id: image.infrastructure.body.text("subnetId").map(str::to_owned),
            template: None,
            settings: settings(image, phase),
            tags: tags.clone(),
        };
        match ec2::launch(ctx, &launch) {
            Ok(instance) => {
                if let Some(workflow) = image.current() {
                    workflow.instance = Some(instance);
                }
                let (from, to) = (Duration::from_secs(125), Duration::from_secs(165));
                let purpose = image.purpose(&format!("launch {phase}"));
                return Start::Takes(ctx.draw_between(from, to, &image.arn, &purpose));
            }
            Err(error) => {
                refusal = format!(
                    "An error occurred ({}) when calling the RunInstances operation: {}",
                    error.code, error.message
                );
                if error.code != "InsufficientInstanceCapacity" {
                    break;
                }
            }
        }
    }
    let reason = Some(format!("{refusal} in workflow step {}", plan.name));
    Start::Fail(Failure { reason, ..Failure::new(refusal) })
}

/// `LaunchTemplateData`-shaped settings of an instance.
fn settings(image: &Image, phase: &str) -> Value {
    let (infrastructure, recipe) = (&image.infrastructure.body, &image.recipe.body);
    let mut settings = json!({
        "IamInstanceProfile": {"Name": infrastructure["instanceProfileName"]},
        "SecurityGroupIds": infrastructure["securityGroupIds"],
        "KeyName": infrastructure["keyPair"],
        "MetadataOptions": capitalised(&infrastructure["instanceMetadataOptions"]),
    });
    if phase == "Build" {
        settings["BlockDeviceMappings"] = capitalised(&recipe["blockDeviceMappings"]);
        settings["UserData"] = recipe["additionalInstanceConfiguration"]["userDataOverride"].clone();
    }
    if let Some(members) = settings.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    settings
}

/// The same value with the member names of EC2, which differ in their first letter.
fn capitalised(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name[..1].to_uppercase() + &name[1..], capitalised(value))).collect()
        }
        Value::Array(items) => items.iter().map(capitalised).collect(),
        plain => plain.clone(),
    }
}

/// Waits until the instance passes its status checks and its agent answers. Where the image has no agent, Image
/// Builder installs one.
pub(super) fn finish(ctx: &mut Ctx<'_>, image: &mut Image, plan: &Plan) -> Finish {
    let Some(instance) = image.instance().map(str::to_owned) else {
        return Finish::Fail(Failure::new("The instance is gone"));
    };
    let health = ec2::health(ctx, &instance);
    let now = ctx.now;
    let answers =
        |agent: &Agent| matches!(agent, Agent::Absent) || matches!(agent, Agent::Online { since } if *since <= now);
    let ready = ctx.region().machines.get(instance.as_str()).is_some_and(|machine| answers(&machine.agent));
    match health {
        Health::Ok if ready => Finish::Done(json!({"instanceId": instance})),
        Health::Gone => Finish::Fail(Failure::new(format!("The instance {instance} was terminated"))),
        _ if build::waited(ctx, image) < plan.timeout() => Finish::Later(BEAT),
        _ => {
            let message = format!("InvalidInstanceId when calling the SendCommand operation for {instance}");
            let reason = Some(format!("{message} in workflow step {}", plan.name));
            Finish::Fail(Failure { reason, ..Failure::new(message) })
        }
    }
}

/// Makes the output AMI of the build instance.
pub(super) fn start_image(ctx: &mut Ctx<'_>, image: &mut Image) -> Start {
    let instance_id = image.instance().unwrap_or_default().to_owned();
    if image.current().is_some_and(|workflow| workflow.doom.is_some()) {
        return Start::Takes(BEAT);
    }
    image.build_date = ctx.now.strftime("%Y-%m-%dT%H-%M-%S.%6fZ").to_string();
    let target = distribute::target_here(ctx, image);
    let mut tags = own_tags(image);
    tags.extend(text_map(&image.recipe.body, "amiTags"));
    let new = NewImage {
        instance_id,
        name: target.name,
        description: target.description.unwrap_or_default(),
        tags,
        snapshot_tags: own_tags(image),
    };
    match ec2::create_image(ctx, &new) {
        Ok(id) => {
            image.output = Some(id);
            Start::Takes(Duration::from_mins(1))
        }
        Err(error) => Start::Fail(Failure::new(error.message)),
    }
}

/// Waits until the output AMI is available.
pub(super) fn finish_image(ctx: &mut Ctx<'_>, image: &mut Image) -> Finish {
    let id = image.output.clone().unwrap_or_default();
    match ec2::image(ctx, &id).map(|view| view.state).as_deref() {
        Some("available") => Finish::Done(json!({"imageId": id})),
        Some("pending") => Finish::Later(BEAT),
        state => {
            let state = state.unwrap_or("gone").to_owned();
            Finish::Fail(Failure::new(format!("The AMI {id} did not become available: {state}")))
        }
    }
}
