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
use super::volume::{Phase, Volume};
use super::{Event, image, lifecycle, volume};
use crate::sandbox::cloud::{Ctx, Event as CloudEvent};
use crate::sandbox::shared::Word;
use crate::sandbox::value::{ApiError, Get, tag_list};

/// How long the new volume is being made, and until all is done.
const TAKES: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(25));

/// From when a task cannot do its work until it has failed. AWS gives no figure.
const FAILS: Duration = Duration::from_secs(10);

/// The codes for ids are inferred: AWS documents none.
pub(super) const TASK: Kind = Kind {
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
    /// The new volume.
    #[serde(default)]
    pub volume: String,
    /// When it began.
    pub started: Timestamp,
    /// Whether it is about to fail.
    #[serde(default)]
    pub failing: bool,
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
            None if self.failing => "failing",
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
    let volume = make(ctx, &source, &instance)?;
    let task = Task {
        instance_id,
        source,
        volume,
        failing: false,
        started: ctx.now,
        ended: None,
        deletes_old: input.flag("DeleteReplacedRootVolume").unwrap_or(false),
        tags: specified_tags(input, "replace-root-volume-task"),
    };
    let told = value(ctx.now, &id, &task);
    ctx.region().ec2.root_volume_tasks.insert(id.clone(), task);
    ctx.schedule(TAKES.0, CloudEvent::Ec2(Event::RootVolumeMade(id.clone())));
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

/// Makes the new volume, unless it is one that is there; its id.
fn make(ctx: &mut Ctx<'_>, source: &Source, instance: &Instance) -> Result<String, ApiError> {
    let snapshot = match source {
        Source::Volume(id) => return Ok(id.clone()),
        Source::Snapshot(id) => Some((Word::from(id), 0)),
        Source::Launch | Source::Image(_) => {
            let id = image_of(source, instance);
            let image = image::find(ctx, id).ok_or_else(|| image::unavailable(id))?;
            let root = image.devices.iter().find(|device| device.name == image.root_device);
            root.and_then(|root| Some((Word::from(root.snapshot.as_ref()?), root.size)))
        }
    };
    let old = instance.volumes.first().and_then(|id| ctx.region().ec2.volumes.get(id)).map(|old| (**old).clone());
    let Some(old) = old else {
        let message = format!("The instance '{}' has no root volume.", instance.id);
        return Err(ApiError::new("IncorrectState", message));
    };
    let volume = Volume {
        size: old.size.max(snapshot.as_ref().map_or(0, |(_, size)| *size)),
        snapshot: snapshot.map(|(id, _)| id),
        created: ctx.now,
        instance: None,
        phase: Phase::Creating,
        ..old
    };
    let id = ctx.id("vol");
    ctx.region().ec2.volumes.insert(id.as_str().into(), Box::new(volume));
    Ok(id)
}

/// The image that an instance runs when the task is done.
fn image_of<'a>(source: &'a Source, instance: &'a Instance) -> &'a str {
    if let Source::Image(id) = source { id } else { &instance.image_id }
}

/// The instance of a task, if it still runs.
fn running(ctx: &mut Ctx<'_>, task: &Task) -> Option<Instance> {
    let instance = ctx.region().ec2.instances.get(&task.instance_id).cloned();
    instance.filter(|instance| instance.state == State::Running)
}

/// The new volume is there: it is attached, and the old one is detached.
pub(super) fn made(ctx: &mut Ctx<'_>, id: &str) {
    let Some(task) = ctx.region().ec2.root_volume_tasks.get(id).cloned() else { return };
    let Some(instance) = running(ctx, &task) else { return };
    let volumes = &mut ctx.region().ec2.volumes;
    let old = instance.volumes.first().and_then(|id| volumes.get_mut(id));
    let device = old.map(|old| {
        old.phase = Phase::Detaching;
        old.device.clone()
    });
    if let (Some(device), Some(new)) = (device, volumes.get_mut(task.volume.as_str())) {
        new.instance = Some(instance.id);
        new.device = device;
        new.delete_on_termination = true;
        new.phase = Phase::Attaching;
    }
}

/// The new volume is in the place of the old one, and the guest boots from it. Fails if the instance does not run any
/// more.
pub(super) fn replaced(ctx: &mut Ctx<'_>, id: &str) {
    let Some(task) = ctx.region().ec2.root_volume_tasks.get(id).cloned() else { return };
    let instance = running(ctx, &task).filter(|_| !task.failing);
    let done = instance.is_some_and(|instance| replace(ctx, &task, &instance).is_some());
    let now = ctx.now;
    if !done {
        put_back(ctx, &task);
    }
    let Some(known) = ctx.region().ec2.root_volume_tasks.get_mut(id) else { return };
    if done || known.failing {
        known.ended = Some((now, done));
    } else {
        known.failing = true;
        ctx.schedule(FAILS, CloudEvent::Ec2(Event::RootVolumeReplaced(id.to_owned())));
    }
}

/// A task that fails leaves the old volume where it was.
fn put_back(ctx: &mut Ctx<'_>, task: &Task) {
    let ec2 = &mut ctx.region().ec2;
    let old = ec2.instances.get(&task.instance_id).and_then(|instance| instance.volumes.first().cloned());
    if let Some(old) = old.and_then(|id| ec2.volumes.get_mut(&id)) {
        old.phase = Phase::Settled;
    }
    if let (Source::Volume(_), Some(own)) = (&task.source, ec2.volumes.get_mut(task.volume.as_str())) {
        own.instance = None;
        own.phase = Phase::Settled;
    } else {
        volume::delete(ctx, &task.volume);
    }
}

fn replace(ctx: &mut Ctx<'_>, task: &Task, instance: &Instance) -> Option<()> {
    let old_id = instance.volumes.first()?.clone();
    let image_id = image_of(&task.source, instance);
    let image = image::find(ctx, image_id)?;
    let (image_id, new_id) = (Word::from(image_id), Word::from(&task.volume));
    let ec2 = &mut ctx.region().ec2;
    let new = ec2.volumes.get_mut(&new_id).filter(|new| new.phase == Phase::Attaching)?;
    new.phase = Phase::Settled;
    if let Some(old) = ec2.volumes.get_mut(&old_id) {
        old.instance = None;
        old.phase = Phase::Settled;
    }
    ec2.instances.change(&instance.id, |instance| {
        instance.volumes.splice(..1, [new_id]);
        instance.image_id = image_id;
    })?;
    if task.deletes_old {
        volume::delete(ctx, &old_id);
    }
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
