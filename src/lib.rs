//! rebake.
pub mod aws;
pub mod inventory;
pub mod model;
pub mod sandbox;
pub mod text;
