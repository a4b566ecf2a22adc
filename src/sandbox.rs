//! The sandbox: an emulated AWS account that knows AWS and nothing of rebake.
//!
//! [`Cloud`] is a deterministic state machine. [`Cloud::handle`] takes one HTTP request and the virtual time and
//! answers as AWS would; everything that takes time (a launch, a health check, a build step, a copy, a refresh batch,
//! a command on a node, a reboot) is an [`Event`](cloud::Event) in a queue, played by [`Cloud::advance`]. There are no
//! threads in it, no clock and no sleeping: the same world, seed and requests give the same bytes.
//!
//! The rooms, from the wire inwards:
//!
//! - [`wire`]: the four protocols, driven by a table extracted from the official API models. A request becomes a
//!   [`wire::Call`] (service, operation, members by their model names); an answer goes the other way.
//! - [`ec2`], [`autoscaling`], [`ssm`], [`imagebuilder`], [`sts`]: an operation is only its semantics, a function
//!   from `(&mut Ctx, &Value)` to a `Value` or an [`ApiError`].
//! - [`value`]: what goes into an operation and comes out of it; [`told`]: large answers.
//! - [`shared`]: texts and values that many have in common, held once.
//! - [`machine`]: the guest inside an instance or an on-premises node: operating system, packages, agent, reboots.
//! - [`catalogue`]: the operating systems that exist, and the patches that are released for them, day by day.
//! - [`world`]: world files, and the demo world.
//! - [`faults`]: what goes wrong, on request. [`throttle`]: how many calls are taken. [`calls`]: the record of every call.
//! - [`store`]: the account in a folder, that outlives its client. [`serve`]: the account on a loopback port.
//!
//! Nothing here imports another room of the crate, [`crate::text`] apart.

pub mod autoscaling;
pub mod calls;
pub mod catalogue;
pub mod client_token;
pub mod cloud;
pub mod ec2;
pub mod faults;
pub mod imagebuilder;
pub mod machine;
mod page_token;
mod positions;
mod schedule;
pub mod serve;
pub mod shared;
pub mod ssm;
pub mod store;
pub mod sts;
pub mod throttle;
pub mod told;
pub mod value;
pub mod wire;
mod wording;
pub mod world;

pub use cloud::{Cloud, Ctx, Place};
pub use value::{ApiError, Get};
