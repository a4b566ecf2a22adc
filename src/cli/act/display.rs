//! The display of a run, and the pace at which a sandbox is watched.

use std::io::IsTerminal;
use std::time::Duration;

use super::super::{Global, Progress, machine};
use crate::plan::Plan;
use crate::run::Run;
use crate::ui;

/// Between two pictures of the display.
const TICK: Duration = Duration::from_millis(40);

/// How long a run over a sandbox is to take while somebody watches, in seconds.
const WATCHED_SECONDS: u64 = 60;

/// Virtual seconds a second at the least.
const SLOWEST: u32 = 20;

/// Who watches a run.
pub(super) fn watched(global: &Global, is_sandbox: bool) -> Watched {
    match (shows_bars(global), is_sandbox) {
        (false, _) => Watched::Nobody,
        (true, true) => Watched::Sandbox,
        (true, false) => Watched::Aws,
    }
}

/// Whether something is redrawn in place.
pub(crate) fn shows_bars(global: &Global) -> bool {
    match global.progress {
        _ if global.quiet => false,
        Progress::Bars => true,
        Progress::Auto => std::io::stderr().is_terminal() && !global.verbose,
        Progress::Plain | Progress::Json | Progress::None => false,
    }
}

pub(super) fn kind(global: &Global) -> ui::Kind {
    match global.progress {
        _ if global.quiet => ui::Kind::None,
        Progress::Auto => ui::Kind::Auto,
        Progress::Bars => ui::Kind::Bars,
        Progress::Plain => ui::Kind::Plain,
        Progress::Json => ui::Kind::Json,
        Progress::None => ui::Kind::None,
    }
}

/// While somebody watches: tells the display what time it is, and holds the sandbox's clock back while AWS works. Pure
/// waiting is skipped at once.
pub(super) async fn watch(run: &Run, plan: &Plan, watched: Watched) {
    let pace = pace(plan);
    loop {
        match watched {
            Watched::Nobody => std::future::pending::<()>().await,
            Watched::Sandbox => run.clock.sleep(TICK * pace).await,
            Watched::Aws => {}
        }
        if watched == Watched::Aws || run.locks.any_held() {
            // While a blocking task runs, virtual time stands still.
            let rest = tokio::task::spawn_blocking(|| machine::rest(TICK)).await;
            if rest.is_err() {
                std::future::pending::<()>().await;
            }
            run.listeners.tick(run.clock.now());
        }
    }
}

/// Who watches what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watched {
    /// Nobody.
    Nobody,
    /// Somebody, a sandbox in virtual time.
    Sandbox,
    /// Somebody, AWS in its own time.
    Aws,
}

/// Virtual seconds a second, so that all that AWS works on takes about a minute, whatever the plan.
fn pace(plan: &Plan) -> u32 {
    let of_recipe = |recipe: &str| {
        let bakes = plan.bakes.iter().filter(|bake| bake.recipe == recipe).map(|bake| bake.expected_seconds);
        let rollouts = plan.rollouts.iter().filter(|rollout| rollout.recipe == recipe);
        bakes.chain(rollouts.map(|rollout| rollout.expected_seconds)).sum::<u64>()
    };
    let recipes = plan.bakes.iter().map(|bake| &bake.recipe).chain(plan.rollouts.iter().map(|rollout| &rollout.recipe));
    let longest = recipes.map(|recipe| of_recipe(recipe)).max().unwrap_or(0);
    let rings: u64 = plan.patches.iter().map(|ring| ring.expected_seconds).sum();
    u32::try_from((longest + rings) / WATCHED_SECONDS).unwrap_or(u32::MAX).max(SLOWEST)
}
