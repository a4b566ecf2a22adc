//! Root volumes that are replaced while their instance stays what it is.
//!
//! The sources are the EC2 user guide ("Replace the root volume") and the examples of the command line, whose tasks
//! take 25 seconds.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::{Filters, INSTANCE, Kind, SNAPSHOT, VOLUME, one, specified_tags};
use super::image::Image;
use super::instance::{Instance, State};
use super::page::{self, Sizes};
use super::tag::Tags;
use super::volume::Volume;
use super::{Event, image, lifecycle};
use crate::sandbox::cloud::{Ctx, Event as CloudEvent};
use crate::sandbox::shared::Word;
use crate::sandbox::value::{ApiError, Get, tag_list};

/// How long the new volume is being made, and until all is done.
const TAKES: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(25));

/// The codes for ids are inferred: AWS documents none.
const TASK: Kind = Kind {
    prefix: "replacevol",
    malformed: "InvalidReplaceRootVolumeTaskId.Malformed",
    unknown: "InvalidReplaceRootVolumeTaskId.NotFound",
    noun: "replace root volume task ID",
};

/// A task that replaces a root volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The instance.
    pub instance_id: String,
    /// What the new volume is made from.
    pub source: Source,
    /// When it began.
    pub started: Timestamp,
    /// When it ended, and whether the volume was replaced.
    pub ended: Option<(Timestamp, bool)>,
    /// Whether the old volume is deleted.
    pub deletes_old: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What a new root volume is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// What the instance was launched from.
    Launch,
    /// A snapshot of the root volume.
    Snapshot(String),
    /// An image.
    Image(String),
    /// A volume that is there already.
    Volume(String),
}

impl Task {
    fn state(&self, now: Timestamp) -> &'static str {
        match self.ended {
            Some((_, true)) => "succeeded",
            Some((_, false)) => "failed",
            None if now < self.started + TAKES.0 => "pending",
            None => "in-progress",
        }
    }
}

/// What becomes of a task: whether its volume was replaced; none while it is under way.
#[must_use]
pub(super) fn outcome(ctx: &mut Ctx<'_>, id: &str) -> Option<bool> {
    match ctx.region().ec2.root_volume_tasks.get(id) {
        Some(task) => task.ended.map(|(_, done)| done),
        None => Some(false),
    }
}

/// `CreateReplaceRootVolumeTask`.
pub(super) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let instance_id = input.text("InstanceId").unwrap_or_default().to_owned();
    let instance = ctx.region().ec2.instances.get(&instance_id).cloned();
    INSTANCE.check(&[&instance_id], |_| instance.is_some())?;
    let instance = instance.ok_or_else(|| INSTANCE.not_found(&instance_id))?;
    if instance.state != State::Running {
        let message = format!("The instance '{instance_id}' is not in the 'running' state.");
        return Err(ApiError::new("IncorrectInstanceState", message));
    }
    let mut tasks = ctx.region().ec2.root_volume_tasks.values();
    if tasks.any(|task| task.instance_id == instance_id && task.ended.is_none()) {
        let message = format!("A root volume replacement task of the instance '{instance_id}' is in progress.");
        return Err(ApiError::new("IncorrectState", message));
    }
    let source = source(ctx, input, &instance)?;
    let id = ctx.id(TASK.prefix);
    let task = Task {
        instance_id,
        source,
        started: ctx.now,
        ended: None,
        deletes_old: input.flag("DeleteReplacedRootVolume").unwrap_or(false),
        tags: specified_tags(input, "replace-root-volume-task"),
    };
    let told = value(ctx.now, &id, &task);
    ctx.region().ec2.root_volume_tasks.insert(id.clone(), task);
    ctx.schedule(TAKES.1, CloudEvent::Ec2(Event::RootVolumeReplaced(id)));
    Ok(json!({"ReplaceRootVolumeTask": told}))
}

fn source(ctx: &mut Ctx<'_>, input: &Value, instance: &Instance) -> Result<Source, ApiError> {
    match (input.text("SnapshotId"), input.text("ImageId"), input.text("VolumeId")) {
        (None, None, None) => Ok(Source::Launch),
        (Some(id), None, None) => {
            let ec2 = &ctx.region().ec2;
            SNAPSHOT.check(&[id], |id| ec2.snapshots.contains_key(id))?;
            let taken_of = ec2.snapshots.get(id).map(|snapshot| snapshot.volume.as_str());
            if taken_of != instance.volumes.first().map(Word::as_str) {
                let message = format!("The snapshot '{id}' was not taken of the root volume of '{}'.", instance.id);
                return Err(ApiError::new("InvalidParameterValue", message));
            }
            Ok(Source::Snapshot(id.to_owned()))
        }
        (None, Some(id), None) => {
            let found = image::find(ctx, id);
            super::filter::IMAGE.check(&[id], |_| found.is_some())?;
            let found = found.filter(|image| image.state == "available").ok_or_else(|| image::unavailable(id))?;
            if found.architecture != instance.architecture {
                let message = format!("The architecture of the image '{id}' does not match that of the instance.");
                return Err(ApiError::new("InvalidParameterValue", message));
            }
            Ok(Source::Image(id.to_owned()))
        }
        (None, None, Some(id)) => {
            let volumes = &ctx.region().ec2.volumes;
            VOLUME.check(&[id], |id| volumes.contains_key(id))?;
            if volumes.get(id).is_some_and(|volume| volume.instance.is_some() || volume.zone != instance.zone) {
                let message = format!("The volume '{id}' is not 'available' in the zone of the instance.");
                return Err(ApiError::new("IncorrectState", message));
            }
            Ok(Source::Volume(id.to_owned()))
        }
        _ => {
            let message = "Only one of SnapshotId, ImageId and VolumeId can be specified.";
            Err(ApiError::new("InvalidParameterCombination", message))
        }
    }
}

/// The new volume takes the place of the old one, and the guest boots from it. Fails if the instance does not run any
/// more.
pub(super) fn replaced(ctx: &mut Ctx<'_>, id: &str) {
    let Some(task) = ctx.region().ec2.root_volume_tasks.get(id).cloned() else { return };
    let instance = ctx.region().ec2.instances.get(&task.instance_id).cloned();
    let instance = instance.filter(|instance| instance.state == State::Running);
    let done = instance.is_some_and(|instance| replace(ctx, &task, &instance).is_some());
    let now = ctx.now;
    if let Some(task) = ctx.region().ec2.root_volume_tasks.get_mut(id) {
        task.ended = Some((now, done));
    }
}

fn replace(ctx: &mut Ctx<'_>, task: &Task, instance: &Instance) -> Option<()> {
    let old_id = instance.volumes.first()?.clone();
    let old = (**ctx.region().ec2.volumes.get(&old_id)?).clone();
    let image_id = if let Source::Image(id) = &task.source { id.as_str() } else { &instance.image_id };
    let image = image::find(ctx, image_id)?;
    let new_id = match &task.source {
        Source::Volume(id) => id.clone(),
        _ => ctx.id("vol"),
    };
    let new = match &task.source {
        Source::Volume(id) => (**ctx.region().ec2.volumes.get(id.as_str())?).clone(),
        Source::Snapshot(id) => Volume { snapshot: Some(id.into()), created: ctx.now, ..old.clone() },
        Source::Launch | Source::Image(_) => {
            let root = image.devices.iter().find(|device| device.name == image.root_device)?;
            Volume {
                snapshot: root.snapshot.as_ref().map(Word::from),
                size: old.size.max(root.size),
                created: ctx.now,
                ..old.clone()
            }
        }
    };
    let attached =
        Volume { instance: Some(instance.id.clone()), device: old.device.clone(), delete_on_termination: true, ..new };
    let (image_id, new_id) = (Word::from(image_id), Word::from(new_id));
    let ec2 = &mut ctx.region().ec2;
    ec2.volumes.insert(new_id.clone(), Box::new(attached));
    if task.deletes_old {
        ec2.volumes.remove(&old_id);
    } else if let Some(old) = ec2.volumes.get_mut(&old_id) {
        old.instance = None;
    }
    ec2.instances.change(&instance.id, |instance| {
        instance.volumes.splice(..1, [new_id]);
        instance.image_id = image_id;
    })?;
    boot(ctx, task, &image);
    Some(())
}

/// The guest boots again: with what the image has, or with what it had. What a snapshot held is not known here.
fn boot(ctx: &mut Ctx<'_>, task: &Task, image: &Image) {
    if let (Source::Launch | Source::Image(_), Some(machine)) =
        (&task.source, ctx.region().machines.get_mut(task.instance_id.as_str()))
    {
        machine.system = image.system.as_str().into();
        machine.software = image.software.imaged().into();
        machine.sick = image.sick;
    }
    lifecycle::reboot(ctx, &task.instance_id);
}

fn value(now: Timestamp, id: &str, task: &Task) -> Value {
    let second = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let (snapshot, image) = match &task.source {
        Source::Snapshot(id) => (Some(id), None),
        Source::Image(id) => (None, Some(id)),
        Source::Launch | Source::Volume(_) => (None, None),
    };
    json!({
        "ReplaceRootVolumeTaskId": id,
        "InstanceId": task.instance_id,
        "TaskState": task.state(now),
        "StartTime": second(task.started),
        "CompleteTime": task.ended.map(|(at, _)| second(at)),
        "SnapshotId": snapshot,
        "ImageId": image,
        "DeleteReplacedRootVolume": task.deletes_old,
        "Tags": tag_list(&task.tags),
    })
}

/// `DescribeReplaceRootVolumeTasks`.
pub(super) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (now, ids) = (ctx.now, input.texts("ReplaceRootVolumeTaskIds"));
    let all = &ctx.region().ec2.root_volume_tasks;
    TASK.check(&ids, |id| all.contains_key(id))?;
    let filters = Filters::read(input, &["instance-id"])?;
    let items = all
        .iter()
        .filter(|(id, _)| ids.is_empty() || ids.contains(&id.as_str()))
        .filter(|(_, task)| filters.pass(|_| one(&task.instance_id)))
        .map(|(id, task)| (id.clone(), value(now, id, task)))
        .collect();
    page::answer(input, "ReplaceRootVolumeTasks", Sizes { least: 1, most: 50, cut: false }, items)
}
