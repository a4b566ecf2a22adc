//! The digest of an image: SHA-256 over everything that goes into it, in a canonical form without timestamps.

use sha2::{Digest, Sha256};

use crate::plan::Component;
use crate::text::hex;

/// What goes into an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs<'a> {
    /// `name`, `major.minor`: a new minor of the owner's is a new image.
    pub recipe: (&'a str, &'a str),
    /// The literal parent AMI.
    pub parent: &'a str,
    /// All components, in order: build, then test.
    pub components: &'a [&'a Component],
    /// `x86_64` or `arm64`.
    pub architecture: &'a str,
    /// Root volume in GiB, KMS key, IMDS: what else changes the image.
    pub settings: &'a [(&'a str, String)],
}

/// The digest, in hexadecimal.
#[must_use]
pub fn digest(inputs: &Inputs<'_>) -> String {
    let mut hasher = Sha256::new();
    // Every part is preceded by its length, so that no two different inputs run together into one text.
    let mut part = |text: &str| {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    part("rebake/digest/1");
    part(inputs.recipe.0);
    part(inputs.recipe.1);
    part(inputs.parent);
    part(inputs.architecture);
    for component in inputs.components {
        match component {
            Component::Managed { arn } => {
                part("managed");
                // Region and account differ between build sites and say nothing of the content.
                part(arn.split(":component/").nth(1).unwrap_or(arn));
            }
            Component::Own { name, document, .. } => {
                part("own");
                part(name);
                part(document);
            }
        }
    }
    for (key, value) in inputs.settings {
        part(key);
        part(value);
    }
    hex(&hasher.finalize())
}

/// A client token (or another name of a goal) from the parts of the goal: the same on every machine.
#[must_use]
pub fn token(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hex(&hasher.finalize())[..40].to_owned()
}

/// A UUID (version 8: of our own making) from the parts of a goal, where AWS wants a GUID.
#[must_use]
pub fn goal_uuid(parts: &[&str]) -> String {
    let hex = token(parts);
    format!("{}-{}-8{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

/// Whether a UUID is one of [`goal_uuid`]'s, as far as its form tells.
#[must_use]
pub fn is_goal_uuid(uuid: &str) -> bool {
    uuid.len() == 36 && uuid.get(14..15) == Some("8") && uuid.get(19..20) == Some("a")
}
