//! Since when patches are missing: dates of AWS, what rebake remembers, and what nobody knows.

use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rebake::classify::sights::Ledger;
use rebake::classify::{Judgement, NeedKind, classify};
use rebake::config::{Config, library};
use rebake::inventory::{inventory, wanted};
use rebake::model::{Fact, Fleet};
use rebake::sandbox::faults::WireFaultKind;

use crate::binary::{json, sandboxed};
use crate::env::Env;
use crate::port::fault;

const RELEASES: [&str; 2] = ["ssm:DescribeAvailablePatches", "ssm:DescribeEffectivePatchesForPatchBaseline"];

/// The fleet of the demo, with some calls denied.
async fn seen(config: &Config, denied: &[&str]) -> (Fleet, Timestamp) {
    let env = Env::demo().await;
    env.cloud().faults.wire = denied.iter().map(|calls| fault(calls, u32::MAX, WireFaultKind::Deny)).collect();
    let fleet = inventory(&env.aws, &wanted::request(config), &|_| ()).await;
    (fleet, env.clock.now())
}

/// Whether it lacks patches for longer than the policy allows.
fn patches_overdue(one: &Judgement, now: Timestamp) -> bool {
    let due = |need: &rebake::classify::Need| need.due.is_some_and(|due| due < now);
    one.exception.is_none() && one.needs.iter().any(|need| need.kind == NeedKind::NonCompliant && due(need))
}

#[tokio::test(start_paused = true)]
async fn an_empty_disk_and_no_dates_turn_nothing_green() {
    let config = library::demo().unwrap();
    let (whole, now) = seen(&config, &[]).await;
    let dated = classify(&config, &whole, now);
    assert!(dated.iter().filter(|one| patches_overdue(one, now)).count() > 5);

    let (mut fleet, now) = seen(&config, &RELEASES).await;
    assert!(fleet.gaps.iter().any(|gap| gap.fact == Fact::PatchReleases), "{:?}", fleet.gaps);
    let empty = classify(&config, &fleet, now);
    for (known, judged) in dated.iter().zip(&empty) {
        let told = judged.is_overdue(now) || judged.cannot_be_judged(now);
        assert!(!patches_overdue(known, now) || told, "{judged:#?}");
    }
    let undated = empty.iter().filter(|one| one.is_undated(now)).count();
    assert!(undated > 5, "{undated}");

    // Nor does the first look of a ledger, until it proves by itself that they are overdue.
    let mut ledger = Ledger::default();
    ledger.keep(&fleet, now - SignedDuration::from_hours(24));
    ledger.tell(&mut fleet);
    let young = classify(&config, &fleet, now);
    assert_eq!(young.iter().filter(|one| one.is_undated(now)).count(), undated);

    let (mut fleet, now) = seen(&config, &RELEASES).await;
    let mut ledger = Ledger::default();
    ledger.keep(&fleet, now - SignedDuration::from_hours(40 * 24));
    let ledger = Ledger::read(&ledger.write()).unwrap();
    ledger.tell(&mut fleet);
    let old = classify(&config, &fleet, now);
    assert!(old.iter().all(|one| !one.is_undated(now)), "40 d are more than any limit");
    let late = old.iter().filter(|one| patches_overdue(one, now)).count();
    assert!(late >= undated, "{late} of {undated}");
}

#[tokio::test(start_paused = true)]
async fn the_baselines_tell_the_dates_that_the_catalogue_does_not() {
    let config = library::demo().unwrap();
    let dated = |fleet: &Fleet| {
        let patches = fleet.nodes.iter().flat_map(|node| &node.patches);
        patches.filter(|patch| patch.released_at.is_some()).count()
    };
    let (whole, _) = seen(&config, &[]).await;
    let (by_baseline, _) = seen(&config, &RELEASES[..1]).await;
    let (by_nobody, _) = seen(&config, &RELEASES).await;
    assert_eq!(dated(&by_nobody), 0);
    assert!(dated(&by_baseline) > 0 && dated(&by_baseline) <= dated(&whole));
}

fn ledger(folder: &Path) -> std::path::PathBuf {
    folder.join(".rebake/sandbox/first-sights.json")
}

#[test]
fn what_a_look_sees_first_is_kept_whole() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    sandboxed(here, &["inventory"]).ends(0);
    let first = fs::read_to_string(ledger(here)).unwrap();
    Ledger::read(&first).unwrap();
    assert!(first.contains("CVE-"), "{first}");
    let told = sandboxed(here, &["inventory"]);
    assert_eq!(told.ends(0).matches("warning").count(), 0);
    let parts = fs::read_dir(here.join(".rebake/sandbox")).unwrap();
    let left = parts.filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    assert!(left.into_iter().all(|name| !name.contains("part")));
}

#[test]
fn a_damaged_ledger_is_named_and_kept_aside() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    sandboxed(here, &["inventory"]).ends(0);
    let whole = json(here, &["inventory"]);
    fs::write(ledger(here), "{\"schema\": \"rebake/first-si").unwrap();
    let told = sandboxed(here, &["inventory", "--format", "json"]);
    told.ends(0);
    assert!(told.err.contains("first-sights.json cannot be read") && told.err.contains("damaged-"), "{}", told.err);
    let after: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(after["totals"], whole["totals"]);
    let aside = fs::read_dir(here.join(".rebake/sandbox")).unwrap();
    let aside = aside.map(|entry| entry.unwrap().path()).find(|path| path.to_string_lossy().contains("damaged-"));
    assert_eq!(fs::read_to_string(aside.unwrap()).unwrap(), "{\"schema\": \"rebake/first-si");
    Ledger::read(&fs::read_to_string(ledger(here)).unwrap()).unwrap();
}
