//! Snapshots. Their state follows from the time: reading leaves no trace.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::{Filters, INSTANCE, SNAPSHOT, VOLUME, one, specified_tags};
use super::image;
use super::page::{self, Sizes};
use crate::sandbox::Ctx;
use crate::sandbox::shared::Word;
use crate::sandbox::value::{ApiError, Get, tag_list};

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The volume that it was taken of.
    pub volume: String,
    /// GiB.
    pub size: i64,
    /// For people.
    pub description: String,
    /// When it was begun.
    pub started: Timestamp,
    /// When it is complete.
    pub completes: Timestamp,
    /// Whether it was given up.
    #[serde(default)]
    pub failed: bool,
    /// The account that owns it.
    pub owner: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Accounts that may make volumes from it.
    pub shared_with: BTreeSet<String>,
}

/// The filters of `DescribeSnapshots`.
const FILTERS: [&str; 12] = [
    "description",
    "encrypted",
    "owner-alias",
    "owner-id",
    "progress",
    "snapshot-id",
    "start-time",
    "status",
    "storage-tier",
    "tag-key",
    "volume-id",
    "volume-size",
];

/// "If MaxResults is larger than 1,000, only 1,000 results are returned" (API reference of `DescribeSnapshots`).
const SIZES: Sizes = Sizes { least: 5, most: 1000, cut: true };

/// What a snapshot is taken of.
pub(super) struct Taken {
    pub(super) volume: String,
    pub(super) size: i64,
    pub(super) description: String,
    pub(super) tags: BTreeMap<String, String>,
}

/// Begins a snapshot; tells its id.
pub(super) fn take(ctx: &mut Ctx<'_>, taken: Taken, takes: Duration) -> String {
    let id = ctx.id("snap");
    let snapshot = Snapshot {
        volume: taken.volume,
        size: taken.size,
        description: taken.description,
        started: ctx.now,
        completes: ctx.now + takes,
        failed: false,
        owner: ctx.place.account.clone(),
        tags: taken.tags,
        shared_with: BTreeSet::new(),
    };
    ctx.region().ec2.snapshots.insert(id.clone(), snapshot);
    id
}

pub(super) fn call(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Option<Result<Value, ApiError>> {
    Some(match operation {
        "CreateSnapshot" => create(ctx, input),
        "CreateSnapshots" => create_all(ctx, input),
        "DescribeSnapshots" => describe(ctx, input),
        "DescribeSnapshotAttribute" => attribute(ctx, input),
        "ModifySnapshotAttribute" => modify(ctx, input),
        "DeleteSnapshot" => delete(ctx, input),
        _ => return None,
    })
}

fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let volume = input.text("VolumeId").unwrap_or_default();
    let volumes = &ctx.region().ec2.volumes;
    VOLUME.check(&[volume], |id| volumes.contains_key(id))?;
    Ok(of_volume(ctx, volume, input, specified_tags(input, "snapshot")).unwrap_or_default())
}

/// `CreateSnapshots`: of all volumes of an instance at one moment.
fn create_all(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let specification = input.get("InstanceSpecification").cloned().unwrap_or_default();
    let instance = specification.text("InstanceId").unwrap_or_default();
    let ec2 = &ctx.region().ec2;
    INSTANCE.check(&[instance], |id| ec2.instances.contains_key(id))?;
    let attached = ec2.instances.get(instance).map(|instance| instance.volumes.clone()).unwrap_or_default();
    // The root volume comes first.
    let boot = usize::from(specification.flag("ExcludeBootVolume") == Some(true));
    let without = specification.texts("ExcludeDataVolumeIds");
    let volumes: Vec<Word> =
        attached.into_iter().skip(boot).filter(|volume| !without.contains(&volume.as_str())).collect();
    if volumes.is_empty() {
        let message = "There are no volumes to take snapshots of.";
        return Err(ApiError::new("InvalidParameterCombination", message));
    }
    let copy_tags = input.text("CopyTagsFromSource") == Some("volume");
    let mut snapshots = Vec::new();
    for volume in volumes {
        let of = ctx.region().ec2.volumes.get(&volume).filter(|_| copy_tags);
        let mut tags = of.map(|volume| BTreeMap::clone(&volume.tags)).unwrap_or_default();
        tags.retain(|key, _| !key.starts_with("aws:"));
        tags.extend(specified_tags(input, "snapshot"));
        snapshots.extend(of_volume(ctx, &volume, input, tags));
    }
    Ok(json!({"Snapshots": snapshots}))
}

fn of_volume(ctx: &mut Ctx<'_>, volume: &str, input: &Value, tags: BTreeMap<String, String>) -> Option<Value> {
    let size = ctx.region().ec2.volumes.get(volume)?.size;
    let takes = ctx.draw_between(Duration::from_mins(1), Duration::from_mins(4), volume, "snapshot");
    let description = input.text("Description").unwrap_or_default().to_owned();
    let id = take(ctx, Taken { volume: volume.to_owned(), size, description, tags }, takes);
    let now = ctx.now;
    ctx.region().ec2.snapshots.get(&id).map(|snapshot| shape(now, &id, snapshot))
}

impl Snapshot {
    /// `pending` or `completed`.
    /// Whether it is still being made.
    pub(super) fn is_pending(&self, now: Timestamp) -> bool {
        self.state(now) == "pending"
    }

    fn state(&self, now: Timestamp) -> &'static str {
        match (self.failed, now < self.completes) {
            (true, _) => "error",
            (false, true) => "pending",
            (false, false) => "completed",
        }
    }

    /// In percent.
    fn progress(&self, now: Timestamp) -> i64 {
        if now >= self.completes {
            return 100;
        }
        let whole = self.completes.duration_since(self.started).as_secs_f64().max(1.0);
        (now.duration_since(self.started).as_secs_f64() / whole * 100.0) as i64
    }
}

fn shape(now: Timestamp, id: &str, snapshot: &Snapshot) -> Value {
    let done = now >= snapshot.completes;
    json!({
        "SnapshotId": id,
        "VolumeId": snapshot.volume,
        "VolumeSize": snapshot.size,
        "State": snapshot.state(now),
        "Progress": format!("{}%", snapshot.progress(now)),
        "StartTime": snapshot.started.as_millisecond(),
        "CompletionTime": done.then(|| snapshot.completes.as_millisecond()),
        "OwnerId": snapshot.owner,
        "Description": snapshot.description,
        "Encrypted": false,
        "StorageTier": "standard",
        "Tags": if snapshot.tags.is_empty() { Value::Null } else { tag_list(&snapshot.tags) },
    })
}

fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (now, here) = (ctx.now, ctx.place.clone());
    let asked = input.texts("SnapshotIds");
    let owners = input.texts("OwnerIds");
    let mut seen: Vec<(&String, &Snapshot)> = Vec::new();
    for (place, region) in ctx.cloud.places.iter().filter(|(place, _)| place.region == here.region) {
        let mine = *place == here;
        let shown = region.ec2.snapshots.iter();
        seen.extend(shown.filter(|(_, snapshot)| mine || snapshot.shared_with.contains(&here.account)));
    }
    seen.sort_by_key(|(id, _)| *id);
    SNAPSHOT.check(&asked, |id| seen.iter().any(|(known, _)| *known == id))?;
    let filters = Filters::read(input, &FILTERS)?;
    let mut items = Vec::new();
    for (id, snapshot) in seen {
        let chosen = asked.is_empty() || asked.contains(&id.as_str());
        let is_owner = |owner: &&str| match *owner {
            "self" => snapshot.owner == here.account,
            owner => snapshot.owner == owner,
        };
        let owned = owners.is_empty() || owners.iter().any(is_owner);
        if chosen && owned && filters.pass_tagged(&snapshot.tags, |name| filtered(now, id, snapshot, name)) {
            items.push((id.clone(), shape(now, id, snapshot)));
        }
    }
    page::answer(input, "Snapshots", SIZES, items)
}

fn filtered(now: Timestamp, id: &str, snapshot: &Snapshot, name: &str) -> Vec<String> {
    match name {
        "snapshot-id" => one(id),
        "volume-id" => one(&snapshot.volume),
        "volume-size" => one(snapshot.size.to_string()),
        "description" => one(&snapshot.description),
        "owner-id" => one(&snapshot.owner),
        "status" => one(snapshot.state(now)),
        "progress" => one(format!("{}%", snapshot.progress(now))),
        "start-time" => one(format!("{:.3}", snapshot.started)),
        "encrypted" => one("false"),
        "storage-tier" => one("standard"),
        _ => Vec::new(),
    }
}

fn own<'a>(ctx: &'a mut Ctx<'_>, input: &Value) -> Result<(String, &'a mut Snapshot), ApiError> {
    let id = input.text("SnapshotId").unwrap_or_default().to_owned();
    let snapshots = &mut ctx.region().ec2.snapshots;
    SNAPSHOT.check(&[&id], |id| snapshots.contains_key(id))?;
    match snapshots.get_mut(&id) {
        Some(snapshot) => Ok((id, snapshot)),
        None => Err(SNAPSHOT.not_found(&id)),
    }
}

fn attribute(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, snapshot) = own(ctx, input)?;
    if input.text("Attribute") == Some("productCodes") {
        return Ok(json!({"SnapshotId": id, "ProductCodes": []}));
    }
    let users: Vec<Value> = snapshot.shared_with.iter().map(|user| json!({"UserId": user})).collect();
    Ok(json!({"SnapshotId": id, "CreateVolumePermissions": users}))
}

fn modify(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (_, snapshot) = own(ctx, input)?;
    let permission = input.get("CreateVolumePermission").cloned().unwrap_or_default();
    let users = |list: &str| permission.items(list).iter().filter_map(|one| one.text("UserId")).collect::<Vec<_>>();
    let (mut add, mut remove) = (users("Add"), users("Remove"));
    match input.text("OperationType") {
        Some("add") => add.extend(input.texts("UserIds")),
        Some("remove") => remove.extend(input.texts("UserIds")),
        _ => {}
    }
    if !add.is_empty() && !remove.is_empty() {
        let message = "Only one of add and remove can be specified.";
        return Err(ApiError::new("InvalidParameterCombination", message));
    }
    snapshot.shared_with.extend(add.into_iter().map(str::to_owned));
    for user in remove {
        snapshot.shared_with.remove(user);
    }
    Ok(Value::Null)
}

fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (id, _) = own(ctx, input)?;
    let ec2 = &mut ctx.region().ec2;
    let user = ec2.images.iter().find(|(_, image)| image.is_registered() && image::needs(image, &id));
    if let Some((image, _)) = user {
        let message = format!("The snapshot {id} is currently in use by {image}");
        return Err(ApiError::new("InvalidSnapshot.InUse", message));
    }
    ec2.snapshots.remove(&id);
    Ok(Value::Null)
}
