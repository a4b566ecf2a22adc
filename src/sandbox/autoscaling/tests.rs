//! Groups and refreshes over virtual time, through the operations alone.

mod account;
mod makespan;
mod members;
mod refreshes;
mod root_volumes;
mod start_checks;
