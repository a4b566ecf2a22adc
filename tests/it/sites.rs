//! Sites: accounts from a file, and regions that nobody configured.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::binary::{json, sandboxed, write};

const ACCOUNT: &str = "123456789012";

fn regions(fleet: &Value, of: &str) -> BTreeSet<String> {
    let region = |it: &Value| it["region"].as_str().or(it["site"]["region"].as_str()).unwrap().to_owned();
    fleet[of].as_array().unwrap().iter().map(region).collect()
}

fn configured(folder: &Path) {
    write(folder, "rebake.toml", "[[site]]\naccounts = \"accounts.csv\"\nregions = [\"eu-west-1\"]\n");
    write(folder, "accounts.csv", &format!("account,name\n{ACCOUNT},demo\n"));
}

#[test]
fn all_regions_show_what_nobody_configured_to_commands_that_look() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    configured(here);
    let some = json(here, &["inventory"]);
    assert_eq!(regions(&some, "sites"), BTreeSet::from(["eu-west-1".to_owned()]));
    assert_eq!(some["sites"][0]["name"], "demo", "the name in the file");
    let all = json(here, &["inventory", "--all-regions"]);
    assert!(regions(&all, "sites").len() > 10, "{:?}", regions(&all, "sites"));
    assert_eq!(regions(&all, "nodes"), BTreeSet::from(["eu-west-1", "us-east-1"].map(str::to_owned)));
    assert_eq!(all["totals"]["nodes"], 93);
    assert_eq!(all["gaps"], serde_json::json!([]));
    for command in [&["apply", "--yes"][..], &["plan"], &["channels"], &["patch", "--ring", "canary"], &["doctor"]] {
        sandboxed(here, &[command, &["--all-regions"]].concat()).refused(&["regions of the configuration"]);
    }
    sandboxed(here, &["inventory", "--all-regions", "--region", "eu-west-1"]).ends(2);
}

/// As PowerShell's `>` writes a file.
#[test]
fn a_file_of_accounts_may_be_utf_16() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    configured(here);
    let told = format!(r#"{{"Accounts": [{{"Id": "{ACCOUNT}", "Name": "büro"}}]}}"#);
    let units = [0xfeff].into_iter().chain(told.encode_utf16());
    std::fs::write(here.join("accounts.csv"), units.flat_map(u16::to_le_bytes).collect::<Vec<_>>()).unwrap();
    assert_eq!(json(here, &["inventory"])["sites"][0]["name"], "büro");
}

#[test]
fn what_is_wrong_with_a_file_of_accounts_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    configured(here);
    write(here, "accounts.csv", &format!("{ACCOUNT}\n1234\n"));
    sandboxed(here, &["inventory"]).refused(&["accounts.csv:2", "`1234` is no account"]);
    std::fs::remove_file(here.join("accounts.csv")).unwrap();
    sandboxed(here, &["inventory"]).refused(&["rebake.toml:2", "there is no file accounts.csv"]);
}
