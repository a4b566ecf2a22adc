//! Volumes.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::ops::Bound;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::{Filters, SNAPSHOT, VOLUME, one, specified_tags};
use super::page::{self, Page, USUAL};
use super::tag::Tags;
use super::{Event, here, network};
use crate::sandbox::cloud::{Ctx, Event as CloudEvent};
use crate::sandbox::shared::{Shared, Word};
use crate::sandbox::value::{ApiError, Get, tag_list, time};

/// A volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    /// GiB.
    pub size: i64,
    /// For example `gp3`.
    pub volume_type: Word,
    /// The operations a second that were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iops: Option<NonZeroU32>,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The device under which it is attached.
    pub device: Word,
    /// The instance that it is attached to.
    pub instance: Option<Word>,
    /// Whether it goes away with the instance.
    pub delete_on_termination: bool,
    /// The Availability Zone.
    pub zone: Word,
    /// The snapshot that it was made from.
    pub snapshot: Option<Word>,
    /// When it was made; one that came with an instance was attached then.
    pub created: Timestamp,
    /// What happens to it just now.
    #[serde(default)]
    pub phase: Phase,
    /// Its tags.
    pub tags: Shared<Tags>,
}

/// What happens to a volume just now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Nothing.
    #[default]
    Settled,
    /// It is being made.
    Creating,
    /// It is being attached as a root volume.
    Attaching,
    /// It is being detached: another takes its place as root volume.
    Detaching,
    /// It is being deleted.
    Deleting,
}

/// With eventual consistency, how long a new volume is told as being made, and one that is deleted as being deleted
/// ("The volume can remain in the deleting state for several minutes", `DeleteVolume`).
const LAGS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// Types of volumes, with what they may be in GiB.
const TYPES: [(&str, i64, i64); 7] = [
    ("gp2", 1, 16_384),
    ("gp3", 1, 65_536),
    ("io1", 4, 16_384),
    ("io2", 4, 65_536),
    ("sc1", 125, 16_384),
    ("st1", 125, 16_384),
    ("standard", 1, 1024),
];

/// The types whose operations a second can be asked for, with what they may be (botocore 1.44.5,
/// `CreateVolumeRequest.Iops`).
const IOPS: [(&str, i64, i64); 3] = [("gp3", 3000, 80_000), ("io1", 100, 64_000), ("io2", 100, 256_000)];

/// The operations a second of a volume, from what was asked for. For other types they are passed over.
///
/// # Errors
/// `MissingParameter` where the type needs them, `InvalidParameterValue` out of bounds.
pub(super) fn iops(volume_type: &str, asked: Option<i64>) -> Result<Option<NonZeroU32>, ApiError> {
    let Some((_, least, most)) = IOPS.iter().find(|(name, ..)| *name == volume_type) else { return Ok(None) };
    let invalid = |message: String| Err(ApiError::new("InvalidParameterValue", message));
    match asked {
        None if volume_type == "gp3" => Ok(None),
        None => {
            let message = format!("The parameter iops must be specified for {volume_type} volumes.");
            Err(ApiError::new("MissingParameter", message))
        }
        Some(asked) if asked < *least => invalid(format!("Volume iops of {asked} is too low; minimum is {least}.")),
        Some(asked) if asked > *most => invalid(format!("Volume iops of {asked} is too high; maximum is {most}.")),
        Some(asked) => Ok(u32::try_from(asked).ok().and_then(NonZeroU32::new)),
    }
}

/// `DescribeVolumes`.
pub(super) fn describe(ctx: &Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    page::refuse_with_ids(input, "VolumeIds", "volumesSet")?;
    let volumes = &here(ctx)?.volumes;
    let ids = input.texts("VolumeIds");
    VOLUME.check(&ids, |id| volumes.contains_key(id))?;
    let known = [
        "attachment.delete-on-termination",
        "attachment.device",
        "attachment.instance-id",
        "attachment.status",
        "availability-zone",
        "encrypted",
        "size",
        "snapshot-id",
        "status",
        "tag-key",
        "volume-id",
        "volume-type",
    ];
    let filters = Filters::read(input, &known)?;
    let page = Page::read(input, "Volumes", USUAL)?;
    let of = |instance: &&str| here(ctx).ok()?.instances.get(instance).map(|one| one.volumes.iter().map(Word::as_str));
    let named: Option<BTreeSet<&str>> = match (filters.asked("volume-id"), filters.asked("attachment.instance-id")) {
        _ if !ids.is_empty() => Some(ids.into_iter().collect()),
        (Some(ids), _) => Some(ids.iter().copied().collect()),
        (None, Some(instances)) => Some(instances.iter().filter_map(of).flatten().collect()),
        (None, None) => None,
    };
    let all = named.is_none().then(|| volumes.range::<str, _>((page.start(), Bound::Unbounded)));
    let some = named.into_iter().flatten().filter_map(|id| volumes.get_key_value(id));
    let passing = some
        .chain(all.into_iter().flatten())
        .filter(|(id, volume)| filters.pass_tagged(&volume.tags, |name| volume.filtered(id, name)));
    let (told, token) = page.take(passing.map(|(id, volume)| (id, (id, volume))));
    let told: Vec<Value> = told.into_iter().map(|(id, volume)| volume.value(id)).collect();
    Ok(json!({"Volumes": told, "NextToken": token}))
}

/// `CreateVolume`.
pub(super) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let zone = input.text("AvailabilityZone").unwrap_or_default().to_owned();
    if !network::zones(ctx).contains(&zone) {
        let message = format!("The zone '{zone}' does not exist.");
        return Err(ApiError::new("InvalidZone.NotFound", message));
    }
    let snapshot = input.text("SnapshotId").map(str::to_owned);
    let source = snapshot.as_ref().and_then(|id| ctx.region().ec2.snapshots.get(id)).map(|snapshot| snapshot.size);
    if let Some(id) = snapshot.as_deref().filter(|_| source.is_none()) {
        return Err(SNAPSHOT.not_found(id));
    }
    let Some(size) = input.int("Size").or(source) else {
        let message = "The request must contain the parameter size/snapshot";
        return Err(ApiError::new("MissingParameter", message));
    };
    let volume_type = input.text("VolumeType").unwrap_or("gp2");
    let bounds = TYPES.iter().find(|(name, ..)| *name == volume_type);
    if bounds.is_none_or(|(_, least, most)| !(*least..=*most).contains(&size)) {
        let message = format!("Volume of {size}GiB is not valid for volume type {volume_type}.");
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    let volume = Volume {
        size,
        volume_type: volume_type.into(),
        iops: iops(volume_type, input.int("Iops"))?,
        encrypted: input.flag("Encrypted").unwrap_or(false),
        device: Word::default(),
        instance: None,
        delete_on_termination: false,
        zone: zone.into(),
        snapshot: snapshot.map(Word::from),
        created: ctx.now,
        phase: Phase::Creating,
        tags: specified_tags(input, "volume").into(),
    };
    let id = ctx.id("vol");
    // The answer tells a volume that is being made, as AWS's does, also where it is there at once.
    let told = volume.value(&id);
    ctx.region().ec2.volumes.insert(id.as_str().into(), Box::new(volume));
    settle_later(ctx, &id);
    Ok(told)
}

/// Deletes a volume: at once, or with eventual consistency after a while.
pub(super) fn delete(ctx: &mut Ctx<'_>, id: &str) {
    if let Some(volume) = ctx.region().ec2.volumes.get_mut(id) {
        volume.instance = None;
        volume.phase = Phase::Deleting;
    }
    settle_later(ctx, id);
}

fn settle_later(ctx: &mut Ctx<'_>, id: &str) {
    if !ctx.cloud.eventual_consistency {
        return settle(ctx, id);
    }
    let lag = ctx.draw_between(LAGS.0, LAGS.1, id, &format!("volume {}", ctx.now));
    ctx.schedule(lag, CloudEvent::Ec2(Event::VolumeSettled(id.to_owned())));
}

/// What happened to a volume is over.
pub(super) fn settle(ctx: &mut Ctx<'_>, id: &str) {
    let volumes = &mut ctx.region().ec2.volumes;
    match volumes.get_mut(id) {
        Some(volume) if volume.phase == Phase::Deleting => {
            volumes.remove(id);
        }
        Some(volume) => volume.phase = Phase::Settled,
        None => {}
    }
}

impl Volume {
    fn status(&self) -> &'static str {
        match self.phase {
            Phase::Creating => "creating",
            Phase::Deleting => "deleting",
            _ if self.instance.is_some() => "in-use",
            _ => "available",
        }
    }

    /// How far its attachment is, if it has one.
    pub(super) fn attachment(&self) -> &'static str {
        match self.phase {
            Phase::Attaching => "attaching",
            Phase::Detaching => "detaching",
            _ => "attached",
        }
    }

    fn filtered(&self, id: &str, name: &str) -> Vec<String> {
        let attached = |value: String| if self.instance.is_some() { vec![value] } else { Vec::new() };
        match name {
            "attachment.delete-on-termination" => attached(self.delete_on_termination.to_string()),
            "attachment.device" => attached(String::from(&self.device)),
            "attachment.instance-id" => self.instance.iter().map(String::from).collect(),
            "attachment.status" => attached(self.attachment().to_owned()),
            "availability-zone" => one(&self.zone),
            "encrypted" => one(self.encrypted.to_string()),
            "size" => one(self.size.to_string()),
            "snapshot-id" => self.snapshot.iter().map(String::from).collect(),
            "status" => one(self.status()),
            "volume-id" => one(id),
            "volume-type" => one(&self.volume_type),
            _ => Vec::new(),
        }
    }

    fn value(&self, id: &str) -> Value {
        let attachment = self.instance.as_ref().map(|instance| {
            json!({
                "VolumeId": id,
                "InstanceId": instance,
                "Device": self.device,
                "State": self.attachment(),
                "AttachTime": time(self.created),
                "DeleteOnTermination": self.delete_on_termination,
            })
        });
        let iops = match self.volume_type.as_str() {
            "gp3" => Some(self.iops.map_or(3000, |iops| i64::from(iops.get()))),
            "gp2" => Some((self.size * 3).clamp(100, 16_000)),
            _ => self.iops.map(|iops| i64::from(iops.get())),
        };
        json!({
            "VolumeId": id,
            "Size": self.size,
            "VolumeType": self.volume_type,
            "Iops": iops,
            "Throughput": (self.volume_type == "gp3").then_some(125),
            "SnapshotId": self.snapshot.as_deref().unwrap_or_default(),
            "Encrypted": self.encrypted,
            "AvailabilityZone": self.zone,
            "AvailabilityZoneId": network::zone_id(&self.zone),
            "State": self.status(),
            "CreateTime": time(self.created),
            "Attachments": attachment.into_iter().collect::<Vec<_>>(),
            "MultiAttachEnabled": false,
            "Operator": {"Managed": false},
            "Tags": tag_list(&*self.tags),
        })
    }
}
