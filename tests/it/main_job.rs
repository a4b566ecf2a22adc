//! The main job as a user runs it: the binary, the demo world, one command; then the same again.

use std::path::Path;
use std::process::{Command, Output};

fn rebake(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rebake"));
    command.current_dir(folder).arg("--sandbox").args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The operations that changed something so far.
fn changes(folder: &Path) -> Vec<String> {
    let output = rebake(folder, &["sandbox", "calls"]);
    let calls: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let names = calls.iter().map(|call| call["operation"].as_str().unwrap().to_owned());
    names.filter(|name| !["Describe", "Get", "List"].iter().any(|prefix| name.starts_with(prefix))).collect()
}

#[test]
fn one_command_does_both_lanes_and_the_same_again_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();

    let before = rebake(here, &["plan", "--detailed-exitcode"]);
    assert_eq!(before.status.code(), Some(3), "{}", text(&before));
    assert_eq!(changes(here), [""; 0], "looking changes nothing");

    let applied = rebake(here, &["apply", "--yes", "--wait"]);
    assert_eq!(applied.status.code(), Some(8), "some nodes stay unpatched, and nothing failed: {}", text(&applied));
    let made = changes(here);
    let count = |operation: &str| made.iter().filter(|name| *name == operation).count();
    assert!(made.len() >= 100, "{} changing calls", made.len());
    assert_eq!(count("StartInstanceRefresh"), 6);
    assert!(count("CreateImage") >= 4);
    assert!(count("SendCommand") >= 6);

    let after = rebake(here, &["plan", "--detailed-exitcode"]);
    assert_eq!(after.status.code(), Some(0), "{}", text(&after));
    let again = rebake(here, &["apply", "--yes", "--wait"]);
    assert_eq!(again.status.code(), Some(8), "{}", text(&again));
    assert!(text(&again).contains("rebake --sandbox sandbox reset"), "{}", text(&again));
    assert_eq!(changes(here), made, "a second apply changes nothing, the lock included");
}

#[test]
fn a_sick_image_is_rolled_back_and_says_so_by_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let faults = here.join("faults.json");
    std::fs::write(&faults, r#"{"sick-images": ["web-2.4.17*"]}"#).unwrap();
    let put = rebake(here, &["sandbox", "faults", faults.to_str().unwrap()]);
    assert!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
    rebake(here, &["bake", "web", "--yes"]);
    let promoted = rebake(here, &["promote", "web", "prod", "--yes"]);
    // prod waits for staging: nothing was rolled there.
    assert_ne!(promoted.status.code(), Some(5), "{}", text(&promoted));
    let staged = rebake(here, &["promote", "web", "staging", "--yes"]);
    assert_eq!(staged.status.code(), Some(5), "{}", text(&staged));
    let channels = text(&rebake(here, &["channels"]));
    assert!(channels.contains("2.4.16"), "{channels}");
}
