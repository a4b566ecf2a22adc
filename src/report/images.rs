//! The images that rebake built.

use jiff::Timestamp;

use super::table::{Align, Table};
use crate::classify::need::version_key;
use crate::model::Fleet;
use crate::text::{format_ago, terminal_safe};

/// Images by recipe and version, the newest first.
#[must_use]
pub fn table(fleet: &Fleet, now: Timestamp) -> String {
    let mut images: Vec<_> = fleet.images.iter().filter_map(|image| Some((image, image.rebake()?))).collect();
    images.sort_by(|(one, a), (other, b)| {
        (a.recipe, std::cmp::Reverse(version_key(a.version)), &one.site).cmp(&(
            b.recipe,
            std::cmp::Reverse(version_key(b.version)),
            &other.site,
        ))
    });
    if images.is_empty() {
        return "No image yet. Next: rebake plan\n".to_owned();
    }
    let mut table = Table::new(&[Align::Left; 6]).indent(1);
    table.row(["RECIPE", "VERSION", "STATE", "REGION", "IMAGE", "BUILT"]);
    for (image, tags) in images {
        let built = image.created_at.map(|made| format_ago(made, now)).unwrap_or_default();
        let cells = [tags.recipe, tags.version, tags.state, &image.site.region, &image.id, &built];
        table.row(cells.map(|cell| terminal_safe(cell).into_owned()));
    }
    table.render(120)
}
