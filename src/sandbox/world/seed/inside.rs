//! The inside of a node at the start of the world: its software, its agent, its last Scan.

use std::time::Duration;

use jiff::Timestamp;

use crate::sandbox::machine::{Agent, Installed, Software};
use crate::sandbox::world::file::Tags;
use crate::sandbox::world::guest::{AgentState, Guest, Scan};
use crate::sandbox::world::patches::Association;

/// From the launch of an instance until its agent reports and an association scans it.
const FIRST_SCAN: Duration = Duration::from_mins(5);

/// The software of a node before anything was done to it, on top of that of its image (on-premises: of nothing).
pub(super) fn software(began_with: &Software, guest: &Guest, launched: Timestamp) -> Software {
    let mut software = began_with.imaged();
    for id in &guest.installed {
        let installed = Installed { at: launched, by_patch_manager: false, pending_reboot: false };
        software.installed.entry(id.get_ref().clone()).or_insert(installed);
    }
    for id in &guest.missing {
        software.installed.remove(id.get_ref());
    }
    software
}

/// The agent of a node that booted at a moment. One that is switched off pings again as soon as it is switched on.
pub(super) fn agent(guest: &Guest, booted: Timestamp, start: Timestamp) -> Agent {
    match guest.agent.unwrap_or(AgentState::Online) {
        AgentState::Absent => Agent::Absent,
        AgentState::Silent => Agent::Silent { since: guest.silent_since.unwrap_or_default().before(start) },
        AgentState::Online => Agent::Online { since: booted },
    }
}

/// When a node was scanned last, if ever: as its guest says, or else as the associations of its place did while its
/// agent answered.
pub(super) fn last_scan<'a>(
    guest: &Guest,
    tags: &Tags,
    launched: Timestamp,
    stopped: Option<Timestamp>,
    associations: impl Iterator<Item = &'a Association>,
    start: Timestamp,
) -> Option<Timestamp> {
    match guest.scan {
        Some(Scan::Never) => return None,
        Some(Scan::Ago(age)) => return Some(age.before(start)),
        None if guest.agent == Some(AgentState::Absent) => return None,
        None => {}
    }
    let silent = guest.silent_since.map(|age| age.before(start));
    let until = [silent, stopped].into_iter().flatten().min().unwrap_or(start);
    let chosen = associations.filter(|one| tags.get(&one.tag.0) == Some(&one.tag.1));
    chosen.filter_map(|association| run_before(association, launched + FIRST_SCAN, until, start)).max()
}

/// The last run of an association up to a moment on a node that is there since another: it runs once for a new node.
fn run_before(association: &Association, from: Timestamp, until: Timestamp, start: Timestamp) -> Option<Timestamp> {
    let every = association.every.get_ref().seconds().max(1);
    let last = association.last_run.before(start);
    let missed = (last.as_second() - until.as_second()).max(0);
    let runs = (missed + every - 1) / every;
    let run = Timestamp::from_second(last.as_second() - runs * every).ok()?;
    Some(run.max(from)).filter(|&run| run <= until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::world::age::Age;
    use crate::sandbox::world::aws;

    fn start() -> Timestamp {
        "2026-11-24T08:00:00Z".parse().unwrap()
    }

    fn scanned(guest: &str, launched: &str, stopped: Option<&str>) -> Option<String> {
        let daily =
            "name = \"daily\"\nregion = \"eu-west-1\"\ntag = [\"scan\", \"daily\"]\nevery = \"1d\"\nlast-run = \"6h\"";
        let daily: Association = toml::from_str(daily).unwrap();
        let before = |age: &str| Age::read(age).unwrap().before(start());
        let tags = Tags::from([("scan".to_owned(), "daily".to_owned())]);
        let guest: Guest = toml::from_str(guest).unwrap();
        let at = last_scan(&guest, &tags, before(launched), stopped.map(before), [&daily].into_iter(), start());
        at.map(|at| at.to_string())
    }

    #[test]
    fn an_association_leaves_its_last_row_while_the_agent_answers() {
        assert_eq!(scanned("", "9d", None).as_deref(), Some("2026-11-24T02:00:00Z"));
        assert_eq!(scanned("", "1h", None).as_deref(), Some("2026-11-24T07:05:00Z"));
        assert_eq!(scanned("", "1m", None), None);
        assert_eq!(
            scanned("agent = \"silent\"\nsilent-since = \"2d\"", "9d", None).as_deref(),
            Some("2026-11-22T02:00:00Z")
        );
        assert_eq!(scanned("", "9d", Some("5d")).as_deref(), Some("2026-11-19T02:00:00Z"));
        assert_eq!(scanned("agent = \"absent\"", "9d", None), None);
        assert_eq!(scanned("scan = \"never\"", "9d", None), None);
        assert_eq!(scanned("scan = \"41d\"", "9d", None).as_deref(), Some("2026-10-14T08:00:00Z"));
    }

    #[test]
    fn a_node_begins_with_what_its_image_has() {
        let catalogue = aws::catalogue(start());
        let image = aws::software(&catalogue, "amazon-linux-2023", Age::read("97d").unwrap().before(start()));
        let begins = |guest: &str, id: &str| {
            let guest: Guest = toml::from_str(guest).unwrap();
            software(&image, &guest, start()).installed.contains_key(id)
        };
        let (old, new) = ("ALAS2023-2026-0811", "ALAS2023-2026-0958");
        assert!(begins("", old) && !begins("", new));
        assert!(begins("installed = [\"ALAS2023-2026-0958\"]", new));
        assert!(!begins("missing = [\"ALAS2023-2026-0811\"]", old));
    }
}
