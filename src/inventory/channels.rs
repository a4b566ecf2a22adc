//! Channels: where they point, since when, and what is going on with them.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::SiteRequest;
use super::gaps::Gaps;
use crate::aws::{Connection, Parameter, ParameterVersion, each};
use crate::model::{Channel, ChannelVersion, Fact, approval_parameter, channel_parameter, rollout_parameter};

/// Reads the channels that a site is asked for. A channel that cannot be read is missing, with a gap.
pub(super) async fn channels(connection: &Connection, request: &SiteRequest, gaps: &Gaps<'_>) -> Vec<Channel> {
    let names: Vec<String> = request
        .channels
        .iter()
        .flat_map(|(recipe, channel)| {
            [
                channel_parameter(recipe, channel),
                rollout_parameter(recipe, channel),
                approval_parameter(recipe, channel),
            ]
        })
        .collect();
    let Some(found) = gaps.one(Fact::Parameters, None, connection.parameters(&names).await) else { return Vec::new() };
    let found: BTreeMap<String, Parameter> = found.into_iter().map(|it| (it.name.clone(), it)).collect();
    each(&request.channels, |(recipe, name)| {
        let found = &found;
        async move {
            let parameter = channel_parameter(recipe, name);
            let current = match found.get(&parameter) {
                Some(_) => {
                    let history = connection.parameter_history(&parameter).await;
                    current(&gaps.one(Fact::Parameters, Some(&parameter), history)?)
                }
                None => None,
            };
            Some(Channel {
                recipe: recipe.clone(),
                name: name.clone(),
                site: request.site.clone(),
                current,
                rollout: record(found.get(&rollout_parameter(recipe, name)), gaps),
                approval: record(found.get(&approval_parameter(recipe, name)), gaps),
            })
        }
    })
    .await
    .into_iter()
    .flatten()
    .collect()
}

/// The newest version, since the first write of the same image without another one between.
fn current(history: &[ParameterVersion]) -> Option<ChannelVersion> {
    let newest = history.first()?;
    let first = history.iter().take_while(|version| version.value == newest.value).last()?;
    Some(ChannelVersion {
        number: newest.version,
        image: newest.value.clone(),
        since: first.modified_at?,
        by: first.by.clone(),
    })
}

/// What a record's parameter holds, if it exists; a gap if nobody can read it.
fn record<T: DeserializeOwned>(parameter: Option<&Parameter>, gaps: &Gaps<'_>) -> Option<T> {
    let parameter = parameter?;
    serde_json::from_str(&parameter.value)
        .map_err(|error| {
            let name = Some(parameter.name.as_str());
            gaps.push(Fact::Parameters, name, "ssm:GetParameters", "Malformed", error.to_string());
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_points_to_an_image_since_its_first_write_in_a_row() {
        let version = |number: i64, image: &str, hour: u32| ParameterVersion {
            version: number,
            value: image.to_owned(),
            modified_at: format!("2026-11-24T{hour:02}:00:00Z").parse().ok(),
            by: Some(format!("writer {number}")),
        };
        let history = [version(4, "ami-b", 9), version(3, "ami-b", 7), version(2, "ami-a", 5), version(1, "ami-b", 1)];
        let now = current(&history).unwrap();
        assert_eq!((now.number, now.image.as_str(), now.by.as_deref()), (4, "ami-b", Some("writer 3")));
        assert_eq!(now.since.to_string(), "2026-11-24T07:00:00Z");
        assert_eq!(current(&[]), None);
    }
}
