//! Images: one build of a recipe each, from `PENDING` to `AVAILABLE`, `FAILED` or `CANCELLED`.

pub(super) mod operation;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::arn::{self, Reference};
use super::pipeline::refuse_containers;
use super::scan::{self, Scan};
use super::workflow::{Kind, planned};
use super::{
    Event, Planned, Resource, Version, Workflow, component, date, distribute, invalid, pick, quota, recipe,
    state_update, text_map, token,
};
use crate::sandbox::cloud::{self, Ctx};
use crate::sandbox::value::{ApiError, Get, maybe_time};

/// `ImageStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Asked for.
    Pending,
    /// Taken up.
    Creating,
    /// In the build workflow.
    Building,
    /// In the test workflow.
    Testing,
    /// Being copied and shared.
    Distributing,
    /// Being put into launch templates and parameters.
    Integrating,
    /// There in every region.
    Available,
    /// Cancelled by request.
    Cancelled,
    /// Failed.
    Failed,
    /// Not to be used any more.
    Deprecated,
    /// Not to be used at all.
    Disabled,
    /// Its AMIs are gone, its record is kept.
    Deleted,
}

impl Status {
    /// Whether nothing more happens by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        use Status::{Available, Cancelled, Deleted, Deprecated, Disabled, Failed};
        matches!(self, Available | Cancelled | Failed | Deprecated | Disabled | Deleted)
    }
}

/// A build version of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// `…:image/NAME/VERSION/BUILD`.
    pub arn: String,
    /// When it was asked for.
    pub created: Timestamp,
    /// How far it is.
    pub status: Status,
    /// Why it failed.
    pub reason: Option<String>,
    /// `failureContext`, or null.
    pub failure: Value,
    /// The recipe as it was; without an ARN where an AMI that exists already is distributed.
    pub recipe: Resource,
    /// The infrastructure configuration as it was; without an ARN as well.
    pub infrastructure: Resource,
    /// The distribution configuration as it was.
    pub distribution: Option<Resource>,
    /// The ARN of the pipeline that started it.
    pub pipeline: Option<String>,
    /// Whether the pipeline started it on its schedule.
    #[serde(default)]
    pub scheduled: bool,
    /// Members of the request that are given back as they came.
    pub request: Value,
    /// Its tags (not those of its AMIs).
    pub tags: BTreeMap<String, String>,
    /// The components, as their versions were when the build began.
    pub components: Vec<Frozen>,
    /// The AMI that the parent was when the build began.
    pub parent: Option<String>,
    /// The AMI that the build made.
    pub output: Option<String>,
    /// The date that the names of its AMIs hold.
    pub build_date: String,
    /// The operating system, once collected.
    pub os_version: Option<String>,
    /// The packages, once collected.
    pub packages: BTreeMap<String, String>,
    /// The workflows that it runs, in order.
    pub plan: Vec<Planned>,
    /// What was run of them, the latest last.
    pub workflows: Vec<Workflow>,
    /// The scan for vulnerabilities, if one was asked for.
    pub scan: Option<Scan>,
    /// Which of [`Image::workflows`] is worked on, or was last.
    pub focus: usize,
    /// The AMIs in all regions and accounts.
    pub amis: Vec<Ami>,
    /// Where distribution failed, and why.
    pub failures: Vec<distribute::Failure>,
    /// Whether a cancellation is on its way.
    pub cancelling: bool,
    /// The latest change of state that takes its time.
    pub lifecycle: Option<state_update::Execution>,
    /// When it counts, or will count, as deprecated.
    pub deprecation: Option<Timestamp>,
    /// Counts every beginning and end, so that late events are known.
    pub run: u32,
}

/// A component whose version no longer moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    /// The build version.
    pub arn: String,
    /// Whether it has something to do on the build instance.
    pub builds: bool,
    /// Whether it has something to do on the test instance.
    pub tests: bool,
    /// Whether it brings the system up to date.
    pub updates: bool,
    /// Phase, step and action that a failure is blamed on.
    pub blame: [String; 3],
}

/// An AMI of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ami {
    /// Where it is.
    pub region: String,
    /// Whose it is.
    pub account: String,
    /// `ami-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Whether its copy is complete.
    pub complete: bool,
}

impl Image {
    /// Name and version of the recipe are those of the image.
    fn version(&self) -> Version {
        self.recipe.version.unwrap_or(Version::of(0, 0, 0))
    }

    fn build(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    /// Whether a flag of the request is set; absent counts as set.
    pub(super) fn wants(&self, flag: &str) -> bool {
        self.request.flag(flag) != Some(false)
    }

    /// Whether it is tested.
    pub(super) fn is_tested(&self) -> bool {
        self.request["imageTestsConfiguration"].flag("imageTestsEnabled") != Some(false)
    }

    /// The workflow that is worked on.
    pub(super) fn current(&mut self) -> Option<&mut Workflow> {
        self.workflows.get_mut(self.focus)
    }

    /// The stage that it is in.
    pub(super) fn stage(&self) -> Kind {
        self.workflows.get(self.focus).map_or(Kind::Build, |workflow| workflow.kind)
    }

    /// The instance of the workflow that is worked on.
    pub(super) fn instance(&self) -> Option<&str> {
        self.workflows.get(self.focus)?.instance.as_deref()
    }

    /// What a draw for a step is for. The workflows of a parallel group draw for themselves.
    pub(super) fn purpose(&self, step: &str) -> String {
        match self.workflows.get(self.focus).filter(|workflow| workflow.group.is_some()) {
            Some(workflow) => format!("{step} {} {}", self.run, workflow.planned),
            None => format!("{step} {}", self.run),
        }
    }

    /// What lists of images and single images have in common.
    fn common(&self) -> Value {
        let managed = self.recipe.body.text("parentImage").is_some_and(|parent| parent.contains(":aws:image/"));
        json!({
            "arn": self.arn,
            "name": self.recipe.name,
            "type": "AMI",
            "version": format!("{}/{}", self.version(), self.build()),
            "platform": self.recipe.body["platform"],
            "osVersion": self.os_version,
            "dateCreated": date(self.created),
            "buildType": if self.scheduled { "SCHEDULED" } else { "USER_INITIATED" },
            "imageSource": if managed { "AMAZON_MANAGED" } else { "CUSTOM" },
        })
    }

    /// An entry of a list of build versions.
    pub(super) fn summary(&self) -> Value {
        let mut view = self.common();
        // What made it fail is known while its steps are still being undone, and told afterwards.
        let failure = if self.status == Status::Failed { self.failure.clone() } else { Value::Null };
        let reason = self.reason.as_ref().filter(|_| self.status.is_final());
        view["state"] = json!({"status": self.status, "reason": reason, "failureContext": failure});
        view["owner"] = self.recipe.body["owner"].clone();
        let complete = self.amis.iter().filter(|ami| ami.complete);
        view["outputResources"] = json!({"amis": complete.map(Ami::view).collect::<Vec<_>>()});
        view["tags"] = json!(self.tags);
        view["deprecationTime"] = maybe_time(self.deprecation);
        view["lifecycleExecutionId"] = json!(self.lifecycle.as_ref().map(|execution| &execution.id));
        view["loggingConfiguration"] = self.request["loggingConfiguration"].clone();
        view
    }

    /// The whole of it.
    fn view(&self) -> Value {
        let mut view = self.summary();
        view["owner"].take();
        view["enhancedImageMetadataEnabled"] = json!(self.wants("enhancedImageMetadataEnabled"));
        let view_of = |part: &Resource| if part.arn.is_empty() { Value::Null } else { part.view() };
        view["imageRecipe"] = view_of(&self.recipe);
        view["infrastructureConfiguration"] = view_of(&self.infrastructure);
        view["distributionConfiguration"] = self.distribution.as_ref().map_or(Value::Null, Resource::view);
        view["imageTestsConfiguration"] = json!({"imageTestsEnabled": self.is_tested(), "timeoutMinutes": 720});
        view["sourcePipelineArn"] = json!(self.pipeline);
        view["scanState"] = self.scan.as_ref().map_or(Value::Null, Scan::view);
        for member in ["executionRole", "workflows", "imageScanningConfiguration"] {
            view[member] = self.request[member].clone();
        }
        view
    }
}

impl Ami {
    fn view(&self) -> Value {
        json!({
            "region": self.region,
            "image": self.id,
            "name": self.name,
            "description": self.description,
            "state": {"status": "AVAILABLE"},
            "accountId": self.account,
        })
    }
}

pub(super) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "CreateImage", input, |ctx| {
        let image = begin(ctx, input, None, false)?;
        let reference = Reference::parse(&image).and_then(|image| image.version?.exact());
        let base = arn::parent(arn::parent(&image)).to_owned();
        let references = reference.map(|version| arn::latest_references(&base, version));
        Ok(json!({"imageBuildVersionArn": image, "latestVersionReferences": references}))
    })
}

/// Begins a build, by hand or on the schedule of its pipeline; its ARN.
pub(super) fn begin(
    ctx: &mut Ctx<'_>,
    request: &Value,
    pipeline: Option<String>,
    scheduled: bool,
) -> Result<String, ApiError> {
    let (recipe, infrastructure, distribution) = check_parts(ctx, request)?;
    let tested = request["imageTestsConfiguration"].flag("imageTestsEnabled") != Some(false);
    let plan = planned(ctx, request, tested)?;
    add(ctx, request, New { recipe, infrastructure, distribution, pipeline, scheduled, plan, output: None })
}

/// What an image begins with.
struct New {
    recipe: Resource,
    infrastructure: Resource,
    distribution: Option<Resource>,
    pipeline: Option<String>,
    scheduled: bool,
    plan: Vec<Planned>,
    /// The AMI, where there is one already.
    output: Option<String>,
}

/// The next build version of an image, and the first look at it; its ARN.
fn add(ctx: &mut Ctx<'_>, request: &Value, new: New) -> Result<String, ApiError> {
    let state = &mut ctx.region().imagebuilder;
    let building = state.images.values().filter(|image| !image.status.is_final()).count();
    quota::admit_below(quota::BUILDS, "concurrent builds", building)?;
    let version = new.recipe.version.unwrap_or(Version::of(0, 0, 0));
    let version_arn = format!("{}/{version}", arn::arn(&ctx.place, "image", &new.recipe.name));
    let created = ctx.now;
    let state = &mut ctx.region().imagebuilder;
    let builds = state.builds.entry(version_arn.clone()).or_default();
    *builds += 1;
    let members = [
        "imageTestsConfiguration",
        "enhancedImageMetadataEnabled",
        "executionRole",
        "workflows",
        "loggingConfiguration",
        "imageScanningConfiguration",
    ];
    let request_kept = pick(request, &members);
    let tested = request["imageTestsConfiguration"].flag("imageTestsEnabled") != Some(false);
    let image = Image {
        arn: format!("{version_arn}/{builds}"),
        created,
        status: Status::Pending,
        reason: None,
        failure: Value::Null,
        scan: scan::wanted(&request_kept, tested),
        recipe: new.recipe,
        infrastructure: new.infrastructure,
        distribution: new.distribution,
        pipeline: new.pipeline,
        scheduled: new.scheduled,
        request: request_kept,
        tags: text_map(request, "tags"),
        components: Vec::new(),
        parent: None,
        output: new.output,
        build_date: String::new(),
        os_version: None,
        packages: BTreeMap::new(),
        plan: new.plan,
        workflows: Vec::new(),
        focus: 0,
        amis: Vec::new(),
        failures: Vec::new(),
        cancelling: false,
        lifecycle: None,
        deprecation: None,
        run: 1,
    };
    let arn = image.arn.clone();
    state.images.insert(arn.clone(), image);
    let look = Event::Look { image: arn.clone(), run: 1, execution: None };
    ctx.schedule(Duration::from_secs(1), cloud::Event::ImageBuilder(look));
    Ok(arn)
}

/// The recipe and the configurations that a request names, all of which must be there.
pub(super) fn check_parts(
    ctx: &mut Ctx<'_>,
    request: &Value,
) -> Result<(Resource, Resource, Option<Resource>), ApiError> {
    refuse_containers(request)?;
    let missing = |member: &str, arn: &str| invalid(member, &format!("The resource '{arn}' does not exist."));
    let Some(arn) = request.text("imageRecipeArn") else {
        return Err(invalid("imageRecipeArn", "An image recipe is needed."));
    };
    let recipe = recipe::find(ctx, arn).ok_or_else(|| missing("imageRecipeArn", arn))?;
    let state = &ctx.region().imagebuilder;
    let arn = request.text("infrastructureConfigurationArn").unwrap_or_default();
    let infrastructure = state.infrastructures.get(arn).cloned();
    let infrastructure = infrastructure.ok_or_else(|| missing("infrastructureConfigurationArn", arn))?;
    let distribution = match request.text("distributionConfigurationArn") {
        None => None,
        Some(arn) => {
            let found = state.distributions.get(arn).cloned();
            Some(found.ok_or_else(|| missing("distributionConfigurationArn", arn))?)
        }
    };
    scan::check(request)?;
    Ok((recipe, infrastructure, distribution))
}

/// The components of a recipe with the versions that they have now.
pub(super) fn freeze(ctx: &mut Ctx<'_>, recipe: &Resource) -> Result<Vec<Frozen>, String> {
    let arns = recipe.body.items("components").iter().filter_map(|component| component.text("componentArn"));
    arns.map(|arn| {
        component::find(ctx, arn)
            .and_then(|found| Frozen::of(&found))
            .ok_or_else(|| format!("The component '{arn}' does not exist."))
    })
    .collect()
}

impl Frozen {
    fn of(component: &Resource) -> Option<Self> {
        let document = super::document::Document::parse(component.body.text("data")?).ok()?;
        let (phase, step) = document.first_step()?;
        Some(Self {
            arn: component.arn.clone(),
            builds: document.phases.iter().any(|phase| phase.name != "test"),
            tests: document.phases.iter().any(|phase| phase.name == "test"),
            updates: document.updates(),
            blame: [phase.name.clone(), step.name.clone(), step.action.clone()],
        })
    }
}

/// The latest available image that an ARN without a build covers.
pub(super) fn latest<'a>(ctx: &'a mut Ctx<'_>, arn: &str) -> Option<&'a Image> {
    let wanted = Reference::parse(arn).filter(|wanted| wanted.kind == "image" && wanted.is_in(&ctx.place))?;
    let available = ctx.region().imagebuilder.images.values().filter(|image| image.status == Status::Available);
    let parsed = available.filter_map(|image| Some((Reference::parse(&image.arn)?, image)));
    let covered = parsed.filter(|(other, _)| wanted.covers(other));
    covered.max_by_key(|(other, image)| (image.version(), other.build)).map(|(_, image)| image)
}
