//! Systems Manager: parameters, managed nodes, patching, commands.
//!
//! What a node is follows from the guest ([`super::machine`]) and from EC2; Systems Manager itself remembers only what
//! it alone knows: [`State`]. A node's patch row is what the last successful Scan or Install wrote, never what is true
//! now: that is how Patch Manager goes stale, and how clients are to notice it.
//!
//! - [`parameter`]: Parameter Store, with versions, labels, and the late check of `aws:ec2:image`.
//! - [`node`]: managed nodes; [`target`]: which of them a command or an association means; [`tag`]: tags.
//! - [`baseline`]: what is approved when; [`patch`]: what a Scan sees and an Install does, and the rows they leave.
//! - [`command`]: Run Command, with its dispatch and the life of each invocation.
//! - [`association`]: State Manager, by [`schedule`].
//! - [`activation`]: hybrid activations; [`window`]: maintenance windows; [`calendar`]: change calendars.
//! - [`document`]: what commands and associations run; [`inventory`], [`compliance`]: what is known of nodes.
//! - [`seed`]: putting all of this into a world.

pub mod activation;
pub mod association;
pub mod baseline;
mod calendar;
pub mod command;
pub mod compliance;
pub mod document;
#[cfg(test)]
mod fixture;
pub mod inventory;
pub mod node;
mod page;
pub mod parameter;
pub mod patch;
pub mod seed;
mod tag;
mod target;
pub mod token;
pub mod window;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client_token::Tokens;
use super::cloud::Ctx;
use super::value::ApiError;
use super::wire::{self, Service};
use super::world;
use activation::{Activation, Waiting};
use association::Association;
use baseline::{Baseline, PatchGroup};
use command::Command;
use document::OwnDocument;
use node::HybridNode;
use parameter::{ImageWrite, Parameter};
use patch::{PatchStates, Snapshot};
use window::{MaintenanceWindow, WindowExecution};

/// What this service holds in one place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Parameters by name, AWS's public ones (`/aws/service/…`) among them.
    pub parameters: BTreeMap<String, Parameter>,
    /// Names of parameters that are gone, and when each is free, in a world with eventual consistency.
    #[serde(default)]
    pub given_up: BTreeMap<String, jiff::Timestamp>,
    /// Hybrid managed nodes, by `mi-…`.
    pub hybrid_nodes: BTreeMap<String, HybridNode>,
    /// Patch baselines, by `pb-…`, or by ARN where AWS owns them.
    pub baselines: BTreeMap<String, Baseline>,
    /// The default baseline of an operating system.
    pub default_baselines: BTreeMap<String, String>,
    /// Which baseline a patch group takes.
    pub patch_groups: Vec<PatchGroup>,
    /// Frozen sets of approved patches, by `SNAPSHOT/BASELINE`.
    pub snapshots: BTreeMap<String, Snapshot>,
    /// The row and the patches that the last operation of a node reported.
    pub patch_states: PatchStates,
    /// Which command or association patches a node at the moment.
    pub patching: BTreeMap<String, String>,
    /// Commands, by id.
    pub commands: BTreeMap<String, Command>,
    /// Associations, by id.
    pub associations: BTreeMap<String, Association>,
    /// Maintenance windows, by `mw-…`.
    pub windows: BTreeMap<String, MaintenanceWindow>,
    /// Openings of maintenance windows, by id.
    #[serde(default)]
    pub window_executions: BTreeMap<String, WindowExecution>,
    /// Hybrid activations, by id.
    #[serde(default)]
    pub activations: BTreeMap<String, Activation>,
    /// Machines on premises that wait for an activation, in this order.
    #[serde(default)]
    pub waiting: Vec<Waiting>,
    /// Documents that the account made, by name.
    #[serde(default)]
    pub documents: BTreeMap<String, OwnDocument>,
    /// Inventory that was put, by node, then by type.
    #[serde(default)]
    pub inventory: BTreeMap<String, BTreeMap<String, inventory::Item>>,
    /// Compliance that was put, by node, then by type.
    #[serde(default)]
    pub compliance: BTreeMap<String, BTreeMap<String, compliance::Put>>,
    /// What was asked for under client tokens, by operation and token.
    #[serde(default)]
    pub tokens: Tokens,
}

/// What happens by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The check of an `aws:ec2:image` parameter ends, and it is written or dropped.
    WriteImage(Box<ImageWrite>),
    /// An invocation goes on.
    Invocation {
        /// The command.
        command: String,
        /// The node.
        node: String,
        /// How.
        step: command::Step,
    },
    /// An association is due.
    Associate {
        /// The association.
        association: String,
    },
    /// An association's document ends on a node.
    Associated {
        /// The association.
        association: String,
        /// The node.
        node: String,
        /// When it began there.
        began: jiff::Timestamp,
    },
    /// A parameter's expiration policy is due.
    ExpireParameter {
        /// The parameter.
        name: String,
    },
    /// Machines that wait register with an activation.
    Register {
        /// The activation.
        activation: String,
    },
    /// A maintenance window opens.
    OpenWindow {
        /// The window.
        window: String,
        /// The round of its schedule.
        round: u64,
    },
    /// An execution of a maintenance window goes on.
    AdvanceWindow {
        /// The execution.
        execution: String,
    },
    /// Nothing more begins in an execution of a maintenance window.
    CutWindowOff {
        /// The execution.
        execution: String,
    },
    /// A node that was switched on may be answering now.
    Greet {
        /// The node.
        node: String,
        /// How often that has been looked at.
        tries: u32,
    },
}

/// Puts into a place what AWS itself keeps there. Leaves no trace in counters: ids are [`Ctx::fixed_id`]s.
pub fn open(ctx: &mut Ctx<'_>) {
    baseline::open(ctx);
    for parameter in world::aws::parameters(ctx) {
        for (at, value) in parameter.history {
            seed::public_parameter(ctx, &parameter.name, &value, "text", at);
        }
    }
}

/// Carries out an operation.
///
/// # Errors
/// The error that AWS gives.
pub fn call(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Result<Value, ApiError> {
    match operation {
        "PutParameter" => parameter::put(ctx, input),
        "GetParameter" => parameter::get(ctx, input),
        "GetParameters" => parameter::get_many(ctx, input),
        "GetParametersByPath" => parameter::get_by_path(ctx, input),
        "GetParameterHistory" => parameter::history(ctx, input),
        "DescribeParameters" => parameter::describe(ctx, input),
        "LabelParameterVersion" => parameter::label(ctx, input),
        "UnlabelParameterVersion" => parameter::unlabel(ctx, input),
        "DeleteParameter" => parameter::delete(ctx, input),
        "DeleteParameters" => parameter::delete_many(ctx, input),
        "AddTagsToResource" => tag::add(ctx, input),
        "RemoveTagsFromResource" => tag::remove(ctx, input),
        "ListTagsForResource" => tag::list(ctx, input),
        "DescribeInstanceInformation" => node::describe_information(ctx, input),
        "DescribeInstanceProperties" => node::describe_properties(ctx, input),
        "CreateActivation" => activation::create(ctx, input),
        "DescribeActivations" => activation::describe(ctx, input),
        "DeleteActivation" => activation::delete(ctx, input),
        "DeregisterManagedInstance" => node::deregister(ctx, input),
        "UpdateManagedInstanceRole" => node::update_role(ctx, input),
        "CreatePatchBaseline" => baseline::create(ctx, input),
        "UpdatePatchBaseline" => baseline::update(ctx, input),
        "GetPatchBaseline" => baseline::get(ctx, input),
        "DeletePatchBaseline" => baseline::delete(ctx, input),
        "DescribePatchBaselines" => baseline::describe(ctx, input),
        "GetDefaultPatchBaseline" => baseline::get_default(ctx, input),
        "RegisterDefaultPatchBaseline" => baseline::register_default(ctx, input),
        "RegisterPatchBaselineForPatchGroup" => baseline::register_group(ctx, input),
        "DeregisterPatchBaselineForPatchGroup" => baseline::deregister_group(ctx, input),
        "GetPatchBaselineForPatchGroup" => baseline::get_for_group(ctx, input),
        "DescribePatchGroups" => baseline::describe_groups(ctx, input),
        "DescribeEffectivePatchesForPatchBaseline" => baseline::describe_effective(ctx, input),
        "DescribeAvailablePatches" => baseline::describe_available(ctx, input),
        "DescribePatchProperties" => baseline::describe_properties(ctx, input),
        "DescribePatchGroupState" => patch::describe_group_state(ctx, input),
        "DescribeInstancePatchStates" => patch::describe_states(ctx, input),
        "DescribeInstancePatchStatesForPatchGroup" => patch::describe_states_for_group(ctx, input),
        "DescribeInstancePatches" => patch::describe_patches(ctx, input),
        "SendCommand" => command::send(ctx, input),
        "CancelCommand" => command::cancel(ctx, input),
        "ListCommands" => command::list(ctx, input),
        "ListCommandInvocations" => command::list_invocations(ctx, input),
        "GetCommandInvocation" => command::get_invocation(ctx, input),
        "CreateAssociation" => association::create(ctx, input),
        "ListAssociations" => association::list(ctx, input),
        "DescribeAssociation" => association::describe(ctx, input),
        "DeleteAssociation" => association::delete(ctx, input),
        "DescribeEffectiveInstanceAssociations" => association::describe_effective(ctx, input),
        "DescribeInstanceAssociationsStatus" => association::describe_status(ctx, input),
        "GetInventory" => inventory::get(ctx, input),
        "ListInventoryEntries" => inventory::list_entries(ctx, input),
        "PutInventory" => inventory::put(ctx, input),
        "CreateDocument" => document::create(ctx, input),
        "DescribeDocument" => document::describe(ctx, input),
        "GetDocument" => document::get(ctx, input),
        "ListDocuments" => document::list(ctx, input),
        "GetCalendarState" => calendar::get_state(ctx, input),
        "PutComplianceItems" => compliance::put(ctx, input),
        "ListComplianceSummaries" => compliance::list_summaries(ctx, input),
        "ListResourceComplianceSummaries" => compliance::list_resource_summaries(ctx, input),
        "ListComplianceItems" => compliance::list_items(ctx, input),
        _ => call_window(ctx, operation, input),
    }
}

fn call_window(ctx: &mut Ctx<'_>, operation: &str, input: &Value) -> Result<Value, ApiError> {
    match operation {
        "CreateMaintenanceWindow" => window::create(ctx, input),
        "UpdateMaintenanceWindow" => window::update(ctx, input),
        "DeleteMaintenanceWindow" => window::delete(ctx, input),
        "GetMaintenanceWindow" => window::get(ctx, input),
        "DescribeMaintenanceWindows" => window::describe(ctx, input),
        "RegisterTargetWithMaintenanceWindow" => window::register_target(ctx, input),
        "RegisterTaskWithMaintenanceWindow" => window::register_task(ctx, input),
        "DeregisterTargetFromMaintenanceWindow" => window::deregister_target(ctx, input),
        "DeregisterTaskFromMaintenanceWindow" => window::deregister_task(ctx, input),
        "DescribeMaintenanceWindowTargets" => window::describe_targets(ctx, input),
        "DescribeMaintenanceWindowTasks" => window::describe_tasks(ctx, input),
        "DescribeMaintenanceWindowExecutions" => window::describe_executions(ctx, input),
        "DescribeMaintenanceWindowExecutionTasks" => window::describe_tasks_of_execution(ctx, input),
        "DescribeMaintenanceWindowExecutionTaskInvocations" => window::describe_invocations(ctx, input),
        "GetMaintenanceWindowExecution" => window::get_execution(ctx, input),
        "DescribeMaintenanceWindowSchedule" => window::describe_schedule(ctx, input),
        "DescribeMaintenanceWindowsForTarget" => window::describe_for_target(ctx, input),
        _ => Err(wire::unknown_operation(Service::Ssm, operation)),
    }
}

/// Plays an event.
pub fn play(ctx: &mut Ctx<'_>, event: Event) {
    match event {
        Event::WriteImage(write) => parameter::write_image(ctx, *write),
        Event::Invocation { command, node, step } => command::play(ctx, &command, &node, step),
        Event::Associate { association } => association::run(ctx, &association),
        Event::Associated { association, node, began } => association::ran(ctx, &association, &node, began),
        Event::ExpireParameter { name } => parameter::expire(ctx, &name),
        Event::Register { activation } => activation::register(ctx, &activation),
        Event::OpenWindow { window, round } => window::open(ctx, &window, round),
        Event::AdvanceWindow { execution } => window::advance(ctx, &execution),
        Event::CutWindowOff { execution } => window::cut_off(ctx, &execution),
        Event::Greet { node, tries } => association::greet(ctx, &node, tries),
    }
}

// What the other services ask of Systems Manager, at this place and moment.

/// The value of a parameter: `NAME`, `NAME:VERSION` or `NAME:LABEL`, public ones (`/aws/service/…`) included.
#[must_use]
pub fn parameter(ctx: &mut Ctx<'_>, selector: &str) -> Option<String> {
    let (_, version) = parameter::find(ctx, selector).ok()?;
    Some(version.value.clone())
}

/// EC2 says that a guest was made or switched on: the associations that mean it run on it once its agent answers.
pub fn notice(ctx: &mut Ctx<'_>, node: &str) {
    association::notice(ctx, node);
}
