//! Root volumes that are replaced in place: what an instance refresh with the strategy `ReplaceRootVolume` does to one
//! instance.
//!
//! A chosen member waits for the termination hooks, gets its volume from EC2, and comes back into service as one that
//! was launched: by way of pending and the launch hooks (user guide, "Lifecycle state transitions for instances
//! undergoing root volume replacement"). One whose volume cannot be replaced is terminated, and another is launched in
//! its place. That a hook's result changes nothing, and what activities are called, is inferred.

use serde::{Deserialize, Serialize};

use super::activities::{self, ActivityStatus, moment};
use super::capacity::{self, Why};
use super::configuration::Blueprint;
use super::hooks::{self, HookWait, Transition, Verdict};
use super::{Group, Lifecycle, Member, Source};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2;
use crate::sandbox::shared::Word;

/// A root volume that is being replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replacement {
    /// The image that the new volume is made from.
    pub image_id: Word,
    /// What the instance counts as launched from then.
    pub source: Source,
    /// How far it is.
    pub step: Step,
}

/// How far the replacement of a root volume is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// The instance is chosen, and out of service.
    Chosen,
    /// Waiting for termination hooks.
    Waiting {
        /// The hooks that have not answered.
        hooks: Vec<HookWait>,
    },
    /// EC2 replaces the volume.
    Proceeding {
        /// The id of its task.
        task: String,
    },
    /// Replaced.
    Replaced,
}

impl Step {
    /// As AWS names the state of an instance at this step.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Chosen => "ReplacingRootVolume",
            Self::Waiting { .. } => "ReplacingRootVolume:Wait",
            Self::Proceeding { .. } => "ReplacingRootVolume:Proceed",
            Self::Replaced => "RootVolumeReplaced",
        }
    }
}

impl Replacement {
    /// The hooks that it waits for.
    pub(super) fn hooks(&mut self) -> &mut [HookWait] {
        if let Step::Waiting { hooks } = &mut self.step { hooks } else { &mut [] }
    }
}

/// Takes a member out of service to replace its root volume.
pub(super) fn begin(ctx: &mut Ctx<'_>, group: &mut Group, instance_id: &str, blueprint: &Blueprint) {
    let Some(member) = group.member(instance_id).cloned() else { return };
    let cause = format!(
        "At {} instance {instance_id} was selected for root volume replacement in response to an instance refresh.",
        moment(ctx.now)
    );
    let status = ActivityStatus::WaitingForInPlaceUpdateToStart;
    activities::begin_for(ctx, group, &member, "Replacing root volume of EC2 instance", cause, status);
    let replacement = Replacement {
        image_id: blueprint.launch.image_id.as_str().into(),
        source: blueprint.source.clone(),
        step: Step::Chosen,
    };
    if let Some(member) = group.member_mut(instance_id) {
        member.lifecycle = Lifecycle::Replacing(Box::new(replacement));
    }
}

/// Moves a member on.
pub(super) fn advance(ctx: &mut Ctx<'_>, group: &mut Group, member: &Member, replacement: &Replacement) {
    match &replacement.step {
        Step::Chosen => {
            let hooks = hooks::waits(ctx, group, Transition::Terminating);
            if hooks.is_empty() {
                return proceed(ctx, group, member, replacement);
            }
            put(group, member, Step::Waiting { hooks }, ActivityStatus::MidLifecycleAction);
        }
        Step::Waiting { hooks } => {
            let gone = ec2::health(ctx, &member.instance_id) == ec2::Health::Gone;
            if gone || hooks::verdict(group, hooks, ctx.now) != Verdict::Waiting {
                proceed(ctx, group, member, replacement);
            }
        }
        Step::Proceeding { task } => match ec2::root_volume_replaced(ctx, task) {
            None => {}
            Some(true) => finish(group, member, replacement),
            Some(false) => fail(ctx, group, member, &format!("The task {task} failed.")),
        },
        Step::Replaced => {
            if let Some(member) = group.member_mut(&member.instance_id) {
                member.lifecycle = Lifecycle::Pending;
            }
        }
    }
}

/// Lets EC2 replace the volume.
fn proceed(ctx: &mut Ctx<'_>, group: &mut Group, member: &Member, replacement: &Replacement) {
    match ec2::replace_root_volume(ctx, &member.instance_id, &replacement.image_id) {
        Ok(task) => put(group, member, Step::Proceeding { task }, ActivityStatus::InPlaceUpdateInProgress),
        Err(error) => fail(ctx, group, member, &format!("{} - {}", error.code, error.message)),
    }
}

fn finish(group: &mut Group, member: &Member, replacement: &Replacement) {
    put(group, member, Step::Replaced, ActivityStatus::WaitingForInPlaceUpdateToFinalize);
    if let Some(member) = group.member_mut(&member.instance_id) {
        member.image_id = replacement.image_id.clone();
        member.overridden = true;
        member.source = Some(replacement.source.clone());
    }
}

/// The instance goes; what is missing then is launched.
fn fail(ctx: &mut Ctx<'_>, group: &mut Group, member: &Member, why: &str) {
    let message = Some(format!("Replacing the root volume failed. {why}"));
    activities::end(group, member.activity.as_deref(), ActivityStatus::Failed, message, ctx.now);
    if let Some(member) = group.member_mut(&member.instance_id) {
        member.activity = None;
    }
    capacity::terminate(ctx, group, &member.instance_id, Why::Unreplaced);
}

fn put(group: &mut Group, member: &Member, to: Step, status: ActivityStatus) {
    activities::progress(group, member.activity.as_deref(), status);
    if let Some(Lifecycle::Replacing(replacement)) =
        group.member_mut(&member.instance_id).map(|member| &mut member.lifecycle)
    {
        replacement.step = to;
    }
}
