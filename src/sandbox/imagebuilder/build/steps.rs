//! What the steps of a build do.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Failure, Finish, Start, end_instance};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ec2;
use crate::sandbox::imagebuilder::arn::Reference;
use crate::sandbox::imagebuilder::image::{self, Image, Status};
use crate::sandbox::imagebuilder::workflow::Kind;
use crate::sandbox::imagebuilder::workflow::document::{Action, Plan};
use crate::sandbox::imagebuilder::{distribute, launch, managed, scan};
use crate::sandbox::machine::Installed;
use crate::sandbox::ssm;
use crate::sandbox::value::Get;

/// Begins a step.
pub(super) fn start(ctx: &mut Ctx<'_>, image: &mut Image, plan: &Plan) -> Start {
    let builds = image.stage() == Kind::Build;
    let idle = match plan.action {
        Action::ExecuteComponents => {
            !image.components.iter().any(|component| if builds { component.builds } else { component.tests })
        }
        Action::TerminateInstance => image.infrastructure.body.flag("terminateInstanceOnCompletion") == Some(false),
        Action::ModifyImageAttributes => !distribute::shares(image),
        _ => false,
    };
    if idle {
        if plan.action == Action::TerminateInstance
            && let Some(workflow) = image.current()
        {
            // It is somebody else's from now on.
            workflow.instance = None;
        }
        return Start::Skip;
    }
    let doom = ctx.cloud.faults.build_failure(&image.recipe.name, &plan.name);
    if let Some(workflow) = image.current() {
        workflow.doom = doom;
    }
    let between = |from, to| {
        let purpose = image.purpose(&plan.name);
        Start::Takes(ctx.draw_between(Duration::from_secs(from), Duration::from_secs(to), &image.arn, &purpose))
    };
    match plan.action {
        Action::LaunchInstance => launch::start(ctx, image, plan),
        Action::ExecuteComponents => Start::Takes(components_time(ctx, image, builds)),
        Action::CollectImageMetadata => between(80, 100),
        Action::SanitizeInstance => between(9, 12),
        Action::RunSysPrep => between(120, 240),
        Action::RunCommand => between(10, 30),
        Action::CreateImage => launch::start_image(ctx, image),
        Action::TerminateInstance => {
            if let Some(workflow) = image.current() {
                end_instance(ctx, workflow);
            }
            Start::Takes(Duration::from_secs(4))
        }
        Action::CollectImageScanFindings => Start::Takes(scan::start(image)),
        Action::WaitForAction => Start::Takes(Duration::from_secs(plan.timeout().max(0) as u64)),
        Action::DistributeImage => distribute::start(ctx, image),
        Action::ModifyImageAttributes => Start::Takes(Duration::from_secs(5)),
        Action::ApplyImageConfigurations => {
            image.status = Status::Integrating;
            Start::Takes(Duration::from_secs(6))
        }
    }
}

/// Looks at the step under way.
pub(super) fn finish(ctx: &mut Ctx<'_>, image: &mut Image, plan: &Plan) -> Finish {
    let doom = image.current().and_then(|workflow| workflow.doom.take());
    match plan.action {
        // These end in their own way when they are doomed.
        Action::DistributeImage => distribute::finish(ctx, image, plan),
        Action::ExecuteComponents => finish_components(ctx, image, doom),
        Action::CollectImageScanFindings => scan::finish(ctx, image, plan, doom),
        _ => match doom {
            Some(message) => Finish::Fail(Failure {
                reason: Some(format!("{message} in workflow step {}", plan.name)),
                ..Failure::new(message)
            }),
            None => finish_undisturbed(ctx, image, plan),
        },
    }
}

fn finish_undisturbed(ctx: &mut Ctx<'_>, image: &mut Image, plan: &Plan) -> Finish {
    match plan.action {
        Action::LaunchInstance => launch::finish(ctx, image, plan),
        Action::CreateImage => launch::finish_image(ctx, image),
        Action::CollectImageMetadata => collect(ctx, image),
        Action::SanitizeInstance | Action::RunSysPrep | Action::RunCommand => Finish::Done(ran(ctx)),
        Action::WaitForAction => answered(image),
        Action::ModifyImageAttributes => distribute::share(ctx, image),
        Action::ApplyImageConfigurations => distribute::integrate(ctx, image),
        _ => Finish::Done(Value::Null),
    }
}

/// What became of a step that waited.
fn answered(image: &mut Image) -> Finish {
    let Some(step) = image.current().and_then(super::Workflow::running) else { return Finish::Done(Value::Null) };
    match &step.answer {
        Some(answer) if answer.action == "RESUME" => {
            Finish::Done(json!({"action": answer.action, "reason": answer.reason}))
        }
        Some(answer) => Finish::Fail(Failure::new(match &answer.reason {
            Some(reason) => format!("The workflow step was stopped: {reason}"),
            None => "The workflow step was stopped.".to_owned(),
        })),
        None => Finish::Fail(Failure::new("The workflow step timed out while it waited for an action.")),
    }
}

/// The outputs of a step that ran a command.
fn ran(ctx: &mut Ctx<'_>) -> Value {
    json!({"runCommandId": ctx.uuid("image builder command"), "status": "Success", "output": ""})
}

/// How long the components take: an update by the number of patches, anything else half a minute or more.
fn components_time(ctx: &mut Ctx<'_>, image: &Image, build: bool) -> Duration {
    let missing = missing_patches(ctx, image).len() as u64;
    let components = image.components.iter().filter(|component| if build { component.builds } else { component.tests });
    let time = |component: &image::Frozen| {
        if component.updates && build {
            Duration::from_secs((120 + 6 * missing).min(300))
        } else {
            ctx.draw_between(Duration::from_secs(30), Duration::from_secs(90), &image.arn, &component.arn)
        }
    };
    components.map(time).sum()
}

fn finish_components(ctx: &mut Ctx<'_>, image: &mut Image, doom: Option<String>) -> Finish {
    let build = image.stage() == Kind::Build;
    let concerned = |component: &&image::Frozen| if build { component.builds } else { component.tests };
    if let Some(message) = doom {
        let Some(guilty) = image.components.iter().rfind(concerned) else {
            return Finish::Fail(Failure::new(message));
        };
        let [phase, step, action] = &guilty.blame;
        let context = json!({"componentFailure": {
            "componentArn": guilty.arn, "phaseName": phase, "stepName": step, "action": action, "errorMessage": message,
        }});
        return Finish::Fail(Failure { message, reason: Some(format!("Document {} failed!", guilty.arn)), context });
    }
    if build && image.components.iter().any(|component| component.updates) {
        let patches = missing_patches(ctx, image);
        let patch = Installed { at: ctx.now, by_patch_manager: false, pending_reboot: false };
        let machine = image.instance().and_then(|id| ctx.region().machines.get_mut(id));
        if let Some(machine) = machine {
            let patched = patches.into_iter().map(|id| (id, patch.clone()));
            machine.software.change(|software| software.installed.extend(patched));
        }
    }
    Finish::Done(ran(ctx))
}

/// The patches that an update of the build instance would install now.
fn missing_patches(ctx: &mut Ctx<'_>, image: &Image) -> Vec<String> {
    let now = ctx.now;
    let machine = image.instance().and_then(|id| ctx.region().machines.get(id)).cloned();
    let Some(machine) = machine else { return Vec::new() };
    let released = ctx.cloud.catalogue.released(&machine.system, now);
    let missing = released.filter(|(id, patch)| {
        !machine.software.installed.contains_key(*id) && !patch.broken && !ctx.cloud.faults.breaks_patch(id)
    });
    missing.map(|(id, _)| id.clone()).collect()
}

/// Notes the operating system and the packages of the build instance.
fn collect(ctx: &mut Ctx<'_>, image: &mut Image) -> Finish {
    let machine = image.instance().and_then(|id| ctx.region().machines.get(id)).cloned();
    let Some(machine) = machine else { return Finish::Fail(Failure::new("The build instance is gone")) };
    let catalogue = &ctx.cloud.catalogue;
    image.packages = catalogue.packages(&machine.system, &machine.software);
    image.os_version = catalogue
        .systems
        .get(machine.system.as_str())
        .map(|system| format!("{} {}", system.platform_name, system.platform_version));
    Finish::Done(json!({"osVersion": image.os_version, "associationId": ctx.uuid("association")}))
}

/// The AMI that a `parentImage` or a `sourceImage` stands for now.
///
/// # Errors
/// Why it stands for none, for people.
pub(in crate::sandbox::imagebuilder) fn resolve_parent(
    ctx: &mut Ctx<'_>,
    parent: &str,
) -> Result<(String, ec2::ImageView), String> {
    let id = parent_id(ctx, parent)?;
    let view = ec2::image(ctx, &id).ok_or_else(|| format!("The AMI '{id}' does not exist."))?;
    if view.state != "available" {
        return Err(format!("The AMI '{id}' is not available: its state is {}.", view.state));
    }
    Ok((id, view))
}

fn parent_id(ctx: &mut Ctx<'_>, parent: &str) -> Result<String, String> {
    let parameter = |ctx: &mut Ctx<'_>, name: &str| {
        ssm::parameter(ctx, name).ok_or_else(|| format!("The parameter '{name}' does not exist."))
    };
    if parent.starts_with("ami-") {
        return Ok(parent.to_owned());
    }
    if let Some(name) = parent.strip_prefix("ssm:") {
        // A name, or the ARN of a parameter.
        let name = name.split_once(":parameter").map_or(name, |(_, name)| name);
        return parameter(ctx, name);
    }
    let unknown = || format!("The image '{parent}' does not exist.");
    let reference = Reference::parse(parent).filter(|found| found.kind == "image" && found.is_in(&ctx.place));
    let reference = reference.ok_or_else(unknown)?;
    if reference.is_managed() {
        let name = managed::image_parameter(&reference.name).ok_or_else(unknown)?;
        return parameter(ctx, name);
    }
    let place = ctx.place.clone();
    let here = |ami: &&image::Ami| ami.region == place.region && ami.account == place.account;
    let image = image::latest(ctx, parent).ok_or_else(unknown)?;
    image.amis.iter().find(here).map(|ami| ami.id.clone()).ok_or_else(unknown)
}
