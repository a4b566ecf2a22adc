//! Scaling activities: what a group did, why, and how it ended.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Ailment, Group, Member, find, group_name, invalid, page};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get, maybe_time, time};

/// How long activities and refreshes are told.
pub(super) const SIX_WEEKS: SignedDuration = SignedDuration::from_hours(6 * 7 * 24);

/// A scaling activity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// A UUID.
    pub id: String,
    /// The group's name.
    pub group: String,
    /// The group's ARN: tells groups of the same name apart.
    pub group_arn: String,
    /// What is done, for example `Launching a new EC2 instance: i-…`.
    pub description: String,
    /// Why.
    pub cause: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How far it is.
    pub status: ActivityStatus,
    /// What went wrong.
    pub message: Option<String>,
    /// Where: JSON with the zone and the subnet.
    pub details: String,
}

/// How far an activity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActivityStatus {
    /// An instance is about to come into service.
    PreInService,
    /// Under way.
    InProgress,
    /// Waiting for a lifecycle hook.
    MidLifecycleAction,
    /// An instance is chosen to get another root volume.
    WaitingForInPlaceUpdateToStart,
    /// An instance gets another root volume.
    InPlaceUpdateInProgress,
    /// An instance has another root volume, and is about to come back into service.
    WaitingForInPlaceUpdateToFinalize,
    /// Done.
    Successful,
    /// Failed.
    Failed,
    /// Given up.
    Cancelled,
}

impl ActivityStatus {
    fn name(self) -> &'static str {
        match self {
            Self::PreInService => "PreInService",
            Self::InProgress => "InProgress",
            Self::MidLifecycleAction => "MidLifecycleAction",
            Self::WaitingForInPlaceUpdateToStart => "WaitingForInPlaceUpdateToStart",
            Self::InPlaceUpdateInProgress => "InPlaceUpdateInProgress",
            Self::WaitingForInPlaceUpdateToFinalize => "WaitingForInPlaceUpdateToFinalize",
            Self::Successful => "Successful",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    fn progress(self) -> i64 {
        match self {
            Self::PreInService | Self::WaitingForInPlaceUpdateToStart => 30,
            Self::InProgress | Self::InPlaceUpdateInProgress => 50,
            Self::MidLifecycleAction | Self::WaitingForInPlaceUpdateToFinalize => 60,
            Self::Successful | Self::Failed | Self::Cancelled => 100,
        }
    }
}

impl Activity {
    /// As a modelled `Activity`.
    pub(super) fn describe(&self, deleted: bool) -> Value {
        json!({
            "ActivityId": self.id,
            "AutoScalingGroupName": self.group,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": time(self.started_at),
            "EndTime": maybe_time(self.ended_at),
            "StatusCode": self.status.name(),
            "StatusMessage": self.message,
            "Progress": self.status.progress(),
            "Details": self.details,
            "AutoScalingGroupState": if deleted { json!("Deleted") } else { Value::Null },
            "AutoScalingGroupARN": self.group_arn,
        })
    }
}

/// Where an activity takes place.
pub(super) fn details(zone: &str, subnet_id: Option<&str>) -> String {
    match subnet_id {
        Some(subnet) => json!({"Subnet ID": subnet, "Availability Zone": zone}).to_string(),
        None => json!({"Availability Zone": zone}).to_string(),
    }
}

/// Notes that a group begins something; its id.
pub(super) fn begin(
    ctx: &mut Ctx<'_>,
    group: &mut Group,
    description: String,
    cause: String,
    details: String,
    status: ActivityStatus,
) -> String {
    let id = ctx.uuid("activity");
    let horizon = ctx.now - SIX_WEEKS;
    // They are in the order in which they began. Many go at once, for those that stay are moved.
    let old = group.activities.partition_point(|activity| activity.started_at < horizon);
    if old > group.activities.len() / 4 {
        group.activities.drain(..old);
    }
    group.activities.push(Activity {
        id: id.clone(),
        group: group.name.clone(),
        group_arn: group.arn.clone(),
        description,
        cause,
        started_at: ctx.now,
        ended_at: None,
        status,
        message: None,
        details,
    });
    id
}

/// Notes that something concerning a member begins; its id, which the member keeps.
pub(super) fn begin_for(
    ctx: &mut Ctx<'_>,
    group: &mut Group,
    member: &Member,
    what: &str,
    cause: String,
    status: ActivityStatus,
) -> String {
    let place = details(&member.zone, member.subnet_id.as_deref());
    let id = begin(ctx, group, format!("{what}: {}", member.instance_id), cause, place, status);
    if let Some(member) = group.member_mut(&member.instance_id) {
        member.activity = Some(id.clone());
    }
    id
}

/// Notes that an activity came further.
pub(super) fn progress(group: &mut Group, id: Option<&str>, status: ActivityStatus) {
    if let Some(activity) = id.and_then(|id| group.activities.iter_mut().rev().find(|activity| activity.id == id)) {
        activity.status = status;
    }
}

/// Notes that an activity ended.
pub(super) fn end(
    group: &mut Group,
    id: Option<&str>,
    status: ActivityStatus,
    message: Option<String>,
    now: Timestamp,
) {
    if let Some(activity) = id.and_then(|id| group.activities.iter_mut().rev().find(|activity| activity.id == id)) {
        activity.status = status;
        activity.ended_at = Some(now);
        if let Some(message) = message {
            activity.description = format!("{}.  Status Reason: {message}", activity.description);
            activity.message = Some(message);
        }
    }
}

/// A moment as causes tell it: whole seconds.
pub(super) fn moment(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// Why an unhealthy member is taken out of service.
pub(super) fn ailment_cause(ailment: Ailment, now: Timestamp) -> String {
    let check = match ailment {
        Ailment::Ec2 => "an EC2 health check indicating it has been terminated or stopped",
        Ailment::Elb => "an ELB system health check failure",
        Ailment::User => "a user health-check",
    };
    format!("At {} an instance was taken out of service in response to {check}.", moment(now))
}

/// `DescribeScalingActivities`: newest first.
pub(super) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = group_name(input).to_owned();
    let deleted_too = input.flag("IncludeDeletedGroups") == Some(true);
    if !name.is_empty() && !deleted_too {
        find(ctx, &name)?;
    }
    let horizon = ctx.now - SIX_WEEKS;
    let filters = Filters::read(input)?;
    let ids = input.texts("ActivityIds");
    let wanted = |activity: &Activity| {
        (name.is_empty() || activity.group == name)
            && (ids.is_empty() || ids.contains(&activity.id.as_str()))
            && activity.started_at >= horizon
            && filters.pass(activity)
    };
    let state = &ctx.region().autoscaling;
    let named = state.groups.get(&name).filter(|_| !name.is_empty());
    let every = state.groups.values().filter(|_| name.is_empty());
    let present = named.into_iter().chain(every).flat_map(|group| &group.activities).map(|activity| (activity, false));
    let past = state.past_activities.iter().filter(|_| deleted_too).map(|activity| (activity, true));
    let mut found: Vec<(&Activity, bool)> = present.chain(past).filter(|(activity, _)| wanted(activity)).collect();
    // Within one moment the later one in the record is the newer one.
    found.reverse();
    found.sort_by_key(|(activity, _)| std::cmp::Reverse(activity.started_at));
    let items: Vec<_> =
        found.into_iter().map(|(activity, deleted)| (activity.id.as_str(), (activity, deleted))).collect();
    page::show(input, "Activities", 100, items, |(activity, deleted)| activity.describe(deleted))
}

/// The filters of `DescribeScalingActivities`.
#[derive(Default)]
struct Filters {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    status: Vec<String>,
}

impl Filters {
    fn read(input: &Value) -> Result<Self, ApiError> {
        let mut filters = Self::default();
        for filter in input.items("Filters") {
            let values = filter.texts("Values");
            let first = values.first().and_then(|value| value.parse().ok());
            match filter.text("Name") {
                Some("StartTimeLowerBound") => filters.from = first,
                Some("StartTimeUpperBound") => filters.until = first,
                Some("Status") => filters.status = values.into_iter().map(str::to_owned).collect(),
                other => return Err(invalid(format!("Filter name {} is not valid.", other.unwrap_or_default()))),
            }
        }
        Ok(filters)
    }

    fn pass(&self, activity: &Activity) -> bool {
        self.from.is_none_or(|from| activity.started_at >= from)
            && self.until.is_none_or(|until| activity.started_at <= until)
            && (self.status.is_empty() || self.status.iter().any(|status| status == activity.status.name()))
    }
}
