//! Files that come with rebake: recipes to start from, and the demo's configuration.

use crate::text::{Problem, Source};

use super::Config;

/// A file that comes with rebake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// Its path beside a `rebake.toml`, for example `recipes/web.toml`.
    pub path: &'static str,
    /// What is in it.
    pub text: &'static str,
}

macro_rules! files {
    ($folder:literal: $($path:literal),* $(,)?) => {
        &[$(File { path: $path, text: include_str!(concat!($folder, $path)) }),*]
    };
}

/// The library: recipes with their component files.
pub const LIBRARY: &[File] = files!("../../":
    "recipes/al2023.toml",
    "recipes/al2023-arm64.toml",
    "recipes/nginx.toml",
    "recipes/ubuntu-24-04.toml",
    "recipes/windows-2022.toml",
    "recipes/components/base-linux.yml",
    "recipes/components/base-linux-smoke.yml",
    "recipes/components/base-ubuntu.yml",
    "recipes/components/base-ubuntu-smoke.yml",
    "recipes/components/base-windows.yml",
    "recipes/components/base-windows-smoke.yml",
    "recipes/components/nginx.yml",
    "recipes/components/nginx-smoke.yml",
);

/// The demo's configuration, recipes and component files.
pub const DEMO: &[File] = files!("demo/":
    "rebake.toml",
    "recipes/api.toml",
    "recipes/batch.toml",
    "recipes/crm.toml",
    "recipes/shop.toml",
    "recipes/web.toml",
    "recipes/components/api.yml",
    "recipes/components/api-smoke.yml",
    "recipes/components/batch.yml",
    "recipes/components/crm.yml",
    "recipes/components/shop.yml",
    "recipes/components/web.yml",
    "recipes/components/web-smoke.yml",
);

/// The main file among files.
pub const MAIN_FILE: &str = "rebake.toml";

/// Checks files as [`super::load`] does: the `rebake.toml` among them if there is one, and every recipe.
///
/// # Errors
/// Everything that is wrong.
pub fn load(files: &[File]) -> Result<Config, Vec<Problem>> {
    let main = files.iter().find(|file| file.path == MAIN_FILE).map(File::source);
    let recipes: Vec<Source> = files.iter().filter(|file| file.is_recipe()).map(File::source).collect();
    let text = |path: &str| files.iter().find(|file| file.path == path).map(|file| Ok(file.text.to_owned()));
    super::load(main.as_ref(), &recipes, &text)
}

/// The demo's configuration, checked.
///
/// # Errors
/// None that a test has not excluded: the files are embedded.
pub fn demo() -> Result<Config, Vec<Problem>> {
    load(DEMO)
}

/// The names of the library's recipes.
pub fn names() -> impl Iterator<Item = &'static str> {
    LIBRARY.iter().filter_map(File::recipe_name)
}

/// A recipe of the library with the component files that it names: what `init --recipe NAME` writes.
#[must_use]
pub fn recipe(name: &str) -> Option<Vec<File>> {
    let recipe = LIBRARY.iter().find(|file| file.recipe_name() == Some(name))?;
    let named = |file: &&File| {
        let below = file.path.strip_prefix("recipes/").unwrap_or(file.path);
        !file.is_recipe() && recipe.text.contains(&format!("\"{below}\""))
    };
    Some(std::iter::once(recipe).chain(LIBRARY.iter().filter(named)).copied().collect())
}

impl File {
    /// The file as a source to check.
    #[must_use]
    pub fn source(&self) -> Source {
        Source::new(self.path, self.text)
    }

    fn is_recipe(&self) -> bool {
        self.recipe_name().is_some()
    }

    /// The recipe's name, if it is one.
    fn recipe_name(&self) -> Option<&'static str> {
        self.path.strip_prefix("recipes/")?.strip_suffix(".toml")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Build, render};

    fn checked(files: &[File]) -> Config {
        load(files).unwrap_or_else(|problems| panic!("{}", render(&problems, false)))
    }

    #[test]
    fn the_demo_is_right() {
        let config = checked(DEMO);
        assert_eq!(config.sites[0].account, "123456789012");
        assert_eq!(config.recipes.len(), 5);
        assert_eq!(config.rings.len(), 2);
        assert!(demo().is_ok());
    }

    #[test]
    fn every_recipe_of_the_library_is_right_alone_and_has_files_of_its_own() {
        assert_eq!(names().count(), 5);
        for name in names() {
            let files = recipe(name).unwrap();
            let config = checked(&files);
            let recipe = config.recipe(name).unwrap_or_else(|| panic!("{name}: the file's name is the recipe's"));
            assert!(matches!(recipe.build, Build::ImageBuilder(_)), "{name}");
            assert_eq!(recipe.files().count() + 1, files.len(), "{name}: as many files as it names");
        }
        assert!(recipe("zebra").is_none());
    }

    #[test]
    fn the_web_server_has_a_smoke_test_and_two_channels() {
        let config = checked(LIBRARY);
        let nginx = config.recipe("nginx").unwrap();
        assert_eq!(nginx.channels.iter().map(|channel| channel.name.as_str()).collect::<Vec<_>>(), ["staging", "prod"]);
        assert!(nginx.tests.iter().any(|test| test.to_string() == "components/nginx-smoke.yml"));
        let commented: String = LIBRARY.iter().filter(|file| file.is_recipe()).map(|file| file.text).collect();
        assert!(commented.contains("\n# [[channel]]"));
    }
}
