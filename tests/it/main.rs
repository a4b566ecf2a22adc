//! Everything that is tested from the outside, in one binary.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod architecture;
mod bad_input;
mod bake_port;
mod binary;
mod budget;
mod check;
mod compared;
mod crash_matrix;
mod demo;
mod denied;
mod doctor;
mod end_state;
mod env;
mod eta;
mod faults;
mod formats;
mod guardrails;
mod help;
mod honest;
mod inventory;
mod job;
mod killed;
mod library;
mod main_job;
mod moved;
mod over_http;
mod port;
mod scale;
mod scan;
mod served;
mod sights;
mod sites;
mod suggested;
mod trust;
mod views;
