use std::fs;

use super::*;
use crate::sandbox::catalogue::Catalogue;
use crate::sandbox::faults::{WireFault, WireFaultKind};

fn start() -> Timestamp {
    "2026-11-24T08:00:00Z".parse().unwrap()
}

fn minutes(count: u64) -> Timestamp {
    start() + Duration::from_secs(60 * count)
}

fn fresh() -> Result<Cloud, Box<dyn Error + Send + Sync>> {
    Ok(Cloud::new(7, start(), Catalogue::default()))
}

fn state(cloud: &Cloud) -> String {
    serde_json::to_string(cloud).unwrap()
}

fn throttle() -> Faults {
    let rule = WireFault {
        calls: "*:*".to_owned(),
        region: None,
        skip: 1,
        times: Some(1),
        percent: None,
        kind: WireFaultKind::Throttle,
        seen: 0,
        struck: 0,
    };
    Faults { wire: vec![rule], ..Faults::default() }
}

#[test]
fn clock_and_faults_outlive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let mut account = Account::open(dir.path(), fresh).unwrap();
    account.advance(minutes(3));
    account.set_faults(throttle());
    account.advance(minutes(2));
    let left = state(account.cloud());
    drop(account);
    let again = Account::open(dir.path(), || panic!("there is an account")).unwrap();
    assert_eq!(again.now(), minutes(3));
    assert_eq!(state(again.cloud()), left);
}

#[test]
fn a_second_process_is_told_who_holds_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Account::open(dir.path(), fresh).unwrap();
    let message = Account::open(dir.path(), fresh).unwrap_err().to_string();
    assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
    assert!(message.contains("sandbox serve"), "{message}");
}

#[test]
fn a_torn_tail_is_dropped_and_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log.ndjson");
    let mut account = Account::open(dir.path(), fresh).unwrap();
    account.advance(minutes(1));
    account.advance(minutes(2));
    drop(account);
    let whole = fs::read(&log).unwrap();
    fs::write(&log, &whole[..whole.len() - 3]).unwrap();
    let mut account = Account::open(dir.path(), fresh).unwrap();
    assert_eq!(account.now(), minutes(1));
    account.advance(minutes(5));
    drop(account);
    assert_eq!(Account::open(dir.path(), fresh).unwrap().now(), minutes(5));
}

#[test]
fn a_damaged_line_is_refused_by_name_and_kept_when_starting_over() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log.ndjson");
    let mut account = Account::open(dir.path(), fresh).unwrap();
    account.advance(minutes(1));
    account.advance(minutes(2));
    drop(account);
    let damaged = fs::read_to_string(&log).unwrap().replacen("{\"clock", "{\"cl!ck", 1);
    fs::write(&log, &damaged).unwrap();
    let message = Account::open(dir.path(), fresh).unwrap_err().to_string();
    assert!(message.starts_with("line 2 of") && message.contains("log.ndjson"), "{message}");
    assert!(Account::open(dir.path(), fresh).is_err(), "it must be refused as long as it is there");
    let account = Account::start_over(dir.path(), fresh().unwrap()).unwrap();
    assert_eq!(account.now(), start());
    assert_eq!(fs::read_to_string(dir.path().join("log.ndjson.damaged")).unwrap(), damaged);
}

#[test]
fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(Account::open(dir.path(), fresh).unwrap());
    fs::write(dir.path().join("snapshot.json"), "{\"format\":9,\"cloud\":\"of another shape\"}\n").unwrap();
    let error = Account::open(dir.path(), fresh).unwrap_err();
    assert!(matches!(error, StoreError::Newer { format: 9, .. }), "{error}");
}

#[test]
fn a_long_log_becomes_a_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let mut account = Account::open(dir.path(), fresh).unwrap();
    for minute in 1..=LONG_LOG as u64 + 10 {
        account.advance(minutes(minute));
    }
    let left = state(account.cloud());
    drop(account);
    let lines = fs::read_to_string(dir.path().join("log.ndjson")).unwrap().lines().count();
    assert!(lines < 20, "{lines}");
    assert_eq!(state(Account::open(dir.path(), fresh).unwrap().cloud()), left);
}
