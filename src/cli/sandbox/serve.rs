//! `sandbox serve`: the emulated account on a loopback port, for any client of AWS.

use std::error::Error as _;
use std::path::Path;

use clap::{Args, ValueEnum};

use super::{text, wrong_file};
use crate::aws::Clock;
use crate::cli::Failure;
use crate::cli::see::print;
use crate::cli::session::epoch;
use crate::run::exit::Exit;
use crate::sandbox::serve::{Mode, Options, ServeError, Server};
use crate::sandbox::store::Account;
use crate::sandbox::world;

/// How many times as fast as the wall a fast clock runs, unless told otherwise: an hour in six seconds.
const RATE: f64 = 600.0;

/// What is served, and how.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The world of a new account: demo, empty, or a world file
    #[arg(long, default_value = "demo")]
    world: String,
    /// How the account's time runs
    #[arg(long, value_enum, default_value_t = Time::Real)]
    clock: Time,
    /// How many times as fast as the wall clock, with --clock fast (default 600)
    #[arg(long, value_parser = rate)]
    rate: Option<f64>,
}

/// How the account's time runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Time {
    /// As the wall clock
    Real,
    /// Faster
    Fast,
    /// Only when it is moved: POST /_sandbox/clock {"advance": "30m"}
    Paused,
}

/// Serves the account of a folder, or one in memory, until Ctrl-C.
pub(super) fn run(dir: Option<&Path>, options: Serve) -> Result<Exit, Failure> {
    if options.rate.is_some() && options.clock != Time::Fast {
        return Err(Failure::usage("--rate is for --clock fast"));
    }
    let (mode, begins) = match options.clock {
        Time::Real => (Mode::Real, Clock::wall().now()),
        Time::Fast => (Mode::Fast(options.rate.unwrap_or(RATE)), epoch()),
        Time::Paused => (Mode::Paused, epoch()),
    };
    let text = text(&options.world)?;
    let cloud = world::world(&text, &options.world, begins).map_err(|problem| wrong_file(&problem))?;
    let account = match dir {
        Some(dir) => Account::open(dir, || Ok(cloud))?,
        None => Account::memory(cloud),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    runtime.block_on(serve(Options { port: options.port, mode, world: options.world, text }, account))
}

async fn serve(options: Options, account: Account) -> Result<Exit, Failure> {
    let server = Server::bind(options, account).await.map_err(failed)?;
    print(&format!("listening on http://{}\n", server.address()))?;
    let terminate = tokio::signal::unix::SignalKind::terminate();
    let mut terminated = tokio::signal::unix::signal(terminate)
        .map_err(|error| Failure::new(format!("cannot listen to signals: {error}")))?;
    // Without signals there is nothing to wait for, and the server ends at once rather than never.
    let interrupted = async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        }
    };
    server.run(interrupted).await.map_err(failed)?;
    Ok(Exit::Done)
}

fn failed(error: ServeError) -> Failure {
    let why = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    Failure::new(format!("{error}{why}"))
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.001..=100_000.0).contains(&rate) { Ok(rate) } else { Err("between 0.001 and 100000".to_owned()) }
}
