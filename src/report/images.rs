//! The images that rebake built, the newest first.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::sheet::Sheet;
use super::table::{Align, Table};
use super::words;
use crate::model::{Fleet, Image, ImageState, ImageTags, tag};
use crate::text::format_ago;

use Align::{Left, Right};

/// The images by recipe, the newest first.
fn own(fleet: &Fleet) -> Vec<(&Image, ImageTags<'_>)> {
    let mut own: Vec<(&Image, ImageTags<'_>)> =
        fleet.images.iter().filter_map(|image| Some((image, image.rebake()?))).collect();
    own.sort_by(|(one, one_tags), (other, other_tags)| {
        let newest_first = other.created_at.cmp(&one.created_at);
        one_tags.recipe.cmp(other_tags.recipe).then(newest_first).then(one.site.cmp(&other.site))
    });
    own
}

/// How many nodes run an image.
fn nodes(fleet: &Fleet, image: &Image) -> usize {
    let on_it = |node: &&crate::model::Node| node.site == image.site && node.image.as_deref() == Some(&image.id);
    fleet.nodes.iter().filter(on_it).count()
}

/// The images as JSON, schema `rebake/images`, version 1.
#[must_use]
pub fn json(fleet: &Fleet) -> Value {
    let image = |(image, tags): &(&Image, ImageTags<'_>)| {
        json!({
            "recipe": tags.recipe,
            "version": tags.version,
            "state": state(image, tags),
            "id": image.id,
            "site": image.site,
            "name": image.name,
            "created_at": image.created_at,
            "digest": image.tags.get(tag::DIGEST),
            "nodes": nodes(fleet, image),
        })
    };
    let images: Vec<Value> = own(fleet).iter().map(image).collect();
    json!({"schema": "rebake/images", "version": 1, "as_of": fleet.as_of, "images": images})
}

/// The images as a sheet, one row each.
#[must_use]
pub fn sheet(fleet: &Fleet) -> Sheet {
    let row = |(image, tags): &(&Image, ImageTags<'_>)| {
        let built = image.created_at.map(|at| at.to_string()).unwrap_or_default();
        let (account, region) = (image.site.account.clone(), image.site.region.clone());
        let (recipe, version) = (tags.recipe.to_owned(), tags.version.to_owned());
        let nodes = nodes(fleet, image).to_string();
        vec![recipe, version, state(image, tags), built, image.id.clone(), nodes, account, region]
    };
    let head = ["recipe", "version", "state", "built", "image", "nodes", "account", "region"];
    Sheet { head: head.map(str::to_owned).to_vec(), rows: own(fleet).iter().map(row).collect() }
}

/// The images as a screen of a width, by recipe, the newest first.
#[must_use]
pub fn table(fleet: &Fleet, now: Timestamp, width: usize) -> String {
    let own = own(fleet);
    if own.is_empty() {
        return "No images yet. Next: rebake plan\n".to_owned();
    }
    let mut table = Table::new(&[Left, Left, Left, Left, Left, Right, Left]);
    table.row(["RECIPE", "VERSION", "STATE", "BUILT", "IMAGE", "NODES", "WHERE"]);
    let mut recipe = "";
    for (image, tags) in &own {
        let shown = if tags.recipe == recipe { "" } else { tags.recipe };
        recipe = tags.recipe;
        let built = image.created_at.map(|at| format_ago(at, now)).unwrap_or_default();
        let nodes = nodes(fleet, image).to_string();
        let place = words::place(&image.site, &fleet.sites);
        table.row([shown, tags.version, &state(image, tags), &built, &image.id, &nodes, &place]);
    }
    table.render(width)
}

/// What AWS says of an image where it cannot be launched, else what rebake says of it.
fn state(image: &Image, tags: &ImageTags<'_>) -> String {
    match &image.state {
        ImageState::Available if tags.state.is_empty() => "available".to_owned(),
        ImageState::Available => tags.state.to_owned(),
        ImageState::Pending => "pending".to_owned(),
        ImageState::Deregistered => "deregistered".to_owned(),
        ImageState::Unusable(state) => state.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tags;
    use crate::report::sample;

    fn image(id: &str, version: &str, built: &str) -> Image {
        let tags = [(tag::RECIPE, "web"), (tag::VERSION, version), (tag::STATE, "tested")];
        Image {
            id: id.into(),
            site: sample::site("eu-west-1"),
            name: String::new(),
            owner: "111111111111".into(),
            state: ImageState::Available,
            created_at: Some(sample::at(built)),
            architecture: "x86_64".into(),
            platform: "Linux/UNIX".into(),
            deprecated_at: None,
            parent: None,
            allowed: None,
            ancestors: Vec::new(),
            snapshots: Vec::new(),
            tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect::<Tags>(),
        }
    }

    #[test]
    fn the_newest_comes_first_with_its_nodes() {
        let (mut fleet, _) = sample::fleet();
        assert!(table(&fleet, sample::now(), 80).starts_with("No images yet"));
        fleet.images = vec![
            image("ami-0d900000000000001", "2.4.16", "2026-10-22T08:00:00Z"),
            image("ami-0d900000000000002", "2.4.17", "2026-11-24T12:00:00Z"),
        ];
        let text = table(&fleet, sample::now(), 80);
        let rows: Vec<&str> = text.lines().collect();
        assert!(rows[1].contains("2.4.17") && rows[1].contains("2 h ago"), "{text}");
        assert!(rows[2].contains("2.4.16") && rows[2].contains(" 4 "), "{text}");
    }
}
