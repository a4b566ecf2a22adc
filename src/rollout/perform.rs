//! Looks at a group that is to move to an image, and makes the effects.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::decide::next;
use super::{Action, Goal, Rolled, Seen};
use crate::aws::{Connection, Desired, Error, ErrorKind, NewTemplateVersion, Preferences};
use crate::bake::digest::token;
use crate::model::{Group, ImageSource, Site, TemplateVersion, VersionSpec};
use crate::run::drive::Job;
use crate::step::Step;

/// How long a refresh rests after its canary, in seconds.
const CANARY_SECONDS: u32 = 120;

/// A group's rollout as the engine drives it.
pub(crate) struct GroupJob<'a> {
    /// What is to be reached.
    pub(crate) goal: Goal<'a>,
    /// The group's site.
    pub(crate) site: Arc<Connection>,
    /// The latest whole look, while a refresh is active.
    pub(crate) watched: RefCell<Option<Seen>>,
}

impl GroupJob<'_> {
    /// While the same refresh is active, it tells all that changes: one call a look.
    async fn watch(&self) -> Result<Option<Seen>, Error> {
        let Some(watched) = self.watched.borrow().clone() else { return Ok(None) };
        let active = watched.refreshes.first().map(|refresh| refresh.id.clone());
        let newest = self.site.newest_refresh(self.name()).await?;
        let same = newest.filter(|newest| newest.status.is_active() && Some(&newest.id) == active.as_ref());
        Ok(same.map(|refresh| Seen { refreshes: vec![refresh], ..watched }))
    }

    fn name(&self) -> &str {
        &self.goal.group.group
    }

    /// The image that the group's saved configuration launches, if it is a literal one.
    fn saved_image(group: &Group, versions: &[TemplateVersion]) -> Option<String> {
        let (_, version) = group.source.template()?;
        let newest = || versions.iter().max_by_key(|version| version.number);
        let saved = match version {
            VersionSpec::Number(number) => versions.iter().find(|version| version.number == number),
            VersionSpec::Latest => newest(),
            VersionSpec::Default => None,
        }?;
        match &saved.image {
            ImageSource::Literal(image) => Some(image.clone()),
            ImageSource::Parameter(_) | ImageSource::None => None,
        }
    }

    fn is_target(&self, version: &TemplateVersion) -> bool {
        version.description == self.goal.description()
            && version.image == ImageSource::Literal(self.goal.image.to_owned())
    }

    fn preferences(&self) -> Preferences {
        let plan = self.goal.group;
        Preferences {
            min_healthy: plan.min_healthy,
            max_healthy: plan.max_healthy,
            warmup_seconds: plan.warmup_seconds,
            checkpoints: plan.canary_percent.map(|canary| vec![canary, 100]).unwrap_or_default(),
            checkpoint_delay_seconds: if plan.canary_percent.is_some() { CANARY_SECONDS } else { 0 },
            bake_seconds: u32::try_from(self.goal.bake_time_seconds).unwrap_or(u32::MAX),
            skip_matching: true,
            auto_rollback: plan.no_rollback.is_none(),
            alarms: self.goal.alarms.to_vec(),
            wait_for_protected: false,
        }
    }
}

impl Job for GroupJob<'_> {
    type Seen = Seen;
    type Action = Action;
    type Done = Rolled;

    async fn observe(&self) -> Result<Seen, Error> {
        if let Some(seen) = self.watch().await? {
            return Ok(seen);
        }
        let group = self.site.group(self.name()).await?;
        let versions = self.site.all_template_versions(&self.goal.group.template).await?;
        let refreshes = self.site.refreshes(self.name()).await?;
        let members: Vec<String> =
            group.iter().flat_map(|group| &group.members).map(|member| member.id.clone()).collect();
        let images = if members.is_empty() { BTreeMap::new() } else { self.site.instance_images(&members).await? };
        let seen = Seen {
            saved_image: group.as_ref().and_then(|group| Self::saved_image(group, &versions)),
            target: versions.iter().filter(|version| self.is_target(version)).max_by_key(|v| v.number).cloned(),
            group,
            refreshes,
            images,
        };
        let active = seen.refreshes.first().is_some_and(|refresh| refresh.status.is_active());
        *self.watched.borrow_mut() = active.then(|| seen.clone());
        Ok(seen)
    }

    fn decide(&self, seen: &Seen) -> Step<Action, Rolled> {
        next(&self.goal, seen, self.site.clock().now())
    }

    async fn perform(&self, action: &Action) -> Result<String, Error> {
        let plan = self.goal.group;
        match action {
            Action::Pin { version } => {
                self.site.update_group(self.name(), &self.desired(*version).await?).await?;
                Ok(format!("version {version}"))
            }
            Action::CreateTemplateVersion => {
                let description = self.goal.description();
                let token = token(&["template", &plan.template, &description, self.goal.image]);
                let new = NewTemplateVersion {
                    template: &plan.template,
                    source: plan.from_version,
                    image: self.goal.image,
                    description: &description,
                    token: &token,
                };
                Ok(format!("version {}", self.site.create_template_version(&new).await?))
            }
            Action::StartRefresh { version } => {
                let desired = self.desired(*version).await?;
                self.site.start_refresh(self.name(), &desired, &self.preferences()).await
            }
        }
    }

    fn describe(&self, action: &Action) -> String {
        let (group, template) = (self.name(), &self.goal.group.template);
        match action {
            Action::Pin { version } => format!("UpdateAutoScalingGroup {group} to version {version}"),
            Action::CreateTemplateVersion => format!("CreateLaunchTemplateVersion of {template} for {group}"),
            Action::StartRefresh { version } => format!("StartInstanceRefresh of {group} to version {version}"),
        }
    }

    fn touches(&self, action: &Action) -> bool {
        matches!(action, Action::Pin { .. } | Action::StartRefresh { .. })
    }

    fn untokened(&self, action: &Action) -> Option<Site> {
        matches!(action, Action::StartRefresh { .. }).then(|| self.goal.group.site.clone())
    }
}

impl GroupJob<'_> {
    /// The group's own source with another version: a mixed policy is passed back whole, as it is now.
    async fn desired(&self, version: u64) -> Result<Desired, Error> {
        let group = self.site.group(self.name()).await?;
        group.and_then(|group| Desired::of(&group.source, version)).ok_or_else(|| Error {
            kind: ErrorKind::Invalid,
            action: "autoscaling:DescribeAutoScalingGroups",
            code: "NoTemplate".to_owned(),
            message: "the group does not launch from a template any more".to_owned(),
            resource: self.name().to_owned(),
        })
    }
}
