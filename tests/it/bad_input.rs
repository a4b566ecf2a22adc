//! Bad input: one clear error that says where and what would be right, the right exit code, and nothing is changed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;

use crate::binary::{Told, calls, changes, command, sandboxed, write};

/// A folder with the demo's configuration.
fn demo() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    sandboxed(folder.path(), &["init", "--demo"]).ends(0);
    folder
}

/// Changes a file of a folder.
fn edit(here: &Path, file: &str, old: &str, new: &str) {
    let text = std::fs::read_to_string(here.join(file)).unwrap();
    assert!(text.contains(old), "{file} has no {old}");
    write(here, file, &text.replacen(old, new, 1));
}

/// Holds that a configuration is refused by all kinds of commands, and that nobody was asked anything.
fn refuses(here: &Path, saying: &[&str]) {
    for arguments in [&["inventory"][..], &["plan"], &["apply", "--yes"], &["patch", "--ring", "canary", "--yes"]] {
        sandboxed(here, arguments).refused(saying);
    }
    assert!(calls(here).is_empty(), "a configuration is read before anything else");
}

#[test]
fn an_unknown_key() {
    let folder = demo();
    edit(folder.path(), "rebake.toml", "critical  =", "critcal =");
    refuses(folder.path(), &["rebake.toml:9:1", "policy.critcal", "did you mean `critical`?"]);
}

#[test]
fn a_value_of_the_wrong_type() {
    let folder = demo();
    edit(folder.path(), "rebake.toml", "groups-at-once    = 2", "groups-at-once = \"two\"");
    refuses(
        folder.path(),
        &["rebake.toml:15:18", "guardrails.groups-at-once", "expected a whole number, found a text"],
    );
}

#[test]
fn a_window_that_never_opens() {
    let folder = demo();
    edit(folder.path(), "rebake.toml", "to = \"05:00\"", "to = \"02:00\"");
    refuses(folder.path(), &["rebake.toml:36:15", "ring.window", "never opens", "set `from` and `to` apart"]);
}

#[test]
fn a_component_file_that_is_missing() {
    let folder = demo();
    std::fs::remove_file(folder.path().join("recipes/components/web.yml")).unwrap();
    refuses(
        folder.path(),
        &[
            "recipes/web.toml:9:41",
            "build.components",
            "there is no file recipes/components/web.yml",
            "correct the path",
        ],
    );
}

#[test]
fn a_folder_in_place_of_a_file_and_the_other_way_round() {
    let folder = demo();
    let here = folder.path();
    let component = here.join("recipes/components/web.yml");
    std::fs::remove_file(&component).unwrap();
    std::fs::create_dir(&component).unwrap();
    refuses(here, &["recipes/web.toml:9:41", "cannot read recipes/components/web.yml: it is a folder"]);
    std::fs::remove_dir(&component).unwrap();
    std::fs::write(&component, b"name: \xff\xfe").unwrap();
    refuses(here, &["recipes/web.toml:9:41", "recipes/components/web.yml: it is no text in UTF-8", "a YAML file"]);

    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::create_dir(here.join("rebake.toml")).unwrap();
    refuses(here, &["cannot read rebake.toml: it is a folder"]);
    std::fs::remove_dir(here.join("rebake.toml")).unwrap();
    sandboxed(here, &["init", "--demo"]).ends(0);
    std::fs::remove_dir_all(here.join("recipes")).unwrap();
    write(here, "recipes", "not a folder");
    refuses(here, &["cannot read recipes: it is not a folder"]);
    std::fs::remove_file(here.join("recipes")).unwrap();
    std::fs::create_dir_all(here.join("recipes/web.toml")).unwrap();
    refuses(here, &["cannot read recipes/web.toml: it is a folder"]);
}

#[test]
fn a_component_file_that_is_no_document() {
    let folder = demo();
    write(folder.path(), "recipes/components/web.yml", "name: web\nphases: [\n");
    refuses(folder.path(), &["recipes/components/web.yml:3:1", "this is no YAML"]);
}

#[test]
fn a_region_that_does_not_exist() {
    let folder = demo();
    let here = folder.path();
    sandboxed(here, &["plan", "--region", "eu-wset-1"]).refused(&["eu-wset-1", "did you mean `eu-west-1`?"]);
    sandboxed(here, &["apply", "--yes", "--region", "eu-west-1,eu-west-2"])
        .refused(&["no [[site]] has the region eu-west-2"]);
    edit(here, "rebake.toml", "\"us-east-1\"", "\"us-esat-1\"");
    refuses(here, &["rebake.toml:6:25", "site.regions", "did you mean `us-east-1`?"]);
}

#[test]
fn two_recipes_for_one_group() {
    let folder = demo();
    let here = folder.path();
    let web = std::fs::read_to_string(here.join("recipes/web.toml")).unwrap();
    write(here, "recipes/web2.toml", &web.replace("\"web\"", "\"web2\""));
    let saying = [
        "recipes/web2.toml:27",
        "recipes/web.toml:27",
        "groups web-prod (123456789012/eu-west-1), web-prod-us (123456789012/us-east-1)",
        "web2 → prod",
        "narrow one of the selectors",
    ];
    for arguments in
        [&["plan"][..], &["apply", "--yes"], &["bake", "web", "--yes"], &["promote", "web", "staging", "--yes"]]
    {
        let told = sandboxed(here, arguments);
        told.ends(2);
        for said in saying {
            assert!(told.err.contains(said), "{said} is not in: {}", told.err);
        }
    }
    assert_eq!(changes(&calls(here)), [""; 0]);
}

#[test]
fn names_that_lead_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for (arguments, saying) in [
        (
            &["explain", "jump-su"][..],
            &["no node, group or image has the id or name jump-su", "did you mean `jump-us`?"][..],
        ),
        (&["bake", "wbe", "--yes"], &["there is no recipe wbe", "`web`"]),
        (&["promote", "web", "production", "--yes"], &["no channel production", "staging, prod"]),
        (&["promote", "wbe", "prod", "--yes"], &["there is no recipe wbe"]),
        (&["promote", "web@9.9.9", "prod", "--yes"], &["web has no image 9.9.9; it has 2.4.16, 2.4.15"]),
        (&["promote", "web@x", "prod", "--yes"], &["web has no image x", "rebake --sandbox images"]),
        (&["approve", "web", "prod"], &["RECIPE@VERSION"]),
        (&["approve", "web@2.4.15", "staging"], &["staging of web asks for no approval; nothing was written"]),
        (&["patch", "--ring", "canray", "--yes"], &["there is no ring canray", "`canary`"]),
        (&["patch", "--scan", "tag:env=", "--yes"], &["tag:env="]),
        (&["patch", "--scan", "name:nobody", "--yes"], &["name:nobody", "rebake --sandbox inventory"]),
        (&["apply", "no-such-file.json", "--yes"], &["no-such-file.json", "plan -o no-such-file.json"]),
        (&["apply", ".rebake"], &["cannot read .rebake: it is a folder", "plan -o plan.json"]),
        (&["apply", ".rebake/sandbox/snapshot.json"], &["it is not a plan", "plan -o plan.json"]),
        (&["apply"], &["nobody is there to ask", "--yes"]),
        (&["init", "--recipe", "al2032"], &["no recipe al2032", "`al2023`"]),
        (&["init", "--recipe", "nope"], &["the library has no recipe nope\nNext: there are `al2023`, "]),
        (&["sandbox", "advance", "24x"], &["24x", "24h"]),
        (&["sandbox", "seed", "no-such-world.toml"], &["no-such-world.toml"]),
        (&["inventory", "--config", "no-such-file.toml"], &["no-such-file.toml"]),
    ] {
        sandboxed(here, arguments).refused(saying);
    }
    assert_eq!(changes(&calls(here)), [""; 0]);
}

#[test]
fn a_world_or_faults_that_say_something_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    sandboxed(here, &["sandbox", "advance", "1h"]).ends(0);
    let before = std::fs::read(here.join(".rebake/sandbox/log.ndjson")).unwrap();
    for (text, saying) in [
        ("seed = \"two\"\n", &["world.toml:1:8", "expected a whole number, 0 or more, found a text", "seed"][..]),
        ("seed = -2\n", &["world.toml:1:8", "-2 is out of bounds", "write a whole number, 0 or more"]),
        ("\n[[instance]]\nname = 5\n", &["world.toml:3:8", "expected a text, found a number", "instance.name"]),
        ("[[instance]]\nname = \"a\"\n", &["world.toml:1:1", "the key `region` is missing", "instance"]),
        (
            "[[group]]\nhooks = [{ on = \"start\" }]\n",
            &["world.toml:2:17", "`launch` and `terminate`", "group.hooks.on"],
        ),
        ("[instance]\nname = \"a\"\n", &["world.toml:1:1", "expected a list, found a table", "instance"]),
        ("eventual-consistency = 1\n", &["world.toml:1:24", "expected true or false, found a number"]),
        ("[[group]]\nage = 3\n", &["world.toml:2:7", "expected an age in quotes", "found a number", "group.age"]),
    ] {
        write(here, "world.toml", text);
        sandboxed(here, &["sandbox", "seed", "world.toml"]).refused(saying);
        sandboxed(here, &["sandbox", "serve", "--world", "world.toml"]).refused(saying);
    }
    for (text, saying) in [
        ("{\"wire\": [\n  {\"calls\": 1}\n]}", &["faults.json:2", "wire.calls", "expected a text, found a number"][..]),
        ("{\"silent-agent\": []}", &["faults.json:1", "unknown key `silent-agent`", "did you mean `silent-agents`?"]),
        ("wire", &["faults.json:1", "this is no JSON"]),
    ] {
        write(here, "faults.json", text);
        sandboxed(here, &["sandbox", "faults", "faults.json"]).refused(saying);
    }
    assert_eq!(std::fs::read(here.join(".rebake/sandbox/log.ndjson")).unwrap(), before);
}

#[test]
fn a_sandbox_without_its_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    sandboxed(here, &["sandbox", "advance", "24h"]).ends(0);
    std::fs::remove_file(here.join(".rebake/sandbox/snapshot.json")).unwrap();
    let log = std::fs::read(here.join(".rebake/sandbox/log.ndjson")).unwrap();
    for arguments in [&["inventory"][..], &["apply", "--yes"], &["sandbox", "advance", "1h"], &["sandbox", "show"]] {
        let told = sandboxed(here, arguments).ends(1);
        assert!(told.contains(".rebake/sandbox/snapshot.json is missing, and"), "{told}");
        assert!(told.contains("log.ndjson belongs to it") && told.contains("sandbox reset`"), "{told}");
    }
    assert_eq!(std::fs::read(here.join(".rebake/sandbox/log.ndjson")).unwrap(), log);
    sandboxed(here, &["sandbox", "reset"]).ends(0);
    assert_eq!(std::fs::read(here.join(".rebake/sandbox/log.ndjson.damaged")).unwrap(), log);
    assert!(sandboxed(here, &["sandbox", "show"]).ends(0).contains("It is 2026-11-24T08:00:00Z"));
}

#[test]
fn a_folder_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write(here, "file", "");
    for (arguments, path) in [
        (&["--sandbox=file/below", "plan"][..], "file/below"),
        (&["--sandbox=/proc/rebake", "apply", "--yes"], "/proc/rebake"),
        (&["--sandbox=/proc/rebake", "sandbox", "reset"], "/proc/rebake"),
        (&["--sandbox", "plan", "-o", "file/plan.json"], "file/plan.json"),
    ] {
        Told::from(command(here, arguments).output().unwrap()).refused(&[path]);
    }
    std::fs::create_dir_all(here.join(".rebake/sandbox")).unwrap();
    write(here, ".rebake/sandbox/runs", "not a folder");
    sandboxed(here, &["apply", "--yes"]).refused(&[".rebake/sandbox/runs"]);
    assert_eq!(changes(&calls(here)), [""; 0]);

    write(here, "recipes", "not a folder");
    sandboxed(here, &["init", "--demo"]).refused(&["recipes/"]);
    assert!(!here.join("rebake.toml").exists(), "all files of a configuration, or none");
}

#[test]
fn no_credentials() {
    let folder = demo();
    for arguments in
        [&["doctor"][..], &["inventory"], &["plan"], &["apply", "--yes"], &["approve", "web@2.4.16", "prod"]]
    {
        let mut command = command(folder.path(), arguments);
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_REGION", "eu-west-1");
        Told::from(command.output().unwrap()).refused(&["no credentials", "AWS_PROFILE"]);
    }
    assert!(!folder.path().join(".rebake/runs").exists());
}

#[test]
fn an_endpoint_where_nobody_listens() {
    let folder = demo();
    let mut command = command(folder.path(), &["plan"]);
    command.env("AWS_REGION", "eu-west-1").env("AWS_ACCESS_KEY_ID", "any").env("AWS_SECRET_ACCESS_KEY", "any");
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let told = Told::from(command.output().unwrap());
    told.ends(1);
    assert!(told.err.contains("Connection refused") && told.err.contains("AWS_ENDPOINT_URL"), "{}", told.err);
    command.env("REBAKE_TIME_RATE", "600");
    Told::from(command.output().unwrap()).refused(&["http://127.0.0.1:1", "rebake sandbox serve"]);
    command.env("REBAKE_TIME_RATE", "fast");
    Told::from(command.output().unwrap()).refused(&["REBAKE_TIME_RATE=fast"]);
}

/// Reads one line of what a command says, and closes the pipe.
fn first_line_only(here: &Path, arguments: &[&str]) -> Option<i32> {
    let mut child = command(here, arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(!line.is_empty());
    child.wait().unwrap().code()
}

#[test]
fn a_closed_pipe_ends_a_reading_command_in_peace_and_leaves_an_acting_one_at_work() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for arguments in [
        &["--sandbox", "inventory"][..],
        &["--sandbox", "inventory", "--format", "json"],
        &["--sandbox", "plan"],
        &["--sandbox", "doctor"],
        &["--sandbox", "report"],
        &["--sandbox", "sandbox", "calls"],
        &["completions", "bash"],
        &["--help"],
    ] {
        assert_eq!(first_line_only(here, arguments), Some(0), "{arguments:?}");
    }
    assert_eq!(first_line_only(here, &["--sandbox", "apply", "--yes", "--wait"]), Some(8));
    sandboxed(here, &["plan", "--detailed-exitcode"]).ends(0);
}

#[test]
fn forty_columns() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let narrow = |arguments: &[&str]| {
        let mut command = command(here, &[&["--sandbox"], arguments].concat());
        Told::from(command.env("COLUMNS", "40").output().unwrap())
    };
    for arguments in [&["inventory"][..], &["plan"], &["images"], &["channels"], &["explain", "wiki"], &["doctor"]] {
        let told = narrow(arguments);
        told.ends(0);
        // A word is never torn, and neither is a command to copy: they may be longer, and then stand alone.
        let is_command = |line: &&str| line.trim_start().starts_with("aws ");
        let words = |line: &str| line.split_whitespace().count();
        let long = told.out.lines().filter(|line| line.chars().count() > 40 && words(line) > 4 && !is_command(line));
        assert_eq!(long.collect::<Vec<_>>(), [""; 0], "{arguments:?}");
    }
    let images = narrow(&["images"]).out;
    assert!(images.contains(" api · 1.9.3 · tested ·"), "{images}");
    narrow(&["apply", "--yes", "--wait"]).ends(8);
}

#[test]
fn a_sandbox_without_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    sandboxed(here, &["sandbox", "advance", "24h"]).ends(0);
    let snapshot = std::fs::read(here.join(".rebake/sandbox/snapshot.json")).unwrap();
    std::fs::remove_file(here.join(".rebake/sandbox/log.ndjson")).unwrap();
    for arguments in [&["inventory"][..], &["sandbox", "show"]] {
        let told = sandboxed(here, arguments).ends(1);
        assert!(told.contains(".rebake/sandbox/log.ndjson is missing, and"), "{told}");
        assert!(told.contains("snapshot.json belongs to it") && told.contains("sandbox reset`"), "{told}");
    }
    sandboxed(here, &["sandbox", "reset"]).ends(0);
    assert_eq!(std::fs::read(here.join(".rebake/sandbox/snapshot.json.damaged")).unwrap(), snapshot);
}
