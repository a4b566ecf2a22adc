//! Since when patches are needed, and what is said where nobody knows.

use super::*;
use crate::classify::{Judgement, classify};
use crate::model::{Agent, Fleet, Sighting, sample};

fn at(day: &str) -> Timestamp {
    format!("2026-{day}T08:00:00Z").parse().unwrap()
}

fn now() -> Timestamp {
    at("11-24")
}

/// What is decided about a node that lacks some patches, and by its count as many more as were not listed.
fn judged(patches: &[Patch], unlisted: u32) -> Judgement {
    let mut fleet = Fleet::new(now());
    let missing = u32::try_from(patches.len()).unwrap() + unlisted;
    fleet.nodes = vec![Node {
        agent: Agent::Online { last_ping: now() },
        patch_state: Some(sample::scanned("2026-11-24T04:00:00Z", missing)),
        patches: patches.iter().cloned().map(Into::into).collect(),
        ..sample::node("i-1")
    }];
    classify(&Config::default(), &fleet, now()).remove(0)
}

fn released(severity: &str, day: &str) -> Patch {
    Patch { severity: severity.into(), released_at: Some(at(day)), ..sample::patch() }
}

fn sighted(day: &str, exact: bool) -> Patch {
    Patch { first_seen: Some(Sighting { at: at(day), exact }), ..sample::patch() }
}

/// Overdue, not to be judged, needing.
fn verdict(judged: &Judgement) -> (bool, bool, bool) {
    (judged.is_overdue(now()), judged.cannot_be_judged(now()), judged.needs_patching())
}

#[test]
fn the_clock_begins_at_the_release() {
    let fresh = judged(&[released("Critical", "11-20"), released("Low", "11-01")], 0);
    assert_eq!(verdict(&fresh), (false, false, true));
    assert_eq!((fresh.needs[0].since, fresh.needs[0].due), (Some(at("11-01")), Some(at("11-27"))));
    let late = judged(&[released("Critical", "11-16"), released("Low", "11-20")], 0);
    assert_eq!(verdict(&late), (true, false, true));
}

#[test]
fn what_nobody_dates_is_never_zero_days_old() {
    let undated = judged(&[sample::patch()], 0);
    assert_eq!(verdict(&undated), (false, true, true));
    assert_eq!(undated.needs[0].what, "1 other; since when is not known");
    // One of several is enough: it may be the oldest.
    let mixed = judged(&[released("Low", "11-20"), sample::patch()], 0);
    assert_eq!(verdict(&mixed), (false, true, true));
    assert_eq!(mixed.needs[0].what, "2 other; at least since 2026-11-20, perhaps longer");
    // Unless another one is overdue anyway.
    let late = judged(&[released("Critical", "11-01"), sample::patch()], 0);
    assert_eq!((verdict(&late), late.needs[0].what.as_str()), ((true, false, true), "1 critical, 1 other"));
    // So it is where the count says that there are patches that were not listed.
    assert_eq!(verdict(&judged(&[released("Low", "11-20")], 1)), (false, true, true));
    assert_eq!(verdict(&judged(&[], 3)), (false, true, true));
}

#[test]
fn a_sight_counts_and_one_that_may_be_older_proves_only_lateness() {
    assert_eq!(verdict(&judged(&[sighted("11-10", true)], 0)), (false, false, true));
    assert_eq!(verdict(&judged(&[sighted("10-01", true)], 0)), (true, false, true));
    let perhaps = judged(&[sighted("11-10", false)], 0);
    assert_eq!(verdict(&perhaps), (false, true, true));
    assert_eq!(perhaps.needs[0].what, "1 other; at least since 2026-11-10, perhaps longer");
    assert_eq!(verdict(&judged(&[sighted("10-01", false)], 0)), (true, false, true));
}

#[test]
fn a_reissued_advisory_does_not_start_anew() {
    let reissued = Patch { released_at: Some(at("11-23")), ..sighted("10-01", true) };
    let told = judged(&[reissued], 0);
    assert_eq!((told.needs[0].since, told.is_overdue(now())), (Some(at("10-01")), true));
}

#[test]
fn an_exception_or_exclusion_is_no_puzzle() {
    let mut excepted = judged(&[sample::patch()], 0);
    let exempt = crate::classify::Exempt { until: at("12-31"), owner: "me".into(), why: "x".into() };
    excepted.exception = Some(Box::new(exempt));
    assert_eq!(verdict(&excepted), (false, false, false));
    let mut excluded = judged(&[sample::patch()], 0);
    excluded.lane = Lane::Excluded;
    assert!(!excluded.cannot_be_judged(now()));
}

#[test]
fn an_extension_that_was_not_declared_is_named() {
    let mut fleet = Fleet::new(now());
    let system = crate::model::OperatingSystem { name: "Ubuntu".into(), version: "20.04".into(), inferred: false };
    fleet.nodes = vec![Node { system: Some(system.into()), ..sample::node("i-1") }];
    let judged = classify(&Config::default(), &fleet, now()).remove(0);
    let need = judged.needs.iter().find(|need| need.kind == NeedKind::EndOfLife).unwrap();
    assert_eq!(need.what, "Ubuntu 20.04 has ended on 2025-05-31 (a paid extension until 2030-04-02 is not declared)");
}
