//! SIGKILL and Ctrl-C: rebake dies or is stopped in the middle of its work, the sandbox in the same process with it. What
//! was answered has happened, what AWS had begun goes on, and the next run ends as if nothing had been.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use rebake::sandbox::store::Account;

use crate::binary::{Told, calls, command, sandboxed};
use crate::end_state::EndState;
use crate::served::Served;

/// After how many further calls of the account a run is killed, one run after the other: among the first looks, while
/// images are built, while groups are refreshed.
const DEATHS: [usize; 5] = [30, 150, 90, 200, 60];

/// How patient a test is with a run that is to be killed: this many looks at its log.
const LOOKS: usize = 30_000;

/// Lines of the log that the sandbox writes before it answers.
fn lines(here: &Path) -> usize {
    let log = std::fs::read(here.join(".rebake/sandbox/log.ndjson")).unwrap_or_default();
    log.split(|byte| *byte == b'\n').count()
}

/// Waits until the log has grown by some lines. False if the run ended before.
fn has_worked(here: &Path, run: &mut Child, growth: usize) -> bool {
    let before = lines(here);
    for _ in 0..LOOKS {
        if run.try_wait().unwrap().is_some() {
            return false;
        }
        if lines(here) >= before + growth {
            return true;
        }
        rest();
    }
    panic!("the log does not grow");
}

/// A run of the main job, without its gates.
fn start(here: &Path) -> Child {
    let mut run = command(here, &["--sandbox", "apply", "--yes"]);
    run.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "another process works meanwhile, in real time")]
fn rest() {
    std::thread::sleep(Duration::from_millis(2));
}

/// What the account of a folder holds two days after its world began.
fn end_state(here: &Path) -> EndState {
    let account = Account::open(&here.join(".rebake/sandbox"), || unreachable!()).unwrap();
    let moment: Timestamp = "2026-11-26T08:00:00Z".parse().unwrap();
    EndState::at(account.cloud(), moment)
}

/// How often each goal was begun: builds by their token, refreshes by group, Installs by node.
fn begun(here: &Path) -> Vec<String> {
    let mut begun = Vec::new();
    for call in calls(here).iter().filter(|call| call["status"] == 200) {
        let request = &call["request"];
        match call["operation"].as_str().unwrap() {
            "CreateImage" => begun.push(format!("build {}", request["clientToken"])),
            "StartInstanceRefresh" => begun.push(format!("refresh {}", request["AutoScalingGroupName"])),
            "SendCommand" if request["Comment"].as_str().unwrap().contains(" install ") => {
                let nodes = request["InstanceIds"].as_array().unwrap();
                begun.extend(nodes.iter().map(|node| format!("install on {node}")));
            }
            _ => {}
        }
    }
    begun.sort();
    // A build that is asked for again under its token is the same build.
    begun.dedup_by(|one, other| one == other && one.starts_with("build "));
    begun
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_as_an_undisturbed_one() {
    let (calm, stormy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (calm, here) = (calm.path(), stormy.path());
    sandboxed(calm, &["apply", "--yes"]).ends(8);

    sandboxed(here, &["sandbox", "reset"]).ends(0);
    let mut deaths = 0;
    for growth in DEATHS {
        let mut run = start(here);
        if has_worked(here, &mut run, growth) {
            run.kill().unwrap();
            deaths += 1;
        }
        run.wait().unwrap();
    }
    assert!(deaths >= 3, "only {deaths} of {} runs were killed in time", DEATHS.len());
    sandboxed(here, &["apply", "--yes"]).ends(8);

    assert_eq!(begun(here), begun(calm), "no second build, refresh or Install");
    let difference = end_state(calm).diff(&end_state(here));
    assert!(difference.is_empty(), "after {deaths} deaths:\n{difference}");
}

#[test]
fn a_run_that_is_interrupted_says_how_to_go_on_and_the_next_one_does() {
    let (calm, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (calm, here) = (calm.path(), stopped.path());
    sandboxed(calm, &["apply", "--yes"]).ends(8);

    sandboxed(here, &["sandbox", "reset"]).ends(0);
    let mut run = start(here);
    assert!(has_worked(here, &mut run, 250));
    let interrupted = Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let ended = Told::from(run.wait_with_output().unwrap());
    let told = ended.ends(130);
    assert!(told.contains("Interrupted") && told.contains("Go on with: rebake --sandbox apply"), "{told}");
    assert!(sandboxed(here, &["status"]).out.contains("Interrupted"));

    sandboxed(here, &["apply", "--yes"]).ends(8);
    assert_eq!(begun(here), begun(calm), "no second build, refresh or Install");
    let difference = end_state(calm).diff(&end_state(here));
    assert!(difference.is_empty(), "{difference}");
}

#[test]
fn a_folder_belongs_to_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let sandbox = format!("--sandbox={}", here.join(".rebake/sandbox").display());
    let served = Served::start(&["--clock", "paused", &sandbox]);
    let told = sandboxed(here, &["plan"]);
    told.ends(7);
    assert!(told.err.contains(&format!("process {}", served.process())), "{}", told.err);
    assert!(told.err.contains("rebake --sandbox sandbox serve"), "{}", told.err);
}
