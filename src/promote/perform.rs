//! Looks at a channel's parameters, and writes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Action, Seen, decide, gate};
use crate::aws::{Connection, Error, ValueKind};
use crate::model::{
    Approval, RolloutOutcome, RolloutRecord, Site, approval_parameter, channel_parameter, rollout_parameter,
};
use crate::plan::{Gate, Rollout};
use crate::run::drive::Job;
use crate::step::Step;

/// What is done with a channel's parameters.
pub(crate) enum Stage<'a> {
    /// Before the waves.
    Begin {
        /// Whether a version that failed before is started again.
        again: bool,
    },
    /// After the waves.
    Finish {
        /// The image at each site.
        images: &'a BTreeMap<Site, String>,
        /// The record of the attempt.
        record: &'a RolloutRecord,
    },
    /// After a failure.
    Close {
        /// The record of the attempt.
        record: &'a RolloutRecord,
        /// How it ended.
        outcome: RolloutOutcome,
    },
}

/// A channel's parameters as the engine drives them.
pub(crate) struct ChannelJob<'a> {
    /// The rollout.
    pub(crate) goal: &'a Rollout,
    /// What is done.
    pub(crate) stage: Stage<'a>,
    /// The connections of the channel's sites, the first holds the record.
    pub(crate) sites: Vec<Arc<Connection>>,
}

impl ChannelJob<'_> {
    fn home(&self) -> Option<&Arc<Connection>> {
        self.sites.first()
    }
}

impl Job for ChannelJob<'_> {
    type Seen = Seen;
    type Action = Action;
    type Done = Option<RolloutRecord>;

    async fn observe(&self) -> Result<Seen, Error> {
        let mut values = Vec::new();
        if matches!(self.stage, Stage::Finish { .. }) {
            let name = channel_parameter(&self.goal.recipe, &self.goal.channel);
            for site in &self.sites {
                let value = site.parameter(&name).await?.map(|parameter| (parameter.value, parameter.version));
                values.push((site.site().clone(), value));
            }
        }
        let record = match self.home() {
            Some(home) => record(home, &self.goal.recipe, &self.goal.channel).await?,
            None => None,
        };
        Ok(Seen { values, record })
    }

    fn decide(&self, seen: &Seen) -> Step<Action, Option<RolloutRecord>> {
        let now = self.home().map_or(Timestamp::UNIX_EPOCH, |home| home.clock().now());
        match &self.stage {
            Stage::Begin { again } => match decide::begin(self.goal, seen, *again, now) {
                Step::Done(record) => Step::Done(Some(record)),
                Step::Do(action) => Step::Do(action),
                Step::Wait(wait) => Step::Wait(wait),
                Step::Stop(stop) => Step::Stop(stop),
            },
            Stage::Finish { images, record } => match decide::finish(self.goal, images, record, seen) {
                Step::Done(()) => Step::Done(None),
                Step::Do(action) => Step::Do(action),
                Step::Wait(wait) => Step::Wait(wait),
                Step::Stop(stop) => Step::Stop(stop),
            },
            Stage::Close { record, outcome } => {
                let closed = decide::close(record, *outcome);
                if seen.record.as_ref() == Some(&closed) { Step::Done(None) } else { Step::Do(Action::Record(closed)) }
            }
        }
    }

    async fn perform(&self, action: &Action) -> Result<String, Error> {
        let (site, name, value, kind, overwrite) = match action {
            Action::Record(record) => {
                let Some(home) = self.home() else { return Ok("no site".to_owned()) };
                let name = rollout_parameter(&self.goal.recipe, &self.goal.channel);
                let exists = home.parameter(&name).await?.is_some();
                (home, name, json(record), ValueKind::Text, exists)
            }
            Action::Move { site, image, overwrite } => {
                let Some(connection) = self.sites.iter().find(|connection| connection.site() == site) else {
                    return Ok("no such site".to_owned());
                };
                let name = channel_parameter(&self.goal.recipe, &self.goal.channel);
                (connection, name, image.clone(), ValueKind::Image, *overwrite)
            }
        };
        let version = site.put_parameter(&name, &value, kind, overwrite).await?;
        Ok(format!("version {version}"))
    }

    fn describe(&self, action: &Action) -> String {
        let (recipe, channel) = (&self.goal.recipe, &self.goal.channel);
        match action {
            Action::Record(record) => {
                format!("PutParameter {} ({} {:?})", rollout_parameter(recipe, channel), record.version, record.outcome)
            }
            Action::Move { site, image, .. } => {
                format!("PutParameter {} in {} to {image}", channel_parameter(recipe, channel), site.region)
            }
        }
    }

    fn touches(&self, action: &Action) -> bool {
        matches!(action, Action::Move { .. })
    }

    fn untokened(&self, action: &Action) -> Option<Site> {
        match action {
            Action::Move { site, .. } => Some(site.clone()),
            Action::Record(_) => None,
        }
    }
}

fn json(record: &RolloutRecord) -> String {
    serde_json::to_string(record).unwrap_or_default()
}

/// The rollout record of a channel, at the site that holds it.
async fn record(site: &Connection, recipe: &str, channel: &str) -> Result<Option<RolloutRecord>, Error> {
    let parameter = site.parameter(&rollout_parameter(recipe, channel)).await?;
    Ok(parameter.and_then(|parameter| serde_json::from_str(&parameter.value).ok()))
}

/// What the gates of a rollout need to be judged: the other channels, and the approval.
///
/// # Errors
/// What AWS says.
pub(crate) async fn look_at_gates(
    gates: &[Gate],
    recipe: &str,
    channel: &str,
    sites: &[Arc<Connection>],
) -> Result<gate::Seen, Error> {
    let mut seen = gate::Seen::default();
    for gate in gates {
        match gate {
            Gate::Soak { channel: other, .. } => {
                seen.channels.push((other.clone(), soaking(recipe, other, sites).await?));
            }
            Gate::Approval => {
                let Some(home) = sites.first() else { continue };
                let parameter = home.parameter(&approval_parameter(recipe, channel)).await?;
                let approval = parameter.and_then(|parameter| serde_json::from_str::<Approval>(&parameter.value).ok());
                seen.approved = approval.map(|approval| approval.version);
            }
            Gate::Window(_) | Gate::Freeze(_) | Gate::After { .. } => {}
        }
    }
    Ok(seen)
}

/// The version that another channel points to, and since when its last site does.
async fn soaking(recipe: &str, channel: &str, sites: &[Arc<Connection>]) -> Result<Option<(String, Timestamp)>, Error> {
    let Some(home) = sites.first() else { return Ok(None) };
    let Some(record) = record(home, recipe, channel).await? else { return Ok(None) };
    if record.outcome != RolloutOutcome::Done {
        return Ok(None);
    }
    let name = channel_parameter(recipe, channel);
    let mut since: Option<Timestamp> = None;
    for site in sites {
        if let Some(moved) = site.parameter(&name).await?.and_then(|parameter| parameter.modified_at) {
            since = Some(since.map_or(moved, |since| since.max(moved)));
        }
    }
    Ok(since.map(|since| (record.version, since)))
}
