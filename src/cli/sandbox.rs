//! Work with the emulated account itself.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::see::print;
use super::session::{epoch, open_sandbox};
use super::{Failure, Global};
use crate::run::exit::Exit;
use crate::sandbox::store::Account;
use crate::sandbox::{Cloud, world};
use crate::text::parse_duration;

mod serve;

/// What can be done with the emulated account.
#[derive(Debug, Subcommand)]
pub(crate) enum SandboxCommand {
    /// Start over with the demo world, or with another one
    #[command(after_help = "Example: rebake sandbox reset")]
    Reset {
        /// demo, empty, or a world file
        #[arg(long, default_value = "demo")]
        world: String,
    },
    /// Start over with a world file
    #[command(after_help = "Example: rebake sandbox seed world.toml")]
    Seed {
        /// The world file (see docs/world.md)
        file: PathBuf,
    },
    /// Let time pass in the account
    #[command(after_help = "Example: rebake sandbox advance 24h")]
    Advance {
        /// How long: 30m, 24h, 2d
        duration: String,
    },
    /// Show what the account holds
    Show,
    /// Print every call that the account got, as JSON
    #[command(after_help = "Example: rebake sandbox calls --format json | jq '.[].operation'")]
    Calls,
    /// Put faults in place, from a JSON file ({} takes them away)
    Faults {
        /// The file
        file: PathBuf,
    },
    /// Serve the account on a port of this machine, in memory unless --sandbox=DIR
    #[command(after_help = "Example: rebake sandbox serve --port 4566 --clock fast")]
    Serve(serve::Serve),
}

/// The account's folder.
fn folder(global: &Global) -> PathBuf {
    global.sandbox.clone().unwrap_or_else(|| PathBuf::from(".rebake/sandbox"))
}

/// Runs a command on the account.
pub(super) fn run(global: &Global, command: SandboxCommand) -> Result<Exit, Failure> {
    let dir = folder(global);
    let text = match command {
        SandboxCommand::Reset { world } => start_over(&dir, &world)?,
        SandboxCommand::Seed { file } => start_over(&dir, &file.display().to_string())?,
        SandboxCommand::Advance { duration } => advance(&dir, &duration)?,
        SandboxCommand::Show => show(&dir)?,
        SandboxCommand::Calls => {
            let account = open_sandbox(&dir)?;
            let calls = account.calls()?;
            account.close()?;
            serde_json::to_string_pretty(&calls).unwrap_or_default() + "\n"
        }
        SandboxCommand::Faults { file } => faults(&dir, &file)?,
        SandboxCommand::Serve(options) => return serve::run(global.sandbox.as_deref(), options),
    };
    print(&text)?;
    Ok(Exit::Done)
}

/// The text of a world by its name or file.
fn text(name: &str) -> Result<String, Failure> {
    if let Some(text) = world::named(name) {
        return Ok(text.to_owned());
    }
    std::fs::read_to_string(name).map_err(|error| Failure::usage(format!("cannot read the world {name}: {error}")))
}

/// The cloud of a world by its name or file.
fn cloud(name: &str) -> Result<Cloud, Failure> {
    world::world(&text(name)?, name, epoch()).map_err(|error| Failure::usage(error.to_string()))
}

fn start_over(dir: &Path, name: &str) -> Result<String, Failure> {
    Account::start_over(dir, cloud(name)?)?.close()?;
    let runs = dir.join("runs");
    if runs.is_dir() {
        std::fs::remove_dir_all(&runs)
            .map_err(|error| Failure::new(format!("cannot remove {}: {error}", runs.display())))?;
    }
    Ok(format!("The account in {} starts over ({name}).\nNext: rebake --sandbox inventory\n", dir.display()))
}

fn advance(dir: &Path, duration: &str) -> Result<String, Failure> {
    let by = parse_duration(duration).map_err(Failure::usage)?;
    let mut account = open_sandbox(dir)?;
    let to = account.now() + by;
    account.advance(to);
    account.close()?;
    Ok(format!("It is {to} in the account.\n"))
}

fn faults(dir: &Path, file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
    let faults = serde_json::from_str(&text).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    let mut account = open_sandbox(dir)?;
    account.set_faults(faults);
    account.close()?;
    Ok("The faults are in place.\n".to_owned())
}

fn show(dir: &Path) -> Result<String, Failure> {
    let account = open_sandbox(dir)?;
    let mut text = format!("It is {} in the account.\n", account.now());
    for (place, region) in &account.cloud().places {
        text.push_str(&format!(
            "{} {}: {} instances, {} machines\n",
            place.account,
            place.region,
            region.ec2.instances.len(),
            region.machines.len()
        ));
    }
    account.close()?;
    Ok(text)
}
