//! The table that is built in, and what a configuration says before it.

use std::fmt::Write as _;

use super::*;
use crate::config::{self, Config};
use crate::model::sample;
use crate::text::Source;

const DOCS: &str = include_str!("../../../docs/seeing.md");

fn now() -> Timestamp {
    "2026-11-24T08:00:00Z".parse().unwrap()
}

fn system(name: &str, version: &str) -> OperatingSystem {
    OperatingSystem { name: name.into(), version: version.into(), inferred: false }
}

fn built_in(name: &str, version: &str) -> Support {
    support(&system(name, version), &[], false)
}

fn day(text: &str) -> Option<Date> {
    Some(text.parse().unwrap())
}

/// The configuration of a text; where it has no site, one is put before it.
fn config(text: &str) -> Config {
    let site = "[[site]]\naccount = \"111111111111\"\nregions = [\"eu-west-1\"]\n";
    let source = Source::new("rebake.toml", format!("{site}{text}"));
    config::load(Some(&source), &[], &|_| None)
        .unwrap_or_else(|problems| panic!("{}", config::render(&problems, false)))
}

#[test]
fn systems_are_told_as_agents_tell_them() {
    toml::from_str::<Table>(include_str!("../end_of_life.toml")).unwrap();
    for (name, version, label, ends, covered) in [
        ("Amazon Linux AMI", "2018.03", "Amazon Linux 1", day("2023-12-31"), true),
        ("Amazon Linux", "2", "Amazon Linux 2", day("2026-06-30"), true),
        ("Amazon Linux", "2023", "Amazon Linux 2023", day("2029-06-30"), true),
        ("Ubuntu", "22.04", "Ubuntu 22.04", day("2027-04-01"), true),
        ("Debian GNU/Linux", "11", "Debian 11", day("2026-08-31"), true),
        ("Red Hat Enterprise Linux Server", "7.9", "RHEL 7", day("2024-06-30"), true),
        ("Red Hat Enterprise Linux", "9.6", "RHEL 9", day("2032-05-31"), true),
        ("CentOS Linux", "7.9.2009", "CentOS 7", day("2024-06-30"), true),
        ("CentOS Stream", "9", "CentOS Stream 9", day("2027-05-31"), true),
        ("Oracle Linux Server", "8.10", "Oracle Linux 8", day("2029-07-31"), true),
        ("SLES", "15.6", "SLES 15 SP6", day("2025-12-31"), true),
        ("Microsoft Windows Server 2012 R2 Standard", "6.3.9600", "Windows Server 2012", day("2023-10-10"), true),
        ("Microsoft Windows Server 2022 Datacenter", "10.0.20348", "Windows Server 2022", day("2031-10-14"), true),
        ("macOS", "13.6.1", "macOS 13", day("2025-09-15"), true),
        // No row, and a name that Patch Manager knows.
        ("Windows", "", "Windows", None, true),
        ("Raspbian GNU/Linux", "12", "Raspbian GNU/Linux 12", None, true),
        // What has no baseline is not covered.
        ("Bottlerocket", "1.49.0", "Bottlerocket", None, false),
        ("Flatcar Container Linux by Kinvolk", "4152.2.0", "Flatcar", None, false),
        ("Fedora Linux", "43", "Fedora 43", day("2026-12-09"), false),
        ("Kali GNU/Linux", "2026.3", "Kali GNU/Linux 2026.3", None, false),
        ("Alpine Linux", "3.22", "Alpine Linux 3.22", None, false),
        ("Microsoft Windows 11 Enterprise", "10.0.26100", "Microsoft Windows 11 Enterprise 10.0.26100", None, false),
    ] {
        let told = built_in(name, version);
        assert_eq!((told.label.as_str(), told.ends(), told.patch_manager), (label, ends, covered), "{name} {version}");
    }
}

#[test]
fn three_dates_and_the_paid_one_only_where_it_was_declared() {
    let windows = built_in("Microsoft Windows Server 2016 Datacenter", "10.0.14393");
    assert_eq!(
        (windows.standard, windows.maintenance, windows.extended),
        (day("2022-01-11"), day("2027-01-12"), day("2030-01-12"))
    );
    assert_eq!((windows.ends(), windows.maintenance_from()), (day("2027-01-12"), day("2022-01-11")));
    let entitled = Support { entitled: true, ..windows };
    assert_eq!((entitled.ends(), entitled.has_ended(now())), (day("2030-01-12"), false));
    assert!(built_in("Amazon Linux", "2").has_ended(now()));
    assert!(!built_in("Amazon Linux", "2023").has_ended(now()));
}

#[test]
fn a_configuration_goes_before_the_table_key_by_key() {
    let config = config(
        r#"
        [[end-of-life]]
        name = "Ubuntu"
        version = "20.04*"
        extended-for = "tag:support=pro"

        [[end-of-life]]
        name = "Plant OS*"
        label = "Plant OS"
        standard = 2026-11-23
        patch-manager = false

        [[end-of-life]]
        name = "Amazon Linux"
        version = "2"
        standard = 2027-01-31
        "#,
    );
    let node = |system: OperatingSystem, support: &str| Node {
        system: Some(system.into()),
        tags: sample::tags(&[("support", support)]),
        ..sample::node("i-1")
    };
    let focal = system("Ubuntu", "20.04");
    let (paid, unpaid) = (node(focal.clone(), "pro"), node(focal, "none"));
    let (paid, unpaid) =
        (Systems::new(&config.systems).of(&paid).unwrap(), Systems::new(&config.systems).of(&unpaid).unwrap());
    assert_eq!((paid.ends(), unpaid.ends()), (day("2030-04-02"), day("2025-05-31")));
    assert_eq!((paid.has_ended(now()), unpaid.has_ended(now())), (false, true));
    assert_eq!(unpaid.source, "the table of 2026-08-22");

    let plant = node(system("Plant OS Edge", "7"), "");
    let plant = Systems::new(&config.systems).of(&plant).unwrap();
    assert!(plant.has_ended(now()) && !plant.patch_manager);
    assert_eq!((plant.label.as_str(), plant.source.as_str()), ("Plant OS", "rebake.toml:10"));
    let later = node(system("Amazon Linux", "2"), "");
    let later = Systems::new(&config.systems).of(&later).unwrap();
    assert_eq!(
        (later.label.as_str(), later.ends(), later.has_ended(now())),
        ("Amazon Linux 2", day("2027-01-31"), false)
    );
    let unknown = sample::node("i-2");
    assert!(Systems::new(&config.systems).of(&unknown).is_none());
}

/// With `UPDATE_DOCS` set while it is compiled, the test writes the table instead of comparing it.
#[test]
fn the_documents_list_every_system() {
    let mut table =
        "\n| system | standard | free fixes | paid extension | Patch Manager |\n|---|---|---|---|---|\n".to_owned();
    let told = |date: Option<Date>| date.map_or_else(|| "–".to_owned(), |date| date.to_string());
    for row in &TABLE.system {
        let covered = if row.patch_manager { "yes" } else { "no" };
        let dates = [row.standard, row.maintenance, row.extended].map(told);
        _ = writeln!(table, "| {} | {} | {covered} |", row.label, dates.join(" | "));
    }
    _ = write!(table, "\n{} systems, as of {}.\n\n", TABLE.system.len(), told(TABLE.as_of));
    let begin = DOCS.find("<!-- systems").unwrap();
    let from = begin + DOCS[begin..].find('\n').unwrap() + 1;
    let to = from + DOCS[from..].find("<!-- end of systems -->").unwrap();
    let mut text = DOCS.to_owned();
    text.replace_range(from..to, &table);
    if option_env!("UPDATE_DOCS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/seeing.md"), &text).unwrap();
    }
    assert!(text == DOCS, "docs/seeing.md is older than the table: UPDATE_DOCS=1 cargo test --lib classify::system");
}
