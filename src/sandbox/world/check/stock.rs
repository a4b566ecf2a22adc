//! Checks of what instances are made from: images, templates, launch configurations; and of parameters.

use std::collections::BTreeSet;

use super::{Checked, Scope, once_in, region};
use crate::sandbox::world::file::{DataType, Image, Template, Text};
use crate::sandbox::world::problem::Problem;

pub(super) fn check(scope: &Scope<'_>) -> Checked {
    scope.world.image.iter().try_for_each(|one| image(scope, one))?;
    let mut names = BTreeSet::new();
    for template in &scope.world.template {
        let account = scope.account(template.account.as_ref())?;
        once_in(&mut names, "template", account, region(&template.region)?, &template.name)?;
        versions(scope, template)?;
    }
    launch_configurations(scope)?;
    parameters(scope)
}

fn image(scope: &Scope<'_>, image: &Image) -> Checked {
    scope.account(image.account.as_ref())?;
    image.share_with.iter().try_for_each(|account| scope.account(Some(account)).map(drop))?;
    if image.regions.is_empty() {
        let problem = Problem::new(image.key.span(), format!("image `{}` is nowhere", image.key.get_ref()));
        return Err(problem.help("write at least one region"));
    }
    let system = scope.system_of(image)?;
    scope.patches_of(&image.missing, system)?;
    for name in &image.regions {
        let region = region(name)?;
        if scope.image(&image.parent, region)?.age < image.age {
            let message = format!("image `{}` is older than its parent", image.key.get_ref());
            return Err(Problem::new(image.parent.span(), message).help("choose an older parent or a smaller age"));
        }
        scope.tags(&image.tags, &image.key, region)?;
    }
    Ok(())
}

fn versions(scope: &Scope<'_>, template: &Template) -> Checked {
    let numbers = numbers(template)?;
    if let Some(default) = &template.default
        && !numbers.contains(default.get_ref())
    {
        let message = format!("template `{}` has no version {}", template.name.get_ref(), default.get_ref());
        return Err(Problem::new(default.span(), message));
    }
    for version in &template.version {
        if let Some(image) = &version.image {
            source(scope, image, template.region.get_ref())?;
        }
    }
    scope.tags(&template.tags, &template.name, template.region.get_ref())
}

/// The numbers of the versions of a template.
pub(super) fn numbers(template: &Template) -> Result<Vec<i64>, Problem> {
    if template.version.is_empty() {
        let message = format!("template `{}` has no version", template.name.get_ref());
        return Err(Problem::new(template.name.span(), message).help("add a [[template.version]]"));
    }
    let mut numbers: Vec<i64> = Vec::new();
    for version in &template.version {
        let last = numbers.last().copied().unwrap_or_default();
        let number = version.number.as_ref().map_or(last + 1, |number| *number.get_ref());
        if number <= last {
            let span = version.number.as_ref().map_or(template.name.span(), toml::Spanned::span);
            return Err(Problem::new(span, format!("version {number} comes after version {last}")));
        }
        numbers.push(number);
    }
    Ok(numbers)
}

/// An image of a template version: a key, a literal id or a parameter.
fn source(scope: &Scope<'_>, image: &Text, region: &str) -> Checked {
    let literal = ["ami-", "resolve:ssm:"].iter().any(|prefix| image.get_ref().starts_with(prefix));
    if literal { Ok(()) } else { scope.image(image, region).map(drop) }
}

fn launch_configurations(scope: &Scope<'_>) -> Checked {
    let mut names = BTreeSet::new();
    for configuration in &scope.world.launch_configuration {
        let account = scope.account(configuration.account.as_ref())?;
        let region = region(&configuration.region)?;
        once_in(&mut names, "launch configuration", account, region, &configuration.name)?;
        source(scope, &configuration.image, region)?;
    }
    Ok(())
}

fn parameters(scope: &Scope<'_>) -> Checked {
    let mut names = BTreeSet::new();
    for parameter in &scope.world.parameter {
        let account = scope.account(parameter.account.as_ref())?;
        if parameter.value.is_empty() || parameter.regions.is_empty() {
            let message = format!("parameter `{}` has no value or no region", parameter.name.get_ref());
            return Err(Problem::new(parameter.name.span(), message));
        }
        for name in &parameter.regions {
            let region = region(name)?;
            once_in(&mut names, "parameter", account, region, &parameter.name)?;
            for value in &parameter.value {
                scope.placeholders(value.text.get_ref(), value.text.span(), region)?;
                let text = value.text.get_ref();
                if parameter.data_type == DataType::Image && !text.starts_with("{ami:") && !text.starts_with("ami-") {
                    let message = format!("`{text}` is no image, and the data type is `aws:ec2:image`");
                    return Err(Problem::new(value.text.span(), message).help("write `{ami:KEY}`"));
                }
            }
        }
    }
    Ok(())
}
