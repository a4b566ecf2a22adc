//! What nodes and groups answer to a selector.

use std::time::Duration;

use super::Key;
use crate::model::{Group, Node, OperatingSystem, Platform};

/// Something that can be selected.
pub trait Subject {
    /// The value of a tag.
    fn tag(&self, key: &str) -> Option<&str>;
    /// Whether any of the values under a key fits; none does where the key does not apply.
    fn any(&self, key: Key, fits: &dyn Fn(&str) -> bool) -> bool;
    /// How long it is overdue, if it is.
    fn overdue(&self) -> Option<Duration>;
}

/// A node with what has been decided about it.
#[derive(Debug, Clone, Copy)]
pub struct NodeSubject<'a> {
    /// The node.
    pub node: &'a Node,
    /// Its lane, once it has one.
    pub lane: Option<&'a str>,
    /// Why it needs patching: kinds and severities.
    pub needs: &'a [&'a str],
    /// How long it is overdue, if it is.
    pub overdue: Option<Duration>,
}

impl Subject for NodeSubject<'_> {
    fn tag(&self, key: &str) -> Option<&str> {
        self.node.tag(key)
    }

    fn any(&self, key: Key, fits: &dyn Fn(&str) -> bool) -> bool {
        match key {
            Key::Lane => self.lane.is_some_and(fits),
            Key::Needs => self.needs.iter().any(|need| fits(need)),
            key => self.node.any(key, fits),
        }
    }

    fn overdue(&self) -> Option<Duration> {
        self.overdue
    }
}

impl Subject for Node {
    fn tag(&self, key: &str) -> Option<&str> {
        self.tags.get(key)
    }

    fn any(&self, key: Key, fits: &dyn Fn(&str) -> bool) -> bool {
        match key {
            Key::Name => fits(&self.name),
            Key::Id => fits(&self.id),
            Key::Group => self.group.as_deref().is_some_and(fits),
            Key::Os => self.system.as_deref().is_some_and(|system| system_names(system).iter().any(|name| fits(name))),
            Key::Account => fits(&self.site.account),
            Key::Region => fits(&self.site.region),
            Key::Lane | Key::Needs | Key::Tag | Key::Overdue => false,
        }
    }

    fn overdue(&self) -> Option<Duration> {
        None
    }
}

impl Subject for Group {
    fn tag(&self, key: &str) -> Option<&str> {
        self.tags.get(key)
    }

    fn any(&self, key: Key, fits: &dyn Fn(&str) -> bool) -> bool {
        match key {
            Key::Name | Key::Id | Key::Group => fits(&self.name),
            Key::Account => fits(&self.site.account),
            Key::Region => fits(&self.site.region),
            Key::Os | Key::Lane | Key::Needs | Key::Tag | Key::Overdue => false,
        }
    }

    fn overdue(&self) -> Option<Duration> {
        None
    }
}

/// The names under which `os:` finds an operating system, from general to exact: `linux`, `ubuntu`, `ubuntu-24.04`;
/// `windows`, `windows-2022`; `amazon-linux`, `amazon-linux-2023`, `al2023`; `rhel`, `rhel-9`, `rhel-9.6`.
#[must_use]
pub fn system_names(system: &OperatingSystem) -> Vec<String> {
    let (family, version) = match system.platform() {
        Platform::Windows => ("windows", windows_version(&system.name)),
        Platform::Macos => ("macos", system.version.clone()),
        Platform::Linux => (linux_family(&system.name), system.version.clone()),
    };
    let family = if family.is_empty() { system.name.to_lowercase().replace(' ', "-") } else { family.to_owned() };
    let mut names = Vec::new();
    if system.platform() == Platform::Linux {
        names.push("linux".to_owned());
    }
    names.push(family.clone());
    if !version.is_empty() {
        let major = version.split('.').next().unwrap_or_default();
        if major != version {
            names.push(format!("{family}-{major}"));
        }
        names.push(format!("{family}-{version}"));
    }
    if family == "amazon-linux" {
        names.push(format!("al{version}"));
    }
    names
}

/// The name that people use for a Linux family; empty for those that have no other than their own.
fn linux_family(name: &str) -> &'static str {
    const FAMILIES: [(&str, &str); 8] = [
        ("amazon linux", "amazon-linux"),
        ("red hat", "rhel"),
        ("debian", "debian"),
        ("centos", "centos"),
        ("rocky", "rocky"),
        ("alma", "alma"),
        ("suse", "sles"),
        ("oracle", "oracle-linux"),
    ];
    let name = name.to_lowercase();
    FAMILIES.into_iter().find(|(known, _)| name.contains(known)).map_or("", |(_, family)| family)
}

/// The year in `Microsoft Windows Server 2022 Datacenter`, with its release: `2012-r2`.
fn windows_version(name: &str) -> String {
    let mut words = name.split_whitespace();
    let Some(year) = words.by_ref().find(|word| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit()))
    else {
        return String::new();
    };
    match words.next() {
        Some("R2") => format!("{year}-r2"),
        _ => year.to_owned(),
    }
}
