//! The states of an instance, one after the other, and its guest beside it.

use std::time::Duration;

use jiff::Timestamp;

use super::instance::{Instance, State};
use super::{Event, Health, volume};
use crate::sandbox::cloud::{self, Ctx};
use crate::sandbox::shared::Word;
use crate::sandbox::{autoscaling, ssm};

/// How long a terminated instance is told.
const TOLD: Duration = Duration::from_hours(1);

/// Plays a step. Each takes effect only in the state that it leads on from.
pub(super) fn play(ctx: &mut Ctx<'_>, event: &Event) {
    match event {
        Event::Running(id) => turn(ctx, id, State::Pending, State::Running),
        Event::Stopped(id) => {
            turn(ctx, id, State::Stopping, State::Stopped);
            autoscaling::notice(ctx, id);
        }
        Event::Terminated(id) => end(ctx, id),
        Event::Forgotten(id) => {
            ctx.region().ec2.instances.remove(id);
        }
        Event::ImageAvailable(_)
        | Event::RootVolumeMade(_)
        | Event::RootVolumeReplaced(_)
        | Event::VolumeSettled(_) => {}
    }
}

fn turn(ctx: &mut Ctx<'_>, id: &str, from: State, to: State) {
    let now = ctx.now;
    ctx.region().ec2.instances.change(id, |instance| {
        if instance.state == from {
            instance.enter(to, now);
        }
    });
}

/// The guest, the volumes that go along and the place in a group are no more; the instance is told for an hour.
fn end(ctx: &mut Ctx<'_>, id: &str) {
    turn(ctx, id, State::ShuttingDown, State::Terminated);
    let ec2 = &mut ctx.region().ec2;
    let volumes = ec2.instances.change(id, |instance| std::mem::take(&mut instance.volumes)).unwrap_or_default();
    for volume_id in volumes {
        let Some(volume) = ctx.region().ec2.volumes.get_mut(&volume_id) else { continue };
        if volume.delete_on_termination {
            volume::delete(ctx, &volume_id);
        } else {
            volume.instance = None;
        }
    }
    ctx.region().machines.remove(id);
    autoscaling::notice(ctx, id);
    schedule(ctx, TOLD, Event::Forgotten(id.to_owned()));
}

/// Begins to run, from `stopped` or as a new instance: `running` within a minute, status checks after that, the guest
/// answering when it has booted.
pub(super) fn run(ctx: &mut Ctx<'_>, id: &str, purpose: &str) {
    let within = |from, to| (Duration::from_secs(from), Duration::from_secs(to));
    let draw = |ctx: &Ctx<'_>, (from, to), what: &str| ctx.draw_between(from, to, id, &format!("{purpose} {what}"));
    let starts = draw(ctx, within(15, 45), "start");
    let checks = draw(ctx, within(60, 150), "checks");
    let now = ctx.now;
    let begun = ctx.region().ec2.instances.change(id, |instance| {
        instance.enter(State::Pending, now);
        instance.launched_at = now;
        instance.checks_pass_at = now + starts + checks;
        instance.reason = Word::default();
        instance.system.clone()
    });
    let Some(system) = begun else { return };
    let boot = ctx.cloud.catalogue.systems.get(system.as_str()).map_or(within(20, 60), |system| system.boot);
    let boot = draw(ctx, boot, "boot");
    if let Some(machine) = ctx.region().machines.get_mut(id) {
        machine.boot(now + starts + boot);
    }
    schedule(ctx, starts, Event::Running(id.to_owned()));
    ssm::notice(ctx, id);
}

/// Begins to stop.
pub(super) fn stop(ctx: &mut Ctx<'_>, id: &str, takes: (u64, u64)) {
    let (now, reason) = (ctx.now, initiated(ctx.now));
    ctx.region().ec2.instances.change(id, |instance| {
        instance.enter(State::Stopping, now);
        instance.reason = reason.into();
    });
    if let Some(machine) = ctx.region().machines.get_mut(id) {
        machine.running = false;
    }
    let takes =
        ctx.draw_between(Duration::from_secs(takes.0), Duration::from_secs(takes.1), id, &format!("stop {now}"));
    schedule(ctx, takes, Event::Stopped(id.to_owned()));
    autoscaling::notice(ctx, id);
}

/// Boots the guest of a running instance again.
pub(super) fn reboot(ctx: &mut Ctx<'_>, id: &str) {
    let system = ctx.region().machines.get(id).map(|machine| machine.system.clone()).unwrap_or_default();
    let usual = (Duration::from_secs(20), Duration::from_secs(60));
    let (from, to) = ctx.cloud.catalogue.systems.get(system.as_str()).map_or(usual, |system| system.boot);
    let back = ctx.now + ctx.draw_between(from, to, id, &format!("reboot {}", ctx.now));
    if let Some(machine) = ctx.region().machines.get_mut(id) {
        machine.boot(back);
    }
}

/// Begins to end, unless it has already.
pub(super) fn terminate(ctx: &mut Ctx<'_>, id: &str) {
    let (now, reason) = (ctx.now, initiated(ctx.now));
    let instances = &mut ctx.region().ec2.instances;
    if instances.get(id).is_none_or(|instance| instance.state.is_over()) {
        return;
    }
    instances.change(id, |instance| {
        instance.enter(State::ShuttingDown, now);
        instance.reason = reason.into();
    });
    if let Some(machine) = ctx.region().machines.get_mut(id) {
        machine.running = false;
    }
    let takes = ctx.draw_between(Duration::from_secs(20), Duration::from_secs(60), id, "terminate");
    schedule(ctx, takes, Event::Terminated(id.to_owned()));
    autoscaling::notice(ctx, id);
}

/// How it does, for health checks.
pub(super) fn health(instance: Option<&Instance>, now: Timestamp) -> Health {
    match instance {
        Some(instance) if instance.passes_checks(now) => Health::Ok,
        Some(instance) if instance.state == State::Running => Health::Initializing,
        Some(instance) if instance.state == State::Pending => Health::Pending,
        _ => Health::Gone,
    }
}

/// The reason of an end that a user has asked for.
pub(super) fn initiated(at: Timestamp) -> String {
    format!("User initiated ({})", at.strftime("%Y-%m-%d %H:%M:%S GMT"))
}

fn schedule(ctx: &mut Ctx<'_>, after: Duration, event: Event) {
    ctx.schedule(after, cloud::Event::Ec2(event));
}
