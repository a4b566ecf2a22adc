//! Launch templates: their versions, without their user data.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    LaunchTemplate, LaunchTemplateVersion, RequestLaunchTemplateData, ResponseLaunchTemplateData,
};
use sha2::{Digest, Sha256};

use super::call::Call;
use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::images::tags;
use super::text::moment_of;
use super::width::each;
use crate::model::{ImageSource, Template, TemplateVersion};
use crate::text::hex;

/// Templates whose newest and default versions fit into one page of versions.
const TEMPLATES_A_PAGE: usize = 100;

/// A template version to make, for [`Connection::create_template_version`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTemplateVersion<'a> {
    /// `lt-…`.
    pub template: &'a str,
    /// The version that it is copied from, on AWS's side: nothing of it but the image changes.
    pub source: u64,
    /// The new image.
    pub image: &'a str,
    /// The description, by which it is found again; at most 255 characters.
    pub description: &'a str,
    /// The client token: the same for the same goal.
    pub token: &'a str,
}

impl Connection {
    /// Templates with the numbered versions asked for, the newest and the default one; by id. A template or a version
    /// that is gone is left out; one whose versions cannot be read comes without them, and with the error. It asks for
    /// all templates at once where that takes fewer calls than asking for each.
    pub async fn templates(
        &self,
        wanted: &BTreeMap<String, BTreeSet<u64>>,
    ) -> Result<(Vec<Template>, Vec<Error>), Error> {
        if wanted.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let pages = self
            .pages(
                Call::repeatable("ec2:DescribeLaunchTemplates", ""),
                |token| self.ec2.describe_launch_templates().max_results(200).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await?;
        let told = pages.into_iter().flat_map(|page| page.launch_templates.unwrap_or_default());
        let all: Vec<Template> = told.filter_map(|told| self.template(told)).collect();
        let broad = all.len().div_ceil(TEMPLATES_A_PAGE) < wanted.len();
        let mut templates: Vec<Template> =
            all.into_iter().filter(|template| wanted.contains_key(&template.id)).collect();
        templates.sort_by(|a, b| a.id.cmp(&b.id));
        if broad {
            let mut known = self.newest_and_default().await?;
            for template in &mut templates {
                template.versions = known.remove(&template.id).unwrap_or_default();
            }
        }
        let rest = each(&templates, |template| {
            let numbers = wanted.get(&template.id).into_iter().flatten().copied();
            let numbers = numbers.chain([template.latest, template.default]);
            let numbers: BTreeSet<u64> = numbers.filter(|number| template.version(*number).is_none()).collect();
            async move { self.template_versions(&template.id, &numbers).await }
        })
        .await;
        let mut errors = Vec::new();
        for (template, versions) in templates.iter_mut().zip(rest) {
            match versions {
                Ok(versions) => template.versions.extend(versions),
                Err(error) => errors.push(error),
            }
            template.versions.sort_by_key(|version| version.number);
        }
        Ok((templates, errors))
    }

    /// The newest and the default version of every template there is, by template: a page holds those of a hundred.
    async fn newest_and_default(&self) -> Result<BTreeMap<String, Vec<TemplateVersion>>, Error> {
        let request = self.ec2.describe_launch_template_versions().versions("$Latest").versions("$Default");
        let pages = self
            .pages(
                Call::repeatable("ec2:DescribeLaunchTemplateVersions", ""),
                |token| request.clone().max_results(200).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await?;
        let mut known: BTreeMap<String, BTreeMap<u64, TemplateVersion>> = BTreeMap::new();
        for told in pages.into_iter().flat_map(|page| page.launch_template_versions.unwrap_or_default()) {
            if let (Some(id), Some(version)) = (told.launch_template_id.clone(), version(told)) {
                known.entry(id).or_default().insert(version.number, version);
            }
        }
        Ok(known.into_iter().map(|(id, versions)| (id, versions.into_values().collect())).collect())
    }

    /// Versions of a template by number, as far as they exist and are told, in order.
    pub async fn template_versions(
        &self,
        template: &str,
        numbers: &BTreeSet<u64>,
    ) -> Result<Vec<TemplateVersion>, Error> {
        let mut versions = Vec::new();
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        for batch in numbers.chunks(200) {
            match self.versions_of(template, Some(batch.to_vec())).await {
                // One of them is gone, or not told yet, and AWS tells none of the others: they are among all that there are.
                Err(error) if error.kind == ErrorKind::Gone => {
                    let all = self.all_template_versions(template).await?;
                    let wanted = |version: &TemplateVersion| batch.contains(&version.number.to_string());
                    versions.extend(all.into_iter().filter(wanted));
                }
                told => versions.extend(told?),
            }
        }
        versions.sort_by_key(|version| version.number);
        Ok(versions)
    }

    /// All versions of a template, in order.
    pub async fn all_template_versions(&self, template: &str) -> Result<Vec<TemplateVersion>, Error> {
        let mut versions = self.versions_of(template, None).await?;
        versions.sort_by_key(|version| version.number);
        Ok(versions)
    }

    async fn versions_of(&self, template: &str, named: Option<Vec<String>>) -> Result<Vec<TemplateVersion>, Error> {
        let request = self.ec2.describe_launch_template_versions().launch_template_id(template).set_versions(named);
        let pages = self
            .pages(
                Call::repeatable("ec2:DescribeLaunchTemplateVersions", template),
                |token| request.clone().max_results(200).set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await?;
        let told = pages.into_iter().flat_map(|page| page.launch_template_versions.unwrap_or_default());
        Ok(told.filter_map(version).collect())
    }

    /// Makes a template version and returns its number.
    pub async fn create_template_version(&self, new: &NewTemplateVersion<'_>) -> Result<u64, Error> {
        let call = Call::repeatable("ec2:CreateLaunchTemplateVersion", new.template);
        let request = self
            .ec2
            .create_launch_template_version()
            .launch_template_id(new.template)
            .source_version(new.source.to_string())
            .launch_template_data(RequestLaunchTemplateData::builder().image_id(new.image).build())
            .version_description(new.description)
            .client_token(new.token);
        let answer = self.call(call, || request.clone().send()).await?;
        let number = answer.launch_template_version.and_then(|version| version.version_number);
        number.map(i64::unsigned_abs).ok_or_else(|| call.incomplete("version number"))
    }

    fn template(&self, told: LaunchTemplate) -> Option<Template> {
        Some(Template {
            id: told.launch_template_id?,
            name: told.launch_template_name.unwrap_or_default(),
            site: self.site().clone(),
            tags: tags(told.tags),
            latest: told.latest_version_number.unwrap_or(1).unsigned_abs(),
            default: told.default_version_number.unwrap_or(1).unsigned_abs(),
            operator: told.operator.filter(|by| by.managed == Some(true)).and_then(|by| by.principal),
            versions: Vec::new(),
        })
    }
}

fn version(told: LaunchTemplateVersion) -> Option<TemplateVersion> {
    let mut data = told.launch_template_data?;
    let image = ImageSource::of(data.image_id.take().as_deref());
    Some(TemplateVersion {
        number: told.version_number?.unsigned_abs(),
        description: told.version_description.unwrap_or_default(),
        created_by: told.created_by.unwrap_or_default(),
        created_at: moment_of(told.create_time),
        image,
        instance_type: data.instance_type.as_ref().map(|kind| kind.as_str().to_owned()),
        rest_hash: rest_hash(&data),
    })
}

/// The hash over everything in a version but its image. The user data goes into the hash and nowhere else; the SDK's
/// own rendering of the rest, which leaves it out, is stable within one build of rebake, and nothing compares further.
fn rest_hash(data: &ResponseLaunchTemplateData) -> String {
    let mut hasher = Sha256::new();
    hasher.update(format!("{data:?}"));
    hasher.update(data.user_data.as_deref().unwrap_or_default());
    hex(&hasher.finalize())
}
