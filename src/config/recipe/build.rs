//! Where an image comes from: its parent, and what is done to it.

use std::fmt;

use serde::Serialize;

use super::component::{self, Component};
use super::{Context, Recipe};
use crate::config::item::Item;
use crate::config::table::Table;
use crate::model::Platform;
use crate::text::Problem;

/// What everything starts from: `[parent]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parent {
    /// Which image.
    pub image: ParentImage,
    /// Its platform, as the recipe says or its name tells.
    pub platform: Platform,
}

/// How a recipe names its parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParentImage {
    /// The parameter that holds it: its name, without `ssm:`.
    Parameter(String),
    /// `ami-…`.
    Id(String),
    /// The newest that fits.
    Newest(AmiFilter),
}

/// AMIs by name and owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AmiFilter {
    /// The name, with `*` and `?`.
    pub name: String,
    /// Accounts, `amazon` or `self`. Never empty: anybody can publish an AMI under any name.
    pub owners: Vec<String>,
    /// `x86_64` or `arm64`.
    pub architecture: Option<String>,
}

/// How an image is made: `[build]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Build {
    /// By EC2 Image Builder.
    ImageBuilder(ImageBuilder),
    /// Not at all: the parent is rolled out as it is.
    Parent,
    /// By something else, such as Packer.
    External(AmiFilter),
}

/// What EC2 Image Builder needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageBuilder {
    /// What is done to the parent, in order.
    pub components: Vec<Component>,
    /// Where to build; empty for Image Builder's choice.
    pub instance_types: Vec<String>,
    /// The instance profile of the build instance.
    pub instance_profile: String,
    /// Where the build instance runs; the default VPC where the recipe is silent.
    pub subnet: Option<String>,
    /// Its security groups.
    pub security_groups: Vec<String>,
    /// The key that encrypts the volumes of the image.
    pub kms_key: Option<String>,
    /// The root volume; as the parent's where the recipe is silent.
    pub root_volume: Option<RootVolume>,
    /// Whether the build instance's metadata service asks for tokens (IMDSv2).
    pub imds_required: bool,
}

/// A root volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RootVolume {
    /// GiB.
    pub size: u32,
    /// For example `gp3`.
    pub kind: String,
}

/// As recipes write it.
impl fmt::Display for ParentImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "ssm:{name}"),
            Self::Id(id) => f.write_str(id),
            Self::Newest(filter) => write!(f, "{filter}"),
        }
    }
}

impl fmt::Display for AmiFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, self.owners.join(", "))?;
        self.architecture.as_ref().map_or(Ok(()), |architecture| write!(f, " ({architecture})"))
    }
}

impl Recipe {
    /// The platform of the image.
    #[must_use]
    pub fn platform(&self) -> Platform {
        self.parent.as_ref().map_or(Platform::Linux, |parent| parent.platform)
    }
}

/// Image Builder's limit of components in a recipe.
const MOST_COMPONENTS: usize = 20;

/// The keys of `[build]` that belong to each way of building.
const OF_IMAGE_BUILDER: [&str; 8] =
    ["components", "instance-types", "instance-profile", "subnet", "security-groups", "kms-key", "root-volume", "imds"];
const OF_EXTERNAL: [&str; 2] = ["name", "owners"];

#[derive(Debug, Clone, Copy, PartialEq)]
enum With {
    ImageBuilder,
    Parent,
    External,
}

/// Reads `[build]` and `[test]`.
pub(super) fn build(
    top: &Table<'_>,
    context: &Context<'_>,
    elsewhere: &mut Vec<Problem>,
) -> (Option<Build>, Vec<Component>) {
    let Some(table) = top.required("build", Table::of) else { return (None, Vec::new()) };
    let words = [("image-builder", With::ImageBuilder), ("parent", With::Parent), ("external", With::External)];
    let with = table.required("with", |item| item.one_of(&words));
    let Some(with) = with else { return (None, Vec::new()) };
    if with != With::ImageBuilder {
        let message = "nothing is built here, so that there is nothing to do it with";
        refuse(&table, &OF_IMAGE_BUILDER, message, "take it out, or build with \"image-builder\"");
        let message = "only what Image Builder builds is tested and rebuilt";
        refuse(top, &["test", "rebuild"], message, "take it out, or build with \"image-builder\"");
    }
    if with != With::External {
        refuse(
            &table,
            &OF_EXTERNAL,
            "only external images are found by name and owner",
            "take it out; the parent stands in `[parent]`",
        );
    }
    match with {
        With::Parent => (Some(Build::Parent), Vec::new()),
        With::External => (filter(&table).map(Build::External), Vec::new()),
        With::ImageBuilder => image_builder(top, &table, context, elsewhere),
    }
}

fn refuse(table: &Table<'_>, keys: &[&str], message: &str, help: &str) {
    keys.iter().filter(|key| table.has(key)).for_each(|key| table.wrong_at(key, message, help));
}

fn image_builder(
    top: &Table<'_>,
    table: &Table<'_>,
    context: &Context<'_>,
    elsewhere: &mut Vec<Problem>,
) -> (Option<Build>, Vec<Component>) {
    let platform = top.table("parent").map_or(Platform::Linux, |parent| platform(&parent));
    let mut read = component::Read { context, platform, elsewhere };
    let components = read.all(table, component::Use::Build);
    let test = top.table("test");
    let tests = test.as_ref().map(|test| read.all(test, component::Use::Test)).unwrap_or_default();
    if components.len() + tests.len() > MOST_COMPONENTS {
        let message = format!("{} components are named", components.len() + tests.len());
        table.wrong_at("components", message, format!("Image Builder takes at most {MOST_COMPONENTS}"));
    }
    // CreateInfrastructureConfiguration: with a `subnetId`, at least one of `securityGroupIds`.
    match (table.has("subnet"), table.has("security-groups")) {
        (false, true) => {
            table.wrong_at("security-groups", "security groups need a subnet", "name a subnet of the same VPC");
        }
        (true, false) => {
            let help = "name groups of the same VPC: security-groups = [\"sg-0a1b2c3d\"]";
            table.wrong_at("subnet", "a subnet needs security groups: Image Builder refuses it without", help);
        }
        (true, true) | (false, false) => {}
    }
    let builder = ImageBuilder {
        components,
        instance_types: table.list("instance-types", Item::text),
        subnet: table.optional("subnet", |item| prefixed(item, "subnet-")),
        security_groups: table.list("security-groups", |item| prefixed(item, "sg-")),
        kms_key: table.optional("kms-key", Item::text),
        root_volume: table.table("root-volume").and_then(|volume| root_volume(&volume)),
        imds_required: table.or("imds", true, |item| item.one_of(&[("required", true), ("optional", false)])),
        instance_profile: match table.required("instance-profile", Item::text) {
            Some(profile) => profile,
            None => return (None, tests),
        },
    };
    (Some(Build::ImageBuilder(builder)), tests)
}

fn prefixed(item: &Item<'_>, prefix: &str) -> Result<String, Problem> {
    let id = item.text()?;
    if id.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return Ok(id);
    }
    Err(item.wrong(format!("`{id}` is no id")).help(format!("write for example \"{prefix}0a1b2c3d\"")))
}

fn root_volume(table: &Table<'_>) -> Option<RootVolume> {
    let size = table.required("size", |item| item.number(1, 65_536));
    let kinds = [("gp2", "gp2"), ("gp3", "gp3"), ("io1", "io1"), ("io2", "io2")];
    let kind = table.or("type", "gp3", |item| item.one_of(&kinds)).to_owned();
    Some(RootVolume { size: size?, kind })
}

/// Reads name and owners of AMIs.
fn filter(table: &Table<'_>) -> Option<AmiFilter> {
    let name = table.required("name", Item::text);
    let owners = table.required_list("owners", owner);
    let owners = (!owners.is_empty()).then_some(owners);
    Some(AmiFilter { name: name?, owners: owners?, architecture: None })
}

fn owner(item: &Item<'_>) -> Result<String, Problem> {
    match item.value.as_str() {
        Some(word @ ("self" | "amazon" | "aws-marketplace")) => Ok(word.to_owned()),
        _ => item.account().map_err(|problem| {
            problem.help("write an account's 12 digits, \"self\", \"amazon\" or \"aws-marketplace\"".to_owned())
        }),
    }
}

/// Reads `[parent]`. Only images that something else builds need none.
pub(super) fn parent(top: &Table<'_>, build: Option<&Build>) -> Option<Parent> {
    if matches!(build, Some(Build::External(_))) && !top.has("parent") {
        return None;
    }
    let table = top.required("parent", Table::of)?;
    let architectures = [("x86_64", "x86_64"), ("arm64", "arm64")];
    let architecture = table.optional("architecture", |item| item.one_of(&architectures)).map(str::to_owned);
    let image = match (table.has("image"), table.has("name")) {
        (true, true) => {
            table.wrong_at("name", "the parent is named twice, by `image` and by `name`", "leave one of them out");
            None
        }
        (false, true) => filter(&table).map(|filter| ParentImage::Newest(AmiFilter { architecture, ..filter })),
        _ => {
            for key in ["owners", "architecture"] {
                if table.has(key) {
                    table.wrong_at(
                        key,
                        format!("`{key}` belongs to `name`"),
                        "an image by id or parameter is exact without it",
                    );
                }
            }
            table.required("image", image)
        }
    };
    Some(Parent { image: image?, platform: platform(&table) })
}

/// Reads `ssm:…` or `ami-…`.
fn image(item: &Item<'_>) -> Result<ParentImage, Problem> {
    let text = item.text()?;
    let hexadecimal = |rest: &str| matches!(rest.len(), 8 | 17) && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (text.strip_prefix("ssm:"), text.strip_prefix("ami-")) {
        (Some(name), _) if name.len() > 1 && name.starts_with('/') && !name.contains(char::is_whitespace) => {
            Ok(ParentImage::Parameter(name.to_owned()))
        }
        (_, Some(rest)) if hexadecimal(rest) => Ok(ParentImage::Id(text)),
        _ if text.starts_with('/') => {
            Err(item.wrong("a parameter begins with `ssm:`").help(format!("write \"ssm:{text}\"")))
        }
        _ => Err(item.wrong(format!("`{text}` names no image")).help(
            "write \"ssm:/…\" for a parameter, \"ami-…\" for an id; by name it is `name = \"…\"` with `owners`"
                .to_owned(),
        )),
    }
}

/// The platform that the recipe says, or that the parent's name or parameter tells.
fn platform(table: &Table<'_>) -> Platform {
    let words = [("linux", Platform::Linux), ("windows", Platform::Windows)];
    let told = |key: &str| table.item(key).and_then(|item| item.value.as_str()).is_some_and(is_windows);
    let guessed = if told("image") || told("name") { Platform::Windows } else { Platform::Linux };
    match table.item("platform").map(|item| item.one_of(&words)) {
        Some(Ok(platform)) => platform,
        _ => guessed,
    }
}

fn is_windows(name: &str) -> bool {
    name.to_lowercase().contains("windows")
}
