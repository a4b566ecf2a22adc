//! Who owns a node or a group: the controllers that would undo or break what rebake does, and the tools that look after
//! what rebake changes.
//!
//! Signals are tags, names, hooks, policies and EC2's `Operator`, most specific first ([`controllers`]). A tag alone
//! never moves a node into an acting lane; it can only hand it to its owner. What the group itself says beats what its
//! instances carry: those of a group are asked for their `Operator` only. Sources: the services' documents and the shapes
//! of their resources.
//!
//! - [`controllers`]: who they are, what gives them away, and their own cures.
//! - [`signal`]: how a signal is read.

mod controllers;
mod signal;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::Owners;
use crate::model::{Group, Node, Tags, Template};
use controllers::{CONTROLLERS, Controller, Hold};
use signal::{Signal, Traces};

/// A controller that owns a node or a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// For example `EKS`.
    pub name: String,
    /// The signal that told, for example `tag eks:nodegroup-name=workers`.
    pub signal: String,
    /// What that owner's own cure is, as a command or an advice.
    pub cure: String,
}

/// An owner, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Who.
    pub owner: Arc<Owner>,
    /// The call and field that told.
    pub source: &'static str,
    /// Whether it alone replaces or patches what it owns. Of an owner that does not (CloudFormation, Terraform,
    /// CodeDeploy, Kubernetes behind a hook that drains) the nodes stay in the lane that their evidence gives them.
    pub delegates: bool,
}

/// The owner of a group, if a signal tells one.
#[must_use]
pub fn of_group(group: &Group, template: Option<&Template>) -> Option<Found> {
    find(&traces_of_group(group, template))
}

fn traces_of_group<'a>(group: &'a Group, template: Option<&'a Template>) -> Traces<'a> {
    Traces {
        tags: &group.tags,
        id: &group.name,
        site: &group.site,
        group: Some(group),
        template,
        operator: group.operator.as_deref(),
    }
}

/// The owner of a node that is in no group, if a signal tells one.
#[must_use]
pub fn of_node(node: &Node) -> Option<Found> {
    find(&traces_of_node(node))
}

fn traces_of_node(node: &Node) -> Traces<'_> {
    Traces {
        tags: &node.tags,
        id: &node.id,
        site: &node.site,
        group: None,
        template: None,
        operator: node.operator.as_deref(),
    }
}

/// The service that operates a member of a group by itself, whatever its group says.
#[must_use]
pub fn of_member(node: &Node) -> Option<Found> {
    node.operator.as_ref().and_then(|_| of_node(node))
}

fn find(traces: &Traces<'_>) -> Option<Found> {
    let (controller, signal, told) = told_by(traces)?;
    let name = if controller.name.is_empty() { traces.operates().unwrap_or_default() } else { controller.name };
    Some(Found {
        owner: Arc::new(Owner { name: name.to_owned(), signal: told, cure: (controller.cure)(traces) }),
        source: signal.source(traces),
        delegates: match controller.hold {
            Hold::Delegates => true,
            Hold::UnlessDrained => !traces.drains(),
            Hold::Tells => false,
        },
    })
}

/// The first controller that a signal gives away, with the signal, and the signal as it was found.
fn told_by(traces: &Traces<'_>) -> Option<(&'static Controller, &'static Signal, String)> {
    let marked = traces.marked();
    let mut asked = CONTROLLERS.iter().filter(|controller| !controller.outside_groups || traces.group.is_none());
    asked.find_map(|controller| {
        let mut signals = controller.signals.iter().filter(|signal| marked || !signal.is_tag());
        signals.find_map(|signal| Some((controller, signal, signal.read(traces)?)))
    })
}

/// The CloudFormation stack that owns a resource, by its tags.
#[must_use]
pub fn stack(tags: &Tags) -> Option<&str> {
    tags.get("aws:cloudformation:stack-name")
}

/// The tool that owns the template of a group, for people: a CloudFormation stack, or a principal of `[owners]` that
/// made the version that the group runs.
#[must_use]
pub fn of_template(group: &Group, template: &Template, owners: &Owners) -> Option<String> {
    if let Some(stack) = stack(&group.tags).or_else(|| stack(&template.tags)) {
        return Some(format!("CloudFormation stack {stack} owns the template"));
    }
    let (_, version) = group.source.template()?;
    let creator = &template.version(template.number(version))?.created_by;
    owners.is_tool(creator).then(|| format!("{creator} makes the template's versions"))
}

#[cfg(test)]
mod tests;
