use proptest::prelude::*;

use super::*;
use crate::model::OperatingSystem;

struct Fake {
    tags: Vec<(&'static str, &'static str)>,
    values: Vec<(Key, &'static str)>,
    days_overdue: u64,
}

impl Subject for Fake {
    fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }
    fn any(&self, key: Key, fits: &dyn Fn(&str) -> bool) -> bool {
        self.values.iter().filter(|(known, _)| *known == key).any(|(_, value)| fits(value))
    }
    fn overdue(&self) -> Option<Duration> {
        (self.days_overdue > 0).then(|| Duration::from_secs(self.days_overdue * 86_400))
    }
}

fn picks(text: &str) -> bool {
    let subject = Fake {
        tags: vec![
            ("env", "prod"),
            ("app", "web"),
            ("Patch Group", "two words"),
            ("aws:cloudformation:stack-name", "s"),
        ],
        values: vec![
            (Key::Name, "web-prod-3"),
            (Key::Id, "i-07b2"),
            (Key::Group, "web-prod"),
            (Key::Os, "linux"),
            (Key::Os, "ubuntu-24.04"),
            (Key::Lane, "immutable"),
            (Key::Region, "eu-west-1"),
            (Key::Needs, "critical"),
        ],
        days_overdue: 8,
    };
    Selector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).matches(&subject)
}

#[test]
fn terms_pick() {
    for text in [
        "*",
        "tag:env",
        "tag:env=prod",
        "tag:env=p*d",
        "tag:'Patch Group'='two words'",
        "name:web-prod-?",
        "os:Ubuntu*",
        "tag:aws:cloudformation:stack-name=s",
        "overdue",
        "overdue>7d",
        "needs:critical",
        "region:EU-west-*",
        "!tag:gone",
        "lane:im*",
    ] {
        assert!(picks(text), "{text}");
    }
    for text in ["tag:env=pro", "tag:ENV=prod", "name:web", "overdue>8d", "os:windows", "!*", "group:api-*"] {
        assert!(!picks(text), "{text}");
    }
}

#[test]
fn not_binds_before_and_and_and_before_or() {
    assert!(picks("tag:env=prod & os:linux & !group:api-*"));
    assert!(picks("tag:env=prod | tag:env=test & os:windows"));
    assert!(!picks("(tag:env=prod | tag:env=test) & os:windows"));
    assert!(!picks("!tag:env=prod & os:linux"));
    assert!(picks("!(tag:env=prod & os:windows)"));
    assert!(picks("tag:env=prod && os:linux || os:windows"));
}

/// The error of a text: where, what, and the help.
fn error(text: &str) -> (usize, String, String) {
    let error = Selector::parse(text).unwrap_err();
    (error.span.start, error.message, error.help.unwrap_or_default())
}

#[test]
fn errors_point_at_the_character() {
    let expect = |text: &str, at: usize, message: &str, help: &str| {
        let (found_at, found, found_help) = error(text);
        assert!(found_at == at && found.contains(message) && found_help.contains(help), "{text}: {:?}", error(text));
    };
    expect("", 0, "expected a term", "tag:env=prod");
    expect("tag:env=prod &", 14, "expected a term", "");
    expect("tga:env=prod", 0, "unknown key `tga`", "did you mean `tag`?");
    expect("env=prod", 0, "unknown key `env`", "tag:env=");
    expect("(tag:a", 0, "never closed", "");
    expect("tag:a)", 5, "closes nothing", "");
    expect("tag:a tag:b", 6, "expected `&` or `|`", "and");
    expect("tag:env!=prod", 7, "no `!=`", "!tag:env=");
    expect("lane:immutible", 5, "no such lane", "did you mean `immutable`?");
    expect("overdue>soon", 8, "no duration", "overdue>7d");
    expect("name:'a", 5, "never closed", "");
    expect("name", 4, "expected `:`", "name:");
    expect(&"!".repeat(200), DEEP, "nested too deeply", "");
    expect("é:a", 0, "unknown key `é`", "");
}
const DEEP: usize = 50;

#[test]
fn what_is_not_known_yet_cannot_be_asked() {
    let lane = Selector::parse_in("tag:a & lane:mutable", Scope::Unclassified).unwrap_err();
    assert_eq!(lane.span, 8..20);
    assert!(Selector::parse_in("os:ubuntu", Scope::Groups).unwrap_err().help.unwrap().contains("`tag`"));
    assert!(Selector::parse_in("tag:a & name:web-* & region:eu-*", Scope::Groups).is_ok());
}

#[test]
fn systems_have_the_names_that_people_use() {
    let names = |name: &str, version: &str| {
        system_names(&OperatingSystem { name: name.into(), version: version.into(), inferred: false }).join(" ")
    };
    assert_eq!(names("Ubuntu", "24.04"), "linux ubuntu ubuntu-24 ubuntu-24.04");
    assert_eq!(names("Amazon Linux", "2023"), "linux amazon-linux amazon-linux-2023 al2023");
    assert_eq!(names("Microsoft Windows Server 2022 Datacenter", "10.0.20348"), "windows windows-2022");
    assert_eq!(names("Microsoft Windows Server 2012 R2 Standard", "6.3.9600"), "windows windows-2012-r2");
    assert_eq!(names("Red Hat Enterprise Linux", "9.6"), "linux rhel rhel-9 rhel-9.6");
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,60}") {
        _ = Selector::parse(&text);
    }

    #[test]
    fn no_text_of_signs_panics(text in "[a&|()!:=*?'> ]{0,40}|(tag:|name:|!|\\(|\\)|&|\\||=| |x|'|é){0,30}") {
        match Selector::parse(&text) {
            Ok(selector) => prop_assert_eq!(Selector::parse(selector.as_str()).unwrap(), selector),
            Err(error) => prop_assert!(text.get(error.span.clone()).is_some(), "{:?} {}", error.span, text),
        }
    }

    #[test]
    fn a_pattern_fits_what_it_was_made_from(text in "[ab*?é]{0,12}", cut in 0usize..12) {
        prop_assert!(Pattern::new(text.clone()).matches(&text));
        let begins: String = text.chars().take(cut).chain(['*']).collect();
        prop_assert!(Pattern::new(begins).matches(&text));
        let masked: String = text.chars().map(|_| '?').collect();
        prop_assert!(Pattern::new(masked).matches(&text));
    }
}
