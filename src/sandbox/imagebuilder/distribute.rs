//! Distribution: the same AMI at home, copies elsewhere, and what is told of them to accounts, templates, parameters.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::build::{self, BEAT, Finish, Start};
use super::image::{Ami, Image};
use super::workflow::document::Plan;
use super::{launch, text_map};
use crate::sandbox::cloud::{Ctx, Place};
use crate::sandbox::ec2::{self, ImageCopy};
use crate::sandbox::ssm;
use crate::sandbox::value::{ApiError, Get};

/// A region and account that did not get its AMI, or not all that belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Where.
    pub region: String,
    /// Whose AMI.
    pub account: String,
    /// `UPDATE_LAUNCH_TEMPLATES` or `PUT_SSM_PARAMETERS`; none when the copy failed.
    pub step: Option<String>,
    /// `FAILED` or `TIMED_OUT`.
    pub outcome: String,
    /// Why.
    pub message: String,
}

/// A place that gets an AMI.
pub(super) struct Target {
    place: Place,
    pub(super) name: String,
    pub(super) description: Option<String>,
    tags: BTreeMap<String, String>,
    /// `LaunchPermission` items to add.
    permissions: Vec<Value>,
    /// The `Distribution` that it comes from, or null.
    says: Value,
}

/// Everywhere that the image goes to; without a distribution configuration, only here.
fn targets(ctx: &Ctx<'_>, image: &Image) -> Vec<Target> {
    let Some(configuration) = &image.distribution else { return vec![target(image, &Value::Null, ctx.place.clone())] };
    let places = configuration.body.items("distributions").iter().flat_map(|says| {
        let region = says.text("region").unwrap_or(&ctx.place.region);
        let accounts = says["amiDistributionConfiguration"].texts("targetAccountIds");
        let accounts = if accounts.is_empty() { vec![ctx.place.account.as_str()] } else { accounts };
        accounts.into_iter().map(move |account| (says, Place::new(account, region)))
    });
    places.map(|(says, place)| target(image, says, place)).collect()
}

/// What a distribution says of this place; the defaults, when it does not say anything.
pub(super) fn target_here(ctx: &Ctx<'_>, image: &Image) -> Target {
    let here = targets(ctx, image).into_iter().find(|target| target.place == ctx.place);
    here.unwrap_or_else(|| target(image, &Value::Null, ctx.place.clone()))
}

fn target(image: &Image, says: &Value, place: Place) -> Target {
    let ami = &says["amiDistributionConfiguration"];
    let name = ami.text("name").unwrap_or("{{ imagebuilder:imageName }} {{ imagebuilder:buildDate }}");
    let permission = &ami["launchPermission"];
    let kinds = [
        ("userIds", "UserId"),
        ("userGroups", "Group"),
        ("organizationArns", "OrganizationArn"),
        ("organizationalUnitArns", "OrganizationalUnitArn"),
    ];
    let permissions = kinds
        .iter()
        .flat_map(|(member, kind)| permission.texts(member).into_iter().map(move |who| json!({*kind: who})));
    Target {
        place,
        name: expanded(name, image),
        description: ami.text("description").map(str::to_owned),
        tags: text_map(ami, "amiTags").into_iter().map(|(key, value)| (key, expanded(&value, image))).collect(),
        permissions: permissions.collect(),
        says: says.clone(),
    }
}

/// A text with its dynamic parts filled in.
fn expanded(text: &str, image: &Image) -> String {
    let mut filled = text.to_owned();
    let build = image.arn.rsplit('/').next().unwrap_or_default();
    for (part, value) in
        [("buildDate", image.build_date.as_str()), ("buildVersion", build), ("imageName", image.recipe.name.as_str())]
    {
        for form in [format!("{{{{ imagebuilder:{part} }}}}"), format!("{{{{imagebuilder:{part}}}}}")] {
            filled = filled.replace(&form, value);
        }
    }
    filled
}

/// Begins all copies. An AMI that is there from an earlier try stays.
pub(super) fn start(ctx: &mut Ctx<'_>, image: &mut Image) -> Start {
    let targets = targets(ctx, image);
    let doomed = image.current().and_then(|workflow| workflow.doom.take()).and_then(|message| {
        let abroad = targets.iter().rposition(|target| target.place != ctx.place);
        Some((abroad.or(targets.len().checked_sub(1))?, message))
    });
    for (index, target) in targets.iter().enumerate() {
        let Place { account, region } = &target.place;
        if image.amis.iter().any(|ami| ami.region == *region && ami.account == *account) {
            continue;
        }
        let begun = match &doomed {
            Some((victim, message)) if *victim == index => Err(message.clone()),
            _ => deliver(ctx, image, target).map_err(|error| error.message),
        };
        match begun {
            Ok(id) => image.amis.push(Ami {
                region: region.clone(),
                account: account.clone(),
                id,
                name: target.name.clone(),
                description: target.description.clone(),
                complete: false,
            }),
            Err(message) => {
                image.failures.push(Failure {
                    region: region.clone(),
                    account: account.clone(),
                    step: None,
                    outcome: "FAILED".to_owned(),
                    message,
                });
            }
        }
    }
    Start::Takes(Duration::from_secs(5))
}

/// The AMI of a target: at home the one that was built, with further tags, elsewhere a copy.
fn deliver(ctx: &mut Ctx<'_>, image: &Image, target: &Target) -> Result<String, ApiError> {
    let id = image.output.clone().unwrap_or_default();
    if target.place == ctx.place {
        if !target.tags.is_empty() {
            let tags = crate::sandbox::value::tag_list(&target.tags);
            ec2::call(ctx, "CreateTags", &json!({"Resources": [id], "Tags": tags}))?;
        }
        return Ok(id);
    }
    if target.place.account != ctx.place.account {
        share_with(ctx, &id, vec![json!({"UserId": target.place.account})])?;
    }
    let mut tags = launch::own_tags(image);
    tags.extend(target.tags.clone());
    let copy = ImageCopy {
        source_region: ctx.place.region.clone(),
        source_image_id: id,
        name: target.name.clone(),
        description: target.description.clone().unwrap_or_default(),
        copy_tags: false,
        tags,
        snapshot_tags: launch::own_tags(image),
    };
    ec2::copy_image(&mut ctx.elsewhere(&target.place), &copy)
}

/// Waits until every copy is available or has failed, but no longer than the step may take.
pub(super) fn finish(ctx: &mut Ctx<'_>, image: &mut Image, plan: &Plan) -> Finish {
    let late = build::waited(ctx, image) >= plan.timeout();
    let mut waiting = false;
    for ami in image.amis.iter_mut().filter(|ami| !ami.complete) {
        let place = Place::new(&ami.account, &ami.region);
        let failure = |outcome: &str, message: String| Failure {
            region: ami.region.clone(),
            account: ami.account.clone(),
            step: None,
            outcome: outcome.to_owned(),
            message,
        };
        match ec2::image(&mut ctx.elsewhere(&place), &ami.id).map(|view| view.state).as_deref() {
            Some("available") => ami.complete = true,
            Some("pending") if late => {
                image
                    .failures
                    .push(failure("TIMED_OUT", format!("The AMI {} did not become available in time", ami.id)));
            }
            Some("pending") => waiting = true,
            state => {
                let state = state.unwrap_or("gone");
                image.failures.push(failure("FAILED", format!("The AMI {} did not become available: {state}", ami.id)));
            }
        }
    }
    let failed = |ami: &Ami| image.failures.iter().any(|fail| fail.region == ami.region && fail.account == ami.account);
    image.amis.retain(|ami| ami.complete || !failed(ami));
    if waiting { Finish::Later(BEAT) } else { verdict(image) }
}

/// Success, or all failures together.
fn verdict(image: &Image) -> Finish {
    let Some(first) = image.failures.first() else { return Finish::Done(Value::Null) };
    let message = format!("Distribution to {} failed: {}", first.region, first.message);
    let one = |failure: &Failure| {
        json!({
            "region": failure.region,
            "status": failure.outcome,
            "imageConfigurationStep": failure.step,
            "errorMessage": failure.message,
            "targetAccountId": failure.account,
        })
    };
    let failures: Vec<Value> = image.failures.iter().map(one).collect();
    let context = json!({"distributionFailure": {"errorMessage": message, "regionFailures": failures}});
    Finish::Fail(build::Failure { message, reason: None, context })
}

/// Whether anybody else may launch the AMIs.
pub(super) fn shares(image: &Image) -> bool {
    let distributions = image.distribution.as_ref().map_or(&[][..], |found| found.body.items("distributions"));
    distributions.iter().any(|says| says["amiDistributionConfiguration"].has("launchPermission"))
}

/// Adds the launch permissions.
pub(super) fn share(ctx: &mut Ctx<'_>, image: &mut Image) -> Finish {
    each_target(ctx, image, |ctx, target, id| {
        if target.permissions.is_empty() {
            return Ok(());
        }
        share_with(ctx, id, target.permissions.clone()).map_err(|error| (None, error))
    })
}

fn share_with(ctx: &mut Ctx<'_>, id: &str, permissions: Vec<Value>) -> Result<(), ApiError> {
    let request = json!({"ImageId": id, "LaunchPermission": {"Add": permissions}});
    ec2::call(ctx, "ModifyImageAttribute", &request).map(drop)
}

/// Puts the AMIs into launch templates and parameters.
pub(super) fn integrate(ctx: &mut Ctx<'_>, image: &mut Image) -> Finish {
    each_target(ctx, image, |ctx, target, id| {
        for configured in target.says.items("launchTemplateConfigurations") {
            put_template(ctx, configured, id).map_err(|error| (Some("UPDATE_LAUNCH_TEMPLATES"), error))?;
        }
        for configured in target.says.items("ssmParameterConfigurations") {
            let request = json!({
                "Name": configured["parameterName"],
                "Value": id,
                "Type": "String",
                "DataType": configured.text("dataType").unwrap_or("text"),
                "Overwrite": true,
            });
            ssm::call(ctx, "PutParameter", &request).map_err(|error| (Some("PUT_SSM_PARAMETERS"), error))?;
        }
        Ok(())
    })
}

/// A new version of a launch template with the AMI, the default unless told otherwise.
fn put_template(ctx: &mut Ctx<'_>, configured: &Value, id: &str) -> Result<(), ApiError> {
    let template = &configured["launchTemplateId"];
    let request = json!({
        "LaunchTemplateId": template,
        "SourceVersion": "$Latest",
        "LaunchTemplateData": {"ImageId": id},
    });
    let made = ec2::call(ctx, "CreateLaunchTemplateVersion", &request)?;
    if configured.flag("setDefaultVersion") == Some(false) {
        return Ok(());
    }
    let version = made["LaunchTemplateVersion"].int("VersionNumber").unwrap_or(1).to_string();
    let request = json!({"LaunchTemplateId": template, "DefaultVersion": version});
    ec2::call(ctx, "ModifyLaunchTemplate", &request).map(drop)
}

/// Does something in every place that has its AMI, and gives the verdict over all of them.
fn each_target(
    ctx: &mut Ctx<'_>,
    image: &mut Image,
    act: impl Fn(&mut Ctx<'_>, &Target, &str) -> Result<(), (Option<&'static str>, ApiError)>,
) -> Finish {
    for target in targets(ctx, image) {
        let Place { account, region } = &target.place;
        let found = image.amis.iter().find(|ami| ami.region == *region && ami.account == *account);
        let Some(id) = found.map(|ami| ami.id.clone()) else { continue };
        if let Err((step, error)) = act(&mut ctx.elsewhere(&target.place), &target, &id) {
            image.failures.push(Failure {
                region: region.clone(),
                account: account.clone(),
                step: step.map(str::to_owned),
                outcome: "FAILED".to_owned(),
                message: error.message,
            });
        }
    }
    verdict(image)
}
