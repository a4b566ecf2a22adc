//! An independent checker: judges a plan before it is saved and before it is carried out.
//!
//! The planner says what should happen; the checker knows nothing of how it decides, and shares no function with it (a
//! test holds that). It states what every plan promises as [`Rule`]s and reads them off the plan, the configuration and
//! the fleet. A plan that breaks a rule is a mistake of rebake, or of whoever wrote the file: nothing of it is done.
//!
//! - `frame`: times, sites, limits, and that nothing is in it twice.
//! - `bakes`: images to build. `channels`: channels, their gates and waves. `groups`: single groups.
//! - `rings`: nodes to patch. `left_out`: what is not in the plan.
//! - `rule`: the rules. `view`: the fleet, as the rules ask for it.

mod bakes;
mod channels;
mod frame;
mod groups;
mod left_out;
mod rings;
mod rule;
mod view;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

pub use rule::Rule;

use super::{GroupRollout, Plan, Rollout};
use crate::classify::Judgement;
use crate::config::Config;
use crate::model::{Fleet, Gap, Site};
use view::View;

/// What a plan is judged against.
#[derive(Debug, Clone, Copy)]
pub struct Against<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The fleet.
    pub fleet: &'a Fleet,
    /// What was decided about its nodes, in their order.
    pub judgements: &'a [Judgement],
    /// Now.
    pub now: Timestamp,
    /// How much of what is due the plan has to have.
    pub scope: Scope,
}

/// How much of what is due a plan has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything: what is not in it is named.
    Everything,
    /// What a command asked for.
    Part,
    /// A saved plan, of which a part may have been carried out: [`super::moved`] compares the fleet, and what is left
    /// here is what plan and configuration say.
    Saved,
}

/// A rule that a plan breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub rule: Rule,
    /// The action that breaks it: `image web 2.4.17`.
    pub action: String,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (rule {}: {})", self.action, self.what, self.rule.name(), self.rule.says())
    }
}

/// The rules that a plan breaks; none if it is sound.
#[must_use]
pub fn check(plan: &Plan, against: &Against<'_>) -> Vec<Broken> {
    let view = View::new(against);
    let mut findings = Findings::default();
    frame::check(plan, &view, &mut findings);
    for bake in &plan.bakes {
        bakes::check(bake, &view, &mut findings);
    }
    for same in &plan.unchanged {
        bakes::unchanged(same, &view, &mut findings);
    }
    for (number, rollout) in plan.rollouts.iter().enumerate() {
        channels::check(plan, number, rollout, &view, &mut findings);
    }
    for ring in &plan.patches {
        rings::check(ring, &view, &mut findings);
    }
    left_out::check(plan, &view, &mut findings);
    findings.0
}

/// Why groups of a plan must not be refreshed any more as the fleet is now, by site and name.
#[must_use]
pub fn forbidden<'a>(plan: &'a Plan, against: &Against<'_>) -> BTreeMap<(&'a Site, &'a str), Broken> {
    let view = View::new(against);
    let groups = plan.rollouts.iter().flat_map(|rollout| {
        let groups = rollout.waves.iter().flat_map(|wave| &wave.groups);
        groups.map(move |group| (rollout, group))
    });
    let forbids = |(rollout, group): (&'a Rollout, &'a GroupRollout)| {
        Some(((&group.site, group.group.as_str()), groups::forbids(rollout, group, &view)?))
    };
    groups.filter_map(forbids).collect()
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Broken>);

impl Findings {
    /// Notes a rule as broken unless something holds.
    fn must(&mut self, holds: bool, rule: Rule, action: &str, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Broken { rule, action: action.to_owned(), what: what() });
        }
    }

    /// Notes a rule as broken where a value of the plan is not what it has to be.
    fn same<T: PartialEq + fmt::Debug>(&mut self, rule: Rule, action: &str, name: &str, planned: &T, right: &T) {
        self.must(planned == right, rule, action, || format!("{name} is {planned:?} and not {right:?}"));
    }

    /// Notes that something that an action depends on was not read, if there is such a gap.
    fn read(&mut self, gap: Option<&Gap>, action: &str) {
        if let Some(gap) = gap {
            self.must(false, Rule::Unread, action, || format!("{} was not answered in {}", gap.action, gap.site));
        }
    }
}
