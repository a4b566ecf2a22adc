//! Tags of everything that EC2 holds.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::{Bound, RangeBounds};

use serde_json::{Value, json};

use super::filter::{Filters, one};
use super::page::{Page, USUAL};
use super::{State, here};
use crate::sandbox::cloud::Ctx;
use crate::sandbox::value::{ApiError, Get};

/// Tags, by key.
pub(super) type Tags = BTreeMap<String, String>;

/// How many ids one request may name.
const MOST_IDS: usize = 1000;

/// How many tags of the user a resource may have.
const MOST_TAGS: usize = 50;

/// Tags as a request lists them.
pub(super) fn read(tags: &[Value]) -> Tags {
    let pair = |tag: &Value| {
        (tag.text("Key").unwrap_or_default().to_owned(), tag.text("Value").unwrap_or_default().to_owned())
    };
    tags.iter().map(pair).collect()
}

/// Refuses keys that are empty, too long or AWS's own.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn check(tags: &Tags) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::new("InvalidParameterValue", message));
    for (key, value) in tags {
        if key.starts_with("aws:") {
            return invalid(format!(
                "Value ( {key} ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use"
            ));
        }
        if key.is_empty() || key.chars().count() > 127 {
            return invalid("Tag key exceeds the maximum length of 127 characters".to_owned());
        }
        if value.chars().count() > 255 {
            return invalid("Tag value exceeds the maximum length of 255 characters".to_owned());
        }
    }
    Ok(())
}

/// Refuses a key that comes twice in one list.
///
/// # Errors
/// `InvalidParameterValue` (cloud-custodian/cloud-custodian#3792).
fn check_once(tags: &[Value]) -> Result<(), ApiError> {
    let mut keys = BTreeSet::new();
    match tags.iter().filter_map(|tag| tag.text("Key")).find(|key| !keys.insert(*key)) {
        Some(key) => Err(ApiError::new("InvalidParameterValue", format!("Duplicate tag key '{key}' specified."))),
        None => Ok(()),
    }
}

/// Refuses keys that come twice in one of a request's `TagSpecifications`.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn check_specifications(input: &Value) -> Result<(), ApiError> {
    input.items("TagSpecifications").iter().try_for_each(|specification| check_once(specification.items("Tags")))
}

/// `CreateTags`: on all resources or none.
pub(super) fn create(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let ids = resources(ctx, input)?;
    check_once(input.items("Tags"))?;
    let tags = read(input.items("Tags"));
    check(&tags)?;
    for id in &ids {
        let after = change(ctx, id, |known| {
            let kept = known.keys().filter(|key| !key.starts_with("aws:") && !tags.contains_key(*key)).count();
            kept + tags.len()
        });
        if after.is_some_and(|after| after > MOST_TAGS) {
            let message = format!("You have reached the maximum of {MOST_TAGS} tags per resource for '{id}'.");
            return Err(ApiError::new("TagLimitExceeded", message));
        }
    }
    for id in &ids {
        change(ctx, id, |known| known.extend(tags.clone()));
    }
    Ok(json!({}))
}

/// `DeleteTags`: a tag without a value goes whatever its value is; without tags, all of the user's go.
pub(super) fn delete(ctx: &mut Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let ids = resources(ctx, input)?;
    let asked = input.items("Tags");
    check(&read(asked))?;
    for id in &ids {
        change(ctx, id, |known| {
            if asked.is_empty() {
                known.retain(|key, _| key.starts_with("aws:"));
            }
            for tag in asked {
                let (key, value) = (tag.text("Key").unwrap_or_default(), tag.text("Value"));
                if known.get(key).is_some_and(|known| value.is_none_or(|value| value == known)) {
                    known.remove(key);
                }
            }
        });
    }
    Ok(json!({}))
}

/// `DescribeTags`: by id, then by key.
pub(super) fn describe(ctx: &Ctx<'_>, input: &Value) -> Result<Value, ApiError> {
    let filters = Filters::read(input, &["key", "resource-id", "resource-type", "value", "tag-key"])?;
    let page = Page::read(input, "Tags", USUAL)?;
    // The tags of the last id that was told may go on.
    let start = match page.start() {
        Bound::Excluded(last) => Bound::Included(last.split(' ').next().unwrap_or_default()),
        other => other,
    };
    let state = here(ctx)?;
    let named = filters.asked("resource-id").map(|ids| {
        let ids: BTreeSet<&str> = ids.iter().copied().collect();
        ids.into_iter().filter_map(|id| tagged(state, id)).collect::<Vec<_>>()
    });
    let everything = named.is_none().then(|| all(state, start, filters.asked("resource-type")));
    // A set of tags that many have is looked at once.
    let mut known: HashMap<usize, bool> = HashMap::new();
    let mut may_pass = |tags: &Tags| {
        let any = || tags.iter().any(|(key, value)| filters.may_pass(|name| of_tag(key, value, name)));
        *known.entry(std::ptr::from_ref(tags).addr()).or_insert_with(any)
    };
    let tags = named
        .into_iter()
        .flatten()
        .chain(everything.into_iter().flatten())
        .filter(move |(_, _, tags)| may_pass(tags))
        .flat_map(|(id, kind, tags)| tags.iter().map(move |(key, value)| (id, kind, key, value)));
    let passing = tags.filter(|(id, kind, key, value)| {
        filters.pass(|name| match name {
            "resource-id" => one(*id),
            "resource-type" => one(*kind),
            _ => of_tag(key, value, name).unwrap_or_default(),
        })
    });
    let (told, token) = page.take(passing.map(|tag| (format!("{} {}", tag.0, tag.2), tag)));
    let show = |(id, kind, key, value): (&str, &str, &String, &String)| json!({"ResourceId": id, "ResourceType": kind, "Key": key, "Value": value});
    Ok(json!({"Tags": told.into_iter().map(show).collect::<Vec<_>>(), "NextToken": token}))
}

/// What a tag has under a filter's name, whatever resource has the tag; none for filters that are about that.
fn of_tag(key: &str, value: &str, name: &str) -> Option<Vec<String>> {
    match (name.strip_prefix("tag:"), name) {
        (Some(wanted), _) if wanted == key => Some(one(value)),
        (Some(_), _) => Some(Vec::new()),
        (None, "key" | "tag-key") => Some(one(key)),
        (None, "value") => Some(one(value)),
        (None, _) => None,
    }
}

/// The resources that a request names, all of which exist.
fn resources(ctx: &mut Ctx<'_>, input: &Value) -> Result<Vec<String>, ApiError> {
    let ids: Vec<String> = input.texts("Resources").into_iter().map(str::to_owned).collect();
    if ids.is_empty() {
        return Err(ApiError::new("MissingParameter", "The request must contain the parameter resourceIdSet"));
    }
    if ids.len() > MOST_IDS {
        let message = format!("You may specify at most {MOST_IDS} resource ids");
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    match ids.iter().find(|id| change(ctx, id, |_| ()).is_none()) {
        Some(id) => Err(missing(id)),
        None => Ok(ids),
    }
}

fn missing(id: &str) -> ApiError {
    let (code, noun) = match id.split_once('-').map_or("", |(prefix, _)| prefix) {
        "i" => ("InvalidInstanceID.NotFound", "instance ID"),
        "ami" => return ApiError::new("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")),
        "snap" => ("InvalidSnapshot.NotFound", "snapshot"),
        "vol" => ("InvalidVolume.NotFound", "volume"),
        "lt" => ("InvalidLaunchTemplateId.NotFound", "launch template ID"),
        "vpc" => ("InvalidVpcID.NotFound", "vpc ID"),
        "subnet" => ("InvalidSubnetID.NotFound", "subnet ID"),
        "sg" => ("InvalidGroup.NotFound", "security group"),
        "key" => ("InvalidKeyPair.NotFound", "key pair"),
        _ => return ApiError::new("InvalidID", format!("The ID '{id}' is not valid")),
    };
    ApiError::new(code, format!("The {noun} '{id}' does not exist"))
}

/// Changes the tags of a resource of any kind; what the change gives, or none if there is no such resource.
fn change<T>(ctx: &mut Ctx<'_>, id: &str, change: impl FnOnce(&mut Tags) -> T) -> Option<T> {
    let account = ctx.place.account.clone();
    let ec2 = &mut ctx.region().ec2;
    let tags = match id.split_once('-')?.0 {
        "i" => return ec2.instances.change(id, |instance| instance.tags.change(change)),
        "vol" => return Some(ec2.volumes.get_mut(id)?.tags.change(change)),
        "vpc" => &mut ec2.networks.vpcs.get_mut(id)?.tags,
        "subnet" => &mut ec2.networks.subnets.get_mut(id)?.tags,
        "sg" => &mut ec2.networks.security_groups.get_mut(id)?.tags,
        "key" => &mut ec2.networks.key_pairs.values_mut().find(|pair| pair.id == id)?.tags,
        "lt" => &mut ec2.templates.get_mut(id)?.tags,
        "ami" => {
            let image = ec2.images.get_mut(id);
            &mut image.filter(|image| image.owner == account && image.state != "deregistered")?.tags
        }
        "snap" => &mut ec2.snapshots.get_mut(id)?.tags,
        "amiur" => &mut ec2.usage_reports.get_mut(id)?.tags,
        "replacevol" => &mut ec2.root_volume_tasks.get_mut(id)?.tags,
        _ => return None,
    };
    Some(change(tags))
}

/// The id, the resource type and the tags of something.
type Tagged<'a> = (&'a str, &'static str, &'a Tags);

/// Something by its id.
fn tagged<'a>(state: &'a State, id: &str) -> Option<Tagged<'a>> {
    all(state, Bound::Included(id), None).next().filter(|(own, ..)| *own == id)
}

/// Everything from an id on, in the order of ids; only some resource types, if they are named.
fn all<'a>(state: &'a State, start: Bound<&str>, kinds: Option<&[&str]>) -> impl Iterator<Item = Tagged<'a>> {
    type Some<'a> = Box<dyn Iterator<Item = Tagged<'a>> + 'a>;
    fn of<'a, K: Borrow<str> + Ord, T>(
        map: &'a BTreeMap<K, T>,
        start: Bound<&str>,
        kind: &'static str,
        tags: impl Fn(&'a T) -> &'a Tags + 'a,
    ) -> Some<'a> {
        Box::new(map.range::<str, _>((start, Bound::Unbounded)).map(move |(id, one)| (id.borrow(), kind, tags(one))))
    }
    let networks = &state.networks;
    let mut pairs: Vec<Tagged<'a>> =
        networks.key_pairs.values().map(|one| (one.id.as_str(), "key-pair", &one.tags)).collect();
    let range: (Bound<&str>, Bound<&str>) = (start, Bound::Unbounded);
    pairs.retain(|(id, ..)| RangeBounds::<str>::contains(&range, *id));
    pairs.sort_unstable_by_key(|(id, ..)| *id);
    let instances = state.instances.from(start).map(|one| (one.id.as_str(), "instance", &*one.tags));
    // In the order of the prefixes of their ids.
    let parts: [(&str, Some<'a>); 11] = [
        ("image", of(&state.images, start, "image", |one| &one.tags)),
        ("image-usage-report", of(&state.usage_reports, start, "image-usage-report", |one| &one.tags)),
        ("instance", Box::new(instances)),
        ("key-pair", Box::new(pairs.into_iter())),
        ("launch-template", of(&state.templates, start, "launch-template", |one| &one.tags)),
        ("replace-root-volume-task", of(&state.root_volume_tasks, start, "replace-root-volume-task", |one| &one.tags)),
        ("security-group", of(&networks.security_groups, start, "security-group", |one| &one.tags)),
        ("snapshot", of(&state.snapshots, start, "snapshot", |one| &one.tags)),
        ("subnet", of(&networks.subnets, start, "subnet", |one| &one.tags)),
        ("volume", of(&state.volumes, start, "volume", |one| &*one.tags)),
        ("vpc", of(&networks.vpcs, start, "vpc", |one| &one.tags)),
    ];
    let wanted = |kind: &str| kinds.is_none_or(|kinds| kinds.contains(&kind));
    let parts: Vec<Some<'a>> = parts.into_iter().filter(|(kind, _)| wanted(kind)).map(|(_, some)| some).collect();
    parts.into_iter().flatten()
}
