//! How this rebake was called, as far as the commands that it suggests must say so again: another account, another
//! configuration or other regions are not what the user meant.

use std::path::Path;

use clap::CommandFactory;

use super::{Cli, EVERYWHERE, Global, LOOKING};
use crate::text::Commands;

/// Where a sandbox is kept when nothing else is said; the default of `--sandbox`.
pub(crate) const SANDBOX: &str = ".rebake/sandbox";

impl Global {
    /// What makes a suggested command act where this one did.
    pub(crate) fn commands(&self) -> Commands {
        let command = Cli::command();
        let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        // What recordings do not do is done where they were made; what acts does so where the configuration says.
        let able = if self.import.is_empty() { &EVERYWHERE[..] } else { &LOOKING[..] };
        let others = names.iter().filter(|name| !able.contains(&name.as_str())).cloned().collect();
        let without = Self { import: Vec::new(), all_regions: false, ..self.clone() };
        Commands::new(names, &self.repeated()).but(others, &without.repeated())
    }

    /// The options that name the account, the configuration and the regions, as they are typed.
    fn repeated(&self) -> Vec<String> {
        let sandbox = self.sandbox.iter().map(|dir| match dir {
            dir if dir == Path::new(SANDBOX) => "--sandbox".to_owned(),
            dir => format!("--sandbox={}", dir.display()),
        });
        let valued = |name: &str, value: String| [name.to_owned(), value];
        let config = self.config.iter().flat_map(|file| valued("--config", file.display().to_string()));
        let profile = self.profile.iter().flat_map(|profile| valued("--profile", profile.clone()));
        let import = self.import.iter().flat_map(|path| valued("--import", path.display().to_string()));
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
