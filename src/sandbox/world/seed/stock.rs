//! What instances are made from, and parameters.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::{Seeder, nodes};
use crate::sandbox::ec2::seed::{PastImage, PastVersion};
use crate::sandbox::world::aws;
use crate::sandbox::world::file::{DataType, Image, Parameter, Template, TemplateVersion};
use crate::sandbox::{Ctx, ec2, ssm};

/// Puts the copy of an image that is in this place into it: with every patch that was out when it was built.
pub(super) fn image(seeder: &Seeder<'_>, ctx: &mut Ctx<'_>, one: &Image) {
    let parent = seeder.image_id(ctx, one.parent.get_ref());
    let Some(system) = ec2::image(ctx, &parent).map(|parent| parent.system) else { return };
    let created = one.age.before(seeder.start);
    let mut software = aws::software(&ctx.cloud.catalogue, &system, created);
    software.installed.retain(|id, _| !one.missing.iter().any(|missing| missing.get_ref() == id));
    let past = PastImage {
        id: seeder.image_id(ctx, one.key.get_ref()),
        name: one.name.clone().unwrap_or_else(|| one.key.get_ref().clone()),
        description: one.description.clone(),
        created,
        parent,
        software,
        tags: seeder.tags(ctx, &one.tags),
        deregistered: one.deregistered,
        sick: one.sick,
        shared_with: one.share_with.iter().map(|account| account.get_ref().clone()).collect(),
    };
    ec2::seed::image(ctx, past);
}

/// Puts a launch template with its versions into its place.
pub(super) fn template(seeder: &Seeder<'_>, ctx: &mut Ctx<'_>, one: &Template) {
    let mut versions: Vec<PastVersion> = Vec::new();
    for version in &one.version {
        let last = versions.last().map_or(0, |last| last.number);
        versions.push(PastVersion {
            number: version.number.as_ref().map_or(last + 1, |number| *number.get_ref()),
            description: version.description.clone(),
            created: version.age.before(seeder.start),
            created_by: version.created_by.clone(),
            data: data(seeder, ctx, version),
        });
    }
    let oldest = versions.first().map(|version| version.number);
    let default = one.default.as_ref().map(|number| *number.get_ref()).or(oldest);
    let tags = seeder.tags(ctx, &one.tags);
    ec2::seed::template(ctx, one.name.get_ref(), tags, default, versions);
}

/// `LaunchTemplateData` by model names.
fn data(seeder: &Seeder<'_>, ctx: &Ctx<'_>, version: &TemplateVersion) -> Value {
    let mut data = Map::new();
    let mut put = |name: &str, value: Option<Value>| data.extend(value.map(|value| (name.to_owned(), value)));
    put("ImageId", version.image.as_ref().map(|key| json!(seeder.image_id(ctx, key.get_ref()))));
    put("InstanceType", version.instance_type.as_ref().map(|name| json!(name)));
    put("IamInstanceProfile", version.instance_profile.as_ref().map(|name| json!({ "Name": name })));
    put("UserData", version.user_data.as_ref().map(|text| json!(BASE64.encode(text))));
    put("BlockDeviceMappings", (!version.volumes.is_empty()).then(|| nodes::volumes(&version.volumes)));
    let tags = seeder.tags(ctx, &version.tags);
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    put("TagSpecifications", (!tags.is_empty()).then(|| json!([{"ResourceType": "instance", "Tags": tags}])));
    Value::Object(data)
}

/// Puts a parameter with its history into a place.
pub(super) fn parameter(seeder: &Seeder<'_>, ctx: &mut Ctx<'_>, one: &Parameter) {
    let data_type = match one.data_type {
        DataType::Text => "text",
        DataType::Image => "aws:ec2:image",
    };
    for value in &one.value {
        let text = seeder.filled(ctx, value.text.get_ref());
        let at = value.age.before(seeder.start);
        ssm::seed::parameter(ctx, one.name.get_ref(), &text, data_type, &one.description, at);
    }
}
