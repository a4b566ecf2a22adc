//! Who follows what: the rules of a configuration, asked about nodes and groups.

use jiff::Timestamp;

use super::{Channel, Config, Exception, LaneRule, Recipe, Ring};
use crate::model::selector::Subject;
use crate::model::{Freeze, Group};
use crate::text::Problem;

/// A channel with its recipe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claim<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The channel that selects a group.
    pub channel: &'a Channel,
}

impl Config {
    /// The rule that puts a node into a lane: the first that fits.
    #[must_use]
    pub fn lane_rule_of(&self, node: &impl Subject) -> Option<&LaneRule> {
        self.lane_rules.iter().find(|rule| rule.when.matches(node))
    }

    /// The ring that a mutable node belongs to: the first that selects it.
    #[must_use]
    pub fn ring_of(&self, node: &impl Subject) -> Option<&Ring> {
        self.rings.iter().find(|ring| ring.nodes.matches(node))
    }

    /// The exception that leaves a node alone now: of several the one that holds longest.
    #[must_use]
    pub fn exception_of(&self, node: &impl Subject, now: Timestamp) -> Option<&Exception> {
        let holding = self.exceptions.iter().filter(|exception| exception.holds(now) && exception.nodes.matches(node));
        holding.max_by_key(|exception| exception.until)
    }

    /// The freezes that protect a node or group, whether they hold now or not.
    pub fn freezes_of(&self, subject: &impl Subject) -> impl Iterator<Item = &Freeze> {
        self.freezes.iter().filter(|freeze| freeze.selector.matches(subject))
    }

    /// All channels that select a group. Each group may have one; [`Config::contested`] finds those that have more.
    pub fn claims_on(&self, group: &Group) -> impl Iterator<Item = Claim<'_>> {
        let all =
            self.recipes.iter().flat_map(|recipe| recipe.channels.iter().map(move |channel| Claim { recipe, channel }));
        all.filter(|claim| claim.channel.groups.matches(group))
    }

    /// Groups that more than one channel selects. It is an error of the configuration, even though only the fleet shows
    /// it: two images would fight for one group.
    #[must_use]
    pub fn contested(&self, groups: &[Group]) -> Vec<Problem> {
        let mut contests: Vec<(Claim<'_>, Claim<'_>, Vec<String>)> = Vec::new();
        for group in groups {
            let mut claims = self.claims_on(group);
            let (Some(first), Some(second)) = (claims.next(), claims.next()) else { continue };
            let told = format!("{} ({})", group.name, group.site);
            match contests.iter_mut().find(|(one, other, _)| *one == first && *other == second) {
                Some((_, _, groups)) => groups.push(told),
                None => contests.push((first, second, vec![told])),
            }
        }
        contests.iter().map(|(first, second, groups)| contest(first, second, groups)).collect()
    }
}

/// The problem of two channels that select the same groups.
fn contest(first: &Claim<'_>, second: &Claim<'_>, groups: &[String]) -> Problem {
    let told = |claim: &Claim<'_>| format!("{} → {}", claim.recipe.name, claim.channel.name);
    let (noun, verb) = if groups.len() == 1 { ("group", "is") } else { ("groups", "are") };
    let message = format!(
        "{noun} {} {verb} selected by {} and, in {}, by {}",
        groups.join(", "),
        told(second),
        first.channel.place,
        told(first)
    );
    let help = "narrow one of the selectors: a group follows one channel of one recipe".to_owned();
    Problem::at(&second.channel.place, message).key("channel.groups").help(help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::library;
    use crate::model::sample;

    fn group(name: &str, tags: &[(&str, &str)]) -> Group {
        Group { tags: sample::tags(tags), ..sample::group(name) }
    }

    #[test]
    fn a_group_follows_one_channel() {
        let mut config = library::demo().unwrap();
        let web = group("web-prod", &[("app", "web"), ("env", "prod")]);
        let claim = config.claims_on(&web).next().unwrap();
        assert_eq!((claim.recipe.name.as_str(), claim.channel.name.as_str()), ("web", "prod"));
        assert!(config.contested(std::slice::from_ref(&web)).is_empty());

        let mut copy = config.recipe("web").unwrap().clone();
        copy.name = "web-copy".into();
        copy.channels.iter_mut().for_each(|channel| channel.place.file = "recipes/web-copy.toml".into());
        config.recipes.push(copy);
        let problems = config.contested(&[web, group("other", &[])]);
        assert_eq!(problems.len(), 1);
        assert_eq!(
            problems[0].to_string(),
            "recipes/web-copy.toml:27: channel.groups: group web-prod (111111111111/eu-west-1) is selected by \
             web-copy → prod and, in recipes/web.toml:27, by web → prod; narrow one of the selectors: a group follows \
             one channel of one recipe"
        );
    }
}
