//! Where a recording comes from. Few answers of AWS say it, so it is put together: from what a thing says of itself,
//! else from what refers to it, else from the names of the file and its folders, else from the only site there is.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::region::REGIONS;
use crate::model::Site;
use crate::model::site::{UNKNOWN_REGION, is_account};

/// The account of what does not tell any.
const NO_ACCOUNT: &str = "000000000000";

/// What is known of a place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hint {
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
}

impl Hint {
    /// The account and region in an ARN, as far as it holds them.
    pub(super) fn of_arn(arn: Option<&str>) -> Self {
        let mut parts = arn.unwrap_or_default().split(':').skip(3).map(str::to_owned);
        let (region, account) = (parts.next(), parts.next());
        Self { account: account.filter(|it| is_account(it)), region: region.filter(|it| !it.is_empty()) }
    }

    /// The account of whoever made something.
    pub(super) fn of_maker(arn: Option<&str>) -> Self {
        Self { region: None, ..Self::of_arn(arn) }
    }

    /// The region of an Availability Zone: `eu-west-1a`; of a Local Zone `us-west-2-lax-1a`.
    pub(super) fn in_zone(zone: Option<&str>) -> Self {
        let region = REGIONS.into_iter().find(|region| zone.is_some_and(|zone| zone.starts_with(region)));
        let plain = || zone.map(|zone| zone.trim_end_matches(|c: char| c.is_ascii_lowercase()));
        Self { account: None, region: region.or_else(plain).map(str::to_owned) }
    }

    /// What the names of a file and its folders say; the nearest to the file counts.
    pub(super) fn in_path(path: &str) -> Self {
        let account = path.split(|c: char| !c.is_ascii_alphanumeric()).rfind(|part| is_account(part));
        let here = |region: &str| {
            let ends = path.rmatch_indices(region).filter(|(start, found)| {
                let before = path[..*start].chars().next_back();
                let after = path[start + found.len()..].chars().next();
                !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
            });
            ends.map(|(start, _)| start).max()
        };
        let region = REGIONS.into_iter().filter_map(|region| Some((here(region)?, region))).max();
        Self { account: account.map(str::to_owned), region: region.map(|(_, region)| region.to_owned()) }
    }

    /// Filled up with another.
    pub(super) fn or(self, other: Self) -> Self {
        Self { account: self.account.or(other.account), region: self.region.or(other.region) }
    }

    fn site(&self) -> Option<Site> {
        Some(Site::new(self.account.as_ref()?, self.region.as_ref()?))
    }

    pub(super) fn allows(&self, site: &Site) -> bool {
        self.account.as_ref().is_none_or(|account| *account == site.account)
            && self.region.as_ref().is_none_or(|region| *region == site.region)
    }
}

/// The sites that refer to something by its id or name.
#[derive(Debug, Default)]
pub(super) struct Index(BTreeMap<String, BTreeSet<Site>>);

impl Index {
    pub(super) fn add(&mut self, id: &str, site: &Site) {
        self.0.entry(id.to_owned()).or_default().insert(site.clone());
    }

    fn of(&self, id: &str) -> impl Iterator<Item = &Site> {
        self.0.get(id).into_iter().flatten()
    }
}

/// Finds sites.
#[derive(Debug, Default)]
pub(super) struct Places {
    accounts: BTreeSet<String>,
    regions: BTreeSet<String>,
}

impl Places {
    /// Everything that any recording says, and where nothing does, what the configuration and the options say.
    pub(super) fn new<'a>(hints: impl Iterator<Item = &'a Hint>, home: &[Site]) -> Self {
        let mut places = Self::default();
        for hint in hints {
            places.accounts.extend(hint.account.clone());
            places.regions.extend(hint.region.clone());
        }
        if places.accounts.is_empty() {
            places.accounts.extend(home.iter().map(|site| site.account.clone()).filter(|it| !it.is_empty()));
        }
        if places.regions.is_empty() {
            places.regions.extend(home.iter().map(|site| site.region.clone()));
        }
        places
    }

    /// The site of a thing that is in one place: as it says, as the only one that refers to it (of several, the one that
    /// the path names), as the path says, as the only one there is. False where it had to be made up.
    pub(super) fn one(&self, own: &Hint, path: &Hint, id: &str, index: &Index) -> (Site, bool) {
        if let Some(site) = own.site() {
            return (site, true);
        }
        let only_one = |hint: &Hint| {
            let mut known = index.of(id).filter(|site| own.allows(site) && hint.allows(site));
            known.next().filter(|_| known.next().is_none()).cloned()
        };
        if let Some(site) = only_one(own).or_else(|| only_one(path)) {
            return (site, true);
        }
        let hint = own.clone().or(path.clone());
        let only = |all: &BTreeSet<String>| all.first().filter(|_| all.len() == 1).cloned();
        let account = hint.account.clone().or_else(|| only(&self.accounts));
        let region = hint.region.clone().or_else(|| only(&self.regions));
        let known = account.is_some() && region.is_some();
        let site = Site::new(account.as_deref().unwrap_or(NO_ACCOUNT), region.as_deref().unwrap_or(UNKNOWN_REGION));
        (site, known)
    }

    /// The sites of a thing that several may see, as they do an image: all that refer to it, and that of the path.
    pub(super) fn all(&self, path: &Hint, id: &str, index: &Index) -> Vec<Site> {
        let mut sites: BTreeSet<Site> =
            index.of(id).filter(|site| path.region.as_ref().is_none_or(|it| *it == site.region)).cloned().collect();
        sites.extend(path.site());
        if sites.is_empty() {
            let (site, known) = self.one(&Hint::default(), path, id, index);
            sites.extend(known.then_some(site));
        }
        sites.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(account: &str, region: &str) -> Hint {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Hint { account: some(account), region: some(region) }
    }

    #[test]
    fn zones_arns_and_paths_tell_places() {
        assert_eq!(Hint::in_zone(Some("eu-west-1a")), hint("", "eu-west-1"));
        assert_eq!(Hint::in_zone(Some("us-west-2-lax-1a")), hint("", "us-west-2"));
        assert_eq!(Hint::in_zone(Some("xx-new-9b")), hint("", "xx-new-9"));
        let arn = "arn:aws:autoscaling:eu-west-1:111111111111:autoScalingGroup:uuid:autoScalingGroupName/web";
        assert_eq!(Hint::of_arn(Some(arn)), hint("111111111111", "eu-west-1"));
        assert_eq!(Hint::of_maker(Some("arn:aws:iam::111111111111:root")), hint("111111111111", ""));
        assert_eq!(Hint::of_arn(Some("nonsense")), hint("", ""));
        assert_eq!(Hint::in_path("dump/111111111111/us-east-1/x.json"), hint("111111111111", "us-east-1"));
        assert_eq!(Hint::in_path("us-east-1/prod_eu-west-1-instances.json"), hint("", "eu-west-1"));
        assert_eq!(Hint::in_path("eu-west-12/1111111111112.json"), hint("", ""));
    }

    #[test]
    fn a_place_is_what_is_said_else_what_refers_to_it_else_the_only_one() {
        let (here, there) = (Site::new("111111111111", "eu-west-1"), Site::new("111111111111", "us-east-1"));
        let mut index = Index::default();
        index.add("i-1", &here);
        let known = [hint("111111111111", "eu-west-1"), hint("", "us-east-1")];
        let places = Places::new(known.iter(), &[]);
        let none = Hint::default();
        assert_eq!(places.one(&hint("111111111111", "us-east-1"), &none, "i-1", &index), (there.clone(), true));
        assert_eq!(places.one(&none, &none, "i-1", &index), (here.clone(), true));
        let folder = hint("222222222222", "eu-west-1");
        assert_eq!(places.one(&none, &folder, "i-1", &index), (here.clone(), true), "what refers to it goes before");
        assert_eq!(places.one(&none, &folder, "i-3", &index), (Site::new("222222222222", "eu-west-1"), true));
        assert_eq!(places.one(&hint("", "us-east-1"), &none, "i-1", &index), (there, true));
        assert_eq!(places.one(&none, &none, "i-2", &index), (Site::new("111111111111", "unknown"), false));
        let home = Places::new(std::iter::empty(), std::slice::from_ref(&here));
        assert_eq!(home.one(&none, &none, "i-2", &index), (here, true));
    }
}
