//! What a build is made from: components, image recipes, infrastructure and distribution configurations.
//!
//! None of them is ever changed: a new version has a new name, so finding one by name is finding the right one.

use aws_sdk_imagebuilder::types::{
    AmiDistributionConfiguration, ComponentConfiguration, Distribution, EbsInstanceBlockDeviceSpecification, Filter,
    InstanceBlockDeviceMapping, InstanceMetadataOptions, LaunchPermissionConfiguration, Ownership, Platform,
};

use super::builds::PAGE;
use super::call::Call;
use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::text::partition;
use crate::model::{ImageRecipe, Tags};

/// The most values that a filter takes.
const FILTER_VALUES: usize = 10;

/// A component to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewComponent<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version, `x.y.z`.
    pub version: &'a str,
    /// `Linux` or `Windows`.
    pub platform: &'a str,
    /// The document, at most 16,000 characters.
    pub document: &'a str,
    /// Its tags.
    pub tags: &'a Tags,
    /// The client token: the same for the same goal.
    pub token: &'a str,
}

/// An image recipe to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImageRecipe<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version, `x.y.z`.
    pub version: &'a str,
    /// The literal parent AMI.
    pub parent: &'a str,
    /// The ARNs of components, exact build versions, in order.
    pub components: &'a [String],
    /// Device and size in GiB of the root volume, if it is to differ from the parent's.
    pub root_volume: Option<(&'a str, u32)>,
    /// Its tags.
    pub tags: &'a Tags,
    /// The client token: the same for the same goal.
    pub token: &'a str,
}

/// An infrastructure configuration to make: where and on what it is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInfrastructure<'a> {
    /// Its name.
    pub name: &'a str,
    /// Instance types to try.
    pub instance_types: &'a [String],
    /// The instance profile of the build instance.
    pub instance_profile: &'a str,
    /// The subnet, if one is named.
    pub subnet: Option<&'a str>,
    /// Security groups, with the subnet.
    pub security_groups: &'a [String],
    /// Whether the build instance requires session tokens for its metadata.
    pub imds_required: bool,
    /// Its tags.
    pub tags: &'a Tags,
    /// The client token: the same for the same goal.
    pub token: &'a str,
}

/// A distribution configuration to make: where the image goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDistribution<'a> {
    /// Its name.
    pub name: &'a str,
    /// The regions.
    pub regions: &'a [String],
    /// The name of the AMIs; it must hold `{{ imagebuilder:buildDate }}`.
    pub image_name: &'a str,
    /// Accounts that may launch the images.
    pub share_with: &'a [String],
    /// The KMS key of the copies, if one is named.
    pub kms_key: Option<&'a str>,
    /// The tags of the AMIs.
    pub image_tags: &'a Tags,
    /// Its own tags.
    pub tags: &'a Tags,
    /// The client token: the same for the same goal.
    pub token: &'a str,
}

impl Connection {
    /// The newest build of one of Amazon's components: `update-linux`, `x.x.x` or a version. None if there is none.
    pub async fn managed_component(&self, name: &str, version: &str) -> Result<Option<String>, Error> {
        let region = &self.site().region;
        let arn = format!("arn:{}:imagebuilder:{region}:aws:component/{name}/{version}", partition(region));
        let call = Call::repeatable("imagebuilder:GetComponent", &arn);
        let request = self.imagebuilder.get_component().component_build_version_arn(&arn);
        match self.call(call, || request.clone().send()).await {
            Ok(answer) => Ok(answer.component.and_then(|component| component.arn)),
            Err(error) if error.kind == ErrorKind::Gone => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The ARN of this account's component of this name and version, if it exists.
    pub async fn find_component(&self, name: &str, version: &str) -> Result<Option<String>, Error> {
        let arn = self.image_builder_arn(&format!("component/{name}/{version}"));
        let pages = self
            .pages(
                Call::repeatable("imagebuilder:ListComponentBuildVersions", &arn),
                |token| {
                    let request = self.imagebuilder.list_component_build_versions().component_version_arn(&arn);
                    request.max_results(PAGE).set_next_token(token).send()
                },
                |page| page.next_token.as_deref(),
            )
            .await;
        let pages = match pages {
            Err(error) if error.kind == ErrorKind::Gone => return Ok(None),
            pages => pages?,
        };
        let arns = pages.into_iter().flat_map(|page| page.component_summary_list.unwrap_or_default());
        Ok(arns.filter_map(|component| component.arn).max())
    }

    /// The image recipes of this account that have one of these names, in all versions.
    pub async fn image_recipes(&self, names: &[String]) -> Result<Vec<ImageRecipe>, Error> {
        let mut recipes = Vec::new();
        for names in names.chunks(FILTER_VALUES) {
            let filter = Filter::builder().name("name").set_values(Some(names.to_vec())).build();
            let request = self.imagebuilder.list_image_recipes().owner(Ownership::SelfValue).filters(filter);
            let request = request.max_results(PAGE);
            let pages = self
                .pages(
                    Call::repeatable("imagebuilder:ListImageRecipes", ""),
                    |token| request.clone().set_next_token(token).send(),
                    |page| page.next_token.as_deref(),
                )
                .await?;
            let told = pages.into_iter().flat_map(|page| page.image_recipe_summary_list.unwrap_or_default());
            recipes.extend(told.filter_map(|recipe| {
                let version = recipe.arn?.rsplit('/').next()?.to_owned();
                let tags = recipe.tags.unwrap_or_default().into_iter().collect();
                Some(ImageRecipe { site: self.site().clone(), name: recipe.name?, version, tags })
            }));
        }
        Ok(recipes)
    }

    /// The ARN and the tags of this account's image recipe of this name and version, if it exists.
    pub async fn find_image_recipe(&self, name: &str, version: &str) -> Result<Option<(String, Tags)>, Error> {
        let arn = self.image_builder_arn(&format!("image-recipe/{name}/{version}"));
        let call = Call::repeatable("imagebuilder:GetImageRecipe", &arn);
        let request = self.imagebuilder.get_image_recipe().image_recipe_arn(&arn);
        match self.call(call, || request.clone().send()).await {
            Ok(answer) => {
                let tags = answer.image_recipe.and_then(|recipe| recipe.tags).unwrap_or_default();
                Ok(Some((arn.clone(), tags.into_iter().collect())))
            }
            Err(error) if error.kind == ErrorKind::Gone => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The ARN of this account's infrastructure configuration of this name, if it exists.
    pub async fn find_infrastructure(&self, name: &str) -> Result<Option<String>, Error> {
        let arn = self.image_builder_arn(&format!("infrastructure-configuration/{name}"));
        let call = Call::repeatable("imagebuilder:GetInfrastructureConfiguration", &arn);
        let request = self.imagebuilder.get_infrastructure_configuration().infrastructure_configuration_arn(&arn);
        exists(self.call(call, || request.clone().send()).await, arn.clone())
    }

    /// The ARN of this account's distribution configuration of this name, if it exists.
    pub async fn find_distribution(&self, name: &str) -> Result<Option<String>, Error> {
        let arn = self.image_builder_arn(&format!("distribution-configuration/{name}"));
        let call = Call::repeatable("imagebuilder:GetDistributionConfiguration", &arn);
        let request = self.imagebuilder.get_distribution_configuration().distribution_configuration_arn(&arn);
        exists(self.call(call, || request.clone().send()).await, arn.clone())
    }

    /// Makes a component and returns the ARN of its build version.
    pub async fn create_component(&self, new: &NewComponent<'_>) -> Result<String, Error> {
        let call = Call::repeatable("imagebuilder:CreateComponent", new.name);
        let request = self
            .imagebuilder
            .create_component()
            .name(new.name)
            .semantic_version(new.version)
            .platform(Platform::from(new.platform))
            .data(new.document)
            .set_tags(Some(new.tags.to_map()))
            .client_token(new.token);
        let answer = self.call(call, || request.clone().send()).await?;
        answer.component_build_version_arn.ok_or_else(|| call.incomplete("componentBuildVersionArn"))
    }

    /// Makes an image recipe and returns its ARN.
    pub async fn create_image_recipe(&self, new: &NewImageRecipe<'_>) -> Result<String, Error> {
        let call = Call::repeatable("imagebuilder:CreateImageRecipe", new.name);
        let component = |arn: &String| ComponentConfiguration::builder().component_arn(arn).build();
        let components: Result<Vec<_>, _> = new.components.iter().map(component).collect();
        let disk = |(device, gib): (&str, u32)| {
            let size = i32::try_from(gib).unwrap_or(i32::MAX);
            let disk = EbsInstanceBlockDeviceSpecification::builder().volume_size(size).delete_on_termination(true);
            vec![InstanceBlockDeviceMapping::builder().device_name(device).ebs(disk.build()).build()]
        };
        let request = self
            .imagebuilder
            .create_image_recipe()
            .name(new.name)
            .semantic_version(new.version)
            .parent_image(new.parent)
            .set_components(Some(components.map_err(|_| call.incomplete("component ARN"))?))
            .set_block_device_mappings(new.root_volume.map(disk))
            .set_tags(Some(new.tags.to_map()))
            .client_token(new.token);
        let answer = self.call(call, || request.clone().send()).await?;
        answer.image_recipe_arn.ok_or_else(|| call.incomplete("imageRecipeArn"))
    }

    /// Makes an infrastructure configuration and returns its ARN.
    pub async fn create_infrastructure(&self, new: &NewInfrastructure<'_>) -> Result<String, Error> {
        let call = Call::repeatable("imagebuilder:CreateInfrastructureConfiguration", new.name);
        let tokens = if new.imds_required { "required" } else { "optional" };
        let request = self
            .imagebuilder
            .create_infrastructure_configuration()
            .name(new.name)
            .instance_profile_name(new.instance_profile)
            .set_instance_types((!new.instance_types.is_empty()).then(|| new.instance_types.to_vec()))
            .set_subnet_id(new.subnet.map(str::to_owned))
            .set_security_group_ids((!new.security_groups.is_empty()).then(|| new.security_groups.to_vec()))
            .instance_metadata_options(InstanceMetadataOptions::builder().http_tokens(tokens).build())
            .terminate_instance_on_failure(true)
            .set_tags(Some(new.tags.to_map()))
            .client_token(new.token);
        let answer = self.call(call, || request.clone().send()).await?;
        answer.infrastructure_configuration_arn.ok_or_else(|| call.incomplete("infrastructureConfigurationArn"))
    }

    /// Makes a distribution configuration and returns its ARN.
    pub async fn create_distribution(&self, new: &NewDistribution<'_>) -> Result<String, Error> {
        let call = Call::repeatable("imagebuilder:CreateDistributionConfiguration", new.name);
        let permission = LaunchPermissionConfiguration::builder().set_user_ids(Some(new.share_with.to_vec())).build();
        let images = AmiDistributionConfiguration::builder()
            .name(new.image_name)
            .set_kms_key_id(new.kms_key.map(str::to_owned))
            .set_ami_tags(Some(new.image_tags.to_map()))
            .set_launch_permission((!new.share_with.is_empty()).then_some(permission))
            .build();
        // Launch templates and parameters are never Image Builder's to move: only a promotion moves a channel.
        let to = |region: &String| {
            Distribution::builder().region(region).ami_distribution_configuration(images.clone()).build()
        };
        let distributions: Result<Vec<_>, _> = new.regions.iter().map(to).collect();
        let request = self
            .imagebuilder
            .create_distribution_configuration()
            .name(new.name)
            .set_distributions(Some(distributions.map_err(|_| call.incomplete("region"))?))
            .set_tags(Some(new.tags.to_map()))
            .client_token(new.token);
        let answer = self.call(call, || request.clone().send()).await?;
        answer.distribution_configuration_arn.ok_or_else(|| call.incomplete("distributionConfigurationArn"))
    }
}

fn exists<T>(answer: Result<T, Error>, arn: String) -> Result<Option<String>, Error> {
    match answer {
        Ok(_) => Ok(Some(arn)),
        Err(error) if error.kind == ErrorKind::Gone => Ok(None),
        Err(error) => Err(error),
    }
}
