//! The file of a plan: versioned, with a hash, so that an edited or a foreign file is refused.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Plan;
use crate::text::hex;

/// The name of the format.
const SCHEMA: &str = "rebake/plan";

/// The version of the format that this rebake writes.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct File {
    schema: String,
    version: u32,
    sha256: String,
    plan: serde_json::Value,
}

/// Why a file is no plan that can be applied.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It is not JSON of this form.
    #[error("it is not a plan: {0}")]
    NotAPlan(String),
    /// A newer rebake wrote it.
    #[error("it has format version {found}, this rebake knows {VERSION}")]
    Newer {
        /// The version found.
        found: u32,
    },
    /// It was changed after it was written.
    #[error("it was changed after rebake wrote it: its hash does not fit")]
    Edited,
}

/// The text of a plan's file, and its hash.
#[must_use]
pub fn write(plan: &Plan) -> (String, String) {
    let value = serde_json::to_value(plan).unwrap_or_default();
    let sha256 = hash(&value);
    let file = File { schema: SCHEMA.to_owned(), version: VERSION, sha256: sha256.clone(), plan: value };
    let text = serde_json::to_string_pretty(&file).unwrap_or_default() + "\n";
    (text, sha256)
}

/// Reads the text of a plan's file.
///
/// # Errors
/// Why it cannot be used.
pub fn read(text: &str) -> Result<Plan, Unusable> {
    let file: File = serde_json::from_str(text).map_err(|error| Unusable::NotAPlan(error.to_string()))?;
    if file.schema != SCHEMA {
        return Err(Unusable::NotAPlan(format!("its schema is {:?}", file.schema)));
    }
    if file.version > VERSION {
        return Err(Unusable::Newer { found: file.version });
    }
    if hash(&file.plan) != file.sha256 {
        return Err(Unusable::Edited);
    }
    serde_json::from_value(file.plan).map_err(|error| Unusable::NotAPlan(error.to_string()))
}

fn hash(plan: &serde_json::Value) -> String {
    hex(&Sha256::digest(plan.to_string().as_bytes()))
}
