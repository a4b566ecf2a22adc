//! Where a channel stands at each of its sites: by version and value of its parameter, and by its rollout record.

use super::{Action, Now, Standing};
use crate::model::{Channel, Fact, RolloutOutcome, RolloutRecord, channel_parameter, rollout_parameter};
use crate::plan::{ChannelTarget, Plan, Rollout};

/// One action for each site.
pub(super) fn channel(plan: &Plan, rollout: &Rollout, now: &Now<'_>) -> Vec<Action> {
    // The first site holds the record.
    let home = rollout.targets.first().and_then(|target| held(rollout, target, now));
    let record = home.and_then(|channel| channel.rollout.as_ref());
    let one = |target: &ChannelTarget| {
        let subject = format!("channel {} → {} in {}", rollout.recipe, rollout.channel, target.site.region);
        let standing = standing(plan, rollout, target, record, now).unwrap_or_else(Standing::Moved);
        Action { subject, standing }
    };
    rollout.targets.iter().map(one).collect()
}

fn held<'a>(rollout: &Rollout, target: &ChannelTarget, now: &Now<'a>) -> Option<&'a Channel> {
    now.fleet.channel(&target.site, &rollout.recipe, &rollout.channel)
}

/// The error is what has moved.
fn standing(
    plan: &Plan,
    rollout: &Rollout,
    target: &ChannelTarget,
    record: Option<&RolloutRecord>,
    now: &Now<'_>,
) -> Result<Standing, String> {
    let parameters =
        [channel_parameter(&rollout.recipe, &rollout.channel), rollout_parameter(&rollout.recipe, &rollout.channel)];
    let names = parameters.each_ref().map(String::as_str);
    if let Some(why) = now.unread(&target.site, &[Fact::Site, Fact::Parameters, Fact::Images], &names) {
        return Err(why);
    }
    let current = held(rollout, target, now).and_then(|channel| channel.current.as_ref());
    let is_goal = |image: &str| match &target.image {
        Some(goal) => goal == image,
        None => now.tested_image(&target.site, &rollout.recipe, &rollout.version).is_some_and(|it| it.id == image),
    };
    let of_this = record.filter(|record| record.version == rollout.version);
    if current.is_some_and(|current| is_goal(&current.image)) {
        let open = of_this.is_none_or(|record| record.outcome != RolloutOutcome::Done);
        // A channel that pointed there before the plan was made still has its groups to roll.
        return Ok(if open { Standing::UnderWay } else { Standing::After });
    }
    let unchanged = match current {
        Some(current) => {
            current.number == target.parameter_version && Some(&current.image) == target.parameter_image.as_ref()
        }
        None => target.parameter_image.is_none(),
    };
    if !unchanged {
        let saw = match &target.parameter_image {
            Some(image) => format!("{image} (version {})", target.parameter_version),
            None => "nothing".to_owned(),
        };
        let is = current.map_or("nothing".to_owned(), |current| {
            let by = current.by.as_deref().map(|by| format!(", written by {by}")).unwrap_or_default();
            format!("{} (version {}{by})", current.image, current.number)
        });
        return Err(format!("it points to {is}, the plan saw {saw}"));
    }
    if let Some(image) = &target.image
        && now.tested_image(&target.site, &rollout.recipe, &rollout.version).is_none_or(|it| it.id != *image)
    {
        return Err(format!("image {image} is gone, or is not {} {} any more", rollout.recipe, rollout.version));
    }
    if let Some(other) = record.filter(|record| record.version != rollout.version)
        && other.outcome == RolloutOutcome::Rolling
        && other.started_at > plan.created_at
    {
        return Err(format!("somebody rolls out {} since {}", other.version, other.started_at));
    }
    let rolling = of_this.is_some_and(|record| record.outcome == RolloutOutcome::Rolling);
    Ok(if rolling { Standing::UnderWay } else { Standing::Before })
}
