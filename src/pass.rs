//! One pass: what every command does between opening the way to AWS and telling what came of it. It looks once, decides
//! on what it saw, and makes a run ready that carries the decision out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use crate::aws::{Aws, Clock, Connection};
use crate::classify::{Judgement, classify};
use crate::config::Config;
use crate::inventory::{Request, inventory, wanted};
use crate::model::{Command, Fleet, Identity, Site};
use crate::patch::{DOCUMENT, Phase, chain};
use crate::plan::check::{Against, Broken, Scope, check};
use crate::plan::moved::{self, Now};
use crate::plan::planner::{Asked, Input, plan};
use crate::plan::{Gate, Plan};
use crate::run::applications::Applications;
use crate::run::board::Board;
use crate::run::locks::Locks;
use crate::run::{Listeners, Patience, Run, Wishes};
use crate::text::Problem;

/// How far back rings look for when they were patched last.
const RING_HISTORY: Duration = Duration::from_hours(14 * 24);

/// What one look shows.
#[derive(Debug)]
pub struct Look {
    /// The configuration.
    pub config: Config,
    /// The fleet.
    pub fleet: Fleet,
    /// What was decided about its nodes.
    pub judged: Vec<Judgement>,
    /// When.
    pub now: Timestamp,
}

impl Look {
    /// Looks at everything that is asked for. What cannot be read is a gap of the fleet.
    pub async fn at(aws: &Aws, clock: &Clock, config: Config, request: &Request) -> Self {
        let fleet = inventory(aws, request, &|_| {}).await;
        Self::new(config, fleet, clock.now())
    }

    /// What a fleet shows at a moment.
    #[must_use]
    pub fn new(config: Config, fleet: Fleet, now: Timestamp) -> Self {
        let judged = classify(&config, &fleet, now);
        Self { config, fleet, judged, now }
    }

    /// The plan for what a command asks for, judged by the checker before anybody sees it.
    ///
    /// # Errors
    /// No site, two recipes that select one group, or a plan that breaks a rule.
    pub fn plan(&self, asked: &Asked) -> Result<Plan, Refused> {
        if self.fleet.sites.is_empty() {
            return Err(Refused::Nowhere);
        }
        let contested = self.config.contested(&self.fleet.groups);
        if !contested.is_empty() {
            return Err(Refused::Contested(contested));
        }
        let (config, fleet, judgements, now) = (&self.config, &self.fleet, &self.judged, self.now);
        let plan = plan(&Input { config, fleet, judgements, asked, now });
        let scope = if *asked == Asked::default() { Scope::Everything } else { Scope::Part };
        self.vouch(&plan, scope)?;
        Ok(plan)
    }

    /// Refuses a plan that breaks a rule: it would be a mistake of rebake.
    ///
    /// # Errors
    /// The rules that it breaks.
    pub fn vouch(&self, plan: &Plan, scope: Scope) -> Result<(), Refused> {
        let broken = check(plan, &self.against(scope));
        if broken.is_empty() { Ok(()) } else { Err(Refused::Unsound(broken)) }
    }

    /// What a plan is judged against.
    #[must_use]
    pub fn against(&self, scope: Scope) -> Against<'_> {
        Against { config: &self.config, fleet: &self.fleet, judgements: &self.judged, now: self.now, scope }
    }

    /// As whom it looked, for people.
    #[must_use]
    pub fn who(&self) -> String {
        let identity = self.fleet.sites.iter().find_map(|site| site.identity.as_ref());
        identity.map_or_else(|| "somebody".to_owned(), Identity::short)
    }
}

/// Why there is no plan.
#[derive(Debug)]
pub enum Refused {
    /// Two recipes select one group.
    Contested(Vec<Problem>),
    /// There is no site: recordings may tell of none.
    Nowhere,
    /// The plan breaks rules that every plan keeps.
    Unsound(Vec<Broken>),
}

/// How a run is to be conducted.
#[derive(Debug)]
pub struct Conduct {
    /// The run's id.
    pub id: String,
    /// What tells this run from any other on any machine.
    pub nonce: String,
    /// How it waits.
    pub patience: Patience,
    /// Whether versions that failed before are started again.
    pub again: bool,
    /// What the user wants while it goes on.
    pub wishes: Wishes,
}

/// A run over what a look saw, ready for [`crate::run::engine::run`].
pub async fn ready(aws: &Aws, clock: &Clock, look: &Look, plan: &Plan, conduct: Conduct, listeners: Listeners) -> Run {
    let connections = connections(aws, &look.config).await;
    let rings = rings(&connections, look, plan).await;
    Run {
        clock: clock.clone(),
        connections,
        listeners,
        wishes: conduct.wishes,
        board: Board::default(),
        locks: Locks::new(&format!("run {} as {}", conduct.id, look.who()), &conduct.nonce),
        groups: Semaphore::new(plan.limits.groups_at_once.max(1) as usize),
        applications: Applications::default(),
        patience: conduct.patience,
        again: conduct.again,
        rings,
    }
}

/// How each action of a saved plan stands in the fleet as a look shows it now.
pub async fn standings(aws: &Aws, look: &Look, plan: &Plan) -> Vec<moved::Action> {
    let mut commands = Vec::new();
    let patched = |site: &Site| plan.patches.iter().flat_map(|ring| &ring.nodes).any(|node| node.site == *site);
    for (site, connection) in connections(aws, &look.config).await.into_iter().filter(|(site, _)| patched(site)) {
        // What cannot be read counts as not done: carrying the plan out looks again, node by node.
        let here = connection.commands(DOCUMENT, plan.created_at).await.unwrap_or_default();
        commands.extend(here.into_iter().map(|command| (site.clone(), command)));
    }
    let now = Now { config: &look.config, fleet: &look.fleet, judgements: &look.judged, commands: &commands };
    moved::standings(plan, &now)
}

/// The connections to all sites of a configuration.
async fn connections(aws: &Aws, config: &Config) -> BTreeMap<Site, Arc<Connection>> {
    let mut connections = BTreeMap::new();
    for configured in &config.sites {
        for site in configured.sites() {
            let connection = aws.site(&site, wanted::role(configured).as_ref()).await;
            connections.insert(site, connection);
        }
    }
    connections
}

/// When each ring was patched last: by its last commands, which anybody can read. A ring that lacks nothing, and of
/// which nobody remembers when it was patched, was patched long ago. Only for plans in which a ring waits for another.
async fn rings(
    connections: &BTreeMap<Site, Arc<Connection>>,
    look: &Look,
    plan: &Plan,
) -> Vec<(String, Option<Timestamp>)> {
    if !plan.patches.iter().flat_map(|ring| &ring.gates).any(|gate| matches!(gate, Gate::After { .. })) {
        return Vec::new();
    }
    let since = look.now - RING_HISTORY;
    let mut commands = Vec::new();
    for connection in connections.values() {
        // What cannot be read leaves a gate shut; it is the safe side.
        commands.extend(connection.commands(DOCUMENT, since).await.unwrap_or_default());
    }
    let last = |ring: &str| {
        let after = |command: &&Command| matches!(chain::read(&command.comment, ring), Some((_, Phase::After)));
        commands.iter().filter(after).map(|command| command.sent_at).max()
    };
    // What cannot be planned leaves a gate shut too.
    let due = look.plan(&Asked::default()).map(|plan| plan.patches);
    let is_due = |ring: &str| due.as_ref().map_or(true, |due| due.iter().any(|patch| patch.ring == ring));
    let when = |ring: &str| last(ring).or_else(|| (!is_due(ring)).then_some(Timestamp::UNIX_EPOCH));
    look.config.rings.iter().map(|ring| (ring.name.clone(), when(&ring.name))).collect()
}
