//! The inventory by selector, columns, order and totals.

use std::path::Path;

use crate::binary::{json, sandboxed};

/// What an inventory prints.
fn told(here: &Path, arguments: &[&str]) -> String {
    let told = sandboxed(here, &[&["inventory"], arguments].concat());
    told.ends(0);
    told.out
}

fn csv(here: &Path, arguments: &[&str]) -> Vec<Vec<String>> {
    let told = told(here, &[arguments, &["--format", "csv"]].concat());
    told.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn nodes_are_picked_listed_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let windows = csv(here, &["os:windows", "--columns", "name,system,tag:app", "--sort", "-name"]);
    assert_eq!(windows[0], ["name", "system", "tag:app"]);
    assert!(windows[1..].iter().all(|row| row[1].starts_with("Windows Server")), "{windows:?}");
    assert!(windows[1..].iter().rev().map(|row| &row[0]).is_sorted(), "{windows:?}");

    // Totals add up to the nodes, whatever they are counted by, and to those of a selection.
    for by in ["account", "region", "os", "lane", "owner", "recipe", "tag:env"] {
        let totals = csv(here, &["--group-by", by]);
        let nodes: usize = totals[1..].iter().map(|row| row[1].parse::<usize>().unwrap()).sum();
        assert_eq!(nodes, 93, "{by}: {totals:?}");
    }
    let lanes = csv(here, &["os:windows", "--group-by", "lane"]);
    let nodes: usize = lanes[1..].iter().map(|row| row[1].parse::<usize>().unwrap()).sum();
    assert_eq!(nodes, windows.len() - 1);

    let picked = json(here, &["inventory", "os:windows"]);
    assert_eq!(picked["nodes"].as_array().unwrap().len(), nodes);
    let counted = json(here, &["inventory", "--group-by", "lane"]);
    assert_eq!((&counted["schema"], &counted["by"]), (&"rebake/totals".into(), &"lane".into()));
    let values = counted["values"].as_array().unwrap();
    assert_eq!(values.iter().map(|value| value["totals"]["nodes"].as_u64().unwrap()).sum::<u64>(), 93);

    // The first line answers, and what nobody picks is no error.
    let screen = told(here, &["os:windows"]);
    assert!(screen.starts_with(&format!("{nodes} nodes in 2 sites: ")), "{screen}");
    assert!(screen.contains(" NAME ") && screen.contains("dc-1"), "{screen}");
    assert!(told(here, &["name:nobody"]).starts_with("No nodes"));
}

#[test]
fn a_wrong_word_points_at_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    sandboxed(here, &["inventory", "os:windows & lnae:mutable"]).refused(&["at character 14", "lane"]);
    sandboxed(here, &["inventory", "--columns", "name,lnae"]).refused(&["lnae", "did you mean `lane`?"]);
    sandboxed(here, &["inventory", "--group-by", "lane", "--sort", "name"]).refused(&["--group-by", "--sort"]);
}

#[test]
fn nodes_are_explained_by_a_selector_too() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let told = sandboxed(here, &["explain", "group:web-prod & needs:critical | name:wiki"]);
    told.ends(0);
    assert_eq!(told.out.matches("member of group web-prod").count(), 6, "{}", told.out);
    assert!(told.out.contains("wiki is mutable"), "{}", told.out);
    let listed = json(here, &["explain", "name:w*"]);
    assert_eq!(
        (&listed["schema"], &listed["totals"]),
        (&json(here, &["inventory", "name:w*"])["schema"], &json(here, &["inventory", "name:w*"])["totals"])
    );
    sandboxed(here, &["explain", "lane:immutable"])
        .refused(&["nodes are selected, and explain tells of at most 20", "rebake --sandbox inventory lane:immutable"]);
    sandboxed(here, &["explain", "os:windows & lnae:mutable"]).refused(&["at character 14", "lane"]);
    sandboxed(here, &["explain", "name:nobody"]).refused(&["no node is selected by name:nobody"]);
    sandboxed(here, &["explain", "arn:aws:ec2:x"])
        .refused(&["no node, group or image has the id or name arn:aws:ec2:x"]);
}

#[test]
fn groups_and_images_are_explained_too() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let explained = |wanted: &str| {
        let told = sandboxed(here, &["explain", wanted]);
        told.ends(0);
        told.out
    };
    for (wanted, says) in [
        (
            "web-prod",
            &["Group web-prod in", "6 nodes", "on web 2.4.16", "channel prod of recipe web", "would refresh"][..],
        ),
        ("shop-search", &["Group shop-search", "suspended", "Terminate", "leaves it alone"]),
        ("shop-legacy", &["launch configuration shop-legacy-2025"]),
        ("api-prod-us", &["stay behind", "protected from scale-in"]),
        ("ecs-orders", &["owner", "ECS"]),
        ("web@2.4.16", &["web 2.4.16 in", "eu-west-1", "us-east-1", "web/prod", "nodes in group web-prod"]),
        ("wiki", &["wiki is mutable"]),
    ] {
        let told = explained(wanted);
        for said in says {
            assert!(told.contains(said), "{said} is not in: {told}");
        }
    }
    // A node and a group of one name: the word means the node, `group:` the group.
    assert!(explained("jenkins").starts_with("jenkins is"), "{}", explained("jenkins"));
    assert!(explained("group:jenkins").starts_with("Group jenkins in"));
    for (wanted, schema) in [("web-prod", "rebake/group"), ("web@2.4.16", "rebake/image"), ("wiki", "rebake/node")] {
        assert_eq!(json(here, &["explain", wanted])["schema"], schema);
    }
}
