//! `patch --scan`: nodes are looked at, whatever their lane and whoever they belong to, and never changed.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::binary::{calls, json, sandboxed};

/// The nodes of a name, as the inventory shows them.
fn nodes(here: &Path, name: &str) -> Vec<Value> {
    let mut fleet = json(here, &["inventory"]);
    let nodes = std::mem::take(fleet["nodes"].as_array_mut().unwrap());
    nodes.into_iter().filter(|node| node["name"] == name).collect()
}

/// The nodes that commands went to so far. Each command only looks.
fn commanded(here: &Path) -> BTreeSet<String> {
    let calls = calls(here);
    let changing: BTreeSet<&str> = calls
        .iter()
        .map(|call| call["operation"].as_str().unwrap())
        .filter(|name| !["Describe", "Get", "List"].iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    assert_eq!(changing, BTreeSet::from(["PutParameter", "SendCommand"]), "the lock and the commands");
    let commands = calls.iter().filter(|call| call["operation"] == "SendCommand");
    let requests: Vec<&Value> = commands.map(|call| &call["request"]).collect();
    for request in &requests {
        assert!(request["Comment"].as_str().unwrap().contains(" scan only "), "{request}");
    }
    let ids = requests.iter().flat_map(|request| request["InstanceIds"].as_array().unwrap());
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_nobody_could_tell_is_told_after_a_scan() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // Never scanned; scanned too long ago; the same on-premises.
    for name in ["vpn", "sftp", "plant-hmi-2"] {
        let before = nodes(here, name);
        assert!(!before[0]["blind"].is_null(), "{name} cannot be judged");
        sandboxed(here, &["patch", "--scan", &format!("name:{name}"), "--yes"]).ends(0);
        let after = nodes(here, name);
        assert!(after[0]["blind"].is_null(), "{}", after[0]);
        assert_eq!(after[0]["patch_state"]["operation"], "scan", "{}", after[0]);
        assert!(after[0]["patch_state"]["missing"].as_u64().unwrap() > 0, "nothing was installed: {}", after[0]);
    }
    assert_eq!(commanded(here).len(), 3);
}

#[test]
fn immutable_nodes_are_scanned_too_and_others_never() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    sandboxed(here, &["patch", "--scan", "group:web-prod", "--yes"]).ends(0);
    let web: BTreeSet<String> =
        nodes(here, "web-prod").iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((commanded(here), web.len()), (web, 6));

    // Delegated, stopped, silent.
    for selector in ["lane:delegated", "name:old-reports", "name:mq-1"] {
        sandboxed(here, &["patch", "--scan", selector, "--yes"]).refused(&[selector, "no node whose agent answers"]);
    }
    assert_eq!(commanded(here).len(), 6);
}

#[test]
fn a_ring_is_scanned_as_a_whole_and_waits_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let plan = sandboxed(here, &["plan"]).out;
    assert!(plan.contains("ring rest    17 nodes  12 h after ring canary"), "{plan}");
    let told = sandboxed(here, &["patch", "--ring", "rest", "--scan", "--yes"]).ends(0);
    assert!(told.contains("21 nodes scanned"), "also those that lack nothing: {told}");
    assert_eq!(commanded(here).len(), 21);
    // A Scan is no patching: the ring's work is still to be done, and so is that of the ring before.
    let plan = sandboxed(here, &["plan"]).out;
    assert!(plan.contains("12 h after ring canary"), "{plan}");
}

/// A selector patches nodes as their rings say, and nothing else: what no ring selects is named.
#[test]
fn a_selector_patches_what_rings_select_and_names_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let one = sandboxed(here, &["patch", "name:ci-1", "--yes"]);
    assert!(one.ends(0).contains("1 node patched"), "{}", one.out);
    let installs = installs(here);
    assert_eq!(installs.len(), 1, "{installs:?}");
    // A group's member, and a pet that no ring selects.
    let none = sandboxed(here, &["patch", "name:web-prod | name:dc-2", "--yes"]);
    let told = none.ends(8);
    assert!(told.contains("immutable: its group replaces it") && told.contains("no ring selects it"), "{told}");
    assert_eq!(self::installs(here), installs);
    sandboxed(here, &["patch", "name:nobody", "--yes"]).refused(&["selects no node"]);
    sandboxed(here, &["patch", "lnae:x", "--yes"]).refused(&["at character 1"]);
}

/// The nodes of every Install that was sent.
fn installs(here: &Path) -> Vec<String> {
    let sent = calls(here).into_iter().filter(|call| call["operation"] == "SendCommand");
    let installs = sent.filter(|call| call["request"]["Comment"].as_str().is_some_and(|it| it.contains(" install ")));
    installs
        .flat_map(|call| call["request"]["InstanceIds"].as_array().cloned().unwrap_or_default())
        .filter_map(|id| id.as_str().map(str::to_owned))
        .collect()
}
