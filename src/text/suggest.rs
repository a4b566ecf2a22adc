//! What somebody may have meant.

use std::collections::HashSet;

/// The candidate that `word` was most probably meant to be, if one is near enough to be worth saying.
#[must_use]
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    // A change of every letter is another word.
    let allowed = (length / 3).max(1).min(length.saturating_sub(1));
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let distance = strsim::damerau_levenshtein(&word, &candidate.to_lowercase());
            let begins = length >= 3 && candidate.to_lowercase().starts_with(&word);
            (distance <= allowed || begins).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A sentence that helps with a wrong word: the one that was meant, or else the list of what there is (of a long list
/// only the beginning).
#[must_use]
pub fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const MOST: usize = 24;
    let mut seen = HashSet::new();
    let all: Vec<&str> = candidates.into_iter().filter(|name| seen.insert(*name)).collect();
    if let Some(meant) = suggest(word, all.iter().copied()) {
        return Some(format!("did you mean `{meant}`?"));
    }
    let listed: Vec<String> = all.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    match listed.as_slice() {
        [] => None,
        [only] => Some(format!("{only} is the only one")),
        _ if all.len() > MOST => Some(format!("there are {}, and {} more", listed.join(", "), all.len() - MOST)),
        [before @ .., last] => Some(format!("there are {} and {last}", before.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        let keys = ["regions", "role", "account", "min-healthy"];
        assert_eq!(suggest("region", keys), Some("regions"));
        assert_eq!(suggest("accuont", keys), Some("account"));
        assert_eq!(suggest("MIN-HEALTY", keys), Some("min-healthy"));
        assert_eq!(suggest("zebra", keys), None);
    }

    #[test]
    fn a_far_word_gets_the_list() {
        assert_eq!(suggestion("zebra", ["a1", "b2", "c3"]).unwrap(), "there are `a1`, `b2` and `c3`");
        assert_eq!(suggestion("zebra", []), None);
    }
}
