//! `apply FILE`: a saved plan is carried out as it is, or refused: a file that was edited, that is too old or for
//! another account, and a fleet that has moved away from it.

use std::io::ErrorKind;
use std::path::Path;

use jiff::Timestamp;

use super::{ask_and_carry_out, nothing_to_do, show_plan};
use crate::cli::configuration::{self, Loaded};
use crate::cli::see::{look, tell};
use crate::cli::session;
use crate::cli::{Acting, Failure, Format, Global};
use crate::model::Site;
use crate::pass;
use crate::plan::Plan;
use crate::plan::check::{Broken, Scope, check};
use crate::plan::file::{self, Unusable};
use crate::plan::moved;
use crate::run::exit::Exit;
use crate::text::{count, format_ago};

pub(super) fn apply(global: &Global, acting: Acting, path: &Path) -> Result<Exit, Failure> {
    let plan = read(path)?;
    let loaded = configuration::load(global)?;
    knows_sites(global, &loaded, &plan, path)?;
    session::block_on(global, async {
        let session = session::open(global, "run", Some(&loaded.config)).await?;
        is_in_time(&plan, session.clock.now(), path)?;
        let look = look(global, &session, loaded).await?;
        let actions = pass::standings(&session.aws, &look, &plan).await;
        refuse_moved(&moved::moved(&actions), path)?;
        refuse_unsound(&check(&plan, &look.against(Scope::Saved)), path)?;
        show_plan(global, &look, &plan)?;
        if moved::is_done(&actions) {
            if global.format != Format::Json {
                tell(global, &format!("Nothing to do: everything in {} has been done.\n", path.display()))?;
            }
            return nothing_to_do(global, session, &plan);
        }
        ask_and_carry_out(global, acting, false, session, &look, &plan).await
    })
}

/// A name for a plan's file where the one that was given cannot be it.
const PLAN: &str = "plan.json";

/// What makes a file that can be applied.
fn anew(path: &Path) -> String {
    format!("rebake plan -o {}", path.display())
}

fn read(path: &Path) -> Result<Plan, Failure> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(configuration::unreadable(path, &error).next(anew(path)));
        }
        read => read.map_err(|error| configuration::unreadable(path, &error).next(anew(Path::new(PLAN))))?,
    };
    file::read(&text).map_err(|error| {
        // What is no plan at all is not to be written over.
        let written = if matches!(error, Unusable::NotAPlan(_)) { Path::new(PLAN) } else { path };
        Failure::usage(format!("{}: {error}; nothing was done", path.display())).next(anew(written))
    })
}

/// Whether a plan is for sites that the configuration names.
fn knows_sites(global: &Global, loaded: &Loaded, plan: &Plan, path: &Path) -> Result<(), Failure> {
    let named: Vec<Site> = loaded.config.sites.iter().flat_map(crate::config::Site::sites).collect();
    let planned = || plan.sites.iter().map(|seen| &seen.site);
    if let Some(foreign) = planned().find(|site| !named.contains(site)) {
        let names: Vec<String> = named.iter().map(ToString::to_string).collect();
        let message = format!(
            "{}: the plan is for {foreign}, but {} names {}; nothing was done",
            path.display(),
            loaded.origin,
            if names.is_empty() { "no site".to_owned() } else { names.join(", ") }
        );
        return Err(Failure::usage(message).next("the configuration of that account with --config FILE, or a new plan"));
    }
    let asked = |site: &&Site| global.region.is_empty() || global.region.contains(&site.region);
    if let Some(outside) = planned().find(|site| !asked(site)) {
        let message = format!("{}: the plan is also for {outside}, which --region leaves out", path.display());
        return Err(Failure::usage(message).next("the same command without --region"));
    }
    Ok(())
}

fn is_in_time(plan: &Plan, now: Timestamp, path: &Path) -> Result<(), Failure> {
    if plan.expires_at >= now {
        return Ok(());
    }
    let message = format!(
        "{}: the plan expired {} ({}): the fleet may be another by now; nothing was done",
        path.display(),
        format_ago(plan.expires_at, now),
        plan.expires_at
    );
    Err(Failure::usage(message).next(anew(path)))
}

fn refuse_moved(moved: &[String], path: &Path) -> Result<(), Failure> {
    if moved.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the fleet has moved away from {} in {}; nothing was done:\n  {}",
        path.display(),
        count(moved.len(), "place"),
        moved.join("\n  ")
    );
    Err(Failure { exit: Exit::LeftAsItIs, ..Failure::usage(message).next(anew(path)) })
}

/// A saved plan is judged again: somebody may have written it with its right hash, or the configuration has changed.
fn refuse_unsound(broken: &[Broken], path: &Path) -> Result<(), Failure> {
    if broken.is_empty() {
        return Ok(());
    }
    let rules: Vec<String> = broken.iter().map(ToString::to_string).collect();
    let message = format!(
        "{}: the plan does not fit the configuration as it is now; nothing was done:\n  {}",
        path.display(),
        rules.join("\n  ")
    );
    Err(Failure::usage(message).next(anew(path)))
}
