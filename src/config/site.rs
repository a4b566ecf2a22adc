//! Sites: which accounts and regions there are, and how to get into them.

use serde::Serialize;

use super::Files;
use super::accounts::{self, Account};
use super::item::{ANY_ACCOUNT, Item};
use super::table::Table;
use crate::model;
use crate::text::{Place, Problem};

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
    /// Regions of an account that nobody configured, as the caller sees them.
    #[must_use]
    pub fn of_caller(account: &str, regions: Vec<String>) -> Self {
        let (account, name, place) = (account.to_owned(), String::new(), Place::default());
        Self { account, name, regions, role: None, via: None, external_id: None, place }
    }

    /// The sites of the account, one for each region.
    pub fn sites(&self) -> impl Iterator<Item = model::Site> {
        self.regions.iter().map(|region| model::Site::new(&self.account, region))
    }
}

/// Reads all sites. Problems with files of accounts go into `elsewhere`.
pub(super) fn sites(
    top: &Table<'_>,
    new_regions: &[String],
    files: &Files<'_>,
    elsewhere: &mut Vec<Problem>,
) -> Vec<Site> {
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
        let key = if table.has("accounts") { "accounts" } else { "account" };
        for site in of_table(table, new_regions, files, elsewhere) {
            if let Some(twin) = sites.iter().find(|other| other.account == site.account) {
                let message = format!("account {} is named twice, first in line {}", site.account, twin.place.line);
                table.wrong_at(key, message, "put its regions together in one `[[site]]`");
            }
            if let Some(twin) = sites.iter().find(|other| !site.name.is_empty() && other.name == site.name) {
                let message = format!("the name `{}` is used twice, first in line {}", site.name, twin.place.line);
                table.wrong_at("name", message, "give each account a name of its own");
            }
            sites.push(site);
        }
    }
    sites
}

/// The sites of one table: of the account that it names, or of those in the file that it names.
fn of_table(table: &Table<'_>, new_regions: &[String], files: &Files<'_>, elsewhere: &mut Vec<Problem>) -> Vec<Site> {
    let accounts = accounts(table, files, elsewhere);
    let regions = table.required_list("regions", |item| item.region(new_regions));
    for (index, region) in regions.iter().enumerate() {
        if regions[..index].contains(region) {
            table.wrong_at("regions", format!("{region} is named twice"), "name each region once");
        }
    }
    let role = table.optional("role", Item::role);
    check_role(table, role.as_deref(), &accounts);
    for key in ["via", "external-id"] {
        if table.has(key) && !table.has("role") {
            table.wrong_at(
                key,
                format!("`{key}` needs a `role`"),
                "name the role to assume in the account, or leave it out",
            );
        }
    }
    let (via, external_id) = (table.optional("via", Item::role), table.optional("external-id", Item::text));
    if via.as_ref().is_some_and(|via| via.contains(ANY_ACCOUNT)) {
        table.wrong_at("via", "the role on the way is one role in one account", "write its ARN with its account");
    }
    let site = |Account { id, name }: Account| Site {
        name,
        regions: regions.clone(),
        role: role.as_ref().map(|role| role.replace(ANY_ACCOUNT, &id)),
        via: via.clone(),
        external_id: external_id.clone(),
        place: table.place(),
        account: id,
    };
    accounts.into_iter().map(site).collect()
}

fn accounts(table: &Table<'_>, files: &Files<'_>, elsewhere: &mut Vec<Problem>) -> Vec<Account> {
    if !table.has("accounts") {
        let name = table.optional("name", Item::text).unwrap_or_default();
        return table.required("account", Item::account).map(|id| Account { id, name }).into_iter().collect();
    }
    for key in ["account", "name"] {
        if table.has(key) {
            table.wrong_at(key, format!("`{key}` and `accounts` exclude each other"), "leave one of the two out");
        }
    }
    let source = table.optional("accounts", |item| item.file(files));
    match source.map(|source| accounts::accounts(&source)) {
        Some(Ok(accounts)) => accounts,
        Some(Err(problems)) => {
            elsewhere.extend(problems);
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// A role belongs to the account; one for many says where the account belongs in it.
fn check_role(table: &Table<'_>, role: Option<&str>, accounts: &[Account]) {
    let Some(role) = role else {
        if accounts.len() > 1 {
            let help = "write for example `role = \"arn:aws:iam::{account}:role/rebake\"`";
            table.wrong_at("accounts", "several accounts cannot be read without a `role`", help);
        }
        return;
    };
    let of = role.split(':').nth(4).unwrap_or_default();
    let foreign = accounts.iter().find(|account| of != ANY_ACCOUNT && of != account.id);
    if let Some(account) = foreign {
        let message = format!("the role is in another account than {}", account.id);
        let help = if table.has("accounts") {
            "write `{account}` where the account belongs: \"arn:aws:iam::{account}:role/rebake\""
        } else {
            "`role` is the one to assume in the account; a role on the way there is `via`"
        };
        table.wrong_at("role", message, help);
    }
}
