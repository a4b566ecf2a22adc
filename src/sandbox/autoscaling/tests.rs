//! Groups and refreshes over virtual time, through the operations alone.

mod account;
mod members;
mod refreshes;
