//! How the report's page grows with the fleet.

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
async fn the_page_grows_with_the_fleet() {
    let config = library::demo().unwrap();
    let (_, fleet, _) = seen(&config).await;
    let many = copies(&fleet, 10);
    let judged = classify(&config, &many, many.as_of);
    let asked = Asked::default();
    let input = Input { config: &config, fleet: &many, judgements: &judged, asked: &asked, now: many.as_of };
    let planned = plan(&input);
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
    assert!(page.len() < many.nodes.len() * 600 + 200_000, "a node costs too much: {}", page.len());
}
