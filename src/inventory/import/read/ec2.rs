//! What EC2 tells: instances, volumes, images, templates.

use sha2::{Digest as _, Sha256};

use super::{Item, Read, What, nowhere, one};
use crate::inventory::import::place::Hint;
use crate::inventory::import::told::Told;
use crate::model::{
    Agent, Image, ImageSource, ImageState, Node, NodeState, OperatingSystem, Tags, Template, TemplateVersion, Volume,
    tag,
};
use crate::text::hex;

/// An instance; `owner` is the account that its reservation tells.
pub(super) fn instance(told: Told<'_>, owner: Option<&str>) -> Read {
    let id = told.at("InstanceId").owned().ok_or("without InstanceId")?;
    let state = told.at("State").at("Name").text().ok_or("without State")?;
    let tags = told.at("Tags").tags();
    let root = told.at("RootDeviceName").text();
    let volumes = told.at("BlockDeviceMappings").each().filter_map(|mapping| {
        let (device, disk) = (mapping.at("DeviceName").text().unwrap_or_default(), mapping.at("Ebs"));
        Some(Volume {
            id: disk.at("VolumeId").owned()?.into(),
            device: device.into(),
            root: root == Some(device),
            delete_on_termination: disk.at("DeleteOnTermination").truth().unwrap_or(false),
        })
    });
    let zone = told.at("Placement").at("AvailabilityZone").owned();
    let interface = told.at("NetworkInterfaces").each().find_map(|it| it.at("OwnerId").text());
    let operator = told.at("Operator");
    let hint = Hint { account: owner.or(interface).map(str::to_owned), ..Hint::in_zone(zone.as_deref()) };
    let Some(state) = NodeState::of(state, told.at("StateTransitionReason").text()) else {
        return one(hint, What::Terminated(id));
    };
    let node = Node {
        name: tags.shared("Name").cloned().unwrap_or_default(),
        site: nowhere(),
        state,
        system: told
            .at("PlatformDetails")
            .text()
            .and_then(OperatingSystem::by_billing)
            .or_else(|| windows(told))
            .map(Into::into),
        image: told.at("ImageId").text().map(Into::into),
        launched_at: told.at("LaunchTime").moment(),
        instance_type: told.at("InstanceType").text().map(Into::into),
        architecture: told.at("Architecture").text().map(Into::into),
        zone: zone.map(Into::into),
        tags,
        group: None,
        operator: operator
            .at("Principal")
            .owned()
            .filter(|_| operator.at("Managed").truth() == Some(true))
            .map(Into::into),
        agent: Agent::Unread,
        patch_state: None,
        patches: Box::default(),
        volumes: volumes.collect(),
        id: id.into(),
    };
    one(hint, What::Node(Box::new(node)))
}

/// Recordings from before `PlatformDetails` tell Windows apart and nothing else.
fn windows(told: Told<'_>) -> Option<OperatingSystem> {
    let platform = told.at("Platform").text()?;
    platform.eq_ignore_ascii_case("windows").then(|| OperatingSystem::by_billing("Windows")).flatten()
}

pub(super) fn volumes(told: Told<'_>) -> Read {
    let id = told.at("VolumeId").text().ok_or("without VolumeId")?;
    let hint = Hint::in_zone(told.at("AvailabilityZone").text());
    let attached = told.at("Attachments").each().filter_map(|attachment| {
        let volume = Volume {
            id: id.into(),
            device: attachment.at("Device").owned().unwrap_or_default().into(),
            root: false,
            delete_on_termination: attachment.at("DeleteOnTermination").truth().unwrap_or(false),
        };
        let what = What::Volume { node: attachment.at("InstanceId").owned()?, volume };
        Some(Item { hint: hint.clone(), what })
    });
    Ok(attached.collect())
}

pub(super) fn image(told: Told<'_>) -> Read {
    let tags = told.at("Tags").tags();
    let disks = told.at("BlockDeviceMappings").each();
    let image = Image {
        id: told.at("ImageId").owned().ok_or("without ImageId")?,
        site: nowhere(),
        name: told.at("Name").owned().unwrap_or_default(),
        owner: told.at("OwnerId").owned().unwrap_or_default(),
        state: ImageState::of(told.at("State").text()),
        created_at: told.at("CreationDate").moment(),
        architecture: told.at("Architecture").owned().unwrap_or_default(),
        platform: told.at("PlatformDetails").owned().unwrap_or_default(),
        deprecated_at: told.at("DeprecationTime").moment(),
        parent: tags.get(tag::PARENT).map(str::to_owned).or_else(|| told.at("SourceImageId").owned()),
        allowed: told.at("ImageAllowed").truth(),
        ancestors: Vec::new(),
        snapshots: disks.filter_map(|disk| disk.at("Ebs").at("SnapshotId").owned()).collect(),
        tags,
    };
    one(Hint::default(), What::Image(Box::new(image)))
}

pub(super) fn metadata(told: Told<'_>) -> Read {
    let known = told.at("ImageMetadata");
    let zone = told.at("AvailabilityZone").text();
    let hint = Hint { account: told.at("OwnerId").owned(), ..Hint::in_zone(zone) };
    let node = told.at("InstanceId").owned().ok_or("without InstanceId")?;
    let image = Image {
        id: known.at("ImageId").owned().ok_or("without ImageId")?,
        site: nowhere(),
        name: known.at("Name").owned().unwrap_or_default(),
        owner: known.at("OwnerId").owned().unwrap_or_default(),
        state: ImageState::of(known.at("State").text()),
        created_at: known.at("CreationDate").moment(),
        architecture: String::new(),
        platform: String::new(),
        deprecated_at: known.at("DeprecationTime").moment(),
        parent: None,
        allowed: known.at("ImageAllowed").truth(),
        ancestors: Vec::new(),
        snapshots: Vec::new(),
        tags: Tags::new(),
    };
    one(hint, What::Metadata { node, image: Box::new(image) })
}

pub(super) fn template(told: Told<'_>) -> Read {
    let operator = told.at("Operator");
    let template = Template {
        id: told.at("LaunchTemplateId").owned().ok_or("without LaunchTemplateId")?,
        name: told.at("LaunchTemplateName").owned().unwrap_or_default(),
        site: nowhere(),
        tags: told.at("Tags").tags(),
        latest: told.at("LatestVersionNumber").whole().ok_or("without LatestVersionNumber")?,
        default: told.at("DefaultVersionNumber").whole().ok_or("without DefaultVersionNumber")?,
        operator: operator.at("Principal").owned().filter(|_| operator.at("Managed").truth() == Some(true)),
        versions: Vec::new(),
    };
    one(Hint::of_maker(told.at("CreatedBy").text()), What::Template(template))
}

/// A version of a template. Its user data goes into the hash, and nowhere else.
pub(super) fn version(told: Told<'_>) -> Read {
    let data = told.at("LaunchTemplateData");
    let image = ImageSource::of(data.at("ImageId").text());
    let mut rest = data.value().cloned().unwrap_or_default();
    if let Some(members) = rest.as_object_mut() {
        members.remove("ImageId");
    }
    let hash = Sha256::digest(rest.to_string());
    let version = TemplateVersion {
        number: told.at("VersionNumber").whole().ok_or("without VersionNumber")?,
        description: told.at("VersionDescription").owned().unwrap_or_default(),
        created_by: told.at("CreatedBy").owned().unwrap_or_default(),
        created_at: told.at("CreateTime").moment(),
        image,
        instance_type: data.at("InstanceType").owned(),
        rest_hash: hex(&hash),
    };
    let what = What::Version {
        template: told.at("LaunchTemplateId").owned().ok_or("without LaunchTemplateId")?,
        name: told.at("LaunchTemplateName").owned().unwrap_or_default(),
        is_default: told.at("DefaultVersion").truth().unwrap_or(false),
        version: Box::new(version),
    };
    one(Hint::of_maker(told.at("CreatedBy").text()), what)
}
