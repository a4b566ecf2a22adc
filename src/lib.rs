//! rebake.
pub mod model;
pub mod sandbox;
pub mod text;
