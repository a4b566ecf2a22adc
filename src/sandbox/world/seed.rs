//! A checked world becomes a [`Cloud`].

mod inside;

use jiff::Timestamp;

use super::aws;
use super::file::World;
use super::problem::Problem;
use crate::sandbox::cloud::{Cloud, DEFAULT_ACCOUNT};

/// Makes the cloud of a world that starts at a moment.
pub(super) fn cloud(world: &World, start: Timestamp) -> Result<Cloud, Problem> {
    let mut catalogue = aws::catalogue(start);
    aws::add(&mut catalogue, &world.system, &world.advisory, start);
    let mut cloud = Cloud::new(world.seed, start, catalogue);
    cloud.eventual_consistency = world.eventual_consistency;
    let owner = world.account.first().map_or(DEFAULT_ACCOUNT, |account| account.id.get_ref());
    for account in &world.account {
        let keys = account.access_keys.iter().map(|key| (key.get_ref().clone(), account.id.get_ref().clone()));
        cloud.access_keys.extend(keys);
    }
    for role in &world.role {
        let account = role.account.as_ref().map_or(owner, |account| account.get_ref());
        cloud.roles.push(format!("arn:aws:iam::{account}:role/{}", role.name));
    }
    Ok(cloud)
}
