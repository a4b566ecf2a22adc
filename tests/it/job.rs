//! The main job in process: one pass over the demo's configuration, as `apply --yes --wait` makes it.

use rebake::aws::{Aws, Clock};
use rebake::config::Config;
use rebake::inventory::wanted;
use rebake::pass::{self, Conduct, Look};
use rebake::plan::Plan;
use rebake::plan::planner::Asked;
use rebake::run::engine::{self, Ended};
use rebake::run::{Listeners, Patience, Wishes};

/// Looks and plans.
pub(crate) async fn decide(aws: &Aws, clock: &Clock, config: &Config) -> (Look, Plan) {
    let look = Look::at(aws, clock, config.clone(), &wanted::request(config)).await;
    let plan = look.plan(&Asked::default()).unwrap();
    (look, plan)
}

/// Carries out a plan, waiting for every gate that time opens.
pub(crate) async fn act(aws: &Aws, clock: &Clock, look: &Look, plan: &Plan, listeners: Listeners) -> Ended {
    let (_wish, wishes) = Wishes::new();
    let id = clock.now().strftime("%Y%m%d-%H%M%S").to_string();
    let nonce = format!("{id} in a test");
    let conduct = Conduct { id: id.clone(), nonce, patience: Patience::Gates, again: false, wishes };
    let run = pass::ready(aws, clock, look, plan, conduct, listeners).await;
    engine::run(&run, &id, plan).await
}
