//! Images and their snapshots: reading, tagging, sharing.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, LaunchPermission, LaunchPermissionModifications, Tag};

use super::call::Call;
use super::connection::Connection;
use super::error::{Error, ErrorKind};
use super::text::{moment_of, moment_of_text};
use crate::model::{Ancestor, Image, ImageState, Tags, tag};

/// What an image must be, for [`Connection::find_images`].
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageFilter {
    /// Account ids, `self`, `amazon`, `aws-marketplace`. Never empty: anybody may publish an image of any name.
    pub owners: Vec<String>,
    /// Filters of `DescribeImages`, by name: `name`, `architecture`, `tag:…`; values may hold `*` and `?`.
    pub filters: BTreeMap<String, Vec<String>>,
}

impl Connection {
    /// These images, as far as they exist and this account may see them, by id.
    pub async fn images(&self, ids: &[String]) -> Result<Vec<Image>, Error> {
        let mut found = Vec::new();
        // By filter and not by id: an image that is gone is left out instead of failing the others.
        for batch in ids.chunks(200) {
            let filter = Filter::builder().name("image-id").set_values(Some(batch.to_vec())).build();
            found.extend(self.described(None, vec![filter]).await?);
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    /// The images of this account that rebake made, by id.
    pub async fn own_images(&self) -> Result<Vec<Image>, Error> {
        let filter = Filter::builder().name("tag-key").values(tag::RECIPE).build();
        self.described(Some(vec!["self".to_owned()]), vec![filter]).await
    }

    /// The images that match, by id.
    pub async fn find_images(&self, wanted: &ImageFilter) -> Result<Vec<Image>, Error> {
        let filter = |(name, values): (&String, &Vec<String>)| {
            Filter::builder().name(name).set_values(Some(values.clone())).build()
        };
        self.described(Some(wanted.owners.clone()), wanted.filters.iter().map(filter).collect()).await
    }

    async fn described(&self, owners: Option<Vec<String>>, filters: Vec<Filter>) -> Result<Vec<Image>, Error> {
        let request = self.ec2.describe_images().set_owners(owners).set_filters(Some(filters));
        let request = request.include_deprecated(true).include_disabled(true).max_results(1000);
        let pages = self
            .pages(
                Call::repeatable("ec2:DescribeImages", ""),
                |token| request.clone().set_next_token(token).send(),
                |page| page.next_token.as_deref(),
            )
            .await?;
        let told = pages.into_iter().flat_map(|page| page.images.unwrap_or_default());
        let mut images: Vec<Image> = told.filter_map(|image| self.image(image)).collect();
        images.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(images)
    }

    /// What is still known of the images of these instances, also of images that were deregistered, by id.
    pub async fn image_metadata(&self, instances: &[String]) -> Result<Vec<Image>, Error> {
        let mut known = BTreeMap::new();
        for batch in instances.chunks(100) {
            let call = Call::repeatable("ec2:DescribeInstanceImageMetadata", "");
            let request = self.ec2.describe_instance_image_metadata().set_instance_ids(Some(batch.to_vec()));
            let answer = self.call(call, || request.clone().send()).await?;
            for told in answer.instance_image_metadata.unwrap_or_default() {
                let Some((id, told)) = told.image_metadata.and_then(|image| Some((image.image_id.clone()?, image)))
                else {
                    continue;
                };
                let image = Image {
                    id: id.clone(),
                    site: self.site().clone(),
                    name: told.name.unwrap_or_default(),
                    owner: told.owner_id.unwrap_or_default(),
                    state: ImageState::of(told.state.as_ref().map(aws_sdk_ec2::types::ImageState::as_str)),
                    created_at: told.creation_date.as_deref().and_then(moment_of_text),
                    architecture: String::new(),
                    platform: String::new(),
                    deprecated_at: told.deprecation_time.as_deref().and_then(moment_of_text),
                    parent: None,
                    allowed: told.image_allowed,
                    ancestors: Vec::new(),
                    snapshots: Vec::new(),
                    tags: Tags::new(),
                };
                known.insert(id, image);
            }
        }
        Ok(known.into_values().collect())
    }

    /// The images that an image descends from, nearest first, as far as AWS tells.
    pub async fn ancestry(&self, image: &str) -> Result<Vec<Ancestor>, Error> {
        let call = Call::repeatable("ec2:GetImageAncestry", image);
        let answer = self.call(call, || self.ec2.get_image_ancestry().image_id(image).send()).await?;
        let mut ancestors: Vec<Ancestor> = Vec::new();
        // The first entry is the image itself; the source of the last may be one that AWS tells nothing of.
        for entry in answer.image_ancestry_entries.unwrap_or_default() {
            let id = entry.image_id.unwrap_or_default();
            let created_at = moment_of(entry.creation_date);
            let public = entry.image_owner_alias.is_some_and(|alias| alias == "amazon" || alias == "aws-marketplace");
            match ancestors.iter_mut().find(|known| known.id == id) {
                Some(known) => (known.created_at, known.public) = (created_at, public),
                None if id == image => {}
                None => ancestors.push(Ancestor { id, created_at, public }),
            }
            if let Some(source) = entry.source_image_id.filter(|source| ancestors.iter().all(|it| it.id != *source)) {
                ancestors.push(Ancestor { id: source, created_at: None, public: false });
            }
        }
        Ok(ancestors)
    }

    /// Puts tags on resources of EC2: images, snapshots, instances. Tags with other keys stay.
    pub async fn tag(&self, resources: &[String], tags: &Tags) -> Result<(), Error> {
        for batch in resources.chunks(1000) {
            let call = Call::repeatable("ec2:CreateTags", &batch[0]);
            let request = self.ec2.create_tags().set_resources(Some(batch.to_vec())).set_tags(Some(ec2_tags(tags)));
            self.call(call, || request.clone().send()).await?;
        }
        Ok(())
    }

    /// Lets other accounts launch an image.
    pub async fn share_image(&self, image: &str, accounts: &[String]) -> Result<(), Error> {
        let permit = |account: &String| LaunchPermission::builder().user_id(account).build();
        let added = accounts.iter().map(permit).collect();
        let permissions = LaunchPermissionModifications::builder().set_add(Some(added)).build();
        let request = self.ec2.modify_image_attribute().image_id(image).launch_permission(permissions);
        let call = Call::repeatable("ec2:ModifyImageAttribute", image);
        self.call(call, || request.clone().send()).await.map(|_| ())
    }

    /// The accounts that may launch an image of this account.
    pub async fn image_shares(&self, image: &str) -> Result<Vec<String>, Error> {
        let call = Call::repeatable("ec2:DescribeImageAttribute", image);
        let request = self.ec2.describe_image_attribute().image_id(image);
        let request = request.attribute(aws_sdk_ec2::types::ImageAttributeName::LaunchPermission);
        let answer = self.call(call, || request.clone().send()).await?;
        let permissions = answer.launch_permissions.unwrap_or_default();
        let mut accounts: Vec<String> = permissions.into_iter().filter_map(|permission| permission.user_id).collect();
        accounts.sort();
        Ok(accounts)
    }

    /// Deregisters an image. That it is gone already is no error.
    pub async fn deregister_image(&self, image: &str) -> Result<(), Error> {
        let call = Call::repeatable("ec2:DeregisterImage", image);
        match self.call(call, || self.ec2.deregister_image().image_id(image).send()).await {
            Err(error) if error.kind != ErrorKind::Gone => Err(error),
            _ => Ok(()),
        }
    }

    fn image(&self, told: aws_sdk_ec2::types::Image) -> Option<Image> {
        let tags = tags(told.tags);
        let disks = told.block_device_mappings.unwrap_or_default();
        Some(Image {
            id: told.image_id?,
            site: self.site().clone(),
            name: told.name.unwrap_or_default(),
            owner: told.owner_id.unwrap_or_default(),
            state: ImageState::of(told.state.as_ref().map(aws_sdk_ec2::types::ImageState::as_str)),
            created_at: told.creation_date.as_deref().and_then(moment_of_text),
            architecture: told.architecture.map(|architecture| architecture.as_str().to_owned()).unwrap_or_default(),
            platform: told.platform_details.unwrap_or_default(),
            deprecated_at: told.deprecation_time.as_deref().and_then(moment_of_text),
            parent: tags.get(tag::PARENT).map(str::to_owned).or(told.source_image_id),
            allowed: told.image_allowed,
            ancestors: Vec::new(),
            snapshots: disks.into_iter().filter_map(|disk| disk.ebs?.snapshot_id).collect(),
            tags,
        })
    }
}

/// Tags of EC2 as plain data.
pub(super) fn tags(told: Option<Vec<Tag>>) -> Tags {
    told.unwrap_or_default().into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
}

/// Tags for EC2.
pub(super) fn ec2_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}
