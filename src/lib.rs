//! rebake keeps a fleet on AWS patched: what can be replaced gets a new image, what cannot is patched in place.
//!
//! ```text
//! config, recipes ┐
//!                 ├─ inventory ── classify ── plan ──┬─ bake ── rollout ── promote   (immutable)
//! AWS (or sandbox)┘    observe      decide    decide └─ patch                        (mutable)
//!                                                        └── all act through run, tell event, end in report
//! ```
//!
//! [`inventory`] reads sites into a [`model::Fleet`], through [`aws`], the only room that sees the SDK. [`classify`]
//! puts every node into one lane with evidence. [`plan`] says what to do over both lanes, and why not the rest.
//! [`run`] carries a plan out by one loop: observe, decide, note the intent, perform, note the outcome. Each acting
//! room ([`bake`], [`rollout`], [`promote`], [`patch`]) has the same two parts: a pure `decide` that answers a
//! [`step`], and a `perform` that looks and makes one effect. [`sandbox`] is an AWS account of its own, which knows
//! nothing of the others. `docs/architecture.md` has the rules between the rooms and says where a new feature goes.
//!
//! # Files that rebake reads and writes
//!
//! | file | |
//! |---|---|
//! | `rebake.toml` | read: the configuration, or the file that `--config` names; `init` writes a first one |
//! | `recipes/*.toml`, `recipes/components/*.yml` | read: beside the `rebake.toml`; `init --recipe` copies one from the library |
//! | `plan.json`, or as `plan -o` names it | written by `plan -o`, read by `apply FILE`: a versioned file with a hash |
//! | `.rebake/runs/`, with `--sandbox` in its folder | written: what each run told; read by `status`, `history` and `report` |
//! | `.rebake/sandbox/`, or as `--sandbox=DIR` names it | read and written: the emulated account: a snapshot, a log, a lock |
//! | the SDK's own (`~/.aws/config`, `~/.aws/credentials`, the SSO cache) | read, as every AWS client does |
//!
//! What a run needs in order to go on is none of these: it is in AWS.

pub mod aws;
pub mod bake;
pub mod classify;
pub mod cli;
pub mod compare;
pub mod config;
pub mod event;
pub mod inventory;
pub mod model;
pub mod pass;
pub mod patch;
pub mod plan;
pub mod promote;
pub mod report;
pub mod rollout;
pub mod run;
pub mod sandbox;
pub mod step;
pub mod text;
pub mod ui;
