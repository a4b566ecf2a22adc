//! A checked world becomes a [`Cloud`]: first what instances are made from, then what runs, then what it was told.

mod groups;
mod inside;
mod nodes;
mod patching;
mod stock;

use jiff::Timestamp;

use super::age::Age;
use super::aws;
use super::file::{Rates, Tags, Text, World};
use super::problem::Problem;
use crate::sandbox::Ctx;
use crate::sandbox::cloud::{Cloud, DEFAULT_ACCOUNT, Place};
use crate::sandbox::throttle::{self, Throttle};
use crate::sandbox::value::ApiError;

/// What was done to a node in the past, and when.
struct Row {
    place: Place,
    node: String,
    at: Timestamp,
    act: patching::Act,
}

/// A world on its way into a cloud.
struct Seeder<'a> {
    world: &'a World,
    start: Timestamp,
    rows: Vec<Row>,
}

/// Makes the cloud of a world that starts at a moment.
pub(super) fn cloud(world: &World, start: Timestamp) -> Result<Cloud, Problem> {
    let mut catalogue = aws::catalogue(start);
    aws::add(&mut catalogue, &world.system, &world.advisory, start);
    let mut cloud = Cloud::new(world.seed, start, catalogue);
    cloud.eventual_consistency = world.eventual_consistency;
    cloud.throttle = Throttle::new(rates(world));
    people(world, &mut cloud);
    let mut seeder = Seeder { world, start, rows: Vec::new() };
    seeder.stock(&mut cloud);
    seeder.fleet(&mut cloud)?;
    patching::seed(&seeder, &mut cloud);
    Ok(cloud)
}

/// The rates of a world, its own before those that AWS publishes.
fn rates(world: &World) -> Vec<throttle::Rate> {
    let own = world.rate.iter().map(|rate| throttle::Rate {
        calls: rate.calls.get_ref().clone(),
        burst: *rate.burst.get_ref(),
        per_second: *rate.per_second.get_ref(),
        per: rate.per,
    });
    let published = match world.rates {
        Rates::Published => throttle::published(),
        Rates::None => Vec::new(),
    };
    own.chain(published).collect()
}

fn people(world: &World, cloud: &mut Cloud) {
    for account in &world.account {
        let keys = account.access_keys.iter().map(|key| (key.get_ref().clone(), account.id.get_ref().clone()));
        cloud.access_keys.extend(keys);
    }
    for role in &world.role {
        let account = owner(world, role.account.as_ref());
        cloud.roles.push(format!("arn:aws:iam::{account}:role/{}", role.name.get_ref()));
    }
}

/// The account that a table names, or the first of the world.
fn owner<'a>(world: &'a World, named: Option<&'a Text>) -> &'a str {
    let first = || world.account.first().map_or(DEFAULT_ACCOUNT, |account| account.id.get_ref());
    named.map_or_else(first, |account| account.get_ref())
}

impl Seeder<'_> {
    fn place(&self, account: Option<&Text>, region: &Text) -> Place {
        Place::new(owner(self.world, account), region.get_ref())
    }

    fn stock(&self, cloud: &mut Cloud) {
        // A parent is put in before its children, for they take over what it is.
        let mut images: Vec<_> = self.world.image.iter().collect();
        images.sort_by_key(|image| std::cmp::Reverse(image.age));
        for image in images {
            for region in &image.regions {
                stock::image(self, &mut cloud.at(&self.place(image.account.as_ref(), region)), image);
            }
        }
        for template in &self.world.template {
            let place = self.place(template.account.as_ref(), &template.region);
            stock::template(self, &mut cloud.at(&place), template);
        }
        for one in &self.world.launch_configuration {
            let place = self.place(one.account.as_ref(), &one.region);
            groups::launch_configuration(self, &mut cloud.at(&place), one);
        }
        for parameter in &self.world.parameter {
            for region in &parameter.regions {
                stock::parameter(self, &mut cloud.at(&self.place(parameter.account.as_ref(), region)), parameter);
            }
        }
    }

    fn fleet(&mut self, cloud: &mut Cloud) -> Result<(), Problem> {
        for group in &self.world.group {
            let place = self.place(group.account.as_ref(), &group.region);
            groups::group(self, &mut cloud.at(&place), group).map_err(|error| refused(&group.name, &error))?;
        }
        for instance in &self.world.instance {
            let place = self.place(instance.account.as_ref(), &instance.region);
            nodes::pet(self, &mut cloud.at(&place), instance);
        }
        for node in &self.world.on_premises {
            let place = self.place(node.account.as_ref(), &node.region);
            nodes::on_premises(self, &mut cloud.at(&place), node);
        }
        Ok(())
    }

    /// The id of an image of this place: by key, or already an id.
    fn image_id(&self, ctx: &Ctx<'_>, key: &str) -> String {
        if self.world.image.iter().any(|image| image.key.get_ref() == key) {
            return ctx.fixed_id("ami", key);
        }
        aws::image_id(ctx, key).unwrap_or_else(|| key.to_owned())
    }

    /// A text with its `{ami:KEY}` and `{date:AGE}` filled in.
    fn filled(&self, ctx: &Ctx<'_>, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, after) = after.split_once('}').unwrap_or((after, ""));
            let meant = match inside.split_once(':') {
                Some(("ami", key)) => self.image_id(ctx, key),
                Some(("date", age)) => {
                    let at = Age::read(age).unwrap_or_default().before(self.start);
                    at.strftime("%Y-%m-%d").to_string()
                }
                _ => format!("{{{inside}}}"),
            };
            filled += before;
            filled += &meant;
            rest = after;
        }
        filled + rest
    }

    /// Tags with their placeholders filled in.
    fn tags(&self, ctx: &Ctx<'_>, tags: &Tags) -> Tags {
        tags.iter().map(|(key, value)| (key.clone(), self.filled(ctx, value))).collect()
    }
}

fn refused(name: &Text, error: &ApiError) -> Problem {
    Problem::new(name.span(), format!("`{}` cannot be made: {}", name.get_ref(), error.message))
}
