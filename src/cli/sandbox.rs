//! Work with the emulated account itself.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use super::called::SANDBOX;
use super::see::{pretty, print, tell};
use super::session::{epoch, open_sandbox};
use super::{Failure, Format, Global, configuration};
use crate::run::exit::Exit;
use crate::sandbox::cloud::Place;
use crate::sandbox::faults::Faults;
use crate::sandbox::store::Account;
use crate::sandbox::{Cloud, world};
use crate::text::{Problem, parse_duration};

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
    #[command(after_help = "Example: rebake sandbox show --format json")]
    Show,
    /// Print every call that the account got, as JSON
    #[command(after_help = "Example: rebake sandbox calls | jq '.[].operation'")]
    Calls,
    /// Put faults in place, from a JSON file ({} takes them away)
    #[command(
        after_help = "Example: rebake sandbox faults faults.json\nIn it, for example: {\"silent-agents\": [\"mi-*\"]} (see docs/sandbox.md)"
    )]
    Faults {
        /// The file
        file: PathBuf,
    },
    /// Serve the account on a port of this machine, in memory unless --sandbox=DIR
    #[command(after_help = "Example: rebake sandbox serve --port 4566 --clock fast")]
    Serve(serve::Serve),
}

impl SandboxCommand {
    /// Its name, and the formats that its results have.
    pub(super) fn formats(&self) -> (&'static str, &'static [Format]) {
        match self {
            Self::Show => ("sandbox show", &[Format::Table, Format::Json]),
            Self::Calls => ("sandbox calls", &[Format::Table, Format::Json]),
            Self::Reset { .. } => ("sandbox reset", &[Format::Table]),
            Self::Seed { .. } => ("sandbox seed", &[Format::Table]),
            Self::Advance { .. } => ("sandbox advance", &[Format::Table]),
            Self::Faults { .. } => ("sandbox faults", &[Format::Table]),
            Self::Serve(_) => ("sandbox serve", &[Format::Table]),
        }
    }
}

/// Runs a command on the account.
pub(super) fn run(global: &Global, command: SandboxCommand) -> Result<Exit, Failure> {
    let dir = global.sandbox.clone().unwrap_or_else(|| PathBuf::from(SANDBOX));
    // What is suggested afterwards is for this account, named or not.
    let here = &Global { sandbox: Some(dir.clone()), ..global.clone() };
    match command {
        SandboxCommand::Reset { world } => tell(here, &start_over(&dir, &world)?)?,
        SandboxCommand::Seed { file } => tell(here, &start_over(&dir, &file.display().to_string())?)?,
        SandboxCommand::Advance { duration } => tell(here, &advance(&dir, &duration)?)?,
        SandboxCommand::Show => tell(here, &show(&dir, global.format)?)?,
        SandboxCommand::Calls => {
            let account = open_sandbox(&dir)?;
            let calls = account.calls()?;
            account.close()?;
            print(&pretty(&serde_json::to_value(calls).unwrap_or_default()))?;
        }
        SandboxCommand::Faults { file } => tell(here, &faults(&dir, &file)?)?,
        SandboxCommand::Serve(options) => return serve::run(global.sandbox.as_deref(), options),
    }
    Ok(Exit::Done)
}

/// The text of a world by its name or file.
fn text(name: &str) -> Result<String, Failure> {
    if let Some(text) = world::named(name) {
        return Ok(text.to_owned());
    }
    configuration::text_of(Path::new(name))
}

/// The cloud of a world by its name or file.
fn cloud(name: &str) -> Result<Cloud, Failure> {
    world::world(&text(name)?, name, epoch()).map_err(|problem| wrong_file(&problem))
}

/// The failure for a file of the sandbox that says something wrong.
fn wrong_file(problem: &Problem) -> Failure {
    Failure::usage(problem.render(false))
}

fn start_over(dir: &Path, name: &str) -> Result<String, Failure> {
    Account::start_over(dir, cloud(name)?)?.close()?;
    let runs = dir.join("runs");
    if runs.is_dir() {
        std::fs::remove_dir_all(&runs)
            .map_err(|error| Failure::new(format!("cannot remove {}: {error}", runs.display())))?;
    }
    Ok(format!("The account in {} starts over ({name}).\nNext: rebake inventory\n", dir.display()))
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
    let text = configuration::text_of(file)?;
    let faults = Faults::read(text.as_bytes(), &file.display().to_string()).map_err(|problem| wrong_file(&problem))?;
    let mut account = open_sandbox(dir)?;
    account.set_faults(faults);
    account.close()?;
    Ok("The faults are in place.\n".to_owned())
}

/// What the account holds; as JSON, schema `rebake/sandbox`, version 1.
fn show(dir: &Path, format: Format) -> Result<String, Failure> {
    let account = open_sandbox(dir)?;
    let (cloud, now) = (account.cloud(), account.now());
    let places = cloud.places.iter().map(|(place, region)| (place, region.ec2.instances.len(), region.machines.len()));
    let text = match format {
        Format::Json => {
            let place = |(place, instances, machines): (&Place, usize, usize)| json!({"account": place.account, "region": place.region, "instances": instances, "machines": machines});
            let places: Vec<Value> = places.map(place).collect();
            pretty(
                &json!({"schema": "rebake/sandbox", "version": 1, "world": cloud.world, "now": now, "places": places}),
            )
        }
        Format::Table | Format::Html | Format::Csv | Format::Md => {
            let line = |(place, instances, machines): (&Place, usize, usize)| {
                format!("{} {}: {instances} instances, {machines} machines\n", place.account, place.region)
            };
            format!("It is {now} in the account ({}).\n", cloud.world) + &places.map(line).collect::<String>()
        }
    };
    account.close()?;
    Ok(text)
}
