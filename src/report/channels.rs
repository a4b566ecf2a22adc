//! Where every channel points, and how many nodes follow.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::sheet::Sheet;
use super::table::{Align, Table};
use super::words;
use crate::classify::Judgement;
use crate::model::{Channel, Fleet, RolloutOutcome};
use crate::text::format_ago;

use Align::{Left, Right};

/// The channels as a screen of a width: `web  prod  2.4.16  33 d ago  6 of 6 on it`.
#[must_use]
pub fn table(fleet: &Fleet, judged: &[Judgement], now: Timestamp, width: usize) -> String {
    if fleet.channels.is_empty() {
        return "No channels yet: a recipe names them, the first rollout makes them. Next: rebake plan\n".to_owned();
    }
    let mut table = Table::new(&[Left, Left, Left, Left, Right, Left, Left]);
    table.row(["RECIPE", "CHANNEL", "VERSION", "SINCE", "ON IT", "WHERE", ""]);
    let mut recipe = "";
    for channel in &fleet.channels {
        let shown = if channel.recipe == recipe { "" } else { &channel.recipe };
        recipe = &channel.recipe;
        let (version, since) = match &channel.current {
            Some(current) => (version(fleet, channel, &current.image), format_ago(current.since, now)),
            None => ("–".to_owned(), "never set".to_owned()),
        };
        let (on_it, all) = followers(fleet, judged, channel);
        let on_it = format!("{on_it} of {all}");
        let place = words::place(&channel.site, &fleet.sites);
        table.row([shown, &channel.name, &version, &since, &on_it, &place, &rollout(channel)]);
    }
    table.render(width)
}

/// The channels as a sheet, one row each.
#[must_use]
pub fn sheet(fleet: &Fleet, judged: &[Judgement]) -> Sheet {
    let row = |channel: &Channel| {
        let current = channel.current.as_ref();
        let version = current.map(|current| version(fleet, channel, &current.image)).unwrap_or_default();
        let since = current.map(|current| current.since.to_string()).unwrap_or_default();
        let (on_it, nodes) = followers(fleet, judged, channel);
        let (account, region) = (channel.site.account.clone(), channel.site.region.clone());
        let (recipe, name) = (channel.recipe.clone(), channel.name.clone());
        vec![recipe, name, version, since, on_it.to_string(), nodes.to_string(), account, region, rollout(channel)]
    };
    let head = ["recipe", "channel", "version", "since", "on_it", "nodes", "account", "region", "rollout"];
    Sheet { head: head.map(str::to_owned).to_vec(), rows: fleet.channels.iter().map(row).collect() }
}

/// The channels as JSON, schema `rebake/channels`, version 1.
#[must_use]
pub fn json(fleet: &Fleet, judged: &[Judgement]) -> Value {
    let channel = |channel: &Channel| {
        let current = channel.current.as_ref();
        let (on_it, followers) = followers(fleet, judged, channel);
        json!({
            "recipe": channel.recipe,
            "channel": channel.name,
            "site": channel.site,
            "image": current.map(|current| &current.image),
            "version": current.map(|current| version(fleet, channel, &current.image)),
            "since": current.map(|current| current.since),
            "rollout": channel.rollout,
            "nodes": followers,
            "nodes_on_it": on_it,
        })
    };
    let channels: Vec<Value> = fleet.channels.iter().map(channel).collect();
    json!({"schema": "rebake/channels", "version": 1, "as_of": fleet.as_of, "channels": channels})
}

/// The version that an image is of, or its id.
fn version(fleet: &Fleet, channel: &Channel, image: &str) -> String {
    let tags = fleet.image(&channel.site, image).and_then(crate::model::Image::rebake);
    tags.map_or_else(|| image.to_owned(), |tags| tags.version.to_owned())
}

/// How many nodes run the image of the channel that they follow, and how many follow it.
fn followers(fleet: &Fleet, judged: &[Judgement], channel: &Channel) -> (usize, usize) {
    let follows = |one: &&Judgement| {
        one.site == channel.site
            && one.recipe.as_ref().is_some_and(|(recipe, name)| *recipe == channel.recipe && *name == channel.name)
    };
    let image = channel.current.as_ref().map(|current| current.image.as_str());
    let nodes: Vec<_> = judged.iter().filter(follows).filter_map(|one| fleet.node(&one.site, &one.node)).collect();
    let on_it = nodes.iter().filter(|node| image.is_some() && node.image.as_deref() == image).count();
    (on_it, nodes.len())
}

/// What the last rollout says, where it says more than the channel itself.
fn rollout(channel: &Channel) -> String {
    channel.rollout.as_ref().map_or_else(String::new, |record| match record.outcome {
        RolloutOutcome::Done => String::new(),
        RolloutOutcome::Rolling => format!("rolls to {}", record.version),
        RolloutOutcome::RolledBack => format!("{} was rolled back", record.version),
        RolloutOutcome::Failed => format!("{} failed, left as it is", record.version),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ChannelVersion;
    use crate::report::sample;

    #[test]
    fn a_channel_says_who_is_on_it() {
        let (mut fleet, judged) = sample::fleet();
        assert!(table(&fleet, &judged, sample::now(), 80).contains("No channels yet"));
        let current = ChannelVersion {
            number: 3,
            image: "ami-0d900000000000001".into(),
            since: sample::at("2026-10-22T12:00:00Z"),
            by: None,
        };
        fleet.channels = vec![Channel {
            recipe: "web".into(),
            name: "prod".into(),
            site: sample::site("eu-west-1"),
            current: Some(current),
            rollout: None,
            approval: None,
        }];
        let text = table(&fleet, &judged, sample::now(), 80);
        assert!(text.contains("33 d ago") && text.contains("1 of 1"), "{text}");
    }
}
