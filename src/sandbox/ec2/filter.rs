//! What all describing calls share: filters, and ids that are malformed or unknown.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sandbox::faults::like;
use crate::sandbox::value::{ApiError, Get};

/// How many values the filters of one request may have together.
const MOST_VALUES: usize = 200;

/// The filters of a request.
#[derive(Debug)]
pub(super) struct Filters<'a> {
    wanted: Vec<(&'a str, Vec<&'a str>)>,
}

impl<'a> Filters<'a> {
    /// Reads `Filters`. Names that an operation does not know are refused; `tag:KEY` and `tag-key` are known wherever
    /// the list contains `tag-key`.
    ///
    /// # Errors
    /// `InvalidParameterValue` for an unknown name, `FilterLimitExceeded`.
    pub(super) fn read(input: &'a Value, known: &[&str]) -> Result<Self, ApiError> {
        let mut wanted = Vec::new();
        for filter in input.items("Filters") {
            let name = filter.text("Name").unwrap_or_default();
            let tagged = name.starts_with("tag:") && known.contains(&"tag-key");
            if !tagged && !known.contains(&name) {
                return Err(ApiError::new("InvalidParameterValue", format!("The filter '{name}' is invalid")));
            }
            if filter.items("Values").is_empty() {
                return Err(ApiError::new("InvalidParameterValue", "The filter 'null' is invalid"));
            }
            wanted.push((name, filter.texts("Values")));
        }
        if wanted.iter().map(|(_, values)| values.len()).sum::<usize>() > MOST_VALUES {
            let message = format!("The maximum number of filter values specified on a single call is {MOST_VALUES}");
            return Err(ApiError::new("FilterLimitExceeded", message));
        }
        Ok(Self { wanted })
    }

    /// Whether something passes: `values` gives what it has under a filter's name.
    pub(super) fn pass(&self, values: impl Fn(&str) -> Vec<String>) -> bool {
        self.wanted.iter().all(|(name, patterns)| {
            let values = values(name);
            patterns.iter().any(|pattern| values.iter().any(|value| matches(pattern, value)))
        })
    }

    /// Whether anything may pass, by what all things have alike under a filter's name; none where they differ.
    pub(super) fn may_pass(&self, alike: impl Fn(&str) -> Option<Vec<String>>) -> bool {
        self.wanted.iter().all(|(name, patterns)| {
            alike(name)
                .is_none_or(|values| patterns.iter().any(|pattern| values.iter().any(|value| matches(pattern, value))))
        })
    }

    /// As [`Filters::pass`], for something with tags.
    pub(super) fn pass_tagged(&self, tags: &BTreeMap<String, String>, values: impl Fn(&str) -> Vec<String>) -> bool {
        self.wanted.iter().all(|(name, patterns)| {
            let any = |value: &String| patterns.iter().any(|pattern| matches(pattern, value));
            match name.strip_prefix("tag:") {
                Some(key) => tags.get(key).is_some_and(any),
                None if *name == "tag-key" => tags.keys().any(any),
                None => values(name).iter().any(any),
            }
        })
    }

    /// The filters whose values all stand for themselves: what an index can answer.
    pub(super) fn literal(&self) -> impl Iterator<Item = (&'a str, &[&'a str])> {
        let plain = |value: &&str| !value.contains(['*', '?', '\\']);
        self.wanted
            .iter()
            .filter(move |(_, values)| values.iter().all(plain))
            .map(|(name, values)| (*name, &values[..]))
    }

    /// The values that one filter asks for, where they stand for themselves.
    pub(super) fn asked(&self, filter: &str) -> Option<&[&'a str]> {
        self.literal().find(|(name, _)| *name == filter).map(|(_, values)| values)
    }
}

fn matches(pattern: &str, value: &str) -> bool {
    match (pattern.contains('\\') || value.contains('\\'), pattern.contains(['*', '?'])) {
        (false, false) => pattern == value,
        (_, true) if !pattern.contains('\\') => like(pattern, value),
        _ => pattern.replace('\\', "") == value.replace('\\', ""),
    }
}

/// The values of one thing under a filter's name.
pub(super) fn one(value: impl Into<String>) -> Vec<String> {
    vec![value.into()]
}

/// How a kind of resource refuses ids.
pub(super) struct Kind {
    /// The prefix of its ids, for example `i`.
    pub(super) prefix: &'static str,
    /// The code for an id that cannot be one.
    pub(super) malformed: &'static str,
    /// The code for an id that nobody has.
    pub(super) unknown: &'static str,
    /// What it is, in the message: `instance ID`.
    pub(super) noun: &'static str,
}

pub(super) const INSTANCE: Kind = Kind {
    prefix: "i",
    malformed: "InvalidInstanceID.Malformed",
    unknown: "InvalidInstanceID.NotFound",
    noun: "instance ID",
};
pub(super) const IMAGE: Kind =
    Kind { prefix: "ami", malformed: "InvalidAMIID.Malformed", unknown: "InvalidAMIID.NotFound", noun: "image id" };
pub(super) const SNAPSHOT: Kind = Kind {
    prefix: "snap",
    malformed: "InvalidSnapshotID.Malformed",
    unknown: "InvalidSnapshot.NotFound",
    noun: "snapshot",
};
pub(super) const VOLUME: Kind =
    Kind { prefix: "vol", malformed: "InvalidVolumeID.Malformed", unknown: "InvalidVolume.NotFound", noun: "volume" };
pub(super) const VPC: Kind =
    Kind { prefix: "vpc", malformed: "InvalidVpcID.NotFound", unknown: "InvalidVpcID.NotFound", noun: "vpc ID" };
pub(super) const SUBNET: Kind = Kind {
    prefix: "subnet",
    malformed: "InvalidSubnetID.NotFound",
    unknown: "InvalidSubnetID.NotFound",
    noun: "subnet ID",
};
pub(super) const SECURITY_GROUP: Kind = Kind {
    prefix: "sg",
    malformed: "InvalidGroupId.Malformed",
    unknown: "InvalidGroup.NotFound",
    noun: "security group",
};
pub(super) const INTERFACE: Kind = Kind {
    prefix: "eni",
    malformed: "InvalidNetworkInterfaceId.Malformed",
    unknown: "InvalidNetworkInterfaceID.NotFound",
    noun: "networkInterface ID",
};
pub(super) const TEMPLATE: Kind = Kind {
    prefix: "lt",
    malformed: "InvalidLaunchTemplateId.Malformed",
    unknown: "InvalidLaunchTemplateId.NotFound",
    noun: "launch template ID",
};

impl Kind {
    /// Refuses ids that are malformed, then ids that are not there.
    ///
    /// # Errors
    /// The kind's own codes.
    pub(super) fn check(&self, ids: &[&str], exists: impl Fn(&str) -> bool) -> Result<(), ApiError> {
        if let Some(bad) = ids.iter().find(|id| !self.is_well_formed(id)) {
            let message = format!("Invalid id: \"{bad}\" (expecting \"{}-...\")", self.prefix);
            return Err(ApiError::new(self.malformed, message));
        }
        let missing: Vec<&str> = ids.iter().copied().filter(|id| !exists(id)).collect();
        match missing[..] {
            [] => Ok(()),
            [one] => Err(self.not_found(one)),
            _ => {
                let message = format!("The {}s '{}' do not exist", self.noun, missing.join(", "));
                Err(ApiError::new(self.unknown, message))
            }
        }
    }

    /// The refusal of an id that nobody has.
    pub(super) fn not_found(&self, id: &str) -> ApiError {
        let id = if self.prefix == "ami" { format!("[{id}]") } else { id.to_owned() };
        ApiError::new(self.unknown, format!("The {} '{id}' does not exist", self.noun))
    }

    fn is_well_formed(&self, id: &str) -> bool {
        let hex = id.strip_prefix(self.prefix).and_then(|rest| rest.strip_prefix('-'));
        hex.is_some_and(|hex| [8, 17].contains(&hex.len()) && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }
}

/// Tags of a kind of resource in `TagSpecifications`.
pub(super) fn specified_tags(input: &Value, kind: &str) -> BTreeMap<String, String> {
    let of_kind = input.items("TagSpecifications").iter().filter(|one| one.text("ResourceType") == Some(kind));
    let tags = of_kind.flat_map(|one| one.items("Tags"));
    tags.map(|tag| (tag.text("Key").unwrap_or_default().to_owned(), tag.text("Value").unwrap_or_default().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_filter_must_match_and_any_value_may() {
        let tags = BTreeMap::from([("team".to_owned(), "web".to_owned())]);
        let passes = |filters: Value| {
            let input = json!({"Filters": filters});
            let filters = Filters::read(&input, &["state", "tag-key"]).map_err(|error| error.code)?;
            Ok::<_, String>(filters.pass_tagged(&tags, |_| one("running")))
        };
        let filter = |name: &str, values: &[&str]| json!({"Name": name, "Values": values});
        assert_eq!(passes(json!([filter("state", &["stopped", "run*"]), filter("tag:team", &["w?b"])])), Ok(true));
        assert_eq!(passes(json!([filter("state", &["running"]), filter("tag:team", &["data"])])), Ok(false));
        assert_eq!(passes(json!([filter("tag-key", &["team"])])), Ok(true));
        assert_eq!(passes(json!([filter("tag:team", &["w\\*b"])])), Ok(false));
        assert_eq!(passes(json!([filter("colour", &["red"])])), Err("InvalidParameterValue".to_owned()));
    }
}
