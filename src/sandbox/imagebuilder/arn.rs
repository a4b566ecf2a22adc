//! ARNs, names and semantic versions.
//!
//! Names that differ only in case, spaces and underscores are the same name. A version with `x` for its right-hand
//! nodes selects the latest one that fits.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Resource;
use crate::sandbox::cloud::Place;
use crate::sandbox::value::ApiError;

/// The largest node of a version.
const LARGEST_NODE: u32 = (1 << 30) - 1;

/// A node of a version. It keeps the zeros that it was written with, `02`, and they do not count.
#[derive(Debug, Clone, Copy)]
struct Node {
    number: u32,
    width: usize,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Node {}

impl Ord for Node {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number.cmp(&other.number)
    }
}

impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:0width$}", self.number, width = self.width)
    }
}

impl Node {
    const fn of(number: u32) -> Self {
        Self { number, width: 1 }
    }

    /// Reads digits.
    fn parse(digits: &str) -> Option<Self> {
        let number = digits.parse().ok().filter(|number| *number <= LARGEST_NODE)?;
        // Nobody writes more zeros than this.
        (digits.len() <= 100).then_some(Self { number, width: digits.len() })
    }
}

/// `major.minor.patch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(Node, Node, Node);

impl Version {
    /// A version of plain numbers.
    #[must_use]
    pub const fn of(major: u32, minor: u32, patch: u32) -> Self {
        Self(Node::of(major), Node::of(minor), Node::of(patch))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let pattern = Pattern::parse(&text).map_err(|error| serde::de::Error::custom(error.message))?;
        pattern.exact().ok_or_else(|| serde::de::Error::custom("a version without x is needed"))
    }
}

/// A version in which right-hand nodes may be `x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pattern(Option<Node>, Option<Node>, Option<Node>);

impl Pattern {
    /// Reads `1.2.3`, `1.2.x`, `1.x.x` or `x.x.x`.
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let wrong = || {
            let message = format!(
                "The version '{text}' is not valid: it needs three nodes of at most {LARGEST_NODE}, and all nodes to the \
                 right of the first x must be x."
            );
            ApiError::new("InvalidVersionNumberException", message)
        };
        let node = |text: &str| match text {
            "x" => Some(None),
            digits => Node::parse(digits).map(Some),
        };
        let nodes: Vec<Option<Node>> = text.split('.').map(node).collect::<Option<_>>().ok_or_else(wrong)?;
        match nodes[..] {
            [None, Some(_), _] | [None, _, Some(_)] | [_, None, Some(_)] => Err(wrong()),
            [major, minor, patch] => Ok(Self(major, minor, patch)),
            _ => Err(wrong()),
        }
    }

    /// Whether a version fits.
    pub(super) fn matches(self, version: Version) -> bool {
        let fits = |wanted: Option<Node>, node| wanted.is_none_or(|wanted| wanted == node);
        fits(self.0, version.0) && fits(self.1, version.1) && fits(self.2, version.2)
    }

    /// The one version that it names, if it has no `x`.
    pub(super) fn exact(self) -> Option<Version> {
        Some(Version(self.0?, self.1?, self.2?))
    }

    /// The version to give to something new: the one named, or the next patch after the latest that fits.
    pub(super) fn next(self, taken: impl Iterator<Item = Version>) -> Version {
        if let Some(exact) = self.exact() {
            return exact;
        }
        match taken.filter(|version| self.matches(*version)).max() {
            Some(latest) => Version(latest.0, latest.1, Node::of(latest.2.number + 1)),
            None => Version(self.0.unwrap_or(Node::of(1)), self.1.unwrap_or(Node::of(0)), Node::of(0)),
        }
    }
}

/// What an ARN of Image Builder says. The kind of a workflow includes its stage: `workflow/build`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reference {
    pub(super) region: String,
    /// An account, or `aws`.
    pub(super) owner: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) version: Option<Pattern>,
    pub(super) build: Option<u64>,
}

impl Reference {
    /// Reads `arn:aws:imagebuilder:REGION:OWNER:KIND/NAME[/VERSION[/BUILD]]`.
    pub(super) fn parse(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _, "imagebuilder", region, owner, path] = parts[..] else { return None };
        let mut path = path.split('/');
        let mut kind = path.next()?.to_owned();
        if kind == "workflow" {
            kind = format!("{kind}/{}", path.next()?);
        }
        let name = path.next()?.to_owned();
        let version = path.next().map(Pattern::parse).transpose().ok()?;
        let build = path.next().map(str::parse).transpose().ok()?;
        Some(Self { region: region.to_owned(), owner: owner.to_owned(), kind, name, version, build })
    }

    /// Whether it names something of AWS's own.
    pub(super) fn is_managed(&self) -> bool {
        self.owner == "aws"
    }

    /// Whether it names something in this place, of the account or of AWS.
    pub(super) fn is_in(&self, place: &Place) -> bool {
        self.region == place.region && (self.is_managed() || self.owner == place.account)
    }

    /// Whether something with this ARN, which has a version, is one of those it names.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let version = other.version.and_then(Pattern::exact);
        self.kind == other.kind
            && self.name == other.name
            && self.version.is_none_or(|pattern| version.is_some_and(|version| pattern.matches(version)))
            && self.build.is_none_or(|build| other.build == Some(build))
    }
}

/// The latest resource that a reference covers.
pub(super) fn latest<'a>(
    resources: impl IntoIterator<Item = &'a Resource>,
    reference: &Reference,
) -> Option<&'a Resource> {
    let parsed = resources.into_iter().filter_map(|resource| Some((Reference::parse(&resource.arn)?, resource)));
    let covered = parsed.filter(|(other, _)| reference.covers(other));
    covered.max_by_key(|(other, resource)| (resource.version, other.build)).map(|(_, resource)| resource)
}

/// The build versions of a version, with their numbers, the latest last.
pub(super) fn builds<'a>(resources: &'a BTreeMap<String, Resource>, version_arn: &str) -> Vec<(u64, &'a Resource)> {
    let mut builds: Vec<(u64, &Resource)> = resources
        .values()
        .filter(|resource| parent(&resource.arn) == version_arn)
        .filter_map(|resource| Some((Reference::parse(&resource.arn)?.build?, resource)))
        .collect();
    builds.sort_by_key(|(build, _)| *build);
    builds
}

/// A name as ARNs hold it.
pub(super) fn normalised(name: &str) -> String {
    name.to_lowercase().replace([' ', '_'], "-")
}

/// Any text as a name.
pub(super) fn plain(text: &str) -> String {
    text.replace(|letter: char| !letter.is_ascii_alphanumeric() && !"-_ ".contains(letter), "-")
}

/// The ARN of something with a name in a place: `kind/name`, to which versions are added.
pub(super) fn arn(place: &Place, kind: &str, name: &str) -> String {
    format!("arn:aws:imagebuilder:{}:{}:{kind}/{}", place.region, place.account, normalised(name))
}

/// An ARN without its last node.
pub(super) fn parent(arn: &str) -> &str {
    arn.rsplit_once('/').map_or(arn, |(parent, _)| parent)
}

/// `latestVersionReferences` of something with a version: the ARNs under which the latest of its kind is found.
pub(super) fn latest_references(base: &str, version: Version) -> serde_json::Value {
    serde_json::json!({
        "latestVersionArn": format!("{base}/x.x.x"),
        "latestMajorVersionArn": format!("{base}/{}.x.x", version.0),
        "latestMinorVersionArn": format!("{base}/{}.{}.x", version.0, version.1),
        "latestPatchVersionArn": format!("{base}/{version}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_only_at_the_right() {
        for good in ["x.x.x", "1.x.x", "1.6.x", "1.6.8"] {
            assert!(Pattern::parse(good).is_ok(), "{good}");
        }
        for bad in ["x.2.x", "1.x.8", "x.x.1", "1.2", "1.2.3.4", "1.2.1073741824", "a.b.c"] {
            assert_eq!(Pattern::parse(bad).unwrap_err().code, "InvalidVersionNumberException", "{bad}");
        }
    }

    #[test]
    fn an_x_counts_on_from_the_latest_that_fits() {
        let taken = [Version::of(1, 0, 3), Version::of(1, 1, 7), Version::of(2, 0, 0)];
        let next = |pattern: &str| Pattern::parse(pattern).unwrap().next(taken.into_iter()).to_string();
        assert_eq!([next("1.0.x"), next("1.x.x"), next("3.1.x"), next("1.0.3")], ["1.0.4", "1.1.8", "3.1.0", "1.0.3"]);
    }

    #[test]
    fn zeros_are_kept_and_do_not_count() {
        let parse = |text: &str| Pattern::parse(text).unwrap().exact().unwrap();
        assert_eq!(parse("2019.12.02").to_string(), "2019.12.02");
        assert_eq!(parse("2019.12.02"), parse("2019.12.2"));
        assert!(parse("2019.12.02") < parse("2019.12.10"));
    }

    #[test]
    fn a_reference_covers_what_it_names() {
        let parse = |text: &str| Reference::parse(&format!("arn:aws:imagebuilder:eu-west-1:aws:{text}")).unwrap();
        let there = parse("component/update-linux/1.0.2/1");
        for covering in
            ["component/update-linux/x.x.x", "component/update-linux/1.0.x", "component/update-linux/1.0.2/1"]
        {
            assert!(parse(covering).covers(&there), "{covering}");
        }
        for other in ["component/update-linux/1.0.3", "component/update-linux/1.0.2/2", "component/reboot/x.x.x"] {
            assert!(!parse(other).covers(&there), "{other}");
        }
    }
}
