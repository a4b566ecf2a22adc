//! The command line: one file per command, thin. It reads files and the environment, opens the way to AWS or to the
//! sandbox, and maps what came of it to an exit code.

mod act;
mod called;
mod compared;
mod configuration;
mod doctor;
mod explained;
mod failure;
mod folder;
mod machine;
mod reading;
mod recorded;
mod reported;
mod sandbox;
mod see;
mod session;
mod setup;
mod sights;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use failure::Failure;

use crate::report::words;
use crate::run::Patience;
use crate::run::exit::Exit;

/// Sees what runs, rebakes AMIs and rolls them out, patches what cannot be replaced.
#[derive(Debug, Parser)]
#[command(name = "rebake", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(
    after_help = "Try it on an emulated account, without any of your own:\n  rebake --sandbox apply --yes --wait"
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The configuration; recipes lie beside it in recipes/
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Work on the embedded AWS account, kept in DIR (default .rebake/sandbox)
    #[arg(long, global = true, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = called::SANDBOX)]
    pub(crate) sandbox: Option<PathBuf>,
    /// Look at what `aws … --output json` printed, and ask nobody: a file, a folder or -; repeatable
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) import: Vec<PathBuf>,
    /// Profile of the AWS configuration files
    #[arg(long, global = true)]
    pub(crate) profile: Option<String>,
    /// Only these regions of the configured sites
    #[arg(long, global = true, value_delimiter = ',')]
    pub(crate) region: Vec<String>,
    /// All regions that each account can use, not the configured ones alone (only for looking)
    #[arg(long, global = true, conflicts_with = "region")]
    pub(crate) all_regions: bool,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// How progress is shown
    #[arg(long, global = true, value_enum, default_value_t = Progress::Auto)]
    pub(crate) progress: Progress,
    /// No progress
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Progress as lines, each effect before it is made too
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// With a schema and a version
    Json,
    /// For spreadsheets
    Csv,
    /// For pull requests
    Md,
    /// For a browser: one file
    Html,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// Bars on a terminal, lines elsewhere
    Auto,
    /// Bars
    Bars,
    /// Lines with timestamps
    Plain,
    /// Events as lines of JSON
    Json,
    /// Nothing
    None,
}

/// Options of the commands that act.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Acting {
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Also wait for gates that time opens: soaks, windows, freezes
    #[arg(long, conflicts_with = "detach")]
    pub(crate) wait: bool,
    /// Leave as soon as AWS works alone
    #[arg(long)]
    pub(crate) detach: bool,
    /// Also tell by the exit code that something waits for a gate (4)
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
}

impl Acting {
    fn patience(self) -> Patience {
        if self.detach {
            Patience::Detached
        } else if self.wait {
            Patience::Gates
        } else {
            Patience::Started
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show every node: its system, its lane, what it needs
    #[command(
        after_help = "Example: rebake --sandbox inventory\n         rebake --sandbox inventory os:windows\n         rebake --sandbox inventory --columns name,lane,tag:app --sort -launched\n         rebake --sandbox inventory --group-by tag:app --format csv"
    )]
    Inventory(see::Wanted),
    /// Explain nodes, a group or an image: why, and what rebake would do
    #[command(
        after_help = "Example: rebake --sandbox explain wiki\n         rebake --sandbox explain web-prod\n         rebake --sandbox explain web@2.4.16\n         rebake --sandbox explain 'os:windows'"
    )]
    Explain {
        /// A node's id or name, a group (also group:NAME), an image's id or name, RECIPE@VERSION, or nodes by a selector:
        /// needs:critical & os:ubuntu
        #[arg(value_name = "NODE|GROUP|IMAGE|SELECTOR")]
        wanted: String,
    },
    /// Show the images that rebake built
    #[command(after_help = "Example: rebake --sandbox images")]
    Images,
    /// Show where channels point
    #[command(after_help = "Example: rebake --sandbox channels")]
    Channels,
    /// Show what would be done, and what not and why
    #[command(after_help = "Example: rebake --sandbox plan -o plan.json")]
    Plan {
        /// Save the plan to this file
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Exit with 3 when there is something to do
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Carry out a plan: build, roll out, patch
    #[command(after_help = "Example: rebake --sandbox apply --yes --wait")]
    Apply {
        /// A saved plan; without, one is made now
        file: Option<PathBuf>,
        #[command(flatten)]
        acting: Acting,
    },
    /// Build the image of one recipe, whether or not it is due
    #[command(after_help = "Example: rebake --sandbox bake web --yes")]
    Bake {
        /// The recipe
        recipe: String,
        #[command(flatten)]
        acting: Acting,
    },
    /// Roll a version out to a channel
    #[command(after_help = "Example: rebake --sandbox promote web@2.4.15 staging --yes")]
    Promote {
        /// The recipe, with a version or without (the newest tested one)
        #[arg(value_name = "RECIPE[@VERSION]")]
        recipe: String,
        /// The channel
        channel: String,
        #[command(flatten)]
        acting: Acting,
    },
    /// Approve a version for a channel that asks for approval
    #[command(after_help = "Example: rebake approve nginx@1.0.0 prod")]
    Approve {
        /// The recipe and version
        #[arg(value_name = "RECIPE@VERSION")]
        recipe: String,
        /// The channel
        channel: String,
    },
    /// Patch nodes where they are, or only scan them
    #[command(
        after_help = "Example: rebake --sandbox patch --ring canary --yes\n         rebake --sandbox patch 'tag:env=test' --yes\n         rebake --sandbox patch --scan 'tag:env=test' --yes"
    )]
    Patch {
        /// A ring of the configuration
        #[arg(long, conflicts_with = "selector")]
        ring: Option<String>,
        /// Only scan; also nodes that no ring selects
        #[arg(long)]
        scan: bool,
        /// Nodes, each as its ring says: tag:env=test & os:linux
        #[arg(required_unless_present = "ring")]
        selector: Option<String>,
        #[command(flatten)]
        acting: Acting,
    },
    /// Show the last run, and what waits
    #[command(after_help = "Example: rebake --sandbox status")]
    Status,
    /// Show the runs of this folder
    #[command(after_help = "Example: rebake --sandbox history")]
    History,
    /// Show what changed since an earlier inventory
    #[command(
        after_help = "Example: rebake diff --since yesterday\n         rebake diff monday.json friday.json --format md"
    )]
    Diff(compared::Compared),
    /// Make the report of the last run and of the fleet
    #[command(
        after_help = "Example: rebake --sandbox report -o report.html\n         rebake --sandbox report --format md"
    )]
    Report {
        /// Save it to this file; its ending says the format: .html, .md, .json
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Also save the inventory, for the next report to compare with
        #[arg(long)]
        save: bool,
    },
    /// Write a first configuration from what the inventory shows
    #[command(after_help = "Example: rebake init --demo")]
    Init {
        /// Write the demo's configuration and recipes
        #[arg(long, conflicts_with = "recipe")]
        demo: bool,
        /// Copy a recipe from the library
        #[arg(long, value_name = "NAME")]
        recipe: Option<String>,
    },
    /// Say in which accounts rebake would act, as whom, and what is missing
    #[command(after_help = "Example: rebake --sandbox doctor")]
    Doctor,
    /// Work with the emulated account itself
    #[command(after_help = "Example: rebake sandbox show")]
    Sandbox {
        #[command(subcommand)]
        command: sandbox::SandboxCommand,
    },
    /// Print a completion script
    #[command(after_help = "Example: rebake completions bash > /etc/bash_completion.d/rebake")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Runs a command line and maps its end to an exit code.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let usage = error.use_stderr();
            // A closed pipe ends help like any reading command.
            let _ = error.print();
            return ExitCode::from(if usage { Exit::Usage.code() } else { Exit::Done.code() });
        }
    };
    let commands = cli.global.commands();
    let exit = match dispatch(cli) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.print(&commands);
            failure.exit
        }
    };
    ExitCode::from(exit.code())
}

/// The commands that show what a look at the fleet shows, and no more: those work on recordings.
const LOOKING: [&str; 7] = ["inventory", "explain", "images", "channels", "plan", "diff", "report"];

/// Of these, the commands that look where nobody configured anything, too.
const EVERYWHERE: [&str; 5] = ["inventory", "explain", "images", "diff", "report"];

impl Command {
    /// Whether it shows what a look at the fleet shows, and no more.
    fn looks(&self) -> bool {
        LOOKING.contains(&self.formats().0)
    }

    /// Its name, and the formats that its results have.
    fn formats(&self) -> (&'static str, &'static [Format]) {
        use Format::{Csv, Html, Json, Md, Table};
        match self {
            Self::Inventory(_) => ("inventory", &[Table, Json, Csv, Md]),
            Self::Diff(_) => ("diff", &[Table, Json, Csv, Md]),
            Self::Images => ("images", &[Table, Json, Csv, Md]),
            Self::Channels => ("channels", &[Table, Json, Csv, Md]),
            Self::History => ("history", &[Table, Json, Csv, Md]),
            Self::Explain { .. } => ("explain", &[Table, Json]),
            Self::Doctor => ("doctor", &[Table, Json]),
            Self::Plan { .. } => ("plan", &[Table, Json, Md]),
            Self::Apply { .. } => ("apply", &[Table, Json, Md]),
            Self::Bake { .. } => ("bake", &[Table, Json, Md]),
            Self::Promote { .. } => ("promote", &[Table, Json, Md]),
            Self::Patch { .. } => ("patch", &[Table, Json, Md]),
            Self::Status => ("status", &[Table, Json, Md]),
            Self::Report { .. } => ("report", &[Table, Json, Md, Html]),
            Self::Sandbox { command } => command.formats(),
            Self::Approve { .. } => ("approve", &[Table]),
            Self::Init { .. } => ("init", &[Table]),
            Self::Completions { .. } => ("completions", &[Table]),
        }
    }
}

/// Refuses a format that a command does not have, before it does anything.
fn check_format(command: &Command, format: Format) -> Result<(), Failure> {
    let (name, formats) = command.formats();
    if formats.contains(&format) {
        return Ok(());
    }
    let told = |format: &Format| format.to_possible_value().map(|value| value.get_name().to_owned());
    let known: Vec<String> = formats.iter().filter_map(told).collect();
    let failure = Failure::usage(format!("{name} has no format {}", told(&format).unwrap_or_default()));
    Err(failure.next(format!("--format {}", known.join("|"))))
}

/// Refuses recordings for a command that acts or asks.
fn check_import(command: &Command, global: &Global) -> Result<(), Failure> {
    let saves = matches!(command, Command::Plan { out: Some(_), .. });
    if global.import.is_empty() || command.looks() && !saves {
        return Ok(());
    }
    let (name, _) = command.formats();
    if saves {
        let message = "a plan over recordings cannot be carried out, and is not saved";
        return Err(Failure::usage(message).next("rebake plan"));
    }
    let message = format!("{name} does not work on recordings: {} do", words::list(&LOOKING));
    Err(Failure::usage(message).next("rebake inventory"))
}

/// Refuses regions that nobody configured for a command that plans, acts, or works with the configured ones.
fn check_all_regions(command: &Command, global: &Global) -> Result<(), Failure> {
    let looks = EVERYWHERE.contains(&command.formats().0);
    if !global.all_regions || looks && global.import.is_empty() {
        return Ok(());
    }
    let (name, _) = command.formats();
    let message = if looks {
        "--all-regions asks AWS, and --import nobody".to_owned()
    } else {
        format!(
            "{name} works in the regions of the configuration only: {} take --all-regions",
            words::list(&EVERYWHERE)
        )
    };
    Err(Failure::usage(message).next("rebake inventory"))
}

fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    let global = &cli.global;
    check_format(&cli.command, global.format)?;
    check_import(&cli.command, global)?;
    check_all_regions(&cli.command, global)?;
    match cli.command {
        Command::Inventory(wanted) => see::inventory(global, &wanted),
        Command::Explain { wanted } => explained::explain(global, &wanted),
        Command::Images => see::images(global),
        Command::Channels => see::channels(global),
        Command::Plan { out, detailed_exitcode } => see::plan(global, out.as_deref(), detailed_exitcode),
        Command::Apply { file, acting } => act::apply(global, acting, file.as_deref()),
        Command::Bake { recipe, acting } => act::bake(global, acting, &recipe),
        Command::Promote { recipe, channel, acting } => act::promote(global, acting, &recipe, &channel),
        Command::Approve { recipe, channel } => act::approve(global, &recipe, &channel),
        Command::Patch { ring, scan, selector, acting } => {
            act::patch(global, acting, ring.as_deref(), scan, selector.as_deref())
        }
        Command::Status => see::status(global),
        Command::History => see::history(global),
        Command::Diff(wanted) => compared::diff(global, &wanted),
        Command::Report { out, save } => reported::report(global, out.as_deref(), save),
        Command::Init { demo, recipe } => setup::init(global, demo, recipe.as_deref()),
        Command::Doctor => doctor::doctor(global),
        Command::Sandbox { command } => sandbox::run(global, command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut <Cli as clap::CommandFactory>::command(), "rebake", &mut script);
            see::print(&String::from_utf8_lossy(&script))?;
            Ok(Exit::Done)
        }
    }
}
