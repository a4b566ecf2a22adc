//! `DescribePatchProperties`: the values that filters may name.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::product;
use crate::sandbox::cloud::Ctx;
use crate::sandbox::ssm::page;
use crate::sandbox::value::{ApiError, Get};

/// The priorities of Debian's packages (Debian Policy Manual, 2.5), which the catalogue does not tell.
const PRIORITIES: [&str; 5] = ["Extra", "Important", "Optional", "Required", "Standard"];

/// The properties of an operating system (DescribePatchProperties).
fn properties(operating_system: &str) -> &'static [&'static str] {
    match operating_system {
        "WINDOWS" => &["PRODUCT", "PRODUCT_FAMILY", "CLASSIFICATION", "MSRC_SEVERITY"],
        "UBUNTU" | "DEBIAN" | "RASPBIAN" => &["PRODUCT", "PRIORITY"],
        "MACOS" => &["PRODUCT", "CLASSIFICATION"],
        _ => &["PRODUCT", "CLASSIFICATION", "SEVERITY"],
    }
}

/// `DescribePatchProperties`: what the catalogue has of it, by name.
pub(in crate::sandbox::ssm) fn describe_properties(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let system = input.text("OperatingSystem").unwrap_or_default();
    let property = input.text("Property").unwrap_or_default();
    if !properties(system).contains(&property) {
        return Err(ApiError::new(
            "ValidationException",
            format!("The property {property} isn't valid for the operating system {system}."),
        ));
    }
    if input.text("PatchSet") == Some("APPLICATION") {
        return page::of(Vec::new(), "Properties", input, 50);
    }
    if property == "PRIORITY" {
        let rows = PRIORITIES.iter().map(|name| json!({ "Name": name }));
        return page::of(rows.collect(), "Properties", input, 50);
    }
    let now = ctx.now;
    let catalogue = &ctx.cloud.catalogue;
    let mut names = BTreeSet::new();
    for (key, _) in catalogue.systems.iter().filter(|(_, one)| one.operating_system.as_deref() == Some(system)) {
        match property {
            "PRODUCT" => {
                names.insert(product(catalogue, key));
            }
            "PRODUCT_FAMILY" => {
                names.insert("Windows".to_owned());
            }
            "CLASSIFICATION" => names.extend(catalogue.released(key, now).map(|(_, one)| one.classification.clone())),
            _ => names.extend(catalogue.released(key, now).map(|(_, one)| one.severity.clone())),
        }
    }
    let rows = names.into_iter().filter(|name| !name.is_empty()).map(|name| json!({ "Name": name }));
    page::of(rows.collect(), "Properties", input, 50)
}
