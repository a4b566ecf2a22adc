//! Image builds: asking for one, watching it, reading what came out of it.

use std::cmp::Reverse;

use aws_sdk_imagebuilder::types::{
    Filter, ImageState, ImageStatus, ImageTestsConfiguration, OutputResources, WorkflowStepMetadata,
};

use super::call::Call;
use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::text::{moment_of_text, partition};
use crate::model::{Build, BuildStatus, BuildStep, BuiltImage, Tags};

/// The most that the older API model lets a page hold.
pub(super) const PAGE: i32 = 25;

/// A build to ask for, for [`Connection::create_image`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBuild<'a> {
    /// The ARN of the image recipe.
    pub image_recipe: &'a str,
    /// The ARN of the infrastructure configuration.
    pub infrastructure: &'a str,
    /// The ARN of the distribution configuration.
    pub distribution: &'a str,
    /// Whether the test components run, on an instance of their own.
    pub tests: bool,
    /// The tags by which the build is found again.
    pub tags: &'a Tags,
    /// The client token: the same for the same goal.
    pub token: &'a str,
}

impl Connection {
    /// The ARN of something in Image Builder that this account owns: `image-recipe/web/2.4.1`.
    pub(super) fn image_builder_arn(&self, resource: &str) -> String {
        let site = self.site();
        format!("arn:{}:imagebuilder:{}:{}:{resource}", partition(&site.region), site.region, site.account)
    }

    /// The builds of one version of an image recipe, newest first.
    pub async fn builds_of(&self, recipe: &str, version: &str) -> Result<Vec<Build>, Error> {
        let arn = self.image_builder_arn(&format!("image/{recipe}/{version}"));
        let pages = self
            .pages(
                Call::repeatable("imagebuilder:ListImageBuildVersions", &arn),
                |token| {
                    let request = self.imagebuilder.list_image_build_versions().image_version_arn(&arn);
                    request.max_results(PAGE).set_next_token(token).send()
                },
                |page| page.next_token.as_deref(),
            )
            .await;
        let pages = match pages {
            Err(error) if error.kind == ErrorKind::Gone => return Ok(Vec::new()),
            pages => pages?,
        };
        let told = pages.into_iter().flat_map(|page| page.image_summary_list.unwrap_or_default());
        let mut builds: Vec<Build> = told
            .filter_map(|told| {
                Some(Build {
                    arn: told.arn?,
                    status: status(told.state.as_ref()),
                    failure: failure(told.state.as_ref()),
                    created_at: told.date_created.as_deref().and_then(moment_of_text),
                    amis: amis(told.output_resources),
                    tags: told.tags.unwrap_or_default().into_iter().collect(),
                })
            })
            .collect();
        builds.sort_by_key(|build| Reverse(build.number()));
        Ok(builds)
    }

    /// The versions of an image recipe that were ever built, as Image Builder lists them.
    pub async fn built_versions(&self, recipe: &str) -> Result<Vec<String>, Error> {
        let filter = Filter::builder().name("name").values(recipe).build();
        let request = self.imagebuilder.list_images().filters(filter).include_deprecated(true).max_results(PAGE);
        let pages = self
            .pages(
                Call::repeatable("imagebuilder:ListImages", recipe),
                |token| request.clone().set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await?;
        let told = pages.into_iter().flat_map(|page| page.image_version_list.unwrap_or_default());
        let mut versions: Vec<String> = told.filter_map(|image| image.version).collect();
        versions.sort();
        versions.dedup();
        Ok(versions)
    }

    /// One build; none if its record is gone.
    pub async fn build(&self, arn: &str) -> Result<Option<Build>, Error> {
        let call = Call::repeatable("imagebuilder:GetImage", arn);
        let answer = self.call(call, || self.imagebuilder.get_image().image_build_version_arn(arn).send()).await;
        let told = match answer {
            Err(error) if error.kind == ErrorKind::Gone => return Ok(None),
            answer => answer?.image,
        };
        Ok(told.map(|told| Build {
            arn: told.arn.unwrap_or_else(|| arn.to_owned()),
            status: status(told.state.as_ref()),
            failure: failure(told.state.as_ref()),
            created_at: told.date_created.as_deref().and_then(moment_of_text),
            amis: amis(told.output_resources),
            tags: told.tags.unwrap_or_default().into_iter().collect(),
        }))
    }

    /// The steps of a build's workflows in the order in which they began; those of tries that were retried are left out.
    pub async fn build_steps(&self, arn: &str) -> Result<Vec<BuildStep>, Error> {
        let pages = self
            .pages(
                Call::repeatable("imagebuilder:ListWorkflowExecutions", arn),
                |token| {
                    let request = self.imagebuilder.list_workflow_executions().image_build_version_arn(arn);
                    request.max_results(PAGE).set_next_token(token).send()
                },
                |page| page.next_token.as_deref(),
            )
            .await?;
        let mut steps = Vec::new();
        for workflow in pages.into_iter().flat_map(|page| page.workflow_executions.unwrap_or_default()) {
            let Some(id) = workflow.workflow_execution_id.filter(|_| workflow.retried != Some(true)) else { continue };
            let kind = workflow.r#type.map(|kind| kind.as_str().to_owned()).unwrap_or_default();
            let pages = self
                .pages(
                    Call::repeatable("imagebuilder:ListWorkflowStepExecutions", &id),
                    |token| {
                        let request = self.imagebuilder.list_workflow_step_executions().workflow_execution_id(&id);
                        request.max_results(PAGE).set_next_token(token).send()
                    },
                    |page| page.next_token.as_deref(),
                )
                .await?;
            let told = pages.into_iter().flat_map(|page| page.steps.unwrap_or_default());
            steps.extend(told.map(|told| step(&kind, told)));
        }
        // A step that has not begun comes last; the order of the others among equals is AWS's.
        steps.sort_by_key(|step| (step.started_at.is_none(), step.started_at));
        Ok(steps)
    }

    /// The packages in the image of a build, as `name version`, sorted.
    pub async fn image_packages(&self, arn: &str) -> Result<Vec<String>, Error> {
        let pages = self
            .pages(
                Call::repeatable("imagebuilder:ListImagePackages", arn),
                |token| {
                    let request = self.imagebuilder.list_image_packages().image_build_version_arn(arn);
                    request.max_results(PAGE).set_next_token(token).send()
                },
                |page| page.next_token.as_deref(),
            )
            .await?;
        let told = pages.into_iter().flat_map(|page| page.image_package_list.unwrap_or_default());
        let mut packages: Vec<String> = told
            .map(|package| {
                let (name, version) = (package.package_name, package.package_version);
                format!("{} {}", name.unwrap_or_default(), version.unwrap_or_default())
            })
            .collect();
        packages.sort();
        Ok(packages)
    }

    /// Asks for a build and returns its ARN.
    pub async fn create_image(&self, new: &NewBuild<'_>) -> Result<String, Error> {
        let call = Call::repeatable("imagebuilder:CreateImage", new.image_recipe);
        let tests = ImageTestsConfiguration::builder().image_tests_enabled(new.tests).build();
        let request = self
            .imagebuilder
            .create_image()
            .image_recipe_arn(new.image_recipe)
            .infrastructure_configuration_arn(new.infrastructure)
            .distribution_configuration_arn(new.distribution)
            .image_tests_configuration(tests)
            .enhanced_image_metadata_enabled(true)
            .set_tags(Some(new.tags.to_map()))
            .client_token(new.token);
        let answer = self.call(call, || request.clone().send()).await?;
        answer.image_build_version_arn.ok_or_else(|| call.incomplete("imageBuildVersionArn"))
    }

    /// Lets a failed or cancelled build go on from the phase in which it failed.
    pub async fn retry_image(&self, arn: &str, token: &str) -> Result<(), Error> {
        let call = Call::repeatable("imagebuilder:RetryImage", arn);
        let request = self.imagebuilder.retry_image().image_build_version_arn(arn).client_token(token);
        self.call(call, || request.clone().send()).await.map(|_| ())
    }

    /// Cancels a build that runs. AMIs and snapshots that it has made already stay.
    pub async fn cancel_image(&self, arn: &str, token: &str) -> Result<(), Error> {
        let call = Call::repeatable("imagebuilder:CancelImageCreation", arn);
        let request = self.imagebuilder.cancel_image_creation().image_build_version_arn(arn).client_token(token);
        self.call(call, || request.clone().send()).await.map(|_| ())
    }
}

fn status(told: Option<&ImageState>) -> BuildStatus {
    match told.and_then(|state| state.status.as_ref()) {
        Some(ImageStatus::Pending | ImageStatus::Creating | ImageStatus::Building) => BuildStatus::Building,
        Some(ImageStatus::Testing) => BuildStatus::Testing,
        Some(ImageStatus::Distributing) => BuildStatus::Distributing,
        Some(ImageStatus::Integrating) => BuildStatus::Integrating,
        Some(ImageStatus::Available) => BuildStatus::Available,
        Some(ImageStatus::Failed) => BuildStatus::Failed,
        Some(ImageStatus::Cancelled) => BuildStatus::Cancelled,
        other => BuildStatus::Other(other.map_or("", ImageStatus::as_str).to_owned()),
    }
}

/// Why a build failed: the step that failed, where it is told, and the reason.
fn failure(told: Option<&ImageState>) -> String {
    let Some(state) = told.filter(|state| state.status == Some(ImageStatus::Failed)) else { return String::new() };
    let reason = state.reason.clone().unwrap_or_default();
    let context = state.failure_context.as_ref();
    let of_component = context.and_then(|context| context.component_failure.as_ref()?.error_message.as_deref());
    let of_copies = context.and_then(|context| context.distribution_failure.as_ref()?.error_message.as_deref());
    let detail = of_component.or(of_copies).filter(|detail| !reason.contains(detail));
    let step = context.and_then(|context| context.failed_step.as_deref()).filter(|step| !reason.contains(step));
    let parts = [step.map(|step| format!("step {step}")), detail.map(str::to_owned), Some(reason.clone())];
    let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    parts.join(": ")
}

fn amis(told: Option<OutputResources>) -> Vec<BuiltImage> {
    let told = told.and_then(|resources| resources.amis).unwrap_or_default();
    let mut amis: Vec<BuiltImage> = told
        .into_iter()
        .filter_map(|ami| {
            Some(BuiltImage { region: ami.region?, account: ami.account_id.unwrap_or_default(), id: ami.image? })
        })
        .collect();
    amis.sort_by(|a, b| (&a.region, &a.account).cmp(&(&b.region, &b.account)));
    amis
}

fn step(workflow: &str, told: WorkflowStepMetadata) -> BuildStep {
    BuildStep {
        workflow: workflow.to_owned(),
        name: told.name.unwrap_or_default(),
        status: told.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        message: told.message.unwrap_or_default(),
        started_at: told.start_time.as_deref().and_then(moment_of_text),
        ended_at: told.end_time.as_deref().and_then(moment_of_text),
    }
}
