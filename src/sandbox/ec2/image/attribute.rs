//! Attributes of an image: who may launch it, what it is called for people, what it asks of its instances.

use serde_json::{Value, json};

use super::describe::devices;
use super::{Image, own};
use crate::sandbox::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// A change of one attribute.
enum Change {
    Permissions { add: Vec<Grantee>, remove: Vec<Grantee> },
    Description(String),
    MetadataVersion2,
}

/// Who may launch an image.
enum Grantee {
    Account(String),
    Everybody,
}

/// `ModifyImageAttribute`: one attribute at a time.
pub(super) fn modify(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (_, image) = own(ctx, input)?;
    match change(input)? {
        Change::Permissions { add, remove } => {
            for grantee in add {
                match grantee {
                    Grantee::Account(account) => drop(image.shared_with.insert(account)),
                    Grantee::Everybody => image.public = true,
                }
            }
            for grantee in remove {
                match grantee {
                    Grantee::Account(account) => drop(image.shared_with.remove(&account)),
                    Grantee::Everybody => image.public = false,
                }
            }
        }
        Change::Description(text) => image.description = text,
        Change::MetadataVersion2 => image.imds_v2 = true,
    }
    Ok(json!({"Return": true}))
}

/// What a request changes, in its structured or its older flat form.
fn change(input: &Value) -> Result<Change, ApiError> {
    let mut changes = Vec::new();
    if let Some(permission) = input.get("LaunchPermission").filter(|value| !value.is_null()) {
        let add = grantees(permission.items("Add"))?;
        changes.push(Change::Permissions { add, remove: grantees(permission.items("Remove"))? });
    }
    if input.has("OperationType") {
        let users = input.texts("UserIds").into_iter().map(|user| json!({"UserId": user}));
        let groups = input.texts("UserGroups").into_iter().map(|group| json!({"Group": group}));
        let named = grantees(&users.chain(groups).collect::<Vec<_>>())?;
        changes.push(match input.text("OperationType") {
            Some("remove") => Change::Permissions { add: Vec::new(), remove: named },
            _ => Change::Permissions { add: named, remove: Vec::new() },
        });
    }
    let flat = input.text("Value").filter(|_| input.text("Attribute") == Some("description"));
    let nested = |name: &str| input.get(name).and_then(|value| value.text("Value"));
    changes.extend(flat.or(nested("Description")).map(|text| Change::Description(text.to_owned())));
    match nested("ImdsSupport") {
        None => {}
        Some("v2.0") => changes.push(Change::MetadataVersion2),
        Some(other) => {
            let message = format!("Value ({other}) for parameter imdsSupport is invalid. Valid values: v2.0");
            return Err(ApiError::new("InvalidParameterValue", message));
        }
    }
    let refusal = |text: &str| Err(ApiError::new("InvalidParameterCombination", text));
    match changes.len() {
        0 => refusal("No attributes specified."),
        1 => changes.pop().map_or_else(|| refusal("No attributes specified."), Ok),
        _ => refusal("Fields for multiple attribute types specified. Only one attribute can be modified at a time."),
    }
}

/// Reads `LaunchPermission`s. Organizations are taken and have no members here.
fn grantees(permissions: &[Value]) -> Result<Vec<Grantee>, ApiError> {
    let mut read = Vec::new();
    for one in permissions {
        if let Some(user) = one.text("UserId") {
            if user.len() != 12 || !user.bytes().all(|byte| byte.is_ascii_digit()) {
                let message = format!("Invalid attribute item value \"{user}\" for userId item type.");
                return Err(ApiError::new("InvalidAMIAttributeItemValue", message));
            }
            read.push(Grantee::Account(user.to_owned()));
        } else if one.text("Group") == Some("all") {
            read.push(Grantee::Everybody);
        }
    }
    Ok(read)
}

/// `ResetImageAttribute`: nobody but the owner may launch it.
pub(super) fn reset(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let (_, image) = own(ctx, input)?;
    close(image);
    Ok(json!({"Return": true}))
}

/// Takes all launch permissions away.
pub(super) fn close(image: &mut Image) {
    image.shared_with.clear();
    image.public = false;
}

/// `DescribeImageAttribute`.
pub(super) fn describe(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let now = ctx.now;
    let (id, image) = own(ctx, input)?;
    let (member, value) = match input.text("Attribute").unwrap_or_default() {
        "launchPermission" => {
            let users = image.shared_with.iter().map(|user| json!({"UserId": user}));
            let all = image.public.then(|| json!({"Group": "all"}));
            ("LaunchPermissions", users.chain(all).collect())
        }
        "blockDeviceMapping" => ("BlockDeviceMappings", devices(image).into()),
        "description" => ("Description", json!({"Value": image.description})),
        "imdsSupport" => ("ImdsSupport", json!({"Value": image.imds_v2.then_some("v2.0")})),
        "deregistrationProtection" => ("DeregistrationProtection", json!({"Value": image.protection.text(now)})),
        "sriovNetSupport" => ("SriovNetSupport", json!({"Value": "simple"})),
        "bootMode" => ("BootMode", json!({"Value": "uefi-preferred"})),
        "productCodes" => ("ProductCodes", json!([])),
        _ => return Ok(json!({"ImageId": id})),
    };
    Ok(json!({"ImageId": id, member: value}))
}
