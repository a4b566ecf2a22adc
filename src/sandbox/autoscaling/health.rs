//! Health checks: EC2's own, and those of a load balancer where the group counts them.

use std::time::Duration;

use super::{Ailment, Group, Lifecycle, Member};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2;
use crate::sandbox::shared::Word;

/// Marks members that fail a health check.
pub(super) fn check(ctx: &mut Ctx<'_>, group: &mut Group) {
    if group.suspends("HealthCheck") {
        return;
    }
    let found =
        group.members.iter().filter_map(|member| Some((member.instance_id.clone(), diagnose(ctx, group, member)?)));
    let found: Vec<(Word, Ailment)> = found.collect();
    for (id, ailment) in found {
        if let Some(member) = group.member_mut(&id) {
            member.ailment = Some(ailment);
        }
    }
}

/// What a healthy member fails now.
fn diagnose(ctx: &mut Ctx<'_>, group: &Group, member: &Member) -> Option<Ailment> {
    let Lifecycle::InService { since } = member.lifecycle else { return None };
    if member.ailment.is_some() {
        return None;
    }
    let health = ec2::health(ctx, &member.instance_id);
    if health == ec2::Health::Gone {
        return Some(Ailment::Ec2);
    }
    let grace = Duration::from_secs(group.health_check_grace_period.unsigned_abs());
    match (since + grace <= ctx.now, health) {
        (true, ec2::Health::Impaired) => Some(Ailment::Ec2),
        (true, _) => fails_application(ctx, group, member).then_some(Ailment::Elb),
        (false, _) => None,
    }
}

/// Whether a load balancer that counts finds the application sick, grace period or not.
pub(super) fn fails_application(ctx: &mut Ctx<'_>, group: &Group, member: &Member) -> bool {
    group.checks_application() && ctx.region().machines.get(&member.instance_id).is_some_and(|machine| machine.sick)
}

/// Whether a member at work is going to be found unhealthy.
pub(super) fn will_fail(ctx: &mut Ctx<'_>, group: &Group, member: &Member) -> bool {
    !group.suspends("HealthCheck")
        && member.ailment.is_none()
        && (matches!(ec2::health(ctx, &member.instance_id), ec2::Health::Gone | ec2::Health::Impaired)
            || fails_application(ctx, group, member))
}
