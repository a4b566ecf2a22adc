//! Ids that requests name: malformed ones are told apart from unknown ones, and one bad id refuses the whole request.

use std::collections::BTreeMap;

use crate::sandbox::value::ApiError;

/// How a kind of resource is named and missed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// Before the hyphen.
    pub(super) prefix: &'static str,
    /// The code for what is no such id.
    pub(super) malformed: &'static str,
    /// The code for one that does not exist.
    pub(super) not_found: &'static str,
    /// For example `instance ID`.
    pub(super) noun: &'static str,
}

/// Instances.
pub(super) const INSTANCE: Kind = Kind {
    prefix: "i",
    malformed: "InvalidInstanceID.Malformed",
    not_found: "InvalidInstanceID.NotFound",
    noun: "instance ID",
};
/// Volumes.
pub(super) const VOLUME: Kind =
    Kind { prefix: "vol", malformed: "InvalidParameterValue", not_found: "InvalidVolume.NotFound", noun: "volume" };
/// Virtual private clouds.
pub(super) const VPC: Kind =
    Kind { prefix: "vpc", malformed: "InvalidVpcID.NotFound", not_found: "InvalidVpcID.NotFound", noun: "vpc ID" };
/// Subnets.
pub(super) const SUBNET: Kind = Kind {
    prefix: "subnet",
    malformed: "InvalidSubnetID.NotFound",
    not_found: "InvalidSubnetID.NotFound",
    noun: "subnet ID",
};
/// Security groups.
pub(super) const SECURITY_GROUP: Kind = Kind {
    prefix: "sg",
    malformed: "InvalidGroupId.Malformed",
    not_found: "InvalidGroup.NotFound",
    noun: "security group",
};

impl Kind {
    /// Refuses ids that are malformed, then ids that do not exist.
    ///
    /// # Errors
    /// The two codes of the kind.
    pub(super) fn check<T>(&self, ids: &[&str], all: &BTreeMap<String, T>) -> Result<(), ApiError> {
        self.well_formed(ids)?;
        let missing: Vec<&str> = ids.iter().copied().filter(|id| !all.contains_key(*id)).collect();
        if missing.is_empty() { Ok(()) } else { Err(self.missing(&missing)) }
    }

    /// Refuses ids that are malformed.
    ///
    /// # Errors
    /// The code of the kind.
    pub(super) fn well_formed(&self, ids: &[&str]) -> Result<(), ApiError> {
        match ids.iter().find(|id| !well_formed(self.prefix, id)) {
            Some(id) => {
                let message = format!("Invalid id: \"{id}\" (expecting \"{}-...\")", self.prefix);
                Err(ApiError::new(self.malformed, message))
            }
            None => Ok(()),
        }
    }

    /// The refusal of ids that do not exist.
    pub(super) fn missing(&self, ids: &[&str]) -> ApiError {
        let (plural, verb) = if ids.len() == 1 { ("", "does") } else { ("s", "do") };
        ApiError::new(self.not_found, format!("The {}{plural} '{}' {verb} not exist", self.noun, ids.join(", ")))
    }
}

/// Whether a text is a prefix, a hyphen and 8 or 17 hexadecimal digits.
pub(super) fn well_formed(prefix: &str, id: &str) -> bool {
    let digits = id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    digits.is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}
