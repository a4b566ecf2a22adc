//! State Manager: documents that run by schedule on all nodes that their targets mean.
//!
//! A run goes through its nodes at once, or with `MaxConcurrency` and `MaxErrors` through so many at a time, and through
//! no more when too many have failed. A Scan by an association refreshes the rows of its nodes. It is no command: `ListCommands` does not know of it. A
//! node that comes later is taken when its agent answers for the first time, and then with the others.

mod check;
mod list;
mod nodes;
mod run;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use nodes::{Execution, NodeRun, Runs};

pub(super) use list::{describe, describe_effective, describe_status, list, overview, runs};
pub(super) use run::{greet, next, notice, ran, run};

use super::{command, document};
use crate::sandbox::cloud::{self, Ctx};
use crate::sandbox::schedule::Schedule;
use crate::sandbox::ssm::Event;
use crate::sandbox::value::{ApiError, Get};

/// Associations of an account in a region (CreateAssociation, `AssociationLimitExceeded`).
const ASSOCIATIONS: usize = 2000;

/// An association.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Association {
    /// A UUID.
    pub id: String,
    /// Its own name.
    pub name: Option<String>,
    /// The name of its document.
    pub document: String,
    /// The parameters of the document.
    pub parameters: Value,
    /// Which nodes it means.
    pub targets: Vec<Value>,
    /// `rate(…)` or `cron(…)`; without, it runs once.
    pub schedule: Option<String>,
    /// The request.
    pub says: Value,
    /// When it was made.
    pub created: Timestamp,
    /// Its last run.
    pub last_run: Option<Timestamp>,
    /// Its last run on each node.
    pub nodes: Runs,
    /// The run that is under way, if there are limits to it.
    #[serde(default)]
    pub execution: Option<Execution>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// `CreateAssociation`: runs at once, unless it is to wait for its schedule.
pub(super) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let document = input.text("Name").unwrap_or_default();
    let known = document::find(ctx, document).ok_or_else(|| document::absent(document))?;
    document::check_version(input)?;
    let parameters = input.get("Parameters").filter(|given| !given.is_null()).cloned().unwrap_or_else(|| json!({}));
    known.check(&parameters)?;
    let schedule = input.text("ScheduleExpression").map(str::to_owned);
    let fits = |text: &str| Schedule::read(text).is_some_and(|read| read.is_cron() || !input.has("ScheduleOffset"));
    if schedule.as_deref().is_some_and(|schedule| !fits(schedule)) {
        return Err(ApiError::new(
            "InvalidSchedule",
            "The schedule is invalid. Verify your cron or rate expression and try again.",
        ));
    }
    check::output_location(input)?;
    let tags = check::tags(input)?;
    let targets = check::targets(ctx, input, &known)?;
    let twin = |one: &Association| {
        input.has("InstanceId") && one.document == document && one.says.text("InstanceId") == input.text("InstanceId")
    };
    let associations = &ctx.region().ssm.associations;
    if associations.values().any(twin) {
        return Err(ApiError::new("AssociationAlreadyExists", "The specified association already exists."));
    }
    if associations.len() >= ASSOCIATIONS {
        return Err(ApiError::new("AssociationLimitExceeded", "You can have at most 2,000 active associations."));
    }
    let association = Association {
        id: ctx.uuid("association"),
        name: input.text("AssociationName").map(str::to_owned),
        document: document.to_owned(),
        parameters,
        targets,
        schedule,
        says: input.clone(),
        created: ctx.now,
        last_run: None,
        nodes: Runs::default(),
        execution: None,
        tags,
    };
    let answer = json!({"AssociationDescription": list::description(&association)});
    let id = association.id.clone();
    ctx.region().ssm.associations.insert(id.clone(), association);
    if input.flag("ApplyOnlyAtCronInterval").unwrap_or(false) {
        next(ctx, &id);
    } else {
        let event = Event::Associate { association: id };
        ctx.schedule(std::time::Duration::from_secs(5), cloud::Event::Ssm(event));
    }
    Ok(answer)
}

impl Association {
    /// How many nodes a run may be on at once, and on how many it may fail before it begins on no more; none without
    /// such limits.
    fn limits(&self, targets: usize) -> Option<(usize, usize)> {
        let (concurrency, errors) = (self.says.text("MaxConcurrency"), self.says.text("MaxErrors"));
        concurrency.or(errors)?;
        let at_once = concurrency.map_or(usize::MAX, |text| command::at_once(text, targets));
        Some((at_once, errors.map_or(usize::MAX, |text| command::tolerated(text, targets))))
    }
}

/// `DeleteAssociation`, by id, or by document and instance. What it did stays.
pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let id = list::named(ctx, input)?;
    ctx.region().ssm.associations.remove(&id);
    let holds = format!("association:{id}");
    ctx.region().ssm.patching.retain(|_, holder| *holder != holds);
    Ok(json!({}))
}

#[cfg(test)]
mod tests;
