//! The commands that act: each makes ([`scan`]) or reads ([`saved`]) a plan, shows it, asks, and lets the engine carry it
//! out.

mod saved;
mod scan;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::see::{look, print, width};
use super::session::{self, Session};
use super::{Acting, Failure, Global, Progress, configuration};
use crate::aws::ValueKind;
use crate::event::{Event, EventKind};
use crate::inventory::wanted;
use crate::model::{Approval, approval_parameter};
use crate::pass::{self, Conduct, Look};
use crate::plan::check::Scope;
use crate::plan::planner::Asked;
use crate::plan::{Plan, file};
use crate::run::exit::Exit;
use crate::run::journal::{self, Journal};
use crate::run::{Listeners, Run, Wish, Wishes, engine};
use crate::{report, ui};

/// Between two pictures of the display.
const TICK: Duration = Duration::from_millis(40);

/// How long a run over a sandbox is to take while somebody watches, in seconds.
const WATCHED_SECONDS: u64 = 60;

/// Virtual seconds a second at the least.
const SLOWEST: u32 = 20;

/// The files of a run in its folder.
const PLAN: &str = "plan.json";
const JOURNAL: &str = "journal.ndjson";

/// A run as its folder tells it.
pub(crate) struct Told {
    /// Its events.
    pub(crate) events: Vec<Event>,
    /// Its plan.
    pub(crate) plan: Plan,
    /// How it ended; interrupted when nothing says so.
    pub(crate) exit: Exit,
}

/// The folder below which this rebake writes.
fn home(global: &Global) -> PathBuf {
    global.sandbox.clone().unwrap_or_else(|| PathBuf::from(".rebake"))
}

/// The folders of runs, oldest first. One without a plan died before it did anything, and is none.
pub(crate) fn runs(global: &Global) -> Result<Vec<PathBuf>, Failure> {
    let folder = home(global).join("runs");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(&folder)
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", folder.display())))?;
    let mut runs: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|run| run.join(PLAN).is_file()).collect();
    runs.sort();
    Ok(runs)
}

/// Reads a run back.
pub(crate) fn told(run: &Path) -> Result<Told, Failure> {
    let unreadable =
        |what: &Path, error: &dyn std::fmt::Display| Failure::new(format!("cannot read {}: {error}", what.display()));
    let (events, plan) = (run.join(JOURNAL), run.join(PLAN));
    let text = std::fs::read_to_string(&plan).map_err(|error| unreadable(&plan, &error))?;
    let plan = file::read(&text).map_err(|error| unreadable(&plan, &error))?;
    let events = match journal::read(&events) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        read => read.map_err(|error| unreadable(&events, &error))?,
    };
    let ended = events.iter().rev().find_map(|event| match event.kind {
        EventKind::Ended { exit, .. } => Some(exit),
        _ => None,
    });
    let exit = ended.map_or(Exit::Interrupted, Exit::from_code);
    Ok(Told { events, plan, exit })
}

/// A fresh folder for a run.
fn new_run(global: &Global, now: Timestamp) -> Result<(String, PathBuf), Failure> {
    let folder = home(global).join("runs");
    let stamp = now.strftime("%Y%m%d-%H%M%S").to_string();
    let cannot =
        |path: &Path, error: &std::io::Error| Failure::usage(format!("cannot make {}: {error}", path.display()));
    std::fs::create_dir_all(&folder).map_err(|error| cannot(&folder, &error))?;
    for number in 1..1000 {
        let id = if number == 1 { stamp.clone() } else { format!("{stamp}-{number}") };
        let path = folder.join(&id);
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok((id, path)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(cannot(&path, &error)),
        }
    }
    Err(Failure::usage(format!("{} is full of runs of this second", folder.display())))
}

pub(super) fn apply(global: &Global, acting: Acting, file: Option<&Path>) -> Result<Exit, Failure> {
    match file {
        Some(file) => saved::apply(global, acting, file),
        None => command(global, acting, false, |look| Ok(look.plan(&Asked::default())?)),
    }
}

pub(super) fn bake(global: &Global, acting: Acting, recipe: &str) -> Result<Exit, Failure> {
    command(global, acting, false, |look| {
        known_recipe(look, recipe)?;
        Ok(look.plan(&Asked { bake: Some(recipe.to_owned()), ..Asked::default() })?)
    })
}

fn known_recipe<'a>(look: &'a Look, name: &str) -> Result<&'a crate::config::Recipe, Failure> {
    look.config.recipe(name).ok_or_else(|| {
        let names = look.config.recipes.iter().map(|recipe| recipe.name.as_str());
        let failure = Failure::usage(format!("there is no recipe {name}"));
        match crate::text::suggestion(name, names) {
            Some(meant) => failure.next(meant),
            None => failure.next("rebake images"),
        }
    })
}

/// `web@2.4.17` in its parts.
fn versioned(text: &str) -> (&str, Option<&str>) {
    text.split_once('@').map_or((text, None), |(recipe, version)| (recipe, Some(version)))
}

pub(super) fn promote(global: &Global, acting: Acting, recipe: &str, channel: &str) -> Result<Exit, Failure> {
    let (recipe, version) = versioned(recipe);
    command(global, acting, true, |look| {
        let known = known_recipe(look, recipe)?;
        if known.channel(channel).is_none() {
            let names: Vec<&str> = known.channels.iter().map(|channel| channel.name.as_str()).collect();
            return Err(Failure::usage(format!(
                "recipe {recipe} has no channel {channel}; it has {}",
                names.join(", ")
            )));
        }
        let asked = Some((recipe.to_owned(), version.map(str::to_owned), channel.to_owned()));
        Ok(look.plan(&Asked { promote: asked, ..Asked::default() })?)
    })
}

pub(super) fn approve(global: &Global, recipe: &str, channel: &str) -> Result<Exit, Failure> {
    let (name, Some(version)) = versioned(recipe) else {
        return Err(Failure::usage("approve one version: RECIPE@VERSION").next("rebake channels"));
    };
    let loaded = configuration::load(global)?;
    session::block_on(global, async {
        let session = session::open(global, "approve").await?;
        let look = look(global, &session, loaded).await?;
        let known = known_recipe(&look, name)?;
        if known.channel(channel).is_none() {
            return Err(Failure::usage(format!("recipe {name} has no channel {channel}")));
        }
        let exists = look.fleet.images.iter().find(|image| {
            image.is_usable() && image.rebake().is_some_and(|tags| tags.recipe == name && tags.version == version)
        });
        if exists.is_none() {
            return Err(Failure::usage(format!("{name} has no image {version}")).next("rebake images"));
        }
        let region = known.publish.regions.first().cloned().unwrap_or_default();
        let home = look.config.sites.iter().find(|site| site.regions.contains(&region));
        let home = home.ok_or_else(|| Failure::usage(format!("no [[site]] has the region {region}")))?;
        let site = crate::model::Site::new(&home.account, &region);
        let connection = session.aws.site(&site, wanted::role(home).as_ref()).await;
        let by = connection.identity().await?.arn;
        let approval = Approval { version: version.to_owned(), by: by.clone(), at: session.clock.now() };
        let parameter = approval_parameter(name, channel);
        let value = serde_json::to_string(&approval).unwrap_or_default();
        let before = connection.parameter(&parameter).await?.is_some();
        connection.put_parameter(&parameter, &value, ValueKind::Text, before).await?;
        print(&format!("{name} {version} is approved for {channel} by {by}.\nNext: rebake apply\n"))?;
        session.close()?;
        Ok(Exit::Done)
    })
}

pub(super) fn patch(
    global: &Global,
    acting: Acting,
    ring: Option<&str>,
    scan: bool,
    selector: Option<&str>,
) -> Result<Exit, Failure> {
    command(global, acting, true, |look| {
        let plan = match (ring, selector) {
            (Some(name), _) => {
                let ring = known_ring(look, name)?;
                if scan {
                    scan::of_ring(look, ring)?
                } else {
                    look.plan(&Asked { ring: Some(name.to_owned()), ..Asked::default() })?
                }
            }
            (None, Some(selector)) => scan::of_selector(look, selector)?,
            (None, None) => return Err(Failure::usage("name a ring, or nodes with --scan")),
        };
        // What was put together here is judged like any other plan.
        look.vouch(&plan, Scope::Part)?;
        Ok(plan)
    })
}

fn known_ring<'a>(look: &'a Look, name: &str) -> Result<&'a crate::config::Ring, Failure> {
    look.config.ring(name).ok_or_else(|| {
        let names = look.config.rings.iter().map(|ring| ring.name.as_str());
        let meant = crate::text::suggestion(name, names).unwrap_or_else(|| "rebake plan".to_owned());
        Failure::usage(format!("there is no ring {name}")).next(meant)
    })
}

/// Looks, makes a plan, shows it, asks, carries it out, and tells how it ended.
fn command(
    global: &Global,
    acting: Acting,
    again: bool,
    make: impl FnOnce(&Look) -> Result<Plan, Failure>,
) -> Result<Exit, Failure> {
    let loaded = configuration::load(global)?;
    session::block_on(global, async {
        let session = session::open(global, "run").await?;
        let look = look(global, &session, loaded).await?;
        let plan = make(&look)?;
        print(&report::plan::table(&plan, look.now, width()))?;
        if plan.is_empty() {
            return nothing_to_do(global, session, &plan);
        }
        ask_and_carry_out(global, acting, again, session, &look, &plan).await
    })
}

fn nothing_to_do(global: &Global, session: Session, plan: &Plan) -> Result<Exit, Failure> {
    if global.sandbox.is_some() {
        print("To start over: rebake sandbox reset\n")?;
    }
    session.close()?;
    Ok(engine::unpatched(plan))
}

async fn ask_and_carry_out(
    global: &Global,
    acting: Acting,
    again: bool,
    session: Session,
    look: &Look,
    plan: &Plan,
) -> Result<Exit, Failure> {
    let exit = if acting.yes || confirmed()? {
        carry_out(global, acting, again, &session, look, plan).await?
    } else {
        Exit::Done
    };
    session.close()?;
    Ok(exit)
}

/// Asks on a terminal; without one nothing may be asked.
fn confirmed() -> Result<bool, Failure> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(Failure::usage("nobody is there to ask").next("the same command with --yes"));
    }
    let mut out = anstream::stderr().lock();
    let _ = write!(out, "Carry this out? [y/N] ");
    let _ = out.flush();
    let mut answer = String::new();
    input.lock().read_line(&mut answer).map_err(|error| Failure::usage(format!("cannot read the answer: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "yes" | "Y"))
}

async fn carry_out(
    global: &Global,
    acting: Acting,
    again: bool,
    session: &Session,
    look: &Look,
    plan: &Plan,
) -> Result<Exit, Failure> {
    let (id, folder) = new_run(global, look.now)?;
    let (text, _) = file::write(plan);
    let cannot =
        |path: &Path, error: &std::io::Error| Failure::usage(format!("cannot write {}: {error}", path.display()));
    let (plan_file, journal_file) = (folder.join(PLAN), folder.join(JOURNAL));
    // By another name first: a plan is whole, or is not there.
    let unfinished = plan_file.with_extension("part");
    let written = std::fs::write(&unfinished, text).and_then(|()| std::fs::rename(&unfinished, &plan_file));
    written.map_err(|error| cannot(&plan_file, &error))?;
    let journal = Journal::create(&journal_file).map_err(|error| cannot(&journal_file, &error))?;
    let listeners = Listeners::default();
    listeners.add(Box::new(journal));
    let recorder = ui::Recorder::default();
    listeners.add(Box::new(recorder.clone()));
    let watched = match (shows_bars(global), session.sandbox.is_some()) {
        (false, _) => Watched::Nobody,
        (true, true) => Watched::Sandbox,
        (true, false) => Watched::Aws,
    };
    let screen = ui::Screen {
        is_terminal: std::io::stderr().is_terminal(),
        colour: super::setup::environment("NO_COLOR").is_none(),
    };
    let title = title(look);
    if let Some(listener) = ui::choose(kind(global), screen, &title, Box::new(anstream::stderr())) {
        listeners.add(listener);
    }
    let (wish, wishes) = Wishes::new();
    let conduct = Conduct { nonce: nonce(&id), patience: acting.patience(), again, wishes, id };
    let id = conduct.id.clone();
    let run = pass::ready(&session.aws, &session.clock, look, plan, conduct, listeners.clone()).await;
    let ended = tokio::select! {
        ended = engine::run(&run, &id, plan) => ended,
        () = listen_to_signals(&run, wish) => return Ok(Exit::Interrupted),
        () = watch(&run, plan, watched) => return Ok(Exit::Interrupted),
    };
    let events = recorder.events();
    let headline = report::run::headline(&events, plan, ended.exit);
    run.tell(EventKind::Ended { exit: ended.exit.code(), summary: headline });
    drop(run);
    drop(listeners);
    let events = recorder.events();
    write_report(&folder, &events, plan, ended.exit)?;
    let summary = report::run::summary(&events, plan, ended.exit, width());
    print(&format!("{summary}Report: {}\n", folder.join("report.md").display()))?;
    let waits = ended.outcomes.iter().any(|(_, outcome)| matches!(outcome, crate::event::Outcome::Waiting { .. }));
    if acting.detailed_exitcode && waits && ended.exit == Exit::Done {
        return Ok(Exit::Waiting);
    }
    Ok(ended.exit)
}

fn write_report(folder: &Path, events: &[Event], plan: &Plan, exit: Exit) -> Result<(), Failure> {
    let files = [
        ("report.md", report::run::markdown(events, plan, exit)),
        ("report.json", serde_json::to_string_pretty(&report::run::json(events, plan, exit)).unwrap_or_default()),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text)
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(())
}

fn shows_bars(global: &Global) -> bool {
    match global.progress {
        _ if global.quiet => false,
        Progress::Bars => true,
        Progress::Auto => std::io::stderr().is_terminal(),
        Progress::Plain | Progress::Json | Progress::None => false,
    }
}

fn kind(global: &Global) -> ui::Kind {
    match global.progress {
        _ if global.quiet => ui::Kind::None,
        Progress::Auto => ui::Kind::Auto,
        Progress::Bars => ui::Kind::Bars,
        Progress::Plain => ui::Kind::Plain,
        Progress::Json => ui::Kind::Json,
        Progress::None => ui::Kind::None,
    }
}

/// The head of the display: what runs, and where.
fn title(look: &Look) -> String {
    let site = look.fleet.sites.first();
    let account = site.map_or("", |site| site.site.account.as_str());
    let name = site.map_or("", |site| site.name.as_str());
    format!("rebake apply · {account} ({name})")
}

/// What tells this run from any other on any machine.
fn nonce(id: &str) -> String {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write(id.as_bytes());
    format!("{:016x}", hasher.finish())
}

/// Ctrl-C once: start nothing new. Twice: stop now.
async fn listen_to_signals(run: &Run, wish: tokio::sync::watch::Sender<Wish>) {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
    run.tell(EventKind::Stopping);
    // The receiver lives as long as the run.
    let _ = wish.send(Wish::Stop);
    let _ = tokio::signal::ctrl_c().await;
}

/// While somebody watches: tells the display what time it is, and holds the sandbox's clock back while AWS works. Pure
/// waiting is skipped at once.
async fn watch(run: &Run, plan: &Plan, watched: Watched) {
    let pace = pace(plan);
    loop {
        match watched {
            Watched::Nobody => std::future::pending::<()>().await,
            Watched::Sandbox => run.clock.sleep(TICK * pace).await,
            Watched::Aws => {}
        }
        if watched == Watched::Aws || run.locks.any_held() {
            // While a blocking task runs, virtual time stands still.
            let rest = tokio::task::spawn_blocking(|| super::setup::rest(TICK)).await;
            if rest.is_err() {
                std::future::pending::<()>().await;
            }
            run.listeners.tick(run.clock.now());
        }
    }
}

/// Who watches what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watched {
    /// Nobody.
    Nobody,
    /// Somebody, a sandbox in virtual time.
    Sandbox,
    /// Somebody, AWS in its own time.
    Aws,
}

/// Virtual seconds a second, so that all that AWS works on takes about a minute, whatever the plan.
fn pace(plan: &Plan) -> u32 {
    let of_recipe = |recipe: &str| {
        let bakes = plan.bakes.iter().filter(|bake| bake.recipe == recipe).map(|bake| bake.expected_seconds);
        let rollouts = plan.rollouts.iter().filter(|rollout| rollout.recipe == recipe);
        bakes.chain(rollouts.map(|rollout| rollout.expected_seconds)).sum::<u64>()
    };
    let recipes = plan.bakes.iter().map(|bake| &bake.recipe).chain(plan.rollouts.iter().map(|rollout| &rollout.recipe));
    let longest = recipes.map(|recipe| of_recipe(recipe)).max().unwrap_or(0);
    let rings: u64 = plan.patches.iter().map(|ring| ring.expected_seconds).sum();
    u32::try_from((longest + rings) / WATCHED_SECONDS).unwrap_or(u32::MAX).max(SLOWEST)
}
