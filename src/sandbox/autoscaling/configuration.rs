//! What a group launches: a launch template, a mixed instances policy or a launch configuration.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Group, invalid};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2;
use crate::sandbox::shared::Word;
use crate::sandbox::value::{ApiError, Get};

/// What a group launches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Configuration {
    /// A launch template.
    Template(TemplateReference),
    /// A launch configuration, by name.
    LaunchConfiguration(String),
    /// A `MixedInstancesPolicy` by model names, its template specifications with id, name and version.
    Mixed(Value),
}

/// A launch template at a version, as the group was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateReference {
    /// `lt-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// A number, `$Latest` or `$Default`.
    pub version: String,
}

/// What one instance was launched from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A launch template at a number.
    Template {
        /// `lt-…`.
        id: Word,
        /// Its name.
        name: Word,
        /// The version's number.
        version: i64,
    },
    /// A launch configuration, by name.
    LaunchConfiguration(Word),
}

/// One way to launch an instance.
#[derive(Debug, Clone)]
pub(super) struct Blueprint {
    /// What EC2 is asked for; zone, subnet and the group's tags are to be added.
    pub(super) launch: ec2::Launch,
    /// What the member remembers.
    pub(super) source: Source,
    /// How much capacity it stands for.
    pub(super) weight: Option<i64>,
    /// Whether its image is that of an override.
    pub(super) overridden: bool,
}

impl Source {
    /// For sorting by age: template versions by number, launch configurations before all of them.
    pub(super) fn version(&self) -> i64 {
        match self {
            Self::Template { version, .. } => *version,
            Self::LaunchConfiguration(_) => -1,
        }
    }
}

impl TemplateReference {
    /// As a `LaunchTemplateSpecification`.
    pub(super) fn specification(&self) -> Value {
        json!({"LaunchTemplateId": self.id, "LaunchTemplateName": self.name, "Version": self.version})
    }
}

impl Configuration {
    /// Reads the one of `LaunchTemplate`, `MixedInstancesPolicy` and `LaunchConfigurationName` that a request or a
    /// desired configuration has; none when it has none.
    pub(super) fn read(ctx: &mut Ctx<'_>, input: &Value) -> Result<Option<Self>, ApiError> {
        let given = ["LaunchTemplate", "MixedInstancesPolicy", "LaunchConfigurationName"];
        if given.iter().filter(|name| input.has(name)).count() > 1 {
            return Err(invalid(
                "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.",
            ));
        }
        if let Some(name) = input.text("LaunchConfigurationName") {
            if !ctx.region().autoscaling.launch_configurations.contains_key(name) {
                return Err(invalid(format!(
                    "Launch configuration name not found - A launch configuration with the name: {name} does not exist"
                )));
            }
            return Ok(Some(Self::LaunchConfiguration(name.to_owned())));
        }
        if let Some(specification) = input.get("LaunchTemplate").filter(|value| !value.is_null()) {
            return Ok(Some(Self::Template(reference(ctx, specification)?)));
        }
        match input.get("MixedInstancesPolicy").filter(|value| !value.is_null()) {
            Some(policy) => Ok(Some(Self::Mixed(mixed(ctx, policy)?))),
            None => Ok(None),
        }
    }

    /// The template references in it: the one of the whole, and those of overrides.
    fn specifications(&self) -> Vec<Value> {
        match self {
            Self::Template(template) => vec![template.specification()],
            Self::LaunchConfiguration(_) => Vec::new(),
            Self::Mixed(policy) => {
                let own = policy.pointer("/LaunchTemplate/LaunchTemplateSpecification").cloned();
                let overrides = overrides(policy).iter().filter_map(|item| item.get("LaunchTemplateSpecification"));
                own.into_iter().chain(overrides.cloned()).collect()
            }
        }
    }

    /// The overrides of a mixed instances policy; none for anything else.
    pub(super) fn overrides(&self) -> Option<&[Value]> {
        match self {
            Self::Mixed(policy) => Some(overrides(policy)),
            Self::Template(_) | Self::LaunchConfiguration(_) => None,
        }
    }

    /// Whether every template version in it is a number.
    pub(super) fn is_numbered(&self) -> bool {
        let number = |one: &Value| one.text("Version").is_some_and(|version| version.parse::<i64>().is_ok());
        self.specifications().iter().all(number)
    }

    /// Whether it picks instance types by attributes.
    pub(super) fn by_attributes(&self) -> bool {
        matches!(self, Self::Mixed(policy) if overrides(policy).iter().any(|item| item.has("InstanceRequirements")))
    }

    /// Why a rollback to it is not possible, in AWS's words; none when it is.
    pub(super) fn irreversible(&self, ctx: &mut Ctx<'_>) -> Option<&'static str> {
        if !self.is_numbered() {
            return Some("the Auto Scaling group uses the launch template's $Latest or $Default version");
        }
        for specification in self.specifications() {
            let template = ec2::resolve_template(ctx, &specification);
            if template.is_ok_and(|found| found.data.text("ImageId").is_some_and(|id| id.starts_with("resolve:"))) {
                return Some(
                    "the Auto Scaling group has a launch template that uses an AWS Systems Manager parameter instead of an AMI ID for the ImageId property",
                );
            }
        }
        None
    }

    /// Writes it into a group, as `DescribeAutoScalingGroups` tells it.
    pub(super) fn describe(&self) -> (&'static str, Value) {
        match self {
            Self::Template(template) => ("LaunchTemplate", template.specification()),
            Self::LaunchConfiguration(name) => ("LaunchConfigurationName", json!(name)),
            Self::Mixed(policy) => ("MixedInstancesPolicy", policy.clone()),
        }
    }

    /// The ways to launch an instance, the preferred one first. Versions and images are resolved now.
    ///
    /// # Errors
    /// A template, version, launch configuration or parameter that is gone.
    pub(super) fn blueprints(&self, ctx: &mut Ctx<'_>) -> Result<Vec<Blueprint>, ApiError> {
        match self {
            Self::Template(template) => Ok(vec![from_template(ctx, &template.specification(), &Value::Null)?]),
            Self::LaunchConfiguration(name) => {
                let found = ctx.region().autoscaling.launch_configurations.get(name).cloned();
                let found = found.ok_or_else(|| invalid(format!("Launch configuration {name} not found")))?;
                Ok(vec![found.blueprint()])
            }
            Self::Mixed(policy) => {
                let own = policy.pointer("/LaunchTemplate/LaunchTemplateSpecification").cloned().unwrap_or_default();
                let overrides = overrides(policy);
                if overrides.is_empty() {
                    return Ok(vec![from_template(ctx, &own, &Value::Null)?]);
                }
                let mut blueprints = Vec::new();
                for item in overrides {
                    let specification = item.get("LaunchTemplateSpecification").unwrap_or(&own);
                    blueprints.push(from_template(ctx, specification, item)?);
                }
                Ok(blueprints)
            }
        }
    }

    /// Whether what a member was launched from is this: the same template and version, and an instance type that it
    /// launches. Images and contents are not compared, as in AWS.
    pub(super) fn matches(blueprints: &[Blueprint], source: Option<&Source>, instance_type: &str) -> bool {
        blueprints.iter().any(|blueprint| {
            Some(&blueprint.source) == source
                && (blueprint.launch.instance_type == instance_type || blueprint.launch.instance_type.contains('*'))
        })
    }
}

/// Checks what a group is going to launch as AWS does at the request: the image exists.
pub(super) fn check(ctx: &mut Ctx<'_>, configuration: &Configuration) -> Result<(), ApiError> {
    if matches!(configuration, Configuration::LaunchConfiguration(_)) {
        return Ok(());
    }
    let blueprints = configuration.blueprints(ctx).map_err(|error| malformed(&error))?;
    for blueprint in blueprints {
        let id = &blueprint.launch.image_id;
        if ec2::image(ctx, id).is_none_or(|image| image.state == "deregistered") {
            let text = format!("The image id '[{id}]' does not exist");
            return Err(malformed(&ApiError::new("InvalidAMIID.NotFound", text)));
        }
    }
    Ok(())
}

/// The zones and subnets that a group launches in, from `VPCZoneIdentifier` and `AvailabilityZones`.
pub(super) fn place(ctx: &mut Ctx<'_>, group: &mut Group, input: &Value) -> Result<(), ApiError> {
    if let Some(list) = input.text("VPCZoneIdentifier") {
        let ids: Vec<&str> = list.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
        let answer =
            ec2::call(ctx, "DescribeSubnets", &json!({"SubnetIds": ids})).map_err(|error| invalid(error.message))?;
        let zone = |id: &str| {
            let found = answer.items("Subnets").iter().find(|subnet| subnet.text("SubnetId") == Some(id));
            found.and_then(|subnet| subnet.text("AvailabilityZone")).map(str::to_owned)
        };
        group.subnets = ids.iter().filter_map(|id| Some(((*id).to_owned(), zone(id)?))).collect();
        group.zones = group.subnets.iter().map(|(_, zone)| zone.clone()).collect();
        group.zones.sort();
        group.zones.dedup();
    } else if input.has("AvailabilityZones") {
        let zones = input.texts("AvailabilityZones");
        let known = ec2::zones(ctx);
        let unknown: Vec<&str> = zones.iter().copied().filter(|zone| !known.iter().any(|one| one == zone)).collect();
        if !unknown.is_empty() {
            return Err(invalid(format!("One or more Availability Zones are invalid: [{}]", unknown.join(", "))));
        }
        group.zones = zones.into_iter().map(str::to_owned).collect();
        group.subnets = Vec::new();
    }
    Ok(())
}

fn reference(ctx: &mut Ctx<'_>, specification: &Value) -> Result<TemplateReference, ApiError> {
    if specification.has("LaunchTemplateId") == specification.has("LaunchTemplateName") {
        // AWS's own description has both, and takes them back when they name the same template.
        if !specification.has("LaunchTemplateId") {
            return Err(invalid("Valid requests must contain either launchTemplateId or LaunchTemplateName"));
        }
    }
    let resolved = ec2::resolve_template(ctx, specification).map_err(|error| malformed(&error))?;
    if specification.text("LaunchTemplateName").is_some_and(|name| name != resolved.name) {
        return Err(invalid("Valid requests must contain either launchTemplateId or LaunchTemplateName"));
    }
    let version = specification.text("Version").unwrap_or("$Default").to_owned();
    Ok(TemplateReference { id: resolved.id, name: resolved.name, version })
}

fn mixed(ctx: &mut Ctx<'_>, policy: &Value) -> Result<Value, ApiError> {
    let mut policy = policy.clone();
    let own = policy.pointer_mut("/LaunchTemplate/LaunchTemplateSpecification");
    let Some(own) = own else {
        return Err(invalid("LaunchTemplateSpecification must be specified in the MixedInstancesPolicy."));
    };
    *own = reference(ctx, own)?.specification();
    if let Some(items) = policy.pointer_mut("/LaunchTemplate/Overrides").and_then(Value::as_array_mut) {
        for item in items {
            if let Some(specification) = item.get_mut("LaunchTemplateSpecification").filter(|value| !value.is_null()) {
                *specification = reference(ctx, specification)?.specification();
            }
        }
    }
    distribution(&mut policy);
    Ok(policy)
}

/// Fills in the defaults of an `InstancesDistribution`, which AWS describes even where none was given.
fn distribution(policy: &mut Value) {
    let Some(policy) = policy.as_object_mut() else { return };
    let given = policy.get("InstancesDistribution").cloned().unwrap_or_default();
    let mut full = json!({
        "OnDemandAllocationStrategy": "prioritized",
        "OnDemandBaseCapacity": 0,
        "OnDemandPercentageAboveBaseCapacity": 100,
        "SpotAllocationStrategy": "lowest-price",
    });
    if let (Some(full), Some(given)) = (full.as_object_mut(), given.as_object()) {
        full.extend(
            given.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), value.clone())),
        );
    }
    policy.insert("InstancesDistribution".to_owned(), full);
}

fn overrides(policy: &Value) -> &[Value] {
    policy.get("LaunchTemplate").map_or(&[], |template| template.items("Overrides"))
}

fn from_template(ctx: &mut Ctx<'_>, specification: &Value, item: &Value) -> Result<Blueprint, ApiError> {
    let template = ec2::resolve_template(ctx, specification)?;
    let named = item.text("ImageId").or_else(|| template.data.text("ImageId")).unwrap_or_default();
    let image_id = ec2::resolve_image(ctx, named)?;
    let instance_type = match item.text("InstanceType").or_else(|| template.data.text("InstanceType")) {
        Some(name) => name.to_owned(),
        None => by_attributes(ctx, item, &image_id),
    };
    Ok(Blueprint {
        launch: ec2::Launch {
            image_id,
            instance_type,
            template: Some((template.id.clone(), template.version)),
            settings: template.data,
            ..ec2::Launch::default()
        },
        source: Source::Template { id: template.id.into(), name: template.name.into(), version: template.version },
        weight: item.int("WeightedCapacity"),
        overridden: item.has("ImageId"),
    })
}

/// The instance type for `InstanceRequirements`: the first that is allowed by name, or a common one that fits the
/// image.
fn by_attributes(ctx: &mut Ctx<'_>, item: &Value, image_id: &str) -> String {
    let requirements = item.get("InstanceRequirements").unwrap_or(&Value::Null);
    let named = requirements.texts("AllowedInstanceTypes").into_iter().find(|name| !name.contains('*'));
    if let Some(name) = named {
        return name.to_owned();
    }
    let arm = ec2::image(ctx, image_id).is_some_and(|image| image.architecture == "arm64");
    if arm { "m7g.large" } else { "m7i.large" }.to_owned()
}

fn malformed(error: &ApiError) -> ApiError {
    invalid(format!("You must use a valid fully-formed launch template. {}", error.message))
}
