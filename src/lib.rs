//! rebake.
pub mod aws;
pub mod bake;
pub mod classify;
pub mod config;
pub mod event;
pub mod inventory;
pub mod model;
pub mod patch;
pub mod plan;
pub mod promote;
pub mod rollout;
pub mod run;
pub mod sandbox;
pub mod step;
pub mod text;
