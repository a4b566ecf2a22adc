//! What the format alone cannot say: names that must exist, names that must be unique, numbers that must fit.

mod fleet;
mod patching;
mod stock;

use std::collections::{BTreeMap, BTreeSet};

use super::age::Age;
use super::aws::Aws;
use super::file::{Image, Tags, Text, World};
use super::problem::Problem;
use crate::sandbox::cloud::DEFAULT_ACCOUNT;
use crate::sandbox::faults::like;
use crate::sandbox::wire::{self, Service};

type Checked = Result<(), Problem>;

/// Checks a world that has been read.
pub(super) fn check(world: &World, aws: &Aws) -> Checked {
    let scope = Scope::new(world, aws)?;
    accounts(world)?;
    roles(&scope)?;
    rates(world)?;
    patching::check(&scope)?;
    stock::check(&scope)?;
    fleet::check(&scope)
}

/// What the names of a world mean.
struct Scope<'a> {
    world: &'a World,
    aws: &'a Aws,
    images: BTreeMap<&'a str, &'a Image>,
    /// Key → whether Patch Manager covers it.
    systems: BTreeMap<&'a str, bool>,
    /// Id → system.
    patches: BTreeMap<&'a str, &'a str>,
}

/// An image that a name leads to.
struct Found<'a> {
    system: &'a str,
    age: Age,
    deregistered: bool,
}

impl<'a> Scope<'a> {
    fn new(world: &'a World, aws: &'a Aws) -> Result<Self, Problem> {
        let mut images = BTreeMap::new();
        for image in &world.image {
            if aws.find(image.key.get_ref()).is_some() {
                return Err(twice("image", &image.key).help("AWS's own images have this key"));
            }
            once(&mut images, "image", &image.key, image)?;
        }
        let mut systems: BTreeMap<&str, bool> = BTreeMap::new();
        for system in aws.system.iter().chain(&world.system) {
            once(&mut systems, "system", &system.key, system.operating_system.is_some())?;
        }
        let mut patches: BTreeMap<&str, &str> = BTreeMap::new();
        for advisory in aws.advisory.iter().chain(&world.advisory) {
            once(&mut patches, "advisory", &advisory.id, advisory.system.get_ref().as_str())?;
        }
        Ok(Self { world, aws, images, systems, patches })
    }

    /// The account that a table names, or the first of the world.
    fn account(&self, named: Option<&'a Text>) -> Result<&'a str, Problem> {
        let known = || self.world.account.iter().map(|account| account.id.get_ref().as_str());
        match named {
            None => Ok(known().next().unwrap_or(DEFAULT_ACCOUNT)),
            Some(id) if known().any(|known| known == id.get_ref()) => Ok(id.get_ref()),
            Some(id) => Err(unknown("account", id, known())),
        }
    }

    /// The image behind a key, seen from a region.
    fn image(&self, key: &'a Text, region: &str) -> Result<Found<'a>, Problem> {
        let name = key.get_ref().as_str();
        if let Some((family, age)) = self.aws.find(name) {
            let deregistered = family.withdrawn.contains(&age);
            return Ok(Found { system: &family.system, age, deregistered });
        }
        let Some(image) = self.images.get(name) else { return Err(self.no_image(key)) };
        if !image.regions.iter().any(|known| known.get_ref() == region) {
            let regions: Vec<&str> = image.regions.iter().map(|region| region.get_ref().as_str()).collect();
            let problem = Problem::new(key.span(), format!("image `{name}` is not in {region}"));
            return Err(problem.help(format!("it is in {}", regions.join(" and "))));
        }
        Ok(Found { system: self.system_of(image)?, age: image.age, deregistered: image.deregistered })
    }

    fn no_image(&self, key: &Text) -> Problem {
        let family = key.get_ref().split('@').next().unwrap_or_default();
        if let Some(family) = self.aws.family.iter().find(|known| known.key.get_ref() == family) {
            let days: Vec<String> = family.all().map(|age| format!("@{}d", age.seconds() / 86_400)).collect();
            let problem = Problem::new(key.span(), format!("there was no release `{}`", key.get_ref()));
            return problem.help(format!("there is {}", days.join(", ")));
        }
        let public = self.aws.family.iter().map(|family| family.key.get_ref().as_str());
        unknown("image", key, self.images.keys().copied().chain(public))
    }

    /// The system of an image: that of the first of its forebears that AWS publishes.
    fn system_of(&self, image: &'a Image) -> Result<&'a str, Problem> {
        let mut image = image;
        for _ in 0..=self.images.len() {
            if let Some((family, _)) = self.aws.find(image.parent.get_ref()) {
                return Ok(&family.system);
            }
            image = self.images.get(image.parent.get_ref().as_str()).ok_or_else(|| self.no_image(&image.parent))?;
        }
        Err(Problem::new(image.parent.span(), format!("image `{}` is its own forebear", image.key.get_ref())))
    }

    fn system(&self, key: &'a Text) -> Result<&'a str, Problem> {
        match self.systems.get_key_value(key.get_ref().as_str()) {
            Some((key, _)) => Ok(key),
            None => Err(unknown("system", key, self.systems.keys().copied())),
        }
    }

    /// Checks that patches exist and are for a system.
    fn patches_of(&self, ids: &[Text], system: &str) -> Checked {
        for id in ids {
            match self.patches.get(id.get_ref().as_str()) {
                Some(of) if *of == system => {}
                Some(of) => {
                    let message = format!("advisory `{}` is for {of}, and the node is a {system}", id.get_ref());
                    return Err(Problem::new(id.span(), message));
                }
                None => return Err(unknown("advisory", id, self.patches.keys().copied())),
            }
        }
        Ok(())
    }

    /// Checks the `{ami:KEY}` and `{date:AGE}` of a text.
    fn placeholders(&self, text: &str, span: std::ops::Range<usize>, region: &str) -> Checked {
        for part in text.split('{').skip(1) {
            let inside = part.split('}').next().unwrap_or_default();
            match inside.split_once(':') {
                Some(("ami", key)) => self.key(key, span.clone(), region)?,
                Some(("date", age)) => drop(Age::read(age).map_err(|error| Problem::new(span.clone(), error))?),
                _ => {}
            }
        }
        Ok(())
    }

    fn key(&self, key: &str, span: std::ops::Range<usize>, region: &str) -> Checked {
        let there = match self.images.get(key) {
            Some(image) => image.regions.iter().any(|known| known.get_ref() == region),
            None => self.aws.find(key).is_some(),
        };
        let spanned = || toml::Spanned::new(span.clone(), key.to_owned());
        match (there, self.images.contains_key(key)) {
            (true, _) => Ok(()),
            (false, true) => Err(Problem::new(span, format!("image `{key}` is not in {region}"))),
            (false, false) => Err(self.no_image(&spanned())),
        }
    }

    /// Checks the placeholders in the values of tags.
    fn tags(&self, tags: &Tags, near: &Text, region: &str) -> Checked {
        let told = |problem: Problem| Problem {
            message: format!("tags of `{}`: {}", near.get_ref(), problem.message),
            ..problem
        };
        tags.values().try_for_each(|value| self.placeholders(value, near.span(), region)).map_err(told)
    }
}

/// Every rate is for some operation, and lets calls through.
fn rates(world: &World) -> Checked {
    let services = [Service::Ec2, Service::AutoScaling, Service::Ssm, Service::ImageBuilder, Service::Sts];
    let names = || {
        services.into_iter().flat_map(|service| {
            wire::operations(service).map(move |operation| format!("{}:{operation}", service.name()))
        })
    };
    for rate in &world.rate {
        if !names().any(|name| like(rate.calls.get_ref(), &name)) {
            let names: Vec<String> = names().collect();
            return Err(unknown("operation", &rate.calls, names.iter().map(String::as_str)));
        }
        if *rate.burst.get_ref() == 0 {
            return Err(Problem::new(rate.burst.span(), "a bucket that holds nothing lets no call through"));
        }
        if !(rate.per_second.get_ref().is_finite() && *rate.per_second.get_ref() > 0.0) {
            return Err(Problem::new(rate.per_second.span(), "tokens come back at a rate above 0"));
        }
    }
    Ok(())
}

fn accounts(world: &World) -> Checked {
    let mut ids = BTreeMap::new();
    let mut keys = BTreeMap::new();
    for account in &world.account {
        once(&mut ids, "account", &account.id, account)?;
        let id = account.id.get_ref();
        if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Problem::new(account.id.span(), format!("`{id}` is no account")).help("write twelve digits"));
        }
        account.access_keys.iter().try_for_each(|key| once(&mut keys, "access key", key, account))?;
    }
    Ok(())
}

/// Roles have a name with a path, not an ARN.
fn roles(scope: &Scope<'_>) -> Checked {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter);
    let is_part = |part: &str| !part.is_empty() && part.chars().all(allowed);
    for role in &scope.world.role {
        scope.account(role.account.as_ref())?;
        let name = role.name.get_ref();
        if name.split('/').all(is_part) {
            continue;
        }
        let problem = Problem::new(role.name.span(), format!("`{name}` is no name of a role"));
        let parts = name.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":role/"));
        return Err(match parts.filter(|(_, name)| name.split('/').all(is_part)) {
            Some((account, name)) => {
                problem.help(format!("write `name = \"{name}\"`, and its account: `account = \"{account}\"`"))
            }
            None => problem.help("write its name, with its path if it has one, like `rebake` or `ops/rebake`"),
        });
    }
    Ok(())
}

/// Checks that a region has the form of one.
fn region(region: &Text) -> Result<&str, Problem> {
    let parts: Vec<&str> = region.get_ref().split('-').collect();
    let letters = |part: &str| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let number = parts.last().is_some_and(|part| part.len() == 1 && part.bytes().all(|byte| byte.is_ascii_digit()));
    if parts.len() >= 3 && number && parts[..parts.len() - 1].iter().all(|part| letters(part)) {
        return Ok(region.get_ref());
    }
    Err(Problem::new(region.span(), format!("`{}` is no region", region.get_ref())).help("write one like `eu-west-1`"))
}

/// Takes a name into a map, once.
fn once<'a, T>(names: &mut BTreeMap<&'a str, T>, kind: &str, name: &'a Text, value: T) -> Checked {
    match names.insert(name.get_ref(), value) {
        None => Ok(()),
        Some(_) => Err(twice(kind, name)),
    }
}

/// Takes a name in a place into a set, once.
fn once_in<'a>(
    names: &mut BTreeSet<(&'a str, &'a str, &'a str)>,
    kind: &str,
    account: &'a str,
    region: &'a str,
    name: &'a Text,
) -> Checked {
    if names.insert((account, region, name.get_ref())) {
        return Ok(());
    }
    let message = format!("{kind} `{}` is there twice in {region}", name.get_ref());
    Err(Problem::new(name.span(), message).help("give one of them another name"))
}

fn twice(kind: &str, name: &Text) -> Problem {
    Problem::new(name.span(), format!("{kind} `{}` is there twice", name.get_ref()))
}

fn unknown<'a>(kind: &str, name: &Text, known: impl IntoIterator<Item = &'a str>) -> Problem {
    Problem::new(name.span(), format!("there is no {kind} `{}`", name.get_ref())).choose(name.get_ref(), known)
}
