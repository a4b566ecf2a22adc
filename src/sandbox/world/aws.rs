//! AWS's own things, the same in every world: operating systems, advisories, public images, public parameters.
//!
//! Everything follows from `aws.toml`, the start of the world and the seed, so that a region that is touched late holds
//! what it would have held if it had been touched first.

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use serde::Deserialize;

use super::age::Age;
use super::file::Text;
use super::patches::{Advisory, SystemEntry};
use super::problem::{self, WorldError};
use crate::sandbox::Ctx;
use crate::sandbox::catalogue::{Catalogue, Patch, System};
use crate::sandbox::machine::{Installed, Software};

/// The format of `aws.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Aws {
    /// Operating systems.
    pub system: Vec<SystemEntry>,
    /// Public images.
    pub family: Vec<Family>,
    /// Patches.
    pub advisory: Vec<Advisory>,
}

/// Images of one kind, released again and again.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Family {
    /// How world files call its newest image; `KEY@AGE` is an older one.
    pub key: Text,
    /// The key of its system.
    pub system: String,
    /// The account that publishes it.
    pub owner: String,
    /// Its name, with the date of the release in one of three forms: `{yyyymmdd}`, `{yyyy.mm.dd}`, `{yyyy-mm-dd}`.
    pub name: String,
    /// For people, with the same dates.
    pub description: String,
    /// `x86_64` or `arm64`.
    #[serde(default = "x86_64")]
    pub architecture: String,
    /// The device of its root volume.
    pub root_device: String,
    /// The size of its root volume in GiB.
    pub root_size: i64,
    /// When its images were released, newest first.
    pub releases: Vec<Age>,
    /// When images were released that have been deregistered since, newest first.
    #[serde(default)]
    pub withdrawn: Vec<Age>,
    /// Public parameters that point to the newest.
    #[serde(default)]
    pub parameters: Vec<String>,
}

fn x86_64() -> String {
    "x86_64".to_owned()
}

/// A public image of a region.
#[derive(Debug, Clone)]
pub struct PublicImage {
    /// Its id, the same for every account.
    pub id: String,
    /// Its name.
    pub name: String,
    /// For people.
    pub description: String,
    /// The key of its system.
    pub system: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// The account that publishes it. `DescribeImages` gives the alias `amazon` for all of these.
    pub owner: String,
    /// The device of its root volume.
    pub root_device: String,
    /// The size of its root volume in GiB.
    pub root_size: i64,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it has been deregistered since.
    pub withdrawn: bool,
    /// What is installed in it: every patch that was out when it was made.
    pub software: Software,
}

/// A public parameter of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicParameter {
    /// Its name, `/aws/service/…`.
    pub name: String,
    /// Its values and when each was written, oldest first: the version of a value is its place, counted from 1.
    pub history: Vec<(Timestamp, String)>,
}

static AWS: LazyLock<Result<Aws, WorldError>> = LazyLock::new(|| problem::read(include_str!("aws.toml"), "aws.toml"));

/// AWS's file.
///
/// # Errors
/// None that a test has not excluded: the file is embedded.
pub fn aws() -> Result<&'static Aws, WorldError> {
    AWS.as_ref().map_err(Clone::clone)
}

/// The public images of the region, withdrawn ones included.
#[must_use]
pub fn images(ctx: &Ctx<'_>) -> Vec<PublicImage> {
    let releases = |family: &'static Family| {
        let released = family.releases.iter().map(|&age| (age, false));
        released.chain(family.withdrawn.iter().map(|&age| (age, true))).map(move |release| (family, release))
    };
    families().flat_map(releases).map(|(family, (age, gone))| family.image(ctx, age, gone)).collect()
}

/// The public parameters of the region.
#[must_use]
pub fn parameters(ctx: &Ctx<'_>) -> Vec<PublicParameter> {
    let pairs = families().flat_map(|family| family.parameters.iter().map(move |name| (family, name)));
    pairs.map(|(family, name)| PublicParameter { name: name.clone(), history: family.history(ctx) }).collect()
}

/// The id of a public image of the region, from `KEY` or `KEY@AGE`.
#[must_use]
pub fn image_id(ctx: &Ctx<'_>, key: &str) -> Option<String> {
    let aws = AWS.as_ref().ok()?;
    let (family, age) = aws.find(key)?;
    Some(family.id(ctx, age))
}

/// The systems and patches that AWS's file knows, as a world that starts at a moment sees them.
#[must_use]
pub fn catalogue(start: Timestamp) -> Catalogue {
    let mut catalogue = Catalogue::default();
    if let Ok(aws) = &*AWS {
        add(&mut catalogue, &aws.system, &aws.advisory, start);
    }
    catalogue
}

/// Adds systems and patches to a catalogue.
pub(super) fn add(catalogue: &mut Catalogue, systems: &[SystemEntry], advisories: &[Advisory], start: Timestamp) {
    catalogue.systems.extend(systems.iter().map(|system| (system.key.get_ref().clone(), Arc::new(system.system()))));
    catalogue.patches.extend(advisories.iter().map(|patch| (patch.id.get_ref().clone(), patch.patch(start))));
}

/// Every patch of a system that was out at a moment, as an image carries it.
#[must_use]
pub fn software(catalogue: &Catalogue, system: &str, at: Timestamp) -> Software {
    let installed = catalogue
        .released(system, at)
        .map(|(id, _)| (id.clone(), Installed { at, by_patch_manager: false, pending_reboot: false }));
    Software { installed: installed.collect() }
}

fn families() -> impl Iterator<Item = &'static Family> {
    AWS.as_ref().map(|aws| aws.family.iter()).unwrap_or_default()
}

impl Aws {
    /// The family and the age behind `KEY` or `KEY@AGE`.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<(&Family, Age)> {
        let (name, age) = key.split_once('@').map_or((key, None), |(name, age)| (name, Some(age)));
        let family = self.family.iter().find(|family| family.key.get_ref() == name)?;
        let age = match age {
            Some(age) => Age::read(age).ok()?,
            None => *family.releases.first()?,
        };
        family.all().any(|release| release == age).then_some((family, age))
    }
}

impl Family {
    /// The ages of all its images, withdrawn ones included, newest first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = Age> {
        self.releases.iter().chain(&self.withdrawn).copied()
    }

    fn id(&self, ctx: &Ctx<'_>, age: Age) -> String {
        ctx.public_id("ami", &format!("{} {}", self.key.get_ref(), age.seconds()))
    }

    fn history(&self, ctx: &Ctx<'_>) -> Vec<(Timestamp, String)> {
        let written = |age: Age| (age.before(ctx.cloud.epoch), self.id(ctx, age));
        self.all().rev().map(written).collect()
    }

    fn image(&self, ctx: &Ctx<'_>, age: Age, withdrawn: bool) -> PublicImage {
        let created = age.before(ctx.cloud.epoch);
        PublicImage {
            id: self.id(ctx, age),
            name: dated(&self.name, created),
            description: dated(&self.description, created),
            system: self.system.clone(),
            architecture: self.architecture.clone(),
            owner: self.owner.clone(),
            root_device: self.root_device.clone(),
            root_size: self.root_size,
            created,
            withdrawn,
            software: software(&ctx.cloud.catalogue, &self.system, created),
        }
    }
}

impl SystemEntry {
    fn system(&self) -> System {
        System {
            platform_name: self.platform_name.clone(),
            platform_version: self.platform_version.clone(),
            platform_type: self.platform_type.name().to_owned(),
            operating_system: self.operating_system.clone(),
            platform_details: self.platform_details.clone(),
            packages: self.packages.clone(),
            boot: (self.boot.0.length(), self.boot.1.length()),
        }
    }
}

impl Advisory {
    fn patch(&self, start: Timestamp) -> Patch {
        let package = self.package.clone().zip(self.version.clone());
        Patch {
            system: self.system.get_ref().clone(),
            title: self.title.clone(),
            classification: self.classification.clone(),
            severity: self.severity.clone(),
            cves: self.cves.clone(),
            released: self.age.before(start),
            updated: self.updated.unwrap_or(self.age).before(start),
            reboot: self.reboot,
            package,
            broken: self.broken,
        }
    }
}

/// A name with the date of its release.
fn dated(pattern: &str, at: Timestamp) -> String {
    let forms = [("{yyyymmdd}", "%Y%m%d"), ("{yyyy.mm.dd}", "%Y.%m.%d"), ("{yyyy-mm-dd}", "%Y-%m-%d")];
    forms.iter().fold(pattern.to_owned(), |name, (form, format)| name.replace(form, &at.strftime(format).to_string()))
}
