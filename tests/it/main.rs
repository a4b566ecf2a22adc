//! Everything that is tested from the outside, in one binary.

mod bake_port;
mod demo;
mod env;
mod inventory;
mod port;
