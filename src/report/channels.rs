//! Where channels point.

use jiff::Timestamp;

use super::table::{Align, Table};
use crate::model::Fleet;
use crate::text::{format_ago, terminal_safe};

/// Channels by recipe, with the nodes that run what they point to.
#[must_use]
pub fn table(fleet: &Fleet, now: Timestamp) -> String {
    if fleet.channels.is_empty() {
        return "No channel yet. Next: rebake plan\n".to_owned();
    }
    let mut table =
        Table::new(&[Align::Left, Align::Left, Align::Left, Align::Left, Align::Left, Align::Right]).indent(1);
    table.row(["RECIPE", "CHANNEL", "REGION", "VERSION", "SINCE", "NODES ON IT"]);
    for channel in &fleet.channels {
        let current = channel.current.as_ref();
        let image = current.and_then(|current| fleet.image(&channel.site, &current.image));
        let version = image.and_then(|image| image.rebake()).map(|tags| tags.version.to_owned());
        let version = version.or_else(|| current.map(|current| current.image.clone()));
        let since = current.map(|current| format_ago(current.since, now)).unwrap_or_default();
        let on_it = current.map_or(0, |current| {
            let runs =
                |node: &&crate::model::Node| node.site == channel.site && node.image.as_ref() == Some(&current.image);
            fleet.nodes.iter().filter(runs).count()
        });
        let cells = [
            channel.recipe.clone(),
            channel.name.clone(),
            channel.site.region.clone(),
            version.unwrap_or_else(|| "–".to_owned()),
            since,
            on_it.to_string(),
        ];
        table.row(cells.map(|cell| terminal_safe(&cell).into_owned()));
    }
    table.render(120)
}
