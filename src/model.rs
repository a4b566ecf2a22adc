//! The vocabulary as plain data: what there is (sites, nodes, groups, templates, images, channels) as it was read, with
//! gaps beside it. No I/O, no SDK types, no opinions: lanes and needs are [`crate::classify`]'s.

mod baseline;
mod build;
mod channel;
mod command;
mod fleet;
pub mod gap;
mod group;
mod image;
mod lane;
pub mod node;
mod pool;
pub mod selector;
pub mod site;
mod tags;
mod template;
pub mod window;

pub use baseline::Baseline;
pub use build::{Build, BuildStatus, BuildStep, BuiltImage, ImageRecipe};
pub use channel::{
    Approval, Channel, ChannelVersion, RolloutOutcome, RolloutRecord, approval_parameter, channel_parameter,
    rollout_parameter,
};
pub use command::{Command, Invocation, InvocationStatus};
pub use fleet::{Fleet, SiteSeen};
pub use gap::{Fact, Gap};
pub use group::{Group, GroupSource, LifecycleHook, Member, Refresh, RefreshStatus, VersionSpec};
pub use image::{Ancestor, Image, ImageState, ImageTags, tag};
pub use lane::Lane;
pub use node::{
    Agent, Node, NodeKind, NodeState, OperatingSystem, Patch, PatchOperation, PatchState, Platform, Sighting, Volume,
};
pub use pool::Pool;
pub use selector::Selector;
pub use site::{Identity, Site};
pub use tags::Tags;
pub use template::{ImageSource, Template, TemplateVersion};
pub use window::{Freeze, Window};

#[cfg(test)]
pub(crate) mod sample;
