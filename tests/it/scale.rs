//! How deciding grows with the fleet: figures that are printed, and that no test asserts.
//!
//! `REBAKE_SCALE=1000 cargo nextest run deciding_grows --no-capture`; without the variable up to ten copies of the demo.
//! `REBAKE_SCALE=538 cargo nextest run --release the_page --no-capture` writes the page of 50,034 nodes.

use jiff::Timestamp;
use rebake::aws::Clock;
use rebake::classify::classify;
use rebake::config::library;
use rebake::model::{Fleet, Group, Node};
use rebake::plan::planner::{Asked, Input, plan};
use rebake::report::html;
use rebake::text::Commands;

use crate::demo::seen;

/// So many copies of a fleet beside one another: nodes, and groups with their members.
fn copies(fleet: &Fleet, number: usize) -> Fleet {
    let mut many = fleet.clone();
    let named = |name: &str, copy: usize| if copy == 0 { name.to_owned() } else { format!("{name}-{copy:05}") };
    let node = |node: &Node, copy: usize| Node {
        id: named(&node.id, copy).into(),
        group: node.group.as_deref().map(|group| named(group, copy).into()),
        ..node.clone()
    };
    let group = |group: &Group, copy: usize| {
        let mut group = Group { name: named(&group.name, copy), ..group.clone() };
        for member in &mut group.members {
            member.id = named(&member.id, copy);
        }
        group
    };
    many.nodes = (0..number).flat_map(|copy| fleet.nodes.iter().map(move |one| node(one, copy))).collect();
    many.groups = (0..number).flat_map(|copy| fleet.groups.iter().map(move |one| group(one, copy))).collect();
    many.nodes.sort_by(|one, other| (&one.site, &one.id).cmp(&(&other.site, &other.id)));
    many.groups.sort_by(|one, other| (&one.site, &one.name).cmp(&(&other.site, &other.name)));
    many
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "how much is printed is asked by the environment")]
async fn deciding_grows_with_the_fleet() {
    let config = library::demo().unwrap();
    let (_, fleet, _) = seen(&config).await;
    let clock = Clock::wall();
    let since = |begun: Timestamp| clock.now().duration_since(begun).as_secs_f64();
    println!("{:>8} {:>8} {:>12} {:>12}", "nodes", "groups", "classify s", "plan s");
    let most = std::env::var("REBAKE_SCALE").map_or(10, |copies| copies.parse().unwrap());
    for number in [10, 100, 1000].into_iter().filter(|number| *number <= most) {
        let many = copies(&fleet, number);
        let begun = clock.now();
        let judged = classify(&config, &many, many.as_of);
        let classified = since(begun);
        let begun = clock.now();
        let asked = Asked::default();
        let input = Input { config: &config, fleet: &many, judgements: &judged, asked: &asked, now: many.as_of };
        let planned = plan(&input);
        println!("{:>8} {:>8} {classified:>12.2} {:>12.2}", many.nodes.len(), many.groups.len(), since(begun));
        assert_eq!(judged.len(), many.nodes.len());
        assert!(!planned.is_empty());
    }
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "how much is written is asked by the environment")]
async fn the_page_grows_with_the_fleet() {
    let config = library::demo().unwrap();
    let (_, fleet, _) = seen(&config).await;
    let clock = Clock::wall();
    let copied = std::env::var("REBAKE_SCALE").map_or(10, |copies| copies.parse().unwrap());
    let many = copies(&fleet, copied);
    let judged = classify(&config, &many, many.as_of);
    let asked = Asked::default();
    let input = Input { config: &config, fleet: &many, judgements: &judged, asked: &asked, now: many.as_of };
    let planned = plan(&input);
    let begun = clock.now();
    let page = html::page(&html::Facts {
        asked: "rebake report",
        fleet: &many,
        judged: &judged,
        now: many.as_of,
        plan: Some(&planned),
        run: None,
        before: None,
        commands: &Commands::default(),
    });
    let took = clock.now().duration_since(begun).as_secs_f64();
    println!("{} nodes: {:.1} MB in {took:.2} s", many.nodes.len(), page.len() as f64 / 1e6);
    assert!(page.len() < many.nodes.len() * 600 + 200_000, "a node costs too much: {}", page.len());
}
