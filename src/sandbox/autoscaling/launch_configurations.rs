//! Launch configurations: what groups launched from before there were launch templates.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::configuration::Blueprint;
use super::{Configuration, Source, describe, invalid, page};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2;
use crate::sandbox::value::{ApiError, Get, time};

/// A launch configuration. It never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LaunchConfiguration {
    /// Unique in the place.
    pub name: String,
    /// The ARN; set when it is put into a place.
    pub arn: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// A literal image id.
    pub image_id: String,
    /// For example `m5.large`.
    pub instance_type: String,
    /// What else `CreateLaunchConfiguration` was given, by member name.
    pub further: Map<String, Value>,
}

impl LaunchConfiguration {
    /// How it launches an instance.
    pub(super) fn blueprint(&self) -> Blueprint {
        Blueprint {
            launch: ec2::Launch {
                image_id: self.image_id.clone(),
                instance_type: self.instance_type.clone(),
                settings: self.settings(),
                ..ec2::Launch::default()
            },
            source: Source::LaunchConfiguration(self.name.as_str().into()),
            weight: None,
            overridden: false,
        }
    }

    /// The same settings in the shape of `LaunchTemplateData`.
    fn settings(&self) -> Value {
        let mut settings = Map::new();
        // What was not given is described as an empty text, and asks for nothing.
        let mut put = |name: &str, value: Option<&Value>| {
            if let Some(value) = value.filter(|value| value.as_str() != Some("")) {
                settings.insert(name.to_owned(), value.clone());
            }
        };
        for name in ["KeyName", "UserData", "BlockDeviceMappings", "EbsOptimized", "MetadataOptions"] {
            put(name, self.further.get(name));
        }
        put("SecurityGroupIds", self.further.get("SecurityGroups"));
        put("Monitoring", self.further.get("InstanceMonitoring"));
        if let Some(profile) = self.further.get("IamInstanceProfile").and_then(Value::as_str) {
            let kind = if profile.starts_with("arn:") { "Arn" } else { "Name" };
            put("IamInstanceProfile", Some(&json!({ kind: profile })));
        }
        Value::from(settings)
    }

    fn describe(&self) -> Value {
        let mut told = self.further.clone();
        told.insert("LaunchConfigurationName".to_owned(), json!(self.name));
        told.insert("LaunchConfigurationARN".to_owned(), json!(self.arn));
        told.insert("ImageId".to_owned(), json!(self.image_id));
        told.insert("InstanceType".to_owned(), json!(self.instance_type));
        told.insert("CreatedTime".to_owned(), time(self.created_at));
        Value::from(told)
    }
}

/// `CreateLaunchConfiguration`.
pub(super) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = name(input);
    if ctx.region().autoscaling.launch_configurations.contains_key(&name) {
        return Err(ApiError::new(
            "AlreadyExists",
            format!(
                "Launch Configuration by this name already exists - A launch configuration already exists with the name {name}"
            ),
        ));
    }
    if ctx.region().autoscaling.launch_configurations.len() >= describe::MOST.1 {
        let message = format!("You already have the maximum number of launch configurations: {}", describe::MOST.1);
        return Err(ApiError::new("LimitExceeded", message));
    }
    let Some(instance_type) = input.text("InstanceType") else {
        return Err(invalid(
            "Valid requests must contain either the InstanceID parameter or both the ImageId and InstanceType parameters.",
        ));
    };
    let Some(image_id) = input.text("ImageId") else {
        return Err(invalid(
            "Valid requests must contain either the InstanceID parameter or both the ImageId and InstanceType parameters.",
        ));
    };
    if ec2::image(ctx, image_id).is_none() {
        return Err(invalid(format!("AMI {image_id} is invalid: The image id '[{image_id}]' does not exist")));
    }
    let configuration = LaunchConfiguration {
        arn: arn(ctx, &name),
        created_at: ctx.now,
        image_id: image_id.to_owned(),
        instance_type: instance_type.to_owned(),
        further: further(input),
        name: name.clone(),
    };
    ctx.region().autoscaling.launch_configurations.insert(name, configuration);
    Ok(json!({}))
}

/// `DescribeLaunchConfigurations`.
pub(super) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let names = input.texts("LaunchConfigurationNames");
    let all = ctx.region().autoscaling.launch_configurations.values();
    let wanted = all.filter(|found| names.is_empty() || names.contains(&found.name.as_str()));
    page::answer(
        input,
        "LaunchConfigurations",
        50,
        wanted.map(|found| (found.name.clone(), found.describe())).collect(),
    )
}

/// `DeleteLaunchConfiguration`.
pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = name(input);
    let state = &mut ctx.region().autoscaling;
    let used = Configuration::LaunchConfiguration(name.clone());
    if state.groups.values().any(|group| group.configuration == used) {
        return Err(ApiError::new(
            "ResourceInUse",
            format!("Cannot delete launch configuration {name} because it is attached to an AutoScalingGroup"),
        ));
    }
    match state.launch_configurations.remove(&name) {
        Some(_) => Ok(json!({})),
        None => Err(invalid(format!("Launch configuration name not found - Launch configuration {name} not found"))),
    }
}

/// The ARN of a launch configuration.
pub(super) fn arn(ctx: &mut Ctx<'_>, name: &str) -> String {
    let uuid = ctx.uuid("launch configuration");
    let (region, account) = (&ctx.place.region, &ctx.place.account);
    format!("arn:aws:autoscaling:{region}:{account}:launchConfiguration:{uuid}:launchConfigurationName/{name}")
}

fn name(input: &Value) -> String {
    input.text("LaunchConfigurationName").unwrap_or_default().to_owned()
}

/// What was given beside name, image and type, with the defaults that AWS describes.
fn further(input: &Value) -> Map<String, Value> {
    let mut further = input.as_object().cloned().unwrap_or_default();
    further.retain(|name, value| {
        !value.is_null()
            && !matches!(name.as_str(), "LaunchConfigurationName" | "ImageId" | "InstanceType" | "InstanceId")
    });
    let defaults = json!({
        "KeyName": "", "UserData": "", "KernelId": "", "RamdiskId": "", "SecurityGroups": [],
        "ClassicLinkVPCSecurityGroups": [], "BlockDeviceMappings": [], "EbsOptimized": false,
        "InstanceMonitoring": {"Enabled": true},
    });
    for (name, value) in defaults.as_object().into_iter().flatten() {
        further.entry(name.clone()).or_insert_with(|| value.clone());
    }
    further
}
