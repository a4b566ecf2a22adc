//! rebake.
pub mod sandbox;
pub mod text;
