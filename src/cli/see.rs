//! The commands that only look: nothing here changes anything, the lock included.

use std::borrow::Cow;
use std::io::{BufWriter, Write};
use std::path::Path;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::configuration::{self, Loaded};
use super::session::{self, Session};
use super::sights::Kept;
use super::{Failure, Format, Global, compared, folder, reading, recorded};
use crate::classify::Judgement;
use crate::config::Config;
use crate::model::{Fleet, Selector};
use crate::pass::{Look, Refused};
use crate::plan::file;
use crate::plan::planner::Asked;
use crate::report::nodes::{By, Column};
use crate::report::table::paragraph;
use crate::report::{self, sheet::Sheet};
use crate::run::exit::Exit;
use crate::text::{count, json};

/// The widest table, when nothing says how wide the terminal is.
const WIDTH: usize = 100;

/// What there is to say of runs before the first.
const NO_RUN: &str = "No run yet. Next: rebake plan\n";

/// No table is made narrower.
const NARROWEST: usize = 40;

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Contested(problems) => Self::problems(&problems),
            Refused::Nowhere => {
                Self::usage("nothing tells of a node or of the account that it is in: there is nothing to plan")
                    .next(recorded::RECORD)
            }
            Refused::Unsound(broken) => {
                let rules: Vec<String> = broken.iter().map(ToString::to_string).collect();
                let message = format!(
                    "internal error: the plan breaks {} that every plan keeps; nothing was done:\n  {}",
                    count(broken.len(), "rule"),
                    rules.join("\n  ")
                );
                Self::new(message).next("report this with the output of: rebake inventory --format json")
            }
        }
    }
}

/// Looks at everything that the configuration names.
pub(crate) async fn look(global: &Global, session: &Session, loaded: Loaded) -> Result<Look, Failure> {
    let mut request = configuration::request(global, &loaded.config)?;
    session.check_accounts(&mut request).await?;
    if global.all_regions {
        session.everywhere(&mut request).await;
    }
    let fleet = reading::fleet(global, session, &request).await;
    Ok(remembering(global, loaded.config, fleet, session.clock.now()))
}

/// What a fleet shows together with what earlier looks saw first; what this one sees first is kept for later ones.
pub(crate) fn remembering(global: &Global, config: Config, mut fleet: Fleet, now: Timestamp) -> Look {
    let sights = Kept::open(global, now);
    sights.tell(&mut fleet);
    sights.keep(&fleet, now);
    Look::new(config, fleet, now)
}

/// Looks, lets a command say what it makes of it, and prints that.
pub(super) fn show(
    global: &Global,
    make: impl FnOnce(&Look) -> Result<(String, Exit), Failure>,
) -> Result<Exit, Failure> {
    let loaded =
        if global.import.is_empty() { Some(configuration::load(global)?) } else { configuration::find(global)? };
    show_with(global, loaded, make)
}

/// As [`show`]; without a configuration over the caller's own account.
pub(crate) fn show_with(
    global: &Global,
    loaded: Option<Loaded>,
    make: impl FnOnce(&Look) -> Result<(String, Exit), Failure>,
) -> Result<Exit, Failure> {
    if !global.import.is_empty() {
        let (text, exit) = make(&recorded::look(global, loaded)?)?;
        tell(global, &text)?;
        return Ok(exit);
    }
    session::block_on(global, async {
        let session = session::open(global, "look", loaded.as_ref().map(|loaded| &loaded.config)).await?;
        let loaded = match loaded {
            Some(loaded) => loaded,
            None => configuration::of_caller(global, &session).await?,
        };
        let look = look(global, &session, loaded).await?;
        let told = make(&look);
        session.close()?;
        let (text, exit) = told?;
        tell(global, &text)?;
        Ok(exit)
    })
}

/// Prints what a command says in the format that was asked for; what is for people suggests whole commands.
pub(crate) fn tell(global: &Global, text: &str) -> Result<(), Failure> {
    match global.format {
        Format::Json | Format::Csv | Format::Html => print(text),
        Format::Md => print(&report::words::comment(&global.commands().complete(text))),
        Format::Table => print(&global.commands().complete_within(text, width())),
    }
}

/// Prints a text as it is. A closed pipe ends a reading command in peace.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Prints a result as JSON while it is made: of a large fleet the text alone would be gigabytes.
fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let told = json::write_pretty(&mut out, value);
    written(told.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()))
}

fn written(result: std::io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write the result: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A result as JSON, for people and programs.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    json::pretty(value) + "\n"
}

/// How wide a table may be: as `COLUMNS` says, as the terminal is, or as fits most.
pub(crate) fn width() -> usize {
    let told = super::machine::environment("COLUMNS").and_then(|columns| columns.parse().ok());
    let terminal = || terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    told.or_else(terminal).unwrap_or(WIDTH).max(NARROWEST)
}

/// Reads a selector of the command line.
pub(crate) fn selector(text: &str) -> Result<Selector, Failure> {
    Selector::parse(text).map_err(|error| {
        let failure = Failure::usage(format!("in the selector {text}: {error}"));
        match error.help {
            Some(help) => failure.next(help),
            None => failure.next("a selector is such as: tag:env=prod & os:ubuntu & !group:web-* & overdue>7d"),
        }
    })
}

/// What was decided about the nodes that a selector picks.
pub(super) fn picked(look: &Look, selector: &Selector) -> Vec<Judgement> {
    let nodes = look.fleet.nodes.iter().zip(&look.judged);
    let picked = nodes.filter(|(node, judged)| judged.is_selected(selector, node, look.now));
    picked.map(|(_, judged)| judged.clone()).collect()
}

/// What an inventory is asked for.
#[derive(Debug, Clone, Args)]
pub(crate) struct Wanted {
    /// Only these nodes: tag:env=prod & os:ubuntu & overdue>7d
    selector: Option<String>,
    /// List the nodes with these columns: id,name,lane,needs,tag:app …
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', value_parser = Column::parse)]
    columns: Vec<Column>,
    /// List the nodes in the order of these columns; -COLUMN reverses
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', allow_hyphen_values = true, value_parser = By::parse)]
    sort: Vec<By>,
    /// Count the nodes by a column: account, region, os, lane, owner, recipe, tag:KEY …
    #[arg(long, value_name = "COLUMN", conflicts_with_all = ["columns", "sort"], value_parser = Column::parse)]
    group_by: Option<Column>,
    /// Also save it, all of it, for `rebake diff` and the next report
    #[arg(long)]
    save: bool,
}

impl Wanted {
    /// The sheet that is asked for; none where the overview is.
    fn sheet(&self, look: &Look, judged: &[Judgement], format: Format) -> Option<Sheet> {
        if let Some(by) = &self.group_by {
            return Some(report::nodes::totals(&look.fleet, judged, by, look.now));
        }
        let lists = self.selector.is_some() || !self.columns.is_empty() || !self.sort.is_empty();
        let columns = match (format, self.columns.is_empty()) {
            (_, false) => self.columns.clone(),
            (Format::Csv, true) => Column::of_data(),
            (_, true) if lists => Column::of_screen(),
            (_, true) => return None,
        };
        Some(report::nodes::list(&look.fleet, judged, &columns, &self.sort, look.now))
    }
}

pub(super) fn inventory(global: &Global, wanted: &Wanted) -> Result<Exit, Failure> {
    let selector = wanted.selector.as_deref().map(selector).transpose()?;
    let format = global.format;
    show_with(global, configuration::find(global)?, |look| {
        let judged: Cow<'_, [Judgement]> = match &selector {
            None => Cow::Borrowed(&look.judged),
            Some(selector) => picked(look, selector).into(),
        };
        let sheet = wanted.sheet(look, &judged, format);
        if wanted.save {
            compared::save(global, look)?;
        }
        let text = match (format, sheet) {
            (Format::Json, _) if let Some(by) = &wanted.group_by => {
                pretty(&report::nodes::totals_json(&look.fleet, &judged, by, look.now))
            }
            (Format::Json, _) => {
                print_json(&report::inventory::Data { fleet: &look.fleet, judged: &judged, now: look.now })?;
                String::new()
            }
            (Format::Csv, Some(sheet)) => sheet.csv(),
            (Format::Md, Some(sheet)) => sheet.markdown(),
            (Format::Table | Format::Html, Some(sheet)) => {
                let headline = report::inventory::headline(&look.fleet, &judged, look.now);
                format!(
                    "{}\n{}{}",
                    paragraph(&headline, width(), 2),
                    sheet.screen(width()),
                    report::inventory::gaps(&look.fleet, width())
                )
            }
            (Format::Md, None) => report::inventory::markdown(&look.fleet, &judged, look.now),
            (Format::Table | Format::Csv | Format::Html, None) => {
                report::inventory::table(&look.fleet, &judged, look.now, width())
            }
        };
        Ok((text, Exit::Done))
    })
}

pub(super) fn images(global: &Global) -> Result<Exit, Failure> {
    let format = global.format;
    show(global, |look| {
        let text = match format {
            Format::Json => pretty(&report::images::json(&look.fleet)),
            Format::Csv => report::images::sheet(&look.fleet).csv(),
            Format::Md => report::images::sheet(&look.fleet).markdown(),
            Format::Table | Format::Html => report::images::table(&look.fleet, look.now, width()),
        };
        Ok((text, Exit::Done))
    })
}

pub(super) fn channels(global: &Global) -> Result<Exit, Failure> {
    let format = global.format;
    show(global, |look| {
        let (fleet, judged) = (&look.fleet, look.judged.as_slice());
        let text = match format {
            Format::Json => pretty(&report::channels::json(fleet, judged)),
            Format::Csv => report::channels::sheet(fleet, judged).csv(),
            Format::Md => report::channels::sheet(fleet, judged).markdown(),
            Format::Table | Format::Html => report::channels::table(fleet, judged, look.now, width()),
        };
        Ok((text, Exit::Done))
    })
}

pub(super) fn plan(global: &Global, out: Option<&Path>, detailed: bool) -> Result<Exit, Failure> {
    let format = global.format;
    show(global, |look| {
        let plan = look.plan(&Asked::default())?;
        let (text, hash) = file::write(&plan);
        let mut told = match format {
            Format::Json => text.clone(),
            Format::Md => report::plan::markdown(&plan, look.now),
            Format::Table | Format::Csv | Format::Html => report::plan::table(&plan, look.now, width()),
        };
        if let Some(out) = out {
            std::fs::write(out, &text)
                .map_err(|error| Failure::usage(format!("cannot write {}: {error}", out.display())))?;
            if format == Format::Table {
                told.push_str(&format!(
                    "Saved to {} (sha256 {}…). Next: rebake apply {}\n",
                    out.display(),
                    &hash[..8],
                    out.display()
                ));
            }
        }
        let exit = if detailed && !plan.is_empty() { Exit::Changes } else { Exit::Done };
        Ok((told, exit))
    })
}

pub(super) fn status(global: &Global) -> Result<Exit, Failure> {
    let last = folder::all(global)?.pop();
    let told = last.map(|run| folder::told(&run)).transpose()?;
    let text = match (told, global.format) {
        (Some(told), Format::Md) => report::run::markdown(&told.events, &told.plan, told.exit),
        (told, Format::Json) => pretty(&match told {
            Some(told) if told.runs => {
                let mut run = report::run::json(&told.events, &told.plan, told.exit);
                run["exit"] = Value::Null;
                run
            }
            Some(told) => report::run::json(&told.events, &told.plan, told.exit),
            None => report::run::none(),
        }),
        (Some(told), _) if told.runs => report::run::running(&told.events, &told.plan, width()),
        (Some(told), _) => report::run::summary(&told.events, &told.plan, told.exit, width()),
        (None, _) => NO_RUN.to_owned(),
    };
    tell(global, &text)?;
    Ok(Exit::Done)
}

pub(super) fn history(global: &Global) -> Result<Exit, Failure> {
    let mut runs = Vec::new();
    for run in folder::all(global)? {
        let told = folder::told(&run)?;
        let headline = if told.runs {
            report::run::at_work(&told.events, &told.plan)
        } else {
            report::run::headline(&told.events, &told.plan, told.exit)
        };
        let name = run.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        runs.push((name, told.exit, headline));
    }
    let sheet = || {
        let row = |(name, exit, headline): &(String, Exit, String)| {
            vec![name.clone(), exit.code().to_string(), headline.clone()]
        };
        Sheet { head: ["run", "exit", "summary"].map(str::to_owned).to_vec(), rows: runs.iter().map(row).collect() }
    };
    let text = match global.format {
        Format::Csv => sheet().csv(),
        Format::Md => sheet().markdown(),
        Format::Json => {
            let run = |(name, exit, headline): &(String, Exit, String)| json!({"run": name, "exit": exit.code(), "summary": headline});
            pretty(&json!({"schema": "rebake/history", "version": 1, "runs": runs.iter().map(run).collect::<Vec<_>>()}))
        }
        _ if runs.is_empty() => NO_RUN.to_owned(),
        Format::Table | Format::Html => {
            runs.iter().map(|(name, _, headline)| format!("{name}  {headline}\n")).collect()
        }
    };
    tell(global, &text)?;
    Ok(Exit::Done)
}
