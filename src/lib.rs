//! rebake.
pub mod aws;
pub mod model;
pub mod sandbox;
pub mod text;
