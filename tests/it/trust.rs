//! What people rely on when something stops half-way: who is at work, what was changed, and that nothing is forgotten.

use std::process::{Command, Stdio};

use crate::binary::{sandboxed, write};

/// A run that is under way is told from one that died.
#[test]
fn status_tells_a_run_that_is_at_work() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // At the pace for people it takes about a minute.
    let mut run = Command::new(env!("CARGO_BIN_EXE_rebake"))
        .current_dir(here)
        .args(["--sandbox", "apply", "--yes", "--progress", "bars"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let looks = std::iter::repeat_with(|| sandboxed(here, &["status"]).ends(0)).take(5000);
    let told =
        looks.into_iter().find(|told| told.starts_with("At work") && told.contains(" in AWS")).unwrap_or_default();
    assert!(told.starts_with("At work since 2026-11-24"), "{told}");
    assert!(sandboxed(here, &["history"]).ends(0).contains("At work since"));
    run.kill().unwrap();
    run.wait().unwrap();
    let told = sandboxed(here, &["status"]).ends(0);
    assert!(told.contains("Interrupted after"), "{told}");
    assert!(!told.contains("nothing was changed"), "{told}");
}

/// A window that lies in a freeze every week is no window: it is said, and nobody waits for it.
#[test]
fn a_window_that_never_opens_is_told_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    sandboxed(here, &["init", "--demo"]).ends(0);
    let main = std::fs::read_to_string(here.join("rebake.toml")).unwrap();
    write(here, "rebake.toml", &format!("{main}\n[[freeze]]\ndays = [\"sat\", \"sun\"]\ntz = \"Europe/Berlin\"\n"));
    let plan = sandboxed(here, &["plan"]);
    assert!(plan.ends(0).contains("lies in a [[freeze]] every time: it never opens"), "{}", plan.out);
    let applied = sandboxed(here, &["apply", "--yes", "--wait"]);
    applied.ends(8);
    assert!(applied.out.contains("ring rest"), "{}", applied.out);
}

/// Who promotes what the channel before has not got is told what to do first.
#[test]
fn a_promotion_that_cannot_begin_fails() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    sandboxed(here, &["bake", "web", "--yes"]).ends(0);
    let promoted = sandboxed(here, &["promote", "web", "prod", "--yes", "--wait"]);
    promoted.ends(1);
    assert!(promoted.out.contains("rebake --sandbox promote web@2.4.17 staging"), "{}", promoted.out);
}
