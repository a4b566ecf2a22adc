//! How this rebake was called, as far as the commands that it suggests must say so again: another account, another
//! configuration or other regions are not what the user meant.

use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::{Cli, EVERYWHERE, Global, LOOKING};
use crate::text::Commands;

/// Where a sandbox is kept when nothing else is said; the default of `--sandbox`.
pub(crate) const SANDBOX: &str = ".rebake/sandbox";

impl Global {
    /// What makes a suggested command act where this one did.
    pub(crate) fn commands(&self) -> Commands {
        let names = Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
        let names: Vec<String> = names;
        let of = |wanted: fn(&str) -> bool| names.iter().filter(|name| wanted(name)).cloned().collect::<Vec<_>>();
        if self.import.is_empty() {
            let configured = Self { all_regions: false, ..self.clone() };
            let commands = Commands::new(names.clone(), &self.repeated(&[]));
            return commands.but(of(|name| !EVERYWHERE.contains(&name)), &configured.repeated(&[]));
        }
        // What recordings do not do is done where they were made.
        let acting = of(|name| !LOOKING.contains(&name));
        Commands::new(names, &self.repeated(&self.import)).but(acting, &self.repeated(&[]))
    }

    /// The options that name the account, the configuration and the regions, as they are typed.
    fn repeated(&self, recordings: &[PathBuf]) -> Vec<String> {
        let sandbox = self.sandbox.iter().map(|dir| match dir {
            dir if dir == Path::new(SANDBOX) => "--sandbox".to_owned(),
            dir => format!("--sandbox={}", dir.display()),
        });
        let valued = |name: &str, value: String| [name.to_owned(), value];
        let config = self.config.iter().flat_map(|file| valued("--config", file.display().to_string()));
        let profile = self.profile.iter().flat_map(|profile| valued("--profile", profile.clone()));
        let import = recordings.iter().flat_map(|path| valued("--import", path.display().to_string()));
        let all_regions = self.all_regions.then(|| "--all-regions".to_owned());
        let region = (!self.region.is_empty()).then(|| valued("--region", self.region.join(",")));
        sandbox
            .chain(config)
            .chain(import)
            .chain(profile)
            .chain(all_regions)
            .chain(region.into_iter().flatten())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn suggested(arguments: &[&str]) -> String {
        let cli = Cli::parse_from([&["rebake"], arguments, &["status"]].concat());
        cli.global.commands().complete("rebake plan")
    }

    #[test]
    fn only_what_takes_all_regions_is_suggested_with_them() {
        let cli = Cli::parse_from(["rebake", "--sandbox", "--all-regions", "inventory"]);
        let told = cli.global.commands().complete("rebake plan, rebake doctor, rebake explain i-1");
        assert_eq!(told, "rebake --sandbox plan, rebake --sandbox doctor, rebake --sandbox --all-regions explain i-1");
    }

    #[test]
    fn a_suggestion_repeats_what_says_where() {
        assert_eq!(suggested(&["--quiet", "--format", "json"]), "rebake plan");
        assert_eq!(suggested(&["--sandbox"]), "rebake --sandbox plan");
        assert_eq!(suggested(&["--sandbox=sb", "--config", "c.toml"]), "rebake --sandbox=sb --config c.toml plan");
        let regions = ["--profile", "prod", "--region", "eu-west-1,us-east-1"];
        assert_eq!(suggested(&["--import", "dump"]), "rebake --import dump plan");
        let cli = Cli::parse_from(["rebake", "--import", "dump", "--config", "c.toml", "status"]);
        let doctor = cli.global.commands().complete("rebake doctor, rebake patch --scan id:i-1, rebake init");
        assert_eq!(
            doctor,
            "rebake --config c.toml doctor, rebake --config c.toml patch --scan id:i-1, rebake --config c.toml init"
        );
        assert_eq!(suggested(&regions), "rebake --profile prod --region eu-west-1,us-east-1 plan");
    }
}
