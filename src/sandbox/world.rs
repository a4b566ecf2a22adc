//! World files: the account as it is at the start, in TOML, and the demo world.
//!
//! A world says what the customer has; what AWS has (systems, public images and parameters, advisories) stands in a
//! file of its own ([`aws`]) and is the same in every world. Times are ages, so that a world is the same on any day.
//! `docs/world.md` is the reference of the format.
//!
//! Parts: [`file`], [`guest`], [`patches`] (the format), [`age`], [`check`] (what the format alone cannot say),
//! [`aws`], [`seed`] (a checked world becomes a [`Cloud`]).

pub mod age;
pub mod aws;
mod check;
pub mod file;
pub mod guest;
pub mod patches;
mod problem;
mod seed;

use jiff::Timestamp;

use super::Cloud;
pub use problem::WorldError;

/// The demo world: 93 nodes in two regions, as untidy as a real account.
pub const DEMO: &str = include_str!("world/demo.toml");

/// Makes the account that a world file describes, starting at a moment.
///
/// # Errors
/// The first thing that is wrong with the text, with its line in `file` and what would be right.
pub fn world(text: &str, file: &str, now: Timestamp) -> Result<Cloud, WorldError> {
    let world = problem::read(text, file)?;
    let aws = aws::aws()?;
    check::check(&world, aws).map_err(|problem| problem.of(text, file))?;
    let mut cloud = seed::cloud(&world, now).map_err(|problem| problem.of(text, file))?;
    file.clone_into(&mut cloud.world);
    Ok(cloud)
}

/// The account in which nothing is the customer's, starting at a moment.
///
/// # Errors
/// None that a test has not excluded: AWS's file is embedded.
pub fn empty(now: Timestamp) -> Result<Cloud, WorldError> {
    world("", "empty", now)
}

/// The demo account, starting at a moment.
///
/// # Errors
/// None that a test has not excluded: the demo world is embedded.
pub fn demo(now: Timestamp) -> Result<Cloud, WorldError> {
    world(DEMO, "demo", now)
}

/// The text of a world that is built in: `demo` or `empty`.
#[must_use]
pub fn named(name: &str) -> Option<&'static str> {
    match name {
        "demo" => Some(DEMO),
        "empty" => Some(""),
        _ => None,
    }
}

#[cfg(test)]
mod demo;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod tests;
