//! The recipe library: each recipe is copied by `init --recipe` and built; the web server goes through both channels.

use std::path::Path;

use rebake::config::library;

use crate::binary::{calls, sandboxed, write};

const MAIN_FILE: &str = "[[site]]\naccount = \"123456789012\"\nregions = [\"eu-west-1\"]\n";

/// Two groups on AWS's own image, for the web server to take over.
const GROUPS: &str = r#"
[[template]]
name   = "nginx"
region = "eu-west-1"
[[template.version]]
age              = "34d"
image            = "al2023-x86_64@34d"
instance-type    = "m7i.large"
instance-profile = "nginx"

[[group]]
name          = "nginx-staging"
region        = "eu-west-1"
template      = "nginx"
version       = 1
size          = 2
age           = "30d"
health        = "ELB"
target-groups = ["nginx-staging"]
tags          = { app = "nginx", env = "staging" }

[[group]]
name          = "nginx-prod"
region        = "eu-west-1"
template      = "nginx"
version       = 1
size          = 3
age           = "30d"
health        = "ELB"
target-groups = ["nginx-prod"]
tags          = { app = "nginx", env = "prod" }
"#;

/// Copies a recipe into a folder beside a configuration.
fn copy(here: &Path, recipe: &str) {
    write(here, "rebake.toml", MAIN_FILE);
    sandboxed(here, &["init", "--recipe", recipe]).ends(0);
}

#[test]
fn every_recipe_is_built_and_tested_from_its_copied_files() {
    for recipe in library::names() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        copy(here, recipe);
        sandboxed(here, &["sandbox", "reset", "--world", "empty"]).ends(0);
        sandboxed(here, &["doctor"]).ends(0);
        sandboxed(here, &["bake", recipe, "--yes"]).ends(0);

        let images = sandboxed(here, &["images"]);
        assert!(images.out.contains("1.0.0    tested"), "{recipe}: {}", images.out);
        let files = library::recipe(recipe).unwrap().len() - 1;
        let calls = calls(here);
        let made = calls.iter().filter(|call| call["operation"] == "CreateComponent" && call["status"] == 200).count();
        assert_eq!(made, files, "{recipe}: Image Builder took each of its documents");
        sandboxed(here, &["plan", "--detailed-exitcode"]).ends(0);
    }
}

#[test]
fn the_web_server_goes_to_staging_soaks_is_approved_and_goes_to_prod() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    copy(here, "nginx");
    write(here, "world.toml", GROUPS);
    sandboxed(here, &["sandbox", "seed", "world.toml"]).ends(0);

    let staged = sandboxed(here, &["apply", "--yes", "--wait"]).ends(0);
    assert!(staged.contains("rebake --sandbox approve nginx@1.0.0 prod"), "{staged}");
    let channels = sandboxed(here, &["channels"]).out;
    assert!(channels.contains("2 of 2") && channels.contains("0 of 3"), "{channels}");

    sandboxed(here, &["approve", "nginx@1.0.1", "prod"]).refused(&["nginx has no image 1.0.1; it has 1.0.0"]);
    sandboxed(here, &["approve", "nginx@1.0.0", "prod"]).ends(0);
    sandboxed(here, &["apply", "--yes"]).ends(0);
    let channels = sandboxed(here, &["channels"]).out;
    assert!(channels.contains("2 of 2") && channels.contains("3 of 3"), "{channels}");
    sandboxed(here, &["plan", "--detailed-exitcode"]).ends(0);
}

#[test]
fn recipes_that_share_files_are_copied_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    copy(here, "al2023");
    let told = sandboxed(here, &["init", "--recipe", "nginx"]).ends(0);
    assert!(told.contains("recipes/components/base-linux.yml is there already, the same\n"), "{told}");
    assert!(told.contains("recipes/nginx.toml\n") && told.contains("Next: rebake --sandbox doctor"), "{told}");
    sandboxed(here, &["init", "--recipe", "al2023-arm64"]).ends(0);
    sandboxed(here, &["init", "--recipe", "nginx"]).ends(0);
    sandboxed(here, &["plan"]).ends(0);

    write(here, "recipes/components/base-ubuntu.yml", "# another one\n");
    sandboxed(here, &["init", "--recipe", "ubuntu-24-04"])
        .refused(&["recipes/components/base-ubuntu.yml is there already", "move it away"]);
    assert!(!here.join("recipes/ubuntu-24-04.toml").exists());
}

#[test]
fn a_recipe_without_a_configuration_is_not_taken_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let told = sandboxed(here, &["init", "--recipe", "nginx"]).ends(0);
    assert!(told.contains("there is no rebake.toml yet. Next: rebake --sandbox init\n"), "{told}");
    sandboxed(here, &["bake", "nginx", "--yes"]).refused(&[
        "there is no recipe nginx in the demo's configuration",
        "recipes/nginx.toml is read only beside a rebake.toml",
        "Next: rebake --sandbox init",
    ]);
    sandboxed(here, &["init"]).ends(0);
    sandboxed(here, &["bake", "nginx", "--yes"]).ends(0);
}
