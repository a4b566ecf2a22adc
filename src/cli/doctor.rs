//! `doctor`: in which accounts and regions rebake would act, as whom, and what is missing.

mod build_environment;

use serde_json::json;

use super::configuration::{self, Loaded};
use super::see::{pretty, tell, width};
use super::session::{self, Session};
use super::{Failure, Format, Global};
use crate::aws::RoleChain;
use crate::config::Config;
use crate::inventory::wanted;
use crate::model::{Fleet, Gap};
use crate::pass::Look;
use crate::report::table::{Align, Table, paragraph};
use crate::run::exit::Exit;

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    standing: Standing,
    text: String,
    /// What to do about it.
    next: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Right,
    Note,
    Unverified,
    Missing,
}

impl Finding {
    fn right(text: impl Into<String>) -> Self {
        Self { standing: Standing::Right, text: text.into(), next: None }
    }

    fn note(text: impl Into<String>) -> Self {
        Self { standing: Standing::Note, text: text.into(), next: None }
    }

    fn unverified(text: impl Into<String>) -> Self {
        Self { standing: Standing::Unverified, text: text.into(), next: None }
    }

    fn missing(text: impl Into<String>, next: impl Into<String>) -> Self {
        Self { standing: Standing::Missing, text: text.into(), next: Some(next.into()) }
    }

    fn mark(&self) -> &'static str {
        match self.standing {
            Standing::Right => "ok",
            Standing::Note => "note",
            Standing::Unverified => "not verified",
            Standing::Missing => "missing",
        }
    }
}

/// All that was looked at, by subject.
struct Examined {
    /// Where the configuration comes from, if there is one.
    origin: Option<String>,
    look: Look,
    sections: Vec<(&'static str, Vec<Finding>)>,
}

pub(super) fn doctor(global: &Global) -> Result<Exit, Failure> {
    let loaded = configuration::find(global)?;
    session::block_on(global, async {
        let session = session::open(global, "doctor", loaded.as_ref().map(|loaded| &loaded.config)).await?;
        let examined = match loaded {
            Some(loaded) => examine(global, &session, loaded).await,
            None => introduce(global, &session).await,
        };
        session.close()?;
        let examined = examined?;
        tell(global, &if global.format == Format::Json { examined.json() } else { examined.text() })?;
        Ok(examined.exit())
    })
}

/// What can be said without a configuration: who the caller is, and where they would begin.
async fn introduce(global: &Global, session: &Session) -> Result<Examined, Failure> {
    let Loaded { config, .. } = configuration::of_caller(global, session).await?;
    let request = configuration::request(global, &config)?;
    let look = Look::at(&session.aws, &session.clock, config, &request).await;
    let missing = Finding::missing("no rebake.toml here, so that nothing can act", "rebake init");
    let findings: Vec<Finding> = look.fleet.gaps.iter().map(gap).chain([missing]).collect();
    Ok(Examined { origin: None, look, sections: vec![("What is missing", findings)] })
}

async fn examine(global: &Global, session: &Session, loaded: Loaded) -> Result<Examined, Failure> {
    let mut request = configuration::request(global, &loaded.config)?;
    session.check_accounts(&mut request).await?;
    let look = Look::at(&session.aws, &session.clock, loaded.config, &request).await;
    let environment = build_environment::findings(session, &look).await;
    let gaps: Vec<Finding> = look.fleet.gaps.iter().map(gap).collect();
    let sections =
        vec![("Configuration", configured(&look)), ("Build environment", environment), ("What cannot be read", gaps)];
    Ok(Examined { origin: Some(loaded.origin), look, sections })
}

impl Examined {
    fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.sections.iter().flat_map(|(_, findings)| findings)
    }

    fn missing(&self) -> usize {
        self.findings().filter(|finding| finding.standing == Standing::Missing).count()
    }

    fn exit(&self) -> Exit {
        match (&self.origin, self.missing()) {
            // Before `init` the configuration alone is missing: that is the beginning, and no failure.
            (None, 0..=1) | (Some(_), 0) => Exit::Done,
            (None, _) => Exit::Failed,
            (Some(_), _) => Exit::Failed,
        }
    }

    fn text(&self) -> String {
        let mut text = format!("Configuration: {}\n", self.origin.as_deref().unwrap_or("none"));
        text.push_str(&who(&self.look.config, &self.look.fleet));
        self.sections.iter().for_each(|(title, findings)| text.push_str(&section(title, findings)));
        text.push_str(&match (&self.origin, self.missing()) {
            (None, _) => "Next: rebake init\n".to_owned(),
            (Some(_), 0) => "Nothing is missing. Next: rebake plan\n".to_owned(),
            (Some(_), 1) => "1 thing is missing. Next: mend it, then: rebake doctor\n".to_owned(),
            (Some(_), missing) => format!("{missing} things are missing. Next: mend them, then: rebake doctor\n"),
        });
        text
    }

    /// As JSON, schema `rebake/doctor`, version 1.
    fn json(&self) -> String {
        let finding =
            |finding: &Finding| json!({"standing": finding.mark(), "what": finding.text, "next": finding.next});
        let value = json!({
            "schema": "rebake/doctor",
            "version": 1,
            "configuration": self.origin,
            "sites": self.look.fleet.sites,
            "findings": self.findings().map(finding).collect::<Vec<_>>(),
        });
        pretty(&value)
    }
}

/// Where rebake would act and as whom, a line a site.
fn who(config: &Config, fleet: &Fleet) -> String {
    let mut text = String::new();
    for seen in &fleet.sites {
        let role = config.sites.iter().find(|site| site.account == seen.site.account).and_then(wanted::role);
        let as_whom = match (&seen.identity, role) {
            (Some(identity), _) => identity.arn.clone(),
            (None, Some(RoleChain { arn, .. })) => format!("nobody: {arn} cannot be assumed"),
            (None, None) => "nobody".to_owned(),
        };
        let name = if seen.name.is_empty() { String::new() } else { format!(" ({})", seen.name) };
        let line = format!("{}{name}, {}: as {as_whom}", seen.site.account, seen.site.region);
        text.push_str(&paragraph(&line, width(), 2));
    }
    text
}

/// What the configuration says that the fleet does not bear out.
fn configured(look: &Look) -> Vec<Finding> {
    let contested = look.config.contested(&look.fleet.groups).into_iter().map(|problem| {
        let next = problem.help.clone().unwrap_or_default();
        Finding::missing(format!("{}:{}: {}", problem.file, problem.line, problem.message), next)
    });
    let homeless = look.config.recipes.iter().flat_map(|recipe| {
        let known = |region: &String| look.config.sites.iter().any(|site| site.regions.contains(region));
        let unknown = recipe.publish.regions.iter().filter(move |region| !known(region));
        unknown.map(|region| {
            let text = format!("recipe {} is published in {region}, which no [[site]] has", recipe.name);
            Finding::missing(text, "add the region to [[site]], or take it out of [publish]")
        })
    });
    let notes = look.config.notes(look.now).into_iter().map(Finding::note);
    contested.chain(homeless).chain(notes).collect()
}

fn gap(gap: &Gap) -> Finding {
    let resource = gap.resource.as_deref().map(|resource| format!(" of {resource}")).unwrap_or_default();
    Finding::missing(format!("{}{resource} in {}: {}: {}", gap.action, gap.site, gap.code, gap.message), gap.cure())
}

fn section(title: &str, findings: &[Finding]) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[Align::Left, Align::Left]).indent(2);
    for finding in findings {
        table.row([format!("{:12}", finding.mark()), finding.text.clone()]);
        if let Some(next) = &finding.next {
            table.row(["", &format!("→ {next}")]);
        }
    }
    format!("\n{title}\n{}\n", table.render(width()))
}
