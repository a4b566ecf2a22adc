//! Results as JSON: every command that shows something has a schema with a version.

use serde_json::Value;

use crate::binary::{json, sandboxed, write};

#[test]
fn what_a_command_shows_it_also_tells_programs() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let none = json(here, &["status"]);
    assert_eq!((&none["exit"], &none["tasks"]), (&Value::Null, &Value::Array(Vec::new())));
    sandboxed(here, &["patch", "--ring", "canary", "--yes"]).ends(0);
    let members = |run: &Value| run.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&none), members(&json(here, &["status"])), "before the first run there are the same members");
    for (arguments, schema, holds) in [
        (&["inventory"][..], "rebake/fleet", "nodes"),
        (&["explain", "wiki"], "rebake/node", "evidence"),
        (&["images"], "rebake/images", "images"),
        (&["channels"], "rebake/channels", "channels"),
        (&["doctor"], "rebake/doctor", "findings"),
        (&["status"], "rebake/run", "tasks"),
        (&["history"], "rebake/history", "runs"),
        (&["sandbox", "show"], "rebake/sandbox", "places"),
    ] {
        let told = json(here, arguments);
        assert_eq!((&told["schema"], &told["version"]), (&Value::from(schema), &Value::from(1)), "{arguments:?}");
        assert!(!told[holds].as_array().unwrap().is_empty(), "{arguments:?}: {told}");
    }
    assert_eq!(json(here, &["report"])["schema"], "rebake/report");
}

/// A run that died before it did anything, and one that died before it told anything.
#[test]
fn runs_that_died_early_are_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    sandboxed(here, &["patch", "--ring", "canary", "--yes"]).ends(0);
    let runs = here.join(".rebake/sandbox/runs");
    let first = std::fs::read_dir(&runs).unwrap().next().unwrap().unwrap().path();
    let plan = std::fs::read_to_string(first.join("plan.json")).unwrap();
    write(&runs, "30000101-000000/plan.part", "{");
    write(&runs, "30000102-000000/plan.json", &plan);
    write(&runs, "30000103-000000/plan.json", &plan);
    write(&runs, "30000103-000000/journal.ndjson", "{\"at\":");
    assert_eq!(json(here, &["history"])["runs"].as_array().unwrap().len(), 3);
    assert!(sandboxed(here, &["status"]).ends(0).contains("Interrupted"));
    sandboxed(here, &["report", "--format", "md"]).ends(0);
}

#[test]
fn a_command_has_a_format_or_says_which_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for (arguments, format, said) in [
        (&["explain", "wiki"][..], "csv", "explain has no format csv"),
        (&["doctor"], "md", "doctor has no format md"),
        (&["apply", "--yes"], "csv", "apply has no format csv"),
        (&["report"], "csv", "--format table|json|md"),
        (&["sandbox", "show"], "csv", "sandbox show has no format csv"),
        (&["sandbox", "calls"], "md", "--format table|json"),
        (&["sandbox", "reset"], "json", "sandbox reset has no format json"),
        (&["sandbox", "advance", "1h"], "json", "sandbox advance has no format json"),
        (&["approve", "web@2.4.16", "prod"], "json", "approve has no format json"),
        (&["init", "--demo"], "md", "init has no format md"),
    ] {
        assert!(sandboxed(here, &[arguments, &["--format", format]].concat()).ends(2).contains(said), "{arguments:?}");
    }
    assert!(std::fs::read_dir(here).unwrap().next().is_none(), "nothing was done");
    for (command, head) in
        [("images", "recipe,version,state,"), ("channels", "recipe,channel,version,"), ("history", "run,exit,")]
    {
        assert!(sandboxed(here, &[command, "--format", "csv"]).ends(0).starts_with(head), "{command}");
        assert!(sandboxed(here, &[command, "--format", "md"]).ends(0).starts_with("| "), "{command}");
    }
}

/// What an acting command tells programs is one document: its result.
#[test]
fn a_run_tells_its_result_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let run = json(here, &["patch", "--ring", "canary", "--yes"]);
    assert_eq!((&run["schema"], &run["exit"]), (&Value::from("rebake/run"), &Value::from(0)));
    let again = json(here, &["patch", "--ring", "canary", "--yes"]);
    assert_eq!(again["tasks"], Value::Array(Vec::new()));
}

/// Progress as JSON: the first line says what the lines are.
#[test]
fn progress_tells_programs_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let told = sandboxed(here, &["patch", "--ring", "canary", "--yes", "--progress", "json"]);
    told.ends(0);
    let lines: Vec<Value> = told.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["schema"], &lines[0]["version"]), (&Value::from("rebake/events"), &Value::from(1)));
    assert_eq!(lines[0]["kind"]["event"], "started");
    assert_eq!(lines.last().unwrap()["kind"]["event"], "ended");
    assert!(lines.iter().skip(1).all(|line| line.get("schema").is_none()));
}

#[test]
fn verbose_progress_tells_effects_before_they_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let patch = ["patch", "--ring", "canary", "--yes"];
    let told = sandboxed(here, &[&patch[..], &["-v"]].concat());
    told.ends(0);
    assert!(told.err.contains(" ring canary: about to: SendCommand"), "{}", told.err);
    sandboxed(here, &["sandbox", "reset"]).ends(0);
    assert!(!sandboxed(here, &patch).err.contains("about to"));
    sandboxed(here, &[&patch[..], &["-v", "-q"]].concat()).refused(&["--quiet", "cannot be used with"]);
}
