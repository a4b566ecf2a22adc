//! Checksums, by which a damaged file is known: what was changed, taken away or moved does not pass for what was written.
//!
//! A sealed line is a JSON object whose last member, `sha256`, is the SHA-256 in hexadecimal digits of the seal of the
//! line before and of all that precedes the member. Lines of a [`Chain`] carry their number too. Whether the last lines
//! of a chain were taken away, the chain alone cannot tell: a process that was killed a moment sooner leaves the same.

use std::io;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What stands between an object and its seal.
const MEMBER: &[u8] = br#","sha256":""#;

/// The length of a seal.
const HEX: usize = 64;

/// In what way a text is not what was written.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// It is no JSON of the right form.
    #[error(transparent)]
    Form(#[from] serde_json::Error),
    /// Its checksum is not that of its text.
    #[error("its checksum is not that of its text: it was changed")]
    Changed,
    /// A line is not where it was written.
    #[error("it was written as line {0}: a line is missing, or was moved")]
    Moved(u64),
    /// It is of another account, or of another moment of this one.
    #[error("it does not belong to the snapshot")]
    Foreign,
    /// The file is shorter than what was written.
    #[error("the file ends before it")]
    Missing,
}

/// Where a chain of sealed lines has come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chain {
    /// How many lines there are.
    pub(super) lines: u64,
    /// The seal of the last one; empty without any.
    pub(super) seal: String,
}

#[derive(Serialize)]
struct NewLink<'a, T> {
    line: u64,
    entry: &'a T,
}

#[derive(Deserialize)]
struct Link<T> {
    line: u64,
    entry: T,
}

impl Chain {
    /// The next line, with its line feed.
    pub(super) fn close(&mut self, entry: &impl Serialize) -> io::Result<Vec<u8>> {
        let (text, seal) = close(serde_json::to_vec(&NewLink { line: self.lines + 1, entry })?, &self.seal);
        *self = Self { lines: self.lines + 1, seal };
        Ok(text)
    }

    /// Reads the next line, without its line feed.
    pub(super) fn open<T: for<'de> Deserialize<'de>>(&mut self, text: &[u8]) -> Result<T, Damage> {
        let link: Link<T> = serde_json::from_slice(text)?;
        if link.line != self.lines + 1 {
            return Err(Damage::Moved(link.line));
        }
        let seal = check(text, &self.seal)?;
        *self = Self { lines: self.lines + 1, seal };
        Ok(link.entry)
    }
}

/// An object with its seal and a line feed; and the seal.
pub(super) fn close(mut object: Vec<u8>, before: &str) -> (Vec<u8>, String) {
    object.pop();
    let seal = of(&object, before);
    object.extend_from_slice(MEMBER);
    object.extend_from_slice(seal.as_bytes());
    object.extend_from_slice(b"\"}\n");
    (object, seal)
}

/// The seal of a line without its line feed, if it is that of its text.
pub(super) fn check(text: &[u8], before: &str) -> Result<String, Damage> {
    let split = || {
        let (object, seal) = text.strip_suffix(b"\"}")?.split_last_chunk::<HEX>()?;
        Some((object.strip_suffix(MEMBER)?, seal))
    };
    let (object, seal) = split().ok_or(Damage::Changed)?;
    let wanted = of(object, before);
    if wanted.as_bytes() == seal { Ok(wanted) } else { Err(Damage::Changed) }
}

fn of(object: &[u8], before: &str) -> String {
    let digest = Sha256::new().chain_update(before).chain_update(object).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
