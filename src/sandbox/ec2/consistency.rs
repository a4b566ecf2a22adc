//! Eventual consistency, where a world asks for it: what was just made is not told for a moment, neither by its id nor in
//! lists, and the name of an image that was just deregistered is still taken ("Eventual consistency in the Amazon EC2
//! API"; for the name, the error code `InvalidAMIName.Duplicate`).
//!
//! It concerns what clients make, the instances and images that other services make here (groups, Image Builder), and
//! the versions of launch templates; and only the calls that describe it: others find it at once.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::filter::{IMAGE, INSTANCE, Kind, SECURITY_GROUP, SNAPSHOT, SUBNET, TEMPLATE, VOLUME, VPC};
use super::{root_volume, template, usage_report};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// The shortest and the longest lag.
const LAG: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What has not spread yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Lag {
    /// New resources, and when each is told.
    fresh: BTreeMap<String, Timestamp>,
    /// Names of images that are gone, and when each is free.
    taken: BTreeMap<String, Timestamp>,
}

/// A call that describes resources: the member that asks for ids, the lists that lead to the resources, the member with
/// the id.
struct Describing {
    call: &'static str,
    ids: &'static str,
    lists: &'static [&'static str],
    id: &'static str,
    kind: &'static Kind,
}

const DESCRIBING: [Describing; 11] = [
    describing("DescribeInstances", "InstanceIds", &["Reservations", "Instances"], "InstanceId", &INSTANCE),
    describing("DescribeInstanceStatus", "InstanceIds", &["InstanceStatuses"], "InstanceId", &INSTANCE),
    describing("DescribeImages", "ImageIds", &["Images"], "ImageId", &IMAGE),
    describing("DescribeSnapshots", "SnapshotIds", &["Snapshots"], "SnapshotId", &SNAPSHOT),
    describing("DescribeVolumes", "VolumeIds", &["Volumes"], "VolumeId", &VOLUME),
    describing("DescribeLaunchTemplates", "LaunchTemplateIds", &["LaunchTemplates"], "LaunchTemplateId", &TEMPLATE),
    describing("DescribeVpcs", "VpcIds", &["Vpcs"], "VpcId", &VPC),
    describing("DescribeSubnets", "SubnetIds", &["Subnets"], "SubnetId", &SUBNET),
    describing("DescribeSecurityGroups", "GroupIds", &["SecurityGroups"], "GroupId", &SECURITY_GROUP),
    describing(
        "DescribeReplaceRootVolumeTasks",
        "ReplaceRootVolumeTaskIds",
        &["ReplaceRootVolumeTasks"],
        "ReplaceRootVolumeTaskId",
        &root_volume::TASK,
    ),
    describing("DescribeImageUsageReports", "ReportIds", &["ImageUsageReports"], "ReportId", &usage_report::REPORT),
];

const fn describing(
    call: &'static str,
    ids: &'static str,
    lists: &'static [&'static str],
    id: &'static str,
    kind: &'static Kind,
) -> Describing {
    Describing { call, ids, lists, id, kind }
}

/// The ids of what a call has made.
fn made(operation: &str, answer: &Value) -> Vec<String> {
    let of = |value: &Value, member: &str| value.text(member).map(str::to_owned);
    match operation {
        "RunInstances" => answer.items("Instances").iter().filter_map(|one| of(one, "InstanceId")).collect(),
        "CreateSnapshots" => answer.items("Snapshots").iter().filter_map(|one| of(one, "SnapshotId")).collect(),
        "CreateImage" | "CopyImage" | "RegisterImage" => of(answer, "ImageId").into_iter().collect(),
        "CreateSnapshot" => of(answer, "SnapshotId").into_iter().collect(),
        "CreateVolume" => of(answer, "VolumeId").into_iter().collect(),
        "CreateSecurityGroup" => of(answer, "GroupId").into_iter().collect(),
        "CreateLaunchTemplate" => of(&answer["LaunchTemplate"], "LaunchTemplateId").into_iter().collect(),
        "CreateLaunchTemplateVersion" => {
            let version = &answer["LaunchTemplateVersion"];
            let named = version.text("LaunchTemplateId").zip(version.int("VersionNumber"));
            named.map(|(id, number)| template::version_key(id, number)).into_iter().collect()
        }
        "CreateReplaceRootVolumeTask" => {
            of(&answer["ReplaceRootVolumeTask"], "ReplaceRootVolumeTaskId").into_iter().collect()
        }
        "CreateImageUsageReport" => of(answer, "ReportId").into_iter().collect(),
        "CreateVpc" => of(&answer["Vpc"], "VpcId").into_iter().collect(),
        "CreateSubnet" => of(&answer["Subnet"], "SubnetId").into_iter().collect(),
        _ => Vec::new(),
    }
}

impl Lag {
    /// Whether something is not told yet: by its id, a version of a launch template by [`template::version_key`].
    pub(super) fn hides(&self, id: &str, now: Timestamp) -> bool {
        self.fresh.get(id).is_some_and(|told| now < *told)
    }
}

/// Whether anything is hidden now.
pub(super) fn hides(ctx: &Ctx<'_>) -> bool {
    let lag = ctx.cloud.places.get(&ctx.place).map(|here| &here.ec2.lag);
    ctx.cloud.eventual_consistency && lag.is_some_and(|lag| lag.fresh.values().any(|told| ctx.now < *told))
}

/// Refuses ids that are too new, and names that are not free yet.
pub(super) fn refuse(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Result<(), ApiError> {
    let now = ctx.now;
    let lag = &ctx.region().ec2.lag;
    if let Some(describing) = DESCRIBING.iter().find(|one| one.call == operation) {
        return describing.kind.check(&input.texts(describing.ids), |id| !lag.hides(id, now));
    }
    let name = input.text("Name").filter(|_| matches!(operation, "CreateImage" | "CopyImage" | "RegisterImage"));
    match name.filter(|name| lag.taken.get(*name).is_some_and(|free| now < *free)) {
        Some(name) => {
            Err(ApiError::new("InvalidAMIName.Duplicate", format!("AMI name {name} is already in use by another AMI")))
        }
        None => Ok(()),
    }
}

/// Takes what is too new out of an answer, and notes what a call has made or given up.
pub(super) fn settle(ctx: &mut Ctx<'_>, operation: &str, input: &Value, answer: &mut Value) {
    let now = ctx.now;
    if let Some(describing) = DESCRIBING.iter().find(|one| one.call == operation) {
        hide(answer, describing.lists, describing.id, &ctx.region().ec2.lag, now);
        return;
    }
    let given_up = input.text("ImageId").filter(|_| operation == "DeregisterImage");
    let given_up = given_up.and_then(|id| Some(ctx.region().ec2.images.get(id)?.name.clone()));
    for id in made(operation, answer) {
        note(ctx, &id);
    }
    if let Some(name) = given_up {
        let free = now + ctx.draw_between(LAG.0, LAG.1, &name, "lag");
        let taken = &mut ctx.region().ec2.lag.taken;
        taken.retain(|_, free| now < *free);
        taken.insert(name, free);
    }
}

/// Notes what was made, where a world asks for it: it is told later.
pub(super) fn note(ctx: &mut Ctx<'_>, id: &str) {
    if !ctx.cloud.eventual_consistency {
        return;
    }
    let now = ctx.now;
    let told = now + ctx.draw_between(LAG.0, LAG.1, id, "lag");
    let fresh = &mut ctx.region().ec2.lag.fresh;
    fresh.retain(|_, told| now < *told);
    fresh.insert(id.to_owned(), told);
}

fn hide(answer: &mut Value, lists: &[&str], id: &str, lag: &Lag, now: Timestamp) {
    let Some((first, rest)) = lists.split_first() else { return };
    let Some(items) = answer.get_mut(*first).and_then(Value::as_array_mut) else { return };
    if rest.is_empty() {
        items.retain(|item| item.text(id).is_none_or(|id| !lag.hides(id, now)));
        return;
    }
    for item in items.iter_mut() {
        hide(item, rest, id, lag, now);
    }
    items.retain(|item| !item.items(rest[0]).is_empty());
}
