//! Commands that rebake suggests: typed as they stand, they act on the account that was meant.

use std::path::Path;

use crate::binary::{Told, command, write};

/// What rebake may suggest to type.
const COMMANDS: [&str; 16] = [
    "inventory",
    "explain",
    "images",
    "channels",
    "plan",
    "apply",
    "bake",
    "promote",
    "approve",
    "patch",
    "status",
    "history",
    "report",
    "init",
    "doctor",
    "sandbox",
];

/// A command as it is typed, in a folder.
fn typed(here: &Path, arguments: &[&str]) -> Told {
    command(here, arguments).output().unwrap().into()
}

/// Everything that a folder holds, with its content.
fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|path| path.is_file() && path.file_name().is_some_and(|name| name != "lock"));
    files.iter().map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn every_suggestion_names_the_sandbox_that_was_named() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let done = typed(here, &["--sandbox=sb", "apply", "--yes", "--wait"]).ends(8);
    let again = typed(here, &["--sandbox=sb", "apply", "--yes", "--wait"]).ends(8);
    assert!(again.contains("To start over: rebake --sandbox=sb sandbox reset\n"), "{again}");
    let mut said = done + &again;
    for arguments in [
        &["inventory"][..],
        &["plan", "-o", "plan.json"],
        &["plan", "--format", "md"],
        &["status"],
        &["report"],
        &["doctor"],
        &["explain", "wiki"],
        &["history"],
        &["sandbox", "reset"],
        &["status"],
        &["images"],
        &["apply", "gone.json"],
        &["bake", "zebra", "--yes"],
    ] {
        let told = typed(here, &[&["--sandbox=sb"], arguments].concat());
        said += &format!("{}{}", told.out, told.err);
    }
    for suggested in ["rebake --sandbox=sb plan\n", "rebake --sandbox=sb inventory --sort overdue", "apply plan.json"] {
        assert!(said.contains(suggested), "{suggested} is not in: {said}");
    }
    let bare: Vec<String> = COMMANDS.iter().map(|name| format!("rebake {name}")).collect();
    let bare: Vec<&String> = bare.iter().filter(|bare| said.contains(*bare)).collect();
    assert_eq!(bare, [""; 0]);
    assert!(!here.join(".rebake").exists(), "nothing acted on another sandbox");
}

#[test]
fn a_damaged_sandbox_is_started_over_and_no_other_one() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    typed(here, &["--sandbox", "sandbox", "advance", "1h"]).ends(0);
    let healthy = content(&here.join(".rebake/sandbox"));
    write(here, "dd/snapshot.json", "{");
    let told = typed(here, &["--sandbox=dd", "inventory"]).ends(1);
    assert!(told.contains("`rebake --sandbox=dd sandbox reset`"), "{told}");
    let told = typed(here, &["--sandbox=dd", "sandbox", "reset"]).ends(0);
    assert!(told.contains("Next: rebake --sandbox=dd inventory\n"), "{told}");
    assert_eq!(content(&here.join(".rebake/sandbox")), healthy);
    assert!(typed(here, &["sandbox", "reset"]).ends(0).contains("Next: rebake --sandbox inventory\n"));
}

#[test]
fn an_interrupted_run_is_gone_on_with_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    typed(here, &["--sandbox=it's mine", "patch", "--ring", "canary", "--yes"]).ends(0);
    let runs = here.join("it's mine/runs");
    let run = std::fs::read_dir(&runs).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(run.join("journal.ndjson")).unwrap();
    let told = typed(here, &["--sandbox=it's mine", "status"]).ends(0);
    assert!(told.contains(r"Go on with: rebake '--sandbox=it'\''s mine' apply"), "{told}");
}

#[test]
fn a_suggestion_names_the_configuration_and_programs_get_none_of_this() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    typed(here, &["init", "--demo", "--config", "fleet/main.toml"]).ends(0);
    let told = typed(here, &["--sandbox", "--config", "fleet/main.toml", "plan", "-o", "plan.json"]).ends(0);
    assert!(told.contains("rebake --sandbox --config fleet/main.toml apply plan.json\n"), "{told}");
    let plan = std::fs::read_to_string(here.join("plan.json")).unwrap();
    let told = typed(here, &["--sandbox", "--config", "fleet/main.toml", "doctor", "--format", "json"]).ends(0);
    assert!(!plan.contains("--sandbox") && !told.contains("--sandbox"));
    let told = typed(here, &["--config", "gone.toml", "--profile", "nobody", "apply", "gone.json"]).ends(2);
    assert!(told.contains("rebake --config gone.toml --profile nobody plan -o gone.json"), "{told}");
}
