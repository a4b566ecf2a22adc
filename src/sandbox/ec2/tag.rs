//! Tags of everything that EC2 holds.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::filter::{Filters, one};
use super::page::{self, USUAL};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// Tags, by key.
pub(super) type Tags = BTreeMap<String, String>;

/// How many ids one request may name.
const MOST_IDS: usize = 1000;

/// How many tags of the user a resource may have.
const MOST_TAGS: usize = 50;

/// Tags as a request lists them.
pub(super) fn read(tags: &[Value]) -> Tags {
    let pair = |tag: &Value| {
        (tag.text("Key").unwrap_or_default().to_owned(), tag.text("Value").unwrap_or_default().to_owned())
    };
    tags.iter().map(pair).collect()
}

/// Refuses keys that are empty, too long or AWS's own.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn check(tags: &Tags) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::new("InvalidParameterValue", message));
    for (key, value) in tags {
        if key.starts_with("aws:") {
            return invalid(format!(
                "Value ( {key} ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use"
            ));
        }
        if key.is_empty() || key.chars().count() > 127 {
            return invalid("Tag key exceeds the maximum length of 127 characters".to_owned());
        }
        if value.chars().count() > 255 {
            return invalid("Tag value exceeds the maximum length of 255 characters".to_owned());
        }
    }
    Ok(())
}

/// `CreateTags`: on all resources or none.
pub(super) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let ids = resources(ctx, input)?;
    let tags = read(input.items("Tags"));
    check(&tags)?;
    for id in &ids {
        let after = of(ctx, id).map(|known| {
            let kept = known.keys().filter(|key| !key.starts_with("aws:") && !tags.contains_key(*key)).count();
            kept + tags.len()
        });
        if after.is_some_and(|after| after > MOST_TAGS) {
            let message = format!("You have reached the maximum of {MOST_TAGS} tags per resource for '{id}'.");
            return Err(ApiError::new("TagLimitExceeded", message));
        }
    }
    for id in &ids {
        if let Some(known) = of(ctx, id) {
            known.extend(tags.clone());
        }
    }
    Ok(json!({}))
}

/// `DeleteTags`: a tag without a value goes whatever its value is; without tags, all of the user's go.
pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let ids = resources(ctx, input)?;
    let asked = input.items("Tags");
    check(&read(asked))?;
    for id in &ids {
        let Some(known) = of(ctx, id) else { continue };
        if asked.is_empty() {
            known.retain(|key, _| key.starts_with("aws:"));
        }
        for tag in asked {
            let (key, value) = (tag.text("Key").unwrap_or_default(), tag.text("Value"));
            if known.get(key).is_some_and(|known| value.is_none_or(|value| value == known)) {
                known.remove(key);
            }
        }
    }
    Ok(json!({}))
}

/// `DescribeTags`.
pub(super) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let filters = Filters::read(input, &["key", "resource-id", "resource-type", "value", "tag-key"])?;
    let mut items = Vec::new();
    for (id, kind, tags) in all(ctx) {
        for (key, value) in &tags {
            let own = Tags::from([(key.clone(), value.clone())]);
            let passes = filters.pass_tagged(&own, |name| match name {
                "key" => one(key),
                "resource-id" => one(&id),
                "resource-type" => one(kind),
                _ => one(value),
            });
            if passes {
                let item = json!({"ResourceId": id, "ResourceType": kind, "Key": key, "Value": value});
                items.push((format!("{id} {key}"), item));
            }
        }
    }
    items.sort_by(|(a, _), (b, _)| a.cmp(b));
    page::answer(input, "Tags", USUAL, items)
}

/// The resources that a request names, all of which exist.
fn resources(ctx: &mut Ctx<'_>, input: &Value) -> Result<Vec<String>, ApiError> {
    let ids: Vec<String> = input.texts("Resources").into_iter().map(str::to_owned).collect();
    if ids.is_empty() {
        return Err(ApiError::new("MissingParameter", "The request must contain the parameter resourceIdSet"));
    }
    if ids.len() > MOST_IDS {
        let message = format!("You may specify at most {MOST_IDS} resource ids");
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    match ids.iter().find(|id| of(ctx, id).is_none()) {
        Some(id) => Err(missing(id)),
        None => Ok(ids),
    }
}

fn missing(id: &str) -> ApiError {
    let (code, noun) = match id.split_once('-').map_or("", |(prefix, _)| prefix) {
        "i" => ("InvalidInstanceID.NotFound", "instance ID"),
        "ami" => return ApiError::new("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")),
        "snap" => ("InvalidSnapshot.NotFound", "snapshot"),
        "vol" => ("InvalidVolume.NotFound", "volume"),
        "lt" => ("InvalidLaunchTemplateId.NotFound", "launch template ID"),
        "vpc" => ("InvalidVpcID.NotFound", "vpc ID"),
        "subnet" => ("InvalidSubnetID.NotFound", "subnet ID"),
        "sg" => ("InvalidGroup.NotFound", "security group"),
        "key" => ("InvalidKeyPair.NotFound", "key pair"),
        _ => return ApiError::new("InvalidID", format!("The ID '{id}' is not valid")),
    };
    ApiError::new(code, format!("The {noun} '{id}' does not exist"))
}

/// The tags of a resource of any kind.
fn of<'a>(ctx: &'a mut Ctx<'_>, id: &str) -> Option<&'a mut Tags> {
    match id.split_once('-')?.0 {
        "i" => ctx.region().ec2.instances.get_mut(id).map(|instance| &mut instance.tags),
        "vol" => ctx.region().ec2.volumes.get_mut(id).map(|volume| &mut volume.tags),
        "vpc" => ctx.region().ec2.networks.vpcs.get_mut(id).map(|vpc| &mut vpc.tags),
        "subnet" => ctx.region().ec2.networks.subnets.get_mut(id).map(|subnet| &mut subnet.tags),
        "sg" => ctx.region().ec2.networks.security_groups.get_mut(id).map(|group| &mut group.tags),
        "key" => {
            let mut pairs = ctx.region().ec2.networks.key_pairs.values_mut();
            pairs.find(|pair| pair.id == id).map(|pair| &mut pair.tags)
        }
        "lt" => ctx.region().ec2.templates.get_mut(id).map(|template| &mut template.tags),
        "ami" => {
            let account = ctx.place.account.clone();
            let image = ctx.region().ec2.images.get_mut(id);
            let own = image.filter(|image| image.owner == account && image.state != "deregistered");
            own.map(|image| &mut image.tags)
        }
        "snap" => ctx.region().ec2.snapshots.get_mut(id).map(|snapshot| &mut snapshot.tags),
        "amiur" => ctx.region().ec2.usage_reports.get_mut(id).map(|report| &mut report.tags),
        "replacevol" => ctx.region().ec2.root_volume_tasks.get_mut(id).map(|task| &mut task.tags),
        _ => None,
    }
}

/// Ids, resource types and tags of everything.
fn all(ctx: &mut Ctx<'_>) -> Vec<(String, &'static str, Tags)> {
    let ec2 = &ctx.region().ec2;
    let of = |kind: &'static str, id: &String, tags: &Tags| (id.clone(), kind, tags.clone());
    let networks = &ec2.networks;
    let mut all: Vec<(String, &'static str, Tags)> = Vec::new();
    all.extend(ec2.instances.iter().map(|(id, one)| of("instance", id, &one.tags)));
    all.extend(ec2.volumes.iter().map(|(id, one)| of("volume", id, &one.tags)));
    all.extend(networks.vpcs.iter().map(|(id, one)| of("vpc", id, &one.tags)));
    all.extend(networks.subnets.iter().map(|(id, one)| of("subnet", id, &one.tags)));
    all.extend(networks.security_groups.iter().map(|(id, one)| of("security-group", id, &one.tags)));
    all.extend(networks.key_pairs.values().map(|one| of("key-pair", &one.id, &one.tags)));
    all.extend(ec2.templates.iter().map(|(id, one)| of("launch-template", id, &one.tags)));
    all.extend(ec2.images.iter().map(|(id, one)| of("image", id, &one.tags)));
    all.extend(ec2.snapshots.iter().map(|(id, one)| of("snapshot", id, &one.tags)));
    all.extend(ec2.usage_reports.iter().map(|(id, one)| of("image-usage-report", id, &one.tags)));
    all.extend(ec2.root_volume_tasks.iter().map(|(id, one)| of("replace-root-volume-task", id, &one.tags)));
    all
}
