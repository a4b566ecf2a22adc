//! Sites: which accounts and regions there are, and how to get into them.

use serde::Serialize;

use super::item::Item;
use super::table::Table;
use crate::model;
use crate::text::Place;

/// An account with the regions of it that rebake looks at: `[[site]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Site {
    /// Twelve digits.
    pub account: String,
    /// What people call it, or empty.
    pub name: String,
    /// Where to look.
    pub regions: Vec<String>,
    /// The role to assume in the account.
    pub role: Option<String>,
    /// The role to assume first.
    pub via: Option<String>,
    /// The external id that the trust policy of the role asks for.
    pub external_id: Option<String>,
    /// Where it is written.
    pub place: Place,
}

impl Site {
    /// The sites of the account, one for each region.
    pub fn sites(&self) -> impl Iterator<Item = model::Site> {
        self.regions.iter().map(|region| model::Site::new(&self.account, region))
    }
}

/// Reads all sites.
pub(super) fn sites(top: &Table<'_>, new_regions: &[String]) -> Vec<Site> {
    let tables = top.tables("site");
    if tables.is_empty() && !top.has("site") {
        top.wrong_at(
            "site",
            "no `[[site]]` names an account",
            "write for example\n[[site]]\naccount = \"111111111111\"\nregions = [\"eu-west-1\"]",
        );
    }
    let mut sites: Vec<Site> = Vec::new();
    for table in &tables {
        let Some(site) = site(table, new_regions) else { continue };
        if let Some(twin) = sites.iter().find(|other| other.account == site.account) {
            let message = format!("account {} is named twice, first in line {}", site.account, twin.place.line);
            table.wrong_at("account", message, "put its regions together in one `[[site]]`");
        }
        if let Some(twin) = sites.iter().find(|other| !site.name.is_empty() && other.name == site.name) {
            let message = format!("the name `{}` is used twice, first in line {}", site.name, twin.place.line);
            table.wrong_at("name", message, "give each account a name of its own");
        }
        sites.push(site);
    }
    sites
}

fn site(table: &Table<'_>, new_regions: &[String]) -> Option<Site> {
    let account = table.required("account", Item::account);
    let regions = table.required_list("regions", |item| item.region(new_regions));
    for (index, region) in regions.iter().enumerate() {
        if regions[..index].contains(region) {
            table.wrong_at("regions", format!("{region} is named twice"), "name each region once");
        }
    }
    let role = table.optional("role", Item::role);
    if let (Some(role), Some(account)) = (&role, &account)
        && role.split(':').nth(4) != Some(account)
    {
        let message = format!("the role is in another account than {account}");
        table.wrong_at("role", message, "`role` is the one to assume in the account; a role on the way there is `via`");
    }
    for key in ["via", "external-id"] {
        if table.has(key) && !table.has("role") {
            table.wrong_at(
                key,
                format!("`{key}` needs a `role`"),
                "name the role to assume in the account, or leave it out",
            );
        }
    }
    Some(Site {
        name: table.optional("name", Item::text).unwrap_or_default(),
        regions,
        role,
        via: table.optional("via", Item::role),
        external_id: table.optional("external-id", Item::text),
        place: table.place(),
        account: account?,
    })
}
