//! The commands that act: each makes ([`scan`]) or reads ([`saved`]) a plan, shows it, asks, and lets the engine carry it
//! out.

pub(super) mod display;
mod saved;
mod scan;

use std::cmp::Reverse;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use super::see::{self, look, pretty, tell, width};
use super::session::{self, Session};
use super::{Acting, Failure, Format, Global, configuration, folder, reported};
use crate::aws::ValueKind;
use crate::classify::standing::version_key;
use crate::config::{Channel, Recipe};
use crate::event::EventKind;
use crate::inventory::{inventory, wanted};
use crate::model::{Approval, Image, approval_parameter};
use crate::pass::{self, Conduct, Look};
use crate::plan::Plan;
use crate::plan::check::Scope;
use crate::plan::planner::Asked;
use crate::run::exit::Exit;
use crate::run::{Listeners, Run, Wish, Wishes, engine};
use crate::{report, ui};

pub(super) fn apply(global: &Global, acting: Acting, file: Option<&Path>) -> Result<Exit, Failure> {
    match file {
        Some(file) => saved::apply(global, acting, file),
        None => command(global, acting, false, |look| Ok(look.plan(&Asked::default())?)),
    }
}

pub(super) fn bake(global: &Global, acting: Acting, recipe: &str) -> Result<Exit, Failure> {
    command(global, acting, false, |look| {
        known_recipe(global, look, recipe)?;
        Ok(look.plan(&Asked { bake: Some(recipe.to_owned()), ..Asked::default() })?)
    })
}

fn known_recipe<'a>(global: &Global, look: &'a Look, name: &str) -> Result<&'a Recipe, Failure> {
    look.config.recipe(name).ok_or_else(|| {
        if let Some(file) = configuration::unread_recipe(global, name) {
            let message = format!(
                "there is no recipe {name} in the demo's configuration; {} is read only beside a rebake.toml, and \
                 there is none here",
                file.display()
            );
            return Failure::usage(message).next("rebake init");
        }
        let names = look.config.recipes.iter().map(|recipe| recipe.name.as_str());
        let failure = Failure::usage(format!("there is no recipe {name}"));
        match crate::text::suggestion(name, names) {
            Some(meant) => failure.next(meant),
            None => failure.next("rebake images"),
        }
    })
}

fn known_channel<'a>(recipe: &'a Recipe, name: &str) -> Result<&'a Channel, Failure> {
    recipe.channel(name).ok_or_else(|| {
        let names: Vec<&str> = recipe.channels.iter().map(|channel| channel.name.as_str()).collect();
        let there = if names.is_empty() { "no channel yet".to_owned() } else { names.join(", ") };
        Failure::usage(format!("recipe {} has no channel {name}; it has {there}", recipe.name))
    })
}

/// Refuses a version of a recipe of which there is no usable image, naming those that there are.
fn known_version(look: &Look, recipe: &str, version: &str) -> Result<(), Failure> {
    let usable = look.fleet.images.iter().filter(|image| image.is_usable());
    let tags = usable.filter_map(Image::rebake).filter(|tags| tags.recipe == recipe);
    let mut versions: Vec<&str> = tags.map(|tags| tags.version).collect();
    if versions.contains(&version) {
        return Ok(());
    }
    versions.sort_by_key(|version| Reverse(version_key(version)));
    versions.dedup();
    let (there, next) = match versions.as_slice() {
        [] => ("none yet".to_owned(), format!("rebake bake {recipe}")),
        _ => (versions.join(", "), "rebake images".to_owned()),
    };
    Err(Failure::usage(format!("{recipe} has no image {version}; it has {there}")).next(next))
}

/// `web@2.4.17` in its parts.
fn versioned(text: &str) -> (&str, Option<&str>) {
    text.split_once('@').map_or((text, None), |(recipe, version)| (recipe, Some(version)))
}

pub(super) fn promote(global: &Global, acting: Acting, recipe: &str, channel: &str) -> Result<Exit, Failure> {
    let (recipe, version) = versioned(recipe);
    command(global, acting, true, |look| {
        let known = known_recipe(global, look, recipe)?;
        known_channel(known, channel)?;
        version.map_or(Ok(()), |version| known_version(look, recipe, version))?;
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
        let session = session::open(global, "approve", Some(&loaded.config)).await?;
        let look = look(global, &session, loaded).await?;
        let known = known_recipe(global, &look, name)?;
        let requires = known_channel(known, channel)?.requires.as_ref();
        if !requires.is_some_and(|requires| requires.approval) {
            let message = format!("channel {channel} of {name} asks for no approval; nothing was written");
            return Err(Failure::usage(message).next("rebake channels"));
        }
        known_version(&look, name, version)?;
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
        tell(global, &format!("{name} {version} is approved for {channel} by {by}.\nNext: rebake apply\n"))?;
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
            (None, Some(selector)) if scan => scan::of_selector(look, selector)?,
            (None, Some(selector)) => of_rings(look, selector)?,
            (None, None) => return Err(Failure::usage("name a ring, or nodes by a selector")),
        };
        // What was put together here is judged like any other plan.
        look.vouch(&plan, Scope::Part)?;
        Ok(plan)
    })
}

/// Patches the nodes of a selector, each as its ring says: what no ring selects is never patched.
fn of_rings(look: &Look, text: &str) -> Result<Plan, Failure> {
    let selector = see::selector(text)?;
    let picks =
        look.fleet.nodes.iter().zip(&look.judged).any(|(node, judged)| judged.is_selected(&selector, node, look.now));
    if !picks {
        return Err(Failure::usage(format!("{text} selects no node")).next("rebake inventory"));
    }
    Ok(look.plan(&Asked { nodes: Some(selector), ..Asked::default() })?)
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
        let session = session::open(global, "run", Some(&loaded.config)).await?;
        let look = look(global, &session, loaded).await?;
        let plan = make(&look)?;
        show_plan(global, &look, &plan)?;
        if plan.is_empty() {
            return nothing_to_do(global, session, &plan);
        }
        ask_and_carry_out(global, acting, again, session, &look, &plan).await
    })
}

/// Shows a plan before it is carried out; as JSON there is one result only, at the end.
fn show_plan(global: &Global, look: &Look, plan: &Plan) -> Result<(), Failure> {
    match global.format {
        Format::Json => Ok(()),
        Format::Md => tell(global, &report::plan::markdown(plan, look.now)),
        Format::Table | Format::Csv | Format::Html => tell(global, &report::plan::table(plan, look.now, width())),
    }
}

fn nothing_to_do(global: &Global, session: Session, plan: &Plan) -> Result<Exit, Failure> {
    let exit = engine::unpatched(plan);
    if global.format == Format::Json {
        tell(global, &pretty(&report::run::json(&[], plan, exit)))?;
    } else if global.sandbox.is_some() {
        tell(global, "To start over: rebake sandbox reset\n")?;
    }
    session.close()?;
    Ok(exit)
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
    let (id, folder) = folder::new(global, look.now)?;
    let listeners = Listeners::default();
    listeners.add(Box::new(folder::begin(&folder, plan)?));
    let recorder = ui::Recorder::default();
    listeners.add(Box::new(recorder.clone()));
    let screen = ui::Screen {
        is_terminal: std::io::stderr().is_terminal(),
        colour: super::machine::environment("NO_COLOR").is_none(),
        verbose: global.verbose,
    };
    let title = title(look);
    let out = Box::new(anstream::stderr());
    if let Some(listener) = ui::choose(display::kind(global), screen, &title, global.commands(), out) {
        listeners.add(listener);
    }
    let (wish, wishes) = Wishes::new();
    let conduct = Conduct { nonce: nonce(&id), patience: acting.patience(), again, wishes, id };
    let id = conduct.id.clone();
    let run = pass::ready(&session.aws, &session.clock, look, plan, conduct, listeners.clone()).await;
    let ended = tokio::select! {
        ended = engine::run(&run, &id, plan) => ended,
        () = listen_to_signals(&run, wish) => return Ok(Exit::Interrupted),
        () = display::watch(&run, plan, display::watched(global, session.sandbox.is_some())) => return Ok(Exit::Interrupted),
    };
    let events = recorder.events();
    let headline = report::run::headline(&events, plan, ended.exit);
    run.tell(EventKind::Ended { exit: ended.exit.code(), summary: headline });
    drop(run);
    drop(listeners);
    let events = recorder.events();
    folder::end(&folder, &events, plan, ended.exit)?;
    let told = match global.format {
        Format::Json => pretty(&report::run::json(&events, plan, ended.exit)),
        Format::Md => report::run::markdown(&events, plan, ended.exit),
        Format::Table | Format::Csv | Format::Html => report::run::summary(&events, plan, ended.exit, width()),
    };
    tell(global, &told)?;
    // What the run changed is told by a second look; who interrupted it does not want to wait for that.
    let page = if ended.exit == Exit::Interrupted {
        reported::after(global, look, look, &events, plan, ended.exit)
    } else {
        let request = configuration::request(global, &look.config)?;
        let fleet = inventory(&session.aws, &request, &|_| {}).await;
        let left = see::remembering(global, look.config.clone(), fleet, session.clock.now());
        reported::after(global, look, &left, &events, plan, ended.exit)
    };
    let page = folder::page(&folder, page)?;
    if matches!(global.format, Format::Table | Format::Csv | Format::Html) {
        tell(global, &format!("Report: {}\n", page.display()))?;
    }
    let waits = ended.outcomes.iter().any(|(_, outcome)| matches!(outcome, crate::event::Outcome::Waiting { .. }));
    if acting.detailed_exitcode && waits && ended.exit == Exit::Done {
        return Ok(Exit::Waiting);
    }
    Ok(ended.exit)
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
