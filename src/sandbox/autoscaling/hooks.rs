//! Lifecycle hooks: a member waits until everybody who asked has answered, or until the heartbeat stops.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Group, Lifecycle, Warmed, change, find, group_name, invalid};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// A lifecycle hook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hook {
    /// When it takes effect.
    pub transition: Transition,
    /// Seconds until the default result counts, from the last heartbeat.
    pub heartbeat_timeout: i64,
    /// What counts when nobody answers.
    pub default_result: HookResult,
    /// Where notifications go, if anywhere.
    pub notification_target_arn: Option<String>,
    /// The role they are sent with.
    pub role_arn: Option<String>,
    /// What they carry.
    pub notification_metadata: Option<String>,
}

/// When a hook takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transition {
    /// Before a new instance comes into service.
    Launching,
    /// Before an instance is terminated.
    Terminating,
}

/// How a lifecycle action ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HookResult {
    /// Go on.
    Continue,
    /// A launch is given up; a termination goes on at once, whatever other hooks say.
    Abandon,
}

/// A hook that a member waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HookWait {
    /// The hook's name.
    pub hook: String,
    /// The `LifecycleActionToken`.
    pub token: String,
    /// When the heartbeat times out.
    pub until: Timestamp,
    /// When no heartbeat helps any more.
    pub at_most: Timestamp,
    /// The answer, if it came.
    pub result: Option<HookResult>,
}

impl Transition {
    fn name(self) -> &'static str {
        match self {
            Self::Launching => "autoscaling:EC2_INSTANCE_LAUNCHING",
            Self::Terminating => "autoscaling:EC2_INSTANCE_TERMINATING",
        }
    }

    fn read(text: &str) -> Result<Self, ApiError> {
        [Self::Launching, Self::Terminating].into_iter().find(|transition| transition.name() == text).ok_or_else(|| {
            invalid(format!(
                "Invalid transition type {text}. Valid transition types are: [autoscaling:EC2_INSTANCE_LAUNCHING, autoscaling:EC2_INSTANCE_TERMINATING]."
            ))
        })
    }
}

impl HookResult {
    fn name(self) -> &'static str {
        match self {
            Self::Continue => "CONTINUE",
            Self::Abandon => "ABANDON",
        }
    }

    fn read(text: &str) -> Result<Self, ApiError> {
        [Self::Continue, Self::Abandon].into_iter().find(|result| result.name() == text).ok_or_else(|| {
            invalid(format!("The result {text} is not valid. The valid values are CONTINUE and ABANDON."))
        })
    }
}

impl Hook {
    /// A hook with AWS's defaults.
    #[must_use]
    pub fn new(transition: Transition) -> Self {
        Self {
            transition,
            heartbeat_timeout: 3600,
            default_result: HookResult::Abandon,
            notification_target_arn: None,
            role_arn: None,
            notification_metadata: None,
        }
    }

    /// Reads a hook from a request, over the one that it replaces.
    pub(super) fn read(input: &Value, before: Option<&Self>) -> Result<Self, ApiError> {
        let mut hook = match (input.text("LifecycleTransition"), before) {
            (Some(text), Some(before)) => Self { transition: Transition::read(text)?, ..before.clone() },
            (Some(text), None) => Self::new(Transition::read(text)?),
            (None, Some(before)) => before.clone(),
            (None, None) => {
                return Err(invalid("The LifecycleTransition parameter is required for new lifecycle hooks."));
            }
        };
        if let Some(seconds) = input.int("HeartbeatTimeout") {
            if !(30..=7200).contains(&seconds) {
                return Err(invalid("Heartbeat Timeout has to be between 30 and 7200 seconds."));
            }
            hook.heartbeat_timeout = seconds;
        }
        if let Some(text) = input.text("DefaultResult") {
            hook.default_result = HookResult::read(text)?;
        }
        let replace = |name: &str, old: Option<String>| match input.text(name) {
            Some("") => None,
            Some(text) => Some(text.to_owned()),
            None => old,
        };
        hook.notification_target_arn = replace("NotificationTargetARN", hook.notification_target_arn);
        hook.role_arn = replace("RoleARN", hook.role_arn);
        hook.notification_metadata = replace("NotificationMetadata", hook.notification_metadata);
        Ok(hook)
    }

    /// The longest wait: 48 hours, or a hundred heartbeats.
    fn global_timeout(&self) -> i64 {
        (self.heartbeat_timeout * 100).min(172_800)
    }
}

/// What a wait for hooks has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Somebody has not answered yet.
    Waiting,
    /// All hooks let it go on.
    Proceed,
    /// A hook gave up.
    Abandoned,
}

/// The waits that a transition begins with, one for each of the group's hooks.
pub(super) fn waits(ctx: &mut Ctx<'_>, group: &Group, transition: Transition) -> Vec<HookWait> {
    let hooks: Vec<(&String, &Hook)> = group.hooks.iter().filter(|(_, hook)| hook.transition == transition).collect();
    let mut waits = Vec::new();
    for (name, hook) in hooks {
        waits.push(HookWait {
            hook: name.clone(),
            token: ctx.uuid("lifecycle action"),
            until: ctx.now + seconds(hook.heartbeat_timeout),
            at_most: ctx.now + seconds(hook.global_timeout()),
            result: None,
        });
    }
    waits
}

/// What a wait has come to by now.
pub(super) fn verdict(group: &Group, waits: &[HookWait], now: Timestamp) -> Verdict {
    let results = waits.iter().map(|wait| {
        let default = || group.hooks.get(&wait.hook).map_or(HookResult::Continue, |hook| hook.default_result);
        let over = now >= wait.until || !group.hooks.contains_key(&wait.hook);
        wait.result.or_else(|| over.then(default))
    });
    let results: Vec<Option<HookResult>> = results.collect();
    if results.contains(&Some(HookResult::Abandon)) {
        Verdict::Abandoned
    } else if results.contains(&None) {
        Verdict::Waiting
    } else {
        Verdict::Proceed
    }
}

/// `PutLifecycleHook`.
pub(super) fn put(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = hook_name(input);
    change(ctx, group_name(input), |_, group| {
        let hook = Hook::read(input, group.hooks.get(&name))?;
        if group.hooks.len() >= 50 && !group.hooks.contains_key(&name) {
            return Err(ApiError::new("LimitExceeded", "You already have the maximum number of lifecycle hooks: 50"));
        }
        group.hooks.insert(name, hook);
        Ok(json!({}))
    })
}

/// `DescribeLifecycleHooks`.
pub(super) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let group = find(ctx, group_name(input))?;
    let names = input.texts("LifecycleHookNames");
    let wanted = group.hooks.iter().filter(|(name, _)| names.is_empty() || names.contains(&name.as_str()));
    let hooks: Vec<Value> = wanted
        .map(|(name, hook)| {
            json!({
                "LifecycleHookName": name,
                "AutoScalingGroupName": group.name,
                "LifecycleTransition": hook.transition.name(),
                "NotificationTargetARN": hook.notification_target_arn,
                "RoleARN": hook.role_arn,
                "NotificationMetadata": hook.notification_metadata,
                "HeartbeatTimeout": hook.heartbeat_timeout,
                "GlobalTimeout": hook.global_timeout(),
                "DefaultResult": hook.default_result.name(),
            })
        })
        .collect();
    Ok(json!({"LifecycleHooks": hooks}))
}

/// `DeleteLifecycleHook`: what waits for it goes on by its default result being "continue".
pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = hook_name(input);
    change(ctx, group_name(input), |_, group| match group.hooks.remove(&name) {
        Some(_) => Ok(json!({})),
        None => Err(invalid(format!("No Lifecycle Hook found with name: {name} for AutoScalingGroup: {}", group.name))),
    })
}

/// `CompleteLifecycleAction`.
pub(super) fn complete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let result = HookResult::read(input.text("LifecycleActionResult").unwrap_or_default())?;
    change(ctx, group_name(input), |_, group| {
        active_wait(group, input)?.result = Some(result);
        Ok(json!({}))
    })
}

/// `RecordLifecycleActionHeartbeat`.
pub(super) fn heartbeat(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let name = hook_name(input);
    change(ctx, group_name(input), |ctx, group| {
        let timeout = group.hooks.get(&name).map_or(0, |hook| hook.heartbeat_timeout);
        let wait = active_wait(group, input)?;
        wait.until = (ctx.now + seconds(timeout)).min(wait.at_most);
        Ok(json!({}))
    })
}

/// The wait that a request means, by token or by instance.
fn active_wait<'a>(group: &'a mut Group, input: &Value) -> Result<&'a mut HookWait, ApiError> {
    let (name, token, instance) = (hook_name(input), input.text("LifecycleActionToken"), input.text("InstanceId"));
    let members = group.members.iter_mut().chain(group.pool.iter_mut());
    let waits =
        members.filter(|member| instance.is_none_or(|id| member.instance_id == id)).flat_map(
            |member| match &mut member.lifecycle {
                Lifecycle::PendingWait { hooks }
                | Lifecycle::TerminatingWait { hooks }
                | Lifecycle::Warmed(
                    Warmed::PendingWait { hooks } | Warmed::ReturningWait { hooks } | Warmed::TerminatingWait { hooks },
                ) => hooks.iter_mut(),
                Lifecycle::Replacing(replacement) => replacement.hooks().iter_mut(),
                _ => [].iter_mut(),
            },
        );
    let mut open = waits.filter(|wait| wait.hook == name && wait.result.is_none());
    let found = open.find(|wait| token.is_none_or(|token| wait.token == token));
    found.filter(|_| token.is_some() || instance.is_some()).ok_or_else(|| {
        let what = token.map(|token| format!("token {token}")).or(instance.map(|id| format!("instance ID {id}")));
        invalid(format!("No active Lifecycle Action found with {}", what.unwrap_or_default()))
    })
}

fn hook_name(input: &Value) -> String {
    input.text("LifecycleHookName").unwrap_or_default().to_owned()
}

fn seconds(count: i64) -> Duration {
    Duration::from_secs(count.unsigned_abs())
}
