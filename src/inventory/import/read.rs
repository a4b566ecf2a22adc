//! One thing out of a recording, as the vocabulary has it. Sites are found later: here each thing only says what it
//! tells of its own.
//!
//! - `ec2`, `autoscaling`, `ssm`: by the service that told it.

mod autoscaling;
mod ec2;
mod ssm;

use super::kind::{Kind, of_item};
use super::place::Hint;
use super::told::Told;
use crate::aws::ManagedNode;
use crate::model::{
    Baseline, Group, Image, LifecycleHook, Node, OperatingSystem, Patch, PatchState, Refresh, Site, Template,
    TemplateVersion, Volume,
};

/// A thing, with what it says of its place.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) hint: Hint,
    pub(super) what: What,
}

/// What was read. Where it holds a site, that is not found yet.
#[derive(Debug)]
pub(super) enum What {
    Node(Box<Node>),
    /// An instance that is on its way out, or was so when it was recorded.
    Terminated(String),
    Volume {
        node: String,
        volume: Volume,
    },
    Image(Box<Image>),
    /// What is still known of the image of an instance.
    Metadata {
        node: String,
        image: Box<Image>,
    },
    Template(Template),
    Version {
        template: String,
        name: String,
        is_default: bool,
        version: Box<TemplateVersion>,
    },
    Group(Box<Group>),
    Policy {
        group: String,
        name: String,
    },
    Hook {
        group: String,
        hook: LifecycleHook,
    },
    Refresh {
        group: String,
        refresh: Box<Refresh>,
    },
    Managed(Box<ManagedNode>),
    /// The operating system as the agent's inventory tells it.
    System {
        node: String,
        system: OperatingSystem,
    },
    State {
        node: String,
        state: Box<PatchState>,
    },
    Patch {
        node: String,
        patch: Box<Patch>,
    },
    Release {
        update: Option<String>,
        package: Option<String>,
        cves: Vec<String>,
        at: jiff::Timestamp,
    },
    Baseline(Box<Baseline>),
    /// A patch group that is registered with a baseline.
    PatchGroup {
        name: String,
        baseline: String,
    },
}

/// What came of an element: things, nothing where it is rightly left out, or what it lacks.
pub(super) type Read = Result<Vec<Item>, &'static str>;

/// An element of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    told: Told<'a>,
    /// The account that whatever holds it tells.
    owner: Option<&'a str>,
}

/// The elements of an element: instances come in reservations, and one that is damaged takes none with it.
pub(super) fn elements(list: Kind, told: Told<'_>) -> Vec<Element<'_>> {
    if list == Kind::Instances && told.at("Instances").value().is_some_and(serde_json::Value::is_array) {
        let owner = told.at("OwnerId").text();
        return told.at("Instances").each().map(|told| Element { told, owner }).collect();
    }
    vec![Element { told, owner: None }]
}

/// Reads an element of a list; `node` is whom the file says it is about.
pub(super) fn item(list: Kind, element: Element<'_>, node: Option<&str>) -> Read {
    let Element { told, owner } = element;
    // A list named `Patches` holds what is missing on a node, or what there is to be had.
    let kind = match list {
        Kind::Patches => of_item(told).unwrap_or(list),
        _ => list,
    };
    match kind {
        Kind::Instances => ec2::instance(told, owner),
        Kind::Images => ec2::image(told),
        Kind::ImageMetadata => ec2::metadata(told),
        Kind::Templates => ec2::template(told),
        Kind::TemplateVersions => ec2::version(told),
        Kind::Volumes => ec2::volumes(told),
        Kind::Groups => autoscaling::group(told),
        Kind::Policies => autoscaling::policy(told),
        Kind::Hooks => autoscaling::hook(told),
        Kind::Refreshes => autoscaling::refresh(told),
        Kind::ManagedNodes => ssm::managed(told),
        Kind::Inventory => ssm::inventory(told),
        Kind::PatchStates => ssm::state(told),
        Kind::Patches => ssm::patch(told, node),
        Kind::Releases => ssm::release(told),
        Kind::Baselines => ssm::baseline(told),
        Kind::PatchGroups => ssm::patch_group(told),
        Kind::Snapshots | Kind::Configurations | Kind::Commands => Ok(Vec::new()),
    }
}

fn nowhere() -> Site {
    Site::new("", "")
}

fn one(hint: Hint, what: What) -> Read {
    Ok(vec![Item { hint, what }])
}
