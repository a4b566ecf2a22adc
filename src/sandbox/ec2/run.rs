//! `RunInstances`, and the operations that start, stop, reboot and terminate what runs.

use serde_json::{Map, Value, json};

use super::filter::INSTANCE;
use super::instance::{Instance, State};
use super::launch::{self, Order};
use super::{Launch, here, image, instances, lifecycle, template, user_data};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// How many instances one request may launch.
const MOST: i64 = 1000;

/// `RunInstances`.
pub(super) fn run(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let count = count(input)?;
    let launch = read(ctx, input)?;
    user_data::check_launch(&launch.settings)?;
    let client_token = input.text("ClientToken").unwrap_or_default();
    let ids = launch::launch(ctx, &Order { launch: &launch, count, client_token })?;
    answer(ctx, &ids)
}

/// The reservation that was made.
fn answer(ctx: &Ctx<'_>, ids: &[String]) -> Result<Value, ApiError> {
    let instances = &here(ctx)?.instances;
    let told: Vec<&Instance> = ids.iter().filter_map(|id| instances.get(id)).collect();
    Ok(instances::reservations(ctx, &told).into_iter().next().map(Value::from).unwrap_or_default())
}

fn count(input: &Value) -> Result<i64, ApiError> {
    let (least, most) = (input.int("MinCount").unwrap_or(1), input.int("MaxCount").unwrap_or(1));
    if least < 1 || most < least {
        let message = format!(
            "Value ({least}) for parameter minCount is invalid. Minimum must be greater than zero and not greater than \
             the maximum ({most})."
        );
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    if most > MOST {
        let message =
            format!("You have requested more instances ({most}) than your current instance limit of {MOST} allows.");
        return Err(ApiError::new("InstanceLimitExceeded", message));
    }
    Ok(most)
}

/// The launch that a request means: a template's settings, overlaid by its own.
fn read(ctx: &mut Ctx<'_>, input: &Value) -> Result<Launch, ApiError> {
    let mut template = None;
    let mut settings = Map::new();
    if let Some(specification) = input.get("LaunchTemplate").filter(|given| given.is_object()) {
        let resolved = template::resolve(ctx, specification)?;
        settings = resolved.data.as_object().cloned().unwrap_or_default();
        template = Some((resolved.id, resolved.version));
    }
    for (name, value) in input.as_object().into_iter().flatten() {
        match name.as_str() {
            "LaunchTemplate" | "MinCount" | "MaxCount" | "ClientToken" | "DryRun" => {}
            _ if value.is_null() => {}
            // Later tags and devices of the same name take the place of earlier ones.
            "TagSpecifications" | "BlockDeviceMappings" => {
                let mut both = settings.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
                both.extend(value.as_array().cloned().unwrap_or_default());
                settings.insert(name.clone(), Value::from(both));
            }
            _ => {
                settings.insert(name.clone(), value.clone());
            }
        }
    }
    let settings = Value::from(settings);
    let named = settings.text("ImageId").filter(|named| !named.is_empty());
    let named =
        named.ok_or_else(|| ApiError::new("MissingParameter", "The request must contain the parameter ImageId"))?;
    let image_id = image::resolve(ctx, named)?;
    Ok(Launch {
        image_id,
        instance_type: settings.text("InstanceType").unwrap_or("m1.small").to_owned(),
        template,
        settings,
        ..Launch::default()
    })
}

/// `StartInstances`: what runs already is left alone.
pub(super) fn start(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let before = states(ctx, input)?;
    for (id, state) in &before {
        match state {
            State::Pending | State::Running | State::Stopped => {}
            _ => return Err(wrong_state(id, *state, "started")),
        }
    }
    for (id, _) in before.iter().filter(|(_, state)| *state == State::Stopped) {
        let found = ctx.region().ec2.instances.get(id).map(|one| (one.instance_type.clone(), one.zone.clone()));
        if let Some((instance_type, zone)) = found {
            launch::capacity(ctx, &instance_type, &zone)?;
        }
    }
    for (id, _) in before.iter().filter(|(_, state)| *state == State::Stopped) {
        let purpose = format!("start {}", ctx.now);
        lifecycle::run(ctx, id, &purpose);
    }
    Ok(json!({"StartingInstances": changes(ctx, &before)}))
}

/// `StopInstances`: what has stopped already is left alone.
pub(super) fn stop(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let before = states(ctx, input)?;
    for (id, state) in &before {
        if !matches!(state, State::Running | State::Stopping | State::Stopped) {
            return Err(wrong_state(id, *state, "stopped"));
        }
        let protected = ctx.region().ec2.instances.get(id).is_some_and(|instance| instance.stop_protection);
        if protected {
            return Err(protected_from(id, "stopped", "disableApiStop"));
        }
    }
    let windows = |ctx: &mut Ctx<'_>, id: &str| {
        let system = ctx.region().machines.get(id).map(|machine| machine.system.clone()).unwrap_or_default();
        ctx.cloud.catalogue.is_windows(&system)
    };
    for (id, _) in before.iter().filter(|(_, state)| *state == State::Running) {
        let takes = if windows(ctx, id) { (40, 150) } else { (20, 60) };
        lifecycle::stop(ctx, id, takes);
    }
    Ok(json!({"StoppingInstances": changes(ctx, &before)}))
}

/// `RebootInstances`.
pub(super) fn reboot(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let before = states(ctx, input)?;
    if let Some((id, state)) = before.iter().find(|(_, state)| *state != State::Running) {
        return Err(wrong_state(id, *state, "rebooted"));
    }
    for (id, _) in &before {
        lifecycle::reboot(ctx, id);
    }
    Ok(json!({}))
}

/// `TerminateInstances`.
pub(super) fn terminate(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let before = states(ctx, input)?;
    for (id, _) in &before {
        let instance = ctx.region().ec2.instances.get(id);
        if instance.is_some_and(|instance| instance.termination_protection && !instance.state.is_over()) {
            return Err(protected_from(id, "terminated", "disableApiTermination"));
        }
    }
    for (id, _) in &before {
        lifecycle::terminate(ctx, id);
    }
    Ok(json!({"TerminatingInstances": changes(ctx, &before)}))
}

/// The instances that a request names, with their states.
fn states(ctx: &mut Ctx<'_>, input: &Value) -> Result<Vec<(String, State)>, ApiError> {
    let ids = input.texts("InstanceIds");
    let instances = &ctx.region().ec2.instances;
    INSTANCE.check(&ids, |id| instances.contains_key(id))?;
    Ok(ids.into_iter().filter_map(|id| Some((id.to_owned(), instances.get(id)?.state))).collect())
}

fn changes(ctx: &mut Ctx<'_>, before: &[(String, State)]) -> Value {
    let instances = &ctx.region().ec2.instances;
    let change = |(id, state): &(String, State)| {
        let current = instances.get(id).map_or(*state, |instance| instance.state);
        json!({"InstanceId": id, "PreviousState": state.value(), "CurrentState": current.value()})
    };
    before.iter().map(change).collect()
}

fn wrong_state(id: &str, state: State, what: &str) -> ApiError {
    let message =
        format!("The instance '{id}' is not in a state from which it can be {what}. Its state is '{}'.", state.name());
    ApiError::new("IncorrectInstanceState", message)
}

fn protected_from(id: &str, what: &str, attribute: &str) -> ApiError {
    let message =
        format!("The instance '{id}' may not be {what}. Modify its '{attribute}' instance attribute and try again.");
    ApiError::new("OperationNotPermitted", message)
}
