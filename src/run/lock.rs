//! The lock that keeps two runs apart: an SSM parameter read as an ordered log of claims.
//!
//! Every version of the parameter is a claim. Folding them in order tells the holder on any machine: a claim counts
//! when nobody else's is in force at the moment (AWS's clock) it was written. So two runs that claim at once agree on
//! who won. A claim carries `until`; its holder renews it, and lets go with a claim that has ended.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How long a claim holds. Longer than any list of AWS lags, so that who takes over an expired claim sees what the
/// former holder did.
pub const HOLDS: Duration = Duration::from_secs(600);

/// After how long a holder renews.
pub const RENEW: Duration = Duration::from_secs(240);

/// The parameter of the lock.
pub const PARAMETER: &str = "/rebake/_lock/run";

/// A claim: the value of one version of the parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The run that claims, for people: `20261124-1402 on build-7 as role/rebake`.
    pub by: String,
    /// What tells this claimer from any other.
    pub nonce: String,
    /// Until when. In the past: let go.
    pub until: Timestamp,
}

/// A version of the parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its number.
    pub number: i64,
    /// When AWS wrote it.
    pub written_at: Timestamp,
    /// The claim; none if the value is not one.
    pub claim: Option<Claim>,
}

/// Who holds the lock at a moment, from the versions of the parameter in any order.
#[must_use]
pub fn holder(versions: &[Version], now: Timestamp) -> Option<Claim> {
    let mut versions: Vec<&Version> = versions.iter().collect();
    versions.sort_by_key(|version| version.number);
    let mut holder: Option<&Claim> = None;
    for version in versions {
        let Some(claim) = &version.claim else { continue };
        let free = holder.is_none_or(|held| held.until <= version.written_at || held.nonce == claim.nonce);
        if free {
            holder = Some(claim);
        }
    }
    holder.filter(|held| held.until > now).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn version(number: i64, written: i64, nonce: &str, until: i64) -> Version {
        let claim = Claim { by: nonce.into(), nonce: nonce.into(), until: at(until) };
        Version { number, written_at: at(written), claim: Some(claim) }
    }

    #[test]
    fn of_two_claims_at_once_the_first_counts_for_everybody() {
        let versions = [version(2, 1, "b", 301), version(1, 0, "a", 300)];
        assert_eq!(holder(&versions, at(10)).unwrap().nonce, "a");
    }

    #[test]
    fn an_expired_claim_is_taken_over_and_a_renewed_one_is_not() {
        let taken = [version(1, 0, "a", 300), version(2, 301, "b", 601)];
        assert_eq!(holder(&taken, at(302)).unwrap().nonce, "b");
        let renewed = [version(1, 0, "a", 300), version(2, 200, "a", 500), version(3, 301, "b", 601)];
        assert_eq!(holder(&renewed, at(302)).unwrap().nonce, "a");
    }

    #[test]
    fn letting_go_frees_it_at_once() {
        let versions = [version(1, 0, "a", 300), version(2, 50, "a", 50)];
        assert_eq!(holder(&versions, at(51)), None);
    }
}
