//! Image recipes: a parent, components in order, and what the volumes look like. Immutable.

use serde_json::{Value, json};

use super::arn::{self, Pattern, Reference};
use super::{Resource, build, component, invalid, list, not_found, pick, quota, refuse_dry_run, refuse_taken, token};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// Components of one recipe, by default (userguide "Manage recipes").
const MOST_COMPONENTS: usize = 20;

/// Members of a recipe that are given back as they came.
const MEMBERS: [&str; 8] = [
    "description",
    "components",
    "parentImage",
    "blockDeviceMappings",
    "workingDirectory",
    "additionalInstanceConfiguration",
    "amiTags",
    "amiWatermarks",
];

pub(super) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    token::once(ctx, "CreateImageRecipe", input, |ctx| {
        let pattern = Pattern::parse(input.text("semanticVersion").unwrap_or_default())?;
        let platform = parent_platform(ctx, input.text("parentImage").unwrap_or_default())?;
        check_components(ctx, input, platform)?;
        let name = input.text("name").unwrap_or_default();
        let base = arn::arn(&ctx.place, "image-recipe", name);
        let recipes = &ctx.region().imagebuilder.recipes;
        let same_name = recipes.values().filter(|recipe| arn::parent(&recipe.arn) == base);
        let version = pattern.next(same_name.filter_map(|recipe| recipe.version));
        let recipe_arn = format!("{base}/{version}");
        let taken = recipes.contains_key(&recipe_arn);
        refuse_taken(ctx, name, &recipe_arn, taken)?;
        let recipes = &ctx.region().imagebuilder.recipes;
        quota::admit("image recipes", recipes.len())?;
        refuse_dry_run(input)?;
        let mut body = pick(input, &MEMBERS);
        body["type"] = json!("AMI");
        body["platform"] = json!(platform);
        body["owner"] = json!(ctx.place.account);
        let recipe = Resource::new(ctx, recipe_arn.clone(), Some(version), input, body);
        ctx.region().imagebuilder.recipes.insert(recipe_arn.clone(), recipe);
        Ok(json!({
            "imageRecipeArn": recipe_arn,
            "latestVersionReferences": arn::latest_references(&base, version),
        }))
    })
}

/// The platform of a parent image, which must exist.
fn parent_platform(ctx: &mut Ctx<'_>, parent: &str) -> Result<&'static str, ApiError> {
    let (_, view) = build::resolve_parent(ctx, parent).map_err(|why| invalid("parentImage", &why))?;
    let windows = ctx.cloud.catalogue.is_windows(&view.system);
    Ok(if windows { "Windows" } else { "Linux" })
}

fn check_components(ctx: &mut Ctx<'_>, input: &Value, platform: &str) -> Result<(), ApiError> {
    let components = input.items("components");
    if components.len() > MOST_COMPONENTS {
        return Err(quota::exceeded(format!("A recipe can have at most {MOST_COMPONENTS} components.")));
    }
    let mut names = Vec::new();
    for configured in components {
        let arn = configured.text("componentArn").unwrap_or_default();
        let Some(found) = component::find(ctx, arn) else {
            return Err(invalid("components", &format!("The component '{arn}' does not exist.")));
        };
        if found.body["state"].text("status") != Some("ACTIVE") {
            return Err(invalid("components", &format!("The component '{arn}' is deprecated.")));
        }
        if found.body.text("platform") != Some(platform) {
            return Err(invalid("components", &format!("The component '{arn}' is not for the platform {platform}.")));
        }
        let name = arn::parent(arn::parent(&found.arn)).to_owned();
        if names.contains(&name) {
            return Err(invalid("components", &format!("The component '{arn}' appears more than once.")));
        }
        names.push(name);
    }
    Ok(())
}

/// The recipe that an ARN names; its version may hold `x`.
pub(super) fn find(ctx: &mut Ctx<'_>, arn: &str) -> Option<Resource> {
    let reference = Reference::parse(arn).filter(|found| found.kind == "image-recipe" && found.is_in(&ctx.place))?;
    arn::latest(ctx.region().imagebuilder.recipes.values(), &reference).cloned()
}

pub(super) fn get(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let asked = input.text("imageRecipeArn").unwrap_or_default();
    let recipe = find(ctx, asked).ok_or_else(|| not_found(asked))?;
    let references = recipe.version.map(|version| arn::latest_references(arn::parent(&recipe.arn), version));
    Ok(json!({"imageRecipe": recipe.view(), "latestVersionReferences": references}))
}

pub(super) fn list(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let own = input.text("owner").is_none_or(|owner| owner == "Self");
    let recipes = ctx.region().imagebuilder.recipes.values().filter(|_| own);
    let members = ["arn", "name", "platform", "owner", "parentImage", "dateCreated", "tags"];
    let items = recipes.map(|recipe| pick(&recipe.view(), &members)).collect();
    list::page(input, "imageRecipeSummaryList", &["name", "parentImage", "platform"], items)
}

pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let asked = input.text("imageRecipeArn").unwrap_or_default();
    let now = ctx.now;
    let state = &mut ctx.region().imagebuilder;
    if !state.recipes.contains_key(asked) {
        return Err(not_found(asked));
    }
    super::pipeline::refuse_if_used(state, "imageRecipeArn", asked)?;
    state.recipes.remove(asked);
    state.deleted.insert(asked.to_owned(), now);
    Ok(json!({"imageRecipeArn": asked}))
}
