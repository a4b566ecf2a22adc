//! What builds stand on: parents, instance types, networks, instance profiles. What can be read is checked; what cannot
//! be is said to be unverified.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Finding;
use crate::aws::{Connection, Error, Subnet};
use crate::cli::session::Session;
use crate::config::recipe::ImageBuilder;
use crate::config::{Build, Config, Recipe};
use crate::inventory::wanted;
use crate::model::Site;
use crate::pass::Look;

/// What every build needs, a finding for each thing that some of them name.
pub(super) async fn findings(session: &Session, look: &Look) -> Vec<Finding> {
    let mut findings = Vec::new();
    for seen in look.fleet.sites.iter().filter(|seen| seen.identity.is_some()) {
        let built = built_at(&look.config, &seen.site);
        if built.is_empty() {
            continue;
        }
        let role = look.config.sites.iter().find(|site| site.account == seen.site.account).and_then(wanted::role);
        let connection = session.aws.site(&seen.site, role.as_ref()).await;
        let place = Place { look, site: &seen.site, connection, built };
        findings.extend(place.parents());
        findings.extend(place.instance_types().await);
        findings.extend(place.networks().await);
        findings.extend(place.unread());
    }
    findings
}

/// The recipes that Image Builder builds at a site.
fn built_at<'a>(config: &'a Config, site: &Site) -> Vec<(&'a Recipe, &'a ImageBuilder)> {
    let here = config.recipes.iter().filter(|recipe| recipe.publish.regions.first() == Some(&site.region));
    here.filter_map(|recipe| match &recipe.build {
        Build::ImageBuilder(builder) => Some((recipe, builder)),
        Build::Parent | Build::External(_) => None,
    })
    .collect()
}

/// A site with the builds that happen there.
struct Place<'a> {
    look: &'a Look,
    site: &'a Site,
    connection: Arc<Connection>,
    built: Vec<(&'a Recipe, &'a ImageBuilder)>,
}

impl Place<'_> {
    /// The recipes that name something, by what they name.
    fn naming<T: Ord>(&self, names: impl Fn(&Recipe, &ImageBuilder) -> Vec<T>) -> BTreeMap<T, Vec<String>> {
        let mut naming: BTreeMap<T, Vec<String>> = BTreeMap::new();
        for (recipe, builder) in &self.built {
            for name in names(recipe, builder) {
                naming.entry(name).or_default().push(recipe.name.clone());
            }
        }
        naming
    }

    /// `in eu-west-1, for api and web`.
    fn place(&self, recipes: &[String]) -> String {
        format!("in {}, for {}", self.site.region, recipes.join(", "))
    }

    fn parents(&self) -> Vec<Finding> {
        let named = |recipe: &Recipe, _: &ImageBuilder| {
            recipe.parent.iter().map(|parent| parent.image.to_string()).collect::<Vec<_>>()
        };
        let finding = |(named, recipes): (String, Vec<String>)| {
            let place = self.place(&recipes);
            match self.look.fleet.parents.get(&(self.site.clone(), named.clone())) {
                Some(image) if self.look.fleet.image(self.site, image).is_some() => {
                    Finding::right(format!("parent {named} is {image} {place}"))
                }
                Some(image) => Finding::missing(
                    format!(
                        "parent {named} is {image} {place}, which does not exist or is not shared with this account"
                    ),
                    "name another parent in the recipe",
                ),
                None => Finding::missing(
                    format!("parent {named} is not to be found {place}"),
                    "correct `image` under [parent] in the recipe",
                ),
            }
        };
        self.naming(named).into_iter().map(finding).collect()
    }

    /// The architecture of a recipe's parent, as far as it was seen.
    fn architecture(&self, recipe: &Recipe) -> Option<&str> {
        let named = recipe.parent.as_ref()?.image.to_string();
        let image = self.look.fleet.parents.get(&(self.site.clone(), named))?;
        self.look.fleet.image(self.site, image).map(|image| image.architecture.as_str())
    }

    async fn instance_types(&self) -> Vec<Finding> {
        let named: BTreeSet<String> = self.built.iter().flat_map(|(_, it)| it.instance_types.iter().cloned()).collect();
        let named: Vec<String> = named.into_iter().collect();
        let known = match self.connection.instance_types(&named).await {
            Ok(known) => known.into_iter().collect::<BTreeMap<_, _>>(),
            Err(error) => return vec![unread("instance types", &error)],
        };
        let wanted = |recipe: &Recipe, builder: &ImageBuilder| {
            let architecture = self.architecture(recipe).map(str::to_owned);
            builder.instance_types.iter().map(|kind| (kind.clone(), architecture.clone())).collect::<Vec<_>>()
        };
        let finding = |((kind, architecture), recipes): ((String, Option<String>), Vec<String>)| {
            let place = self.place(&recipes);
            let runs = known.get(&kind);
            match (runs, architecture) {
                (None, _) => Finding::missing(
                    format!("instance type {kind} does not exist {place}"),
                    "correct `instance-types` under [build] in the recipe",
                ),
                (Some(runs), Some(wanted)) if !runs.contains(&wanted) => Finding::missing(
                    format!("instance type {kind} runs {}, and the parent is {wanted} {place}", runs.join(" and ")),
                    "name instance types of the parent's architecture",
                ),
                _ => Finding::right(format!("instance type {kind} {place}")),
            }
        };
        self.naming(wanted).into_iter().map(finding).collect()
    }

    async fn networks(&self) -> Vec<Finding> {
        let named: BTreeSet<String> = self.built.iter().filter_map(|(_, it)| it.subnet.clone()).collect();
        let groups: BTreeSet<String> = self.built.iter().flat_map(|(_, it)| it.security_groups.clone()).collect();
        let (named, groups): (Vec<String>, Vec<String>) = (named.into_iter().collect(), groups.into_iter().collect());
        let (subnets, defaults, groups) = futures::join!(
            self.connection.subnets(&named),
            self.connection.default_subnets(),
            self.connection.security_groups(&groups)
        );
        let (subnets, defaults, groups) = match (subnets, defaults, groups) {
            (Ok(subnets), Ok(defaults), Ok(groups)) => (subnets, defaults, groups),
            (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => return vec![unread("networks", &error)],
        };
        let wanted = |_: &Recipe, it: &ImageBuilder| vec![(it.subnet.clone(), it.security_groups.clone())];
        let all = self.naming(wanted).into_iter().flat_map(|((subnet, wanted), recipes)| {
            let place = self.place(&recipes);
            match subnet {
                None => vec![default_network(&defaults, &place)],
                Some(id) => network(&id, &wanted, &subnets, &groups, &place),
            }
        });
        all.collect()
    }

    /// What no operation that rebake calls can tell.
    fn unread(&self) -> Vec<Finding> {
        let profiles = self.naming(|_, it| vec![it.instance_profile.clone()]).into_iter().map(|(profile, recipes)| {
            Finding::unverified(format!(
                "instance profile {profile} {}: rebake does not ask IAM; it must exist, and its role needs \
                 EC2InstanceProfileForImageBuilder and AmazonSSMManagedInstanceCore",
                self.place(&recipes)
            ))
        });
        let keys = self.naming(|_, it| it.kms_key.iter().cloned().collect()).into_iter().map(|(key, recipes)| {
            Finding::unverified(format!(
                "key {key} {}: rebake does not ask KMS; Image Builder and Auto Scaling must be allowed to use it",
                self.place(&recipes)
            ))
        });
        profiles.chain(keys).collect()
    }
}

fn default_network(subnets: &[Subnet], place: &str) -> Finding {
    let with_room = subnets.iter().filter(|subnet| subnet.free_addresses > 0).count();
    match (subnets.first(), with_room) {
        (Some(subnet), 1..) => Finding::right(format!("builds run in the default VPC, {}, {place}", subnet.vpc)),
        (Some(subnet), 0) => Finding::missing(
            format!("the subnets of the default VPC, {}, have no free address {place}", subnet.vpc),
            "name a `subnet` under [build] in the recipe",
        ),
        (None, _) => Finding::missing(
            format!("there is no default VPC, and no subnet is named {place}"),
            "name a `subnet` under [build] in the recipe",
        ),
    }
}

fn network(id: &str, wanted: &[String], subnets: &[Subnet], groups: &[(String, String)], place: &str) -> Vec<Finding> {
    let Some(subnet) = subnets.iter().find(|subnet| subnet.id == id) else {
        let next = "correct `subnet` under [build] in the recipe";
        return vec![Finding::missing(format!("subnet {id} does not exist {place}"), next)];
    };
    let mut findings = vec![if subnet.free_addresses == 0 {
        Finding::missing(format!("subnet {id} has no free address {place}"), "name another subnet")
    } else {
        Finding::right(format!("subnet {id} in {} of {} {place}", subnet.zone, subnet.vpc))
    }];
    let next = "correct `security-groups` under [build] in the recipe";
    findings.extend(wanted.iter().map(|wanted| match groups.iter().find(|(group, _)| group == wanted) {
        None => Finding::missing(format!("security group {wanted} does not exist {place}"), next),
        Some((_, vpc)) if *vpc != subnet.vpc => {
            Finding::missing(format!("security group {wanted} is in {vpc}, the subnet in {} {place}", subnet.vpc), next)
        }
        Some(_) => Finding::right(format!("security group {wanted} {place}")),
    }));
    let outside = format!(
        "subnet {id} {place} must reach Systems Manager and the package sources: routes and endpoints are not read"
    );
    findings.push(Finding::unverified(outside));
    findings
}

/// Something that may be right, and could not be read.
fn unread(what: &str, error: &Error) -> Finding {
    Finding::unverified(format!("{what}: {error}"))
}
