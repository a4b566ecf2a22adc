//! What goes wrong in the account, and what rebake makes of it: the binary over the demo world, a fault at a time.

use std::path::Path;
use std::process::Command;

use rebake::sandbox::Cloud;
use rebake::sandbox::store::Account;

use crate::end_state::EndState;

/// A folder with a sandbox in it.
struct Demo(tempfile::TempDir);

/// How a command ended, and what it said.
#[derive(Debug)]
struct Ended {
    exit: i32,
    text: String,
}

impl Demo {
    /// The demo world with faults in force.
    fn with(faults: &str) -> Self {
        let demo = Self(tempfile::tempdir().unwrap());
        demo.faults(faults);
        demo
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Puts other faults in force.
    fn faults(&self, faults: &str) {
        let file = self.folder().join("faults.json");
        std::fs::write(&file, faults).unwrap();
        let put = self.rebake(&["sandbox", "faults", "faults.json"]);
        assert_eq!(put.exit, 0, "{}", put.text);
    }

    fn rebake(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rebake"));
        let output = command.current_dir(self.folder()).arg("--sandbox").args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(!text.contains("panicked"), "{text}");
        Ended { exit: output.status.code().unwrap(), text }
    }

    /// The account as the last command left it.
    fn cloud(&self) -> Cloud {
        let account = Account::open(&self.folder().join(".rebake/sandbox"), || Err("no account".into())).unwrap();
        account.into_cloud()
    }

    fn state(&self) -> EndState {
        EndState::of(&self.cloud())
    }

    /// The report of the last run.
    fn report(&self) -> String {
        self.rebake(&["report", "--format", "md"]).text
    }
}

/// One line of text: whatever its width, the words count.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_failed_build_is_named_and_the_next_run_builds_again() {
    let demo = Demo::with(
        r#"{"builds": [
            {"recipe": "web", "step": "ApplyBuildComponents", "message": "dnf: no package nginx", "times": 1},
            {"recipe": "api", "step": "ApplyTestComponents", "message": "smoke test: HTTP 500", "times": 1}
        ]}"#,
    );
    demo.rebake(&["plan", "-o", "plan.json"]);
    let failed = demo.rebake(&["apply", "plan.json", "--yes"]);
    assert_eq!(failed.exit, 1, "{}", failed.text);
    for text in [words(&failed.text), words(&demo.report())] {
        for told in [
            "step ApplyBuildComponents: dnf: no package nginx",
            "step ApplyTestComponents: smoke test: HTTP 500",
            "there is no image web 2.4.17",
            "there is no image api 1.9.4",
        ] {
            assert!(text.contains(told), "no {told:?} in {text}");
        }
    }
    let state = demo.state();
    assert_eq!(state.facts("builds eu-west-1 web 2.4.17"), ["Failed"]);
    assert_eq!(state.facts("image crm 1.3.1 in eu-west-1").len(), 17, "{}", EndState::default().diff(&state));
    assert!(state.subjects("installs eu-west-1 ").len() >= 3, "rings go on");
    assert_eq!(state.subjects("group eu-west-1 web-staging refreshes"), [""; 0]);

    // The same plan decides nothing new: what failed since it was made has failed.
    let again = demo.rebake(&["apply", "plan.json", "--yes"]);
    assert_eq!(again.exit, 1, "{}", again.text);
    assert_eq!(demo.state().facts("builds eu-west-1 web 2.4.17"), ["Failed"]);

    let cured = demo.rebake(&["apply", "--yes", "--wait"]);
    assert_eq!(cured.exit, 8, "{}", cured.text);
    let state = demo.state();
    assert_eq!(state.facts("builds eu-west-1 web 2.4.17"), ["Available", "Failed"]);
    assert_eq!(state.facts("builds eu-west-1 api 1.9.4"), ["Available", "Failed"]);
    assert_eq!(state.facts("parameter eu-west-1 /rebake/web/prod"), ["3 versions", "points to <web 2.4.17>"]);
}

#[test]
fn a_component_that_was_mended_after_a_failed_build_is_another_version() {
    let demo = Demo::with(
        r#"{"builds": [{"recipe": "web", "step": "ApplyBuildComponents", "message": "dnf: no package", "times": 1}]}"#,
    );
    assert_eq!(demo.rebake(&["init", "--demo"]).exit, 0);
    assert_eq!(demo.rebake(&["bake", "web", "--yes"]).exit, 1);
    let file = demo.folder().join("recipes/components/web.yml");
    let mended = std::fs::read_to_string(&file).unwrap() + "\n# mended\n";
    std::fs::write(&file, mended).unwrap();
    // The failed version is an image recipe with the old component: it is never adopted for the new one.
    let baked = demo.rebake(&["bake", "web", "--yes"]);
    assert_eq!(baked.exit, 0, "{}", baked.text);
    let state = demo.state();
    assert_eq!(state.facts("builds eu-west-1 web 2.4.17"), ["Failed"]);
    assert_eq!(state.facts("builds eu-west-1 web 2.4.18"), ["Available"]);
    assert_eq!(state.subjects("image web 2.4.17 "), [""; 0]);
}
