//! Parents and components: what the names in recipes mean at a site today.

use std::collections::BTreeMap;

use super::gaps::Gaps;
use super::{Parent, ParentSource, SiteRequest};
use crate::aws::{Connection, each};
use crate::model::{Fact, Site};

/// (site, how the recipe names it) → what it is.
pub(super) type Resolved = BTreeMap<(Site, String), String>;

/// Resolves the parents that a site is asked for.
pub(super) async fn parents(connection: &Connection, request: &SiteRequest, gaps: &Gaps<'_>) -> Resolved {
    let mut resolved = Resolved::new();
    let mut names = Vec::new();
    for parent in &request.parents {
        match &parent.source {
            ParentSource::Image(id) => put(&mut resolved, request, parent, id.clone()),
            ParentSource::Parameter(name) => names.push(name.clone()),
            ParentSource::Newest(wanted) => {
                let found = gaps.one(Fact::Images, Some(&parent.named), connection.find_images(wanted).await);
                let usable = found.into_iter().flatten().filter(crate::model::Image::is_usable);
                match usable.max_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id))) {
                    Some(image) => put(&mut resolved, request, parent, image.id),
                    None => missing(gaps, Fact::Images, &parent.named, "ec2:DescribeImages", "no image matches"),
                }
            }
        }
    }
    names.sort();
    names.dedup();
    let Some(values) = gaps.one(Fact::Parameters, None, connection.parameters(&names).await) else { return resolved };
    let values: BTreeMap<&str, &str> = values.iter().map(|it| (it.name.as_str(), it.value.as_str())).collect();
    for parent in &request.parents {
        if let ParentSource::Parameter(name) = &parent.source {
            match values.get(name.as_str()) {
                Some(value) => put(&mut resolved, request, parent, (*value).to_owned()),
                None => missing(gaps, Fact::Parameters, &parent.named, "ssm:GetParameters", "no such parameter"),
            }
        }
    }
    resolved
}

fn put(resolved: &mut Resolved, request: &SiteRequest, parent: &Parent, image: String) {
    resolved.insert((request.site.clone(), parent.named.clone()), image);
}

fn missing(gaps: &Gaps<'_>, fact: Fact, named: &str, action: &str, why: &str) {
    gaps.push(fact, Some(named), action, "NotFound", why.to_owned());
}

/// Resolves the components that a site is asked for to exact build versions.
pub(super) async fn components(connection: &Connection, request: &SiteRequest, gaps: &Gaps<'_>) -> Resolved {
    let found = each(&request.components, |named| async move {
        let (name, version) = named.split_once('@').unwrap_or((named, "x.x.x"));
        connection.managed_component(name, version).await
    })
    .await;
    let mut resolved = Resolved::new();
    for (named, found) in request.components.iter().zip(found) {
        match gaps.one(Fact::Components, Some(named), found) {
            Some(Some(arn)) => {
                resolved.insert((request.site.clone(), named.clone()), arn);
            }
            Some(None) => {
                missing(gaps, Fact::Components, named, "imagebuilder:GetComponent", "Amazon has no such component");
            }
            None => {}
        }
    }
    resolved
}
