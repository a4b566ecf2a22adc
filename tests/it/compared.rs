//! Saved inventories: what changed between two of them, as a user sees it over a whole job.

use std::path::Path;

use serde_json::Value;

use crate::binary::{Told, command, json, sandboxed, write};

fn of_kind<'a>(diff: &'a Value, kind: &str) -> Vec<&'a Value> {
    diff["changes"].as_array().unwrap().iter().filter(|change| change["kind"] == kind).collect()
}

fn saved(folder: &Path) -> Vec<String> {
    let inventories = folder.join(".rebake/sandbox/inventories");
    let mut names: Vec<String> =
        std::fs::read_dir(inventories).unwrap().map(|entry| entry.unwrap().path().display().to_string()).collect();
    names.sort();
    names
}

#[test]
fn a_job_shows_in_the_comparison_of_before_and_after() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    sandboxed(here, &["diff"]).refused(&["no inventory was saved yet", "inventory --save"]);
    sandboxed(here, &["inventory", "os:windows", "--save"]).ends(0);
    assert_eq!(saved(here).len(), 1);
    assert!(sandboxed(here, &["diff"]).ends(0).contains("Nothing changed."));

    sandboxed(here, &["apply", "--yes", "--wait"]).ends(8);
    let diff = json(here, &["diff"]);
    let groups: Vec<&str> =
        diff["replaced"].as_array().unwrap().iter().map(|it| it["group"].as_str().unwrap()).collect();
    assert!(groups.contains(&"web-prod") && groups.len() == 6, "{groups:?}");
    for group in diff["replaced"].as_array().unwrap() {
        assert_eq!(group["went"], group["came"], "{group}");
        assert_ne!(group["from"], group["to"], "{group}");
    }
    assert!(of_kind(&diff, "patched").len() >= 20, "{diff}");
    let (was, is) = (&diff["before"]["totals"], &diff["after"]["totals"]);
    assert_eq!(was["nodes"], 93, "all of it was saved, whatever was shown");
    assert!(is["need_patching"].as_u64() < was["need_patching"].as_u64());

    let screen = sandboxed(here, &["diff", "--since", "yesterday"]).ends(0);
    assert!(screen.contains("Since 2026-11-24 08:00 UTC") && screen.contains("REPLACED"), "{screen}");
    sandboxed(here, &["diff", "--since", "30d"]).refused(&["the oldest is of 2026-11-24", "rebake --sandbox diff"]);
    sandboxed(here, &["diff", "--since", "soon"]).refused(&["--since soon", "yesterday"]);

    // The report compares with the same, and leaves its own look behind when it is asked to.
    let report = json(here, &["report"]);
    assert_eq!(report["change"]["before"], diff["before"]);
    assert!(sandboxed(here, &["report", "--format", "md"]).ends(0).contains("Since 2026"));
    sandboxed(here, &["report", "--save", "-o", "report.html"]).ends(0);
    let files = saved(here);
    assert_eq!(files.len(), 2);
    let between = json(here, &["diff", &files[0], &files[1]]);
    assert_eq!((&between["changes"], &between["replaced"]), (&diff["changes"], &diff["replaced"]));
    let (csv, markdown) = ("csv", "md");
    for format in [csv, markdown] {
        assert!(sandboxed(here, &["diff", &files[0], &files[1], "--format", format]).ends(0).contains("web-prod"));
    }

    write(here, "broken.json", "{\"schema\": \"rebake/fleet\", ");
    write(here, "plan.json", "{\"schema\": \"rebake/plan\"}");
    sandboxed(here, &["diff", "broken.json"]).refused(&["broken.json", "no JSON"]);
    sandboxed(here, &["diff", "plan.json", &files[0]]).refused(&["plan.json", "no inventory"]);
    sandboxed(here, &["diff", "nowhere.json"]).refused(&["nowhere.json"]);
}

#[test]
fn a_damaged_inventory_is_named_and_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    sandboxed(here, &["inventory", "--save"]).ends(0);
    let damaged = here.join(".rebake/sandbox/inventories/20991231-000000.json");
    std::fs::write(&damaged, "{\"nodes\": [").unwrap();
    let told = sandboxed(here, &["diff"]);
    assert!(told.ends(0).contains("Nothing changed."), "{}", told.out);
    assert!(told.err.contains("20991231-000000.json") && told.err.contains("passed over"), "{}", told.err);
    // Where nothing else is there, it is what is wrong.
    for file in saved(here).iter().filter(|file| !file.contains("20991231")) {
        std::fs::remove_file(file).unwrap();
    }
    sandboxed(here, &["diff"]).refused(&["20991231-000000.json"]);
}

#[test]
#[cfg(unix)]
fn what_is_no_file_is_no_recording() {
    let folder = tempfile::tempdir().unwrap();
    let told: Told = command(folder.path(), &["--import", "/dev/zero", "inventory"]).output().unwrap().into();
    told.refused(&["/dev/zero", "neither a file nor a pipe"]);
}
