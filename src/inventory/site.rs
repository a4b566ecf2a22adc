//! The questions to one site.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::join;
use jiff::{SignedDuration, Timestamp};

use super::gaps::Gaps;
use super::parents::Resolved;
use super::{Progress, SiteRequest, channels, nodes, parents};
use crate::aws::{Aws, Connection, ErrorKind, Releases, each};
use crate::model::{
    Agent, Baseline, Channel, Fact, Fleet, Group, Identity, Image, ImageSource, Node, NodeKind, Patch, PatchState,
    SiteSeen, Template, VersionSpec,
};

/// Node ids in one question for patch states.
const STATES_AT_ONCE: usize = 50;

/// How long EC2 may not tell yet what was just made; how often it is looked for, and how long is waited in between.
const LAG: SignedDuration = SignedDuration::from_secs(60);
const LOOKS: u32 = 6;
const PAUSE: Duration = Duration::from_secs(10);

/// How many generations of images are looked through.
const GENERATIONS: usize = 5;

/// Reads a site: a fleet of its own.
pub(super) async fn read(aws: &Aws, request: &SiteRequest, as_of: Timestamp, progress: &dyn Fn(Progress<'_>)) -> Fleet {
    let connection = aws.site(&request.site, request.role.as_ref()).await;
    let gaps = Gaps::new(&request.site, progress);
    let mut fleet = Fleet::new(as_of);
    let identity = identity(&connection, request.identity.as_ref(), &gaps).await;
    if identity.is_some() {
        let reader = Reader { connection: &connection, request, gaps: &gaps };
        Box::pin(reader.read(&mut fleet)).await;
    }
    fleet.sites.push(SiteSeen { site: request.site.clone(), name: request.name.clone(), identity });
    fleet.gaps = gaps.into_list();
    progress(Progress::Done(&request.site));
    fleet
}

/// Who asks. Nothing else is asked where that cannot be told, or where it is the wrong account.
async fn identity(connection: &Connection, told: Option<&Identity>, gaps: &Gaps<'_>) -> Option<Identity> {
    let identity = match told {
        Some(told) => told.clone(),
        None => gaps.one(Fact::Site, None, connection.identity().await)?,
    };
    let wanted = &connection.site().account;
    if identity.account != *wanted {
        let message = format!("these credentials belong to account {}, not to {wanted}", identity.account);
        gaps.push(Fact::Site, None, "sts:GetCallerIdentity", "WrongAccount", message);
        return None;
    }
    Some(identity)
}

struct Reader<'a> {
    connection: &'a Connection,
    request: &'a SiteRequest,
    gaps: &'a Gaps<'a>,
}

/// What the second round asks for, and what it brings.
struct Details {
    templates: Vec<Template>,
    images: Vec<Image>,
}

/// Images on the way to being looked up.
#[derive(Default)]
struct Images {
    /// By id.
    known: BTreeMap<String, Image>,
    /// What was asked for by id: one that is gone is not asked for again by every image that names it.
    asked: BTreeSet<String>,
}

impl Images {
    fn keep(&mut self, found: Vec<Image>) {
        self.known.extend(found.into_iter().map(|image| (image.id.clone(), image)));
    }
}

impl Reader<'_> {
    async fn read(&self, fleet: &mut Fleet) {
        let (instances, managed, groups, own, channels, parents, components, image_recipes, baselines) = join!(
            async { self.gaps.list(Fact::Instances, self.connection.instances().await) },
            async { self.gaps.list(Fact::ManagedNodes, self.connection.managed_nodes().await) },
            self.groups(),
            async { self.gaps.list(Fact::Images, self.connection.own_images().await) },
            channels::channels(self.connection, self.request, self.gaps),
            parents::parents(self.connection, self.request, self.gaps),
            parents::components(self.connection, self.request, self.gaps),
            async {
                let recipes = self.connection.image_recipes(&self.request.recipes).await;
                self.gaps.one(Fact::ImageRecipes, None, recipes).unwrap_or_default()
            },
            async { self.gaps.one(Fact::Baselines, None, self.connection.baselines().await).unwrap_or_default() },
        );
        let known: BTreeSet<String> = managed.iter().flatten().map(|node| node.id.clone()).collect();
        let mut nodes = nodes::merged(&self.request.site, instances, managed, &groups);
        let details = join!(
            self.details(&nodes, &groups, own.unwrap_or_default(), &parents, &channels),
            self.tagged(&nodes),
            self.patched(&nodes, &known, &baselines),
        );
        let (Details { templates, images }, mut tags, mut patched) = details;
        for node in &mut nodes {
            if let Some(tags) = tags.remove(node.id.as_str()) {
                if let Some(name) = tags.shared("Name") {
                    node.name.clone_from(name);
                }
                node.tags = tags;
            }
            if let Some((state, patches)) = patched.remove(node.id.as_str()) {
                node.patch_state = Some(state);
                node.patches = patches.into_iter().map(Into::into).collect();
            }
        }
        nodes::complete(&mut nodes, &images);
        fleet.nodes = nodes;
        fleet.groups = groups;
        fleet.templates = templates;
        fleet.images = images;
        fleet.channels = channels;
        fleet.parents = parents;
        fleet.components = components;
        fleet.image_recipes = image_recipes;
        fleet.baselines = baselines;
    }

    /// The groups, with what tells their owners and with their refreshes.
    async fn groups(&self) -> Vec<Group> {
        let (groups, policies) = join!(self.connection.groups(), self.connection.scaling_policies());
        let Some(mut groups) = self.gaps.list(Fact::Groups, groups) else { return Vec::new() };
        let mut policies = self.gaps.one(Fact::ScalingPolicies, None, policies).unwrap_or_default();
        let named: Vec<String> = groups.iter().map(|it| it.name.clone()).collect();
        let refreshed: Vec<String> =
            groups.iter().filter(|it| it.source.template().is_some()).map(|it| it.name.clone()).collect();
        let (hooks, refreshes) = join!(
            each(&named, |name| async move { (name.clone(), self.connection.lifecycle_hooks(name).await) }),
            each(&refreshed, |name| async move { (name.clone(), self.connection.newest_refresh(name).await) }),
        );
        let mut hooks: BTreeMap<_, _> = self.gaps.each(Fact::LifecycleHooks, hooks).into_iter().collect();
        let mut refreshes: BTreeMap<_, _> = self.gaps.each(Fact::Refreshes, refreshes).into_iter().collect();
        for group in &mut groups {
            group.policies = policies.remove(&group.name).unwrap_or_default();
            group.hooks = hooks.remove(&group.name).unwrap_or_default();
            group.refresh = refreshes.remove(&group.name).flatten();
        }
        groups
    }

    /// The templates of the groups, and every image that anything names.
    async fn details(
        &self,
        nodes: &[Node],
        groups: &[Group],
        own: Vec<Image>,
        parents: &Resolved,
        channels: &[Channel],
    ) -> Details {
        let templates = self.templates(groups).await;
        let mut named: BTreeSet<String> =
            nodes.iter().filter_map(|node| node.image.as_deref()).map(str::to_owned).collect();
        named.extend(parents.values().cloned());
        named.extend(channels.iter().filter_map(|channel| channel.current.as_ref()).map(|at| at.image.clone()));
        let versions = templates.iter().flat_map(|template| &template.versions);
        named.extend(versions.filter_map(|version| match &version.image {
            ImageSource::Literal(id) => Some(id.clone()),
            ImageSource::Parameter(_) | ImageSource::None => None,
        }));
        let mut images = Images::default();
        images.keep(own);
        self.look_up(&mut images, named).await;
        // The parents of images tell how old what they are made of is, and which system it is.
        let parents = images.known.values().filter_map(|image| image.parent.clone()).collect();
        self.look_up(&mut images, parents).await;
        self.look_up_gone(&mut images, nodes).await;
        self.trace(&mut images, nodes).await;
        Details { templates, images: images.known.into_values().collect() }
    }

    /// The templates of the groups, with the versions that groups run or that their refreshes lead to.
    async fn templates(&self, groups: &[Group]) -> Vec<Template> {
        let mut wanted: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for (id, version) in groups.iter().filter_map(|group| group.source.template()) {
            let numbers = wanted.entry(id.to_owned()).or_default();
            if let VersionSpec::Number(number) = version {
                numbers.insert(number);
            }
        }
        for (id, number) in groups.iter().filter_map(desired) {
            wanted.entry(id).or_default().insert(number);
        }
        let Some((templates, failed)) = self.gaps.one(Fact::Templates, None, self.connection.templates(&wanted).await)
        else {
            return Vec::new();
        };
        for error in &failed {
            self.gaps.add(Fact::Templates, Some(&error.resource), error);
        }
        let templates = self.with_new_versions(templates, groups).await;
        self.gaps.list(Fact::Templates, Ok(templates)).unwrap_or_default()
    }

    /// Adds the versions that refreshes lead to which were begun a moment ago: EC2 may tell a version later than Auto
    /// Scaling does the refresh, and whose the refresh is only the version tells.
    async fn with_new_versions(&self, mut templates: Vec<Template>, groups: &[Group]) -> Vec<Template> {
        let clock = self.connection.clock();
        let began = |group: &&Group| group.refresh.as_ref().and_then(|refresh| refresh.started_at);
        // One that is pending has no beginning yet.
        let young = |group: &&Group| began(group).is_none_or(|at| clock.now().duration_since(at) < LAG);
        for _ in 0..LOOKS {
            let due: Vec<(String, u64)> = groups.iter().filter(young).filter_map(desired).collect();
            let lacks = |template: &Template| {
                let due = due.iter().filter(|(id, number)| *id == template.id && template.version(*number).is_none());
                due.map(|(_, number)| *number).collect::<BTreeSet<u64>>()
            };
            let late: Vec<(usize, BTreeSet<u64>)> =
                templates.iter().map(lacks).enumerate().filter(|(_, numbers)| !numbers.is_empty()).collect();
            if late.is_empty() {
                break;
            }
            clock.sleep(PAUSE).await;
            for (at, numbers) in late {
                let template = &mut templates[at];
                // What cannot be read now is looked for again, or stays away as it was.
                let found = self.connection.template_versions(&template.id, &numbers).await.unwrap_or_default();
                template.versions.extend(found);
                template.versions.sort_by_key(|version| version.number);
            }
        }
        templates
    }

    /// Asks for the images that are named and were not asked for yet.
    async fn look_up(&self, images: &mut Images, named: BTreeSet<String>) {
        let is_new =
            |id: &String| id.starts_with("ami-") && !images.known.contains_key(id) && images.asked.insert(id.clone());
        let unknown: Vec<String> = named.into_iter().filter(is_new).collect();
        let found = self.gaps.one(Fact::Images, None, self.connection.images(&unknown).await);
        images.keep(found.unwrap_or_default());
    }

    /// Images that are gone, and still run: by one instance of each.
    async fn look_up_gone(&self, images: &mut Images, nodes: &[Node]) {
        let mut runs: BTreeMap<&str, &str> = BTreeMap::new();
        for node in nodes {
            if let Some(image) = node.image.as_deref().filter(|image| !images.known.contains_key(*image)) {
                runs.entry(image).or_insert(&node.id);
            }
        }
        let instances: Vec<String> = runs.into_values().map(str::to_owned).collect();
        let known = self.gaps.one(Fact::ImageMetadata, None, self.connection.image_metadata(&instances).await);
        images.keep(known.unwrap_or_default());
    }

    /// Asks what the images that run descend from, where their parents as far as they are known do not lead to an image of
    /// somebody else: a parent is gone, or none is told.
    async fn trace(&self, images: &mut Images, nodes: &[Node]) {
        let account = &self.request.site.account;
        let run: BTreeSet<&str> = nodes.iter().filter_map(|node| node.image.as_deref()).collect();
        let untraced =
            run.into_iter().filter(|id| images.known.contains_key(*id) && !is_traced(&images.known, id, account));
        let untraced: Vec<String> = untraced.map(str::to_owned).collect();
        let told = each(&untraced, |id| async move { (id.clone(), self.connection.ancestry(id).await) }).await;
        // Of an image that is gone, its ancestors are not told either.
        let told = told.into_iter().filter(|(_, read)| !matches!(read, Err(error) if error.kind == ErrorKind::Gone));
        let told = self.gaps.each(Fact::Lineage, told.collect());
        let named =
            told.iter().flat_map(|(_, ancestors)| ancestors.iter().map(|ancestor| ancestor.id.clone())).collect();
        for (id, ancestors) in told {
            if let Some(image) = images.known.get_mut(&id) {
                image.parent = image.parent.take().or_else(|| ancestors.first().map(|ancestor| ancestor.id.clone()));
                image.ancestors = ancestors;
            }
        }
        self.look_up(images, named).await;
    }

    /// The tags of nodes on-premises.
    async fn tagged(&self, nodes: &[Node]) -> BTreeMap<String, crate::model::Tags> {
        let ids = nodes.iter().filter(|node| node.kind() == NodeKind::OnPremises).map(|node| node.id.to_string());
        let ids: Vec<String> = ids.collect();
        let tags = each(&ids, |id| async move { (id.clone(), self.connection.managed_node_tags(id).await) }).await;
        self.gaps.each(Fact::ManagedNodes, tags).into_iter().collect()
    }

    /// Patch states of the managed nodes, with the patches behind them where a row shows a need.
    async fn patched(
        &self,
        nodes: &[Node],
        managed: &BTreeSet<String>,
        baselines: &[Baseline],
    ) -> BTreeMap<String, (PatchState, Vec<Patch>)> {
        let ids = nodes.iter().filter(|node| managed.contains(node.id.as_str()) && node.agent != Agent::Absent);
        let ids: Vec<String> = ids.map(|node| node.id.to_string()).collect();
        let batches: Vec<&[String]> = ids.chunks(STATES_AT_ONCE).collect();
        let states = each(&batches, |batch| async { (*batch, self.connection.patch_states_of(batch).await) }).await;
        let states = states.into_iter().flat_map(|(batch, mut states)| {
            batch.iter().map(move |id| {
                let state = states.as_mut().map(|states| states.remove(id)).map_err(|error| error.clone());
                (id.clone(), state)
            })
        });
        let states = self.gaps.each(Fact::PatchStates, states.collect());
        let needing: Vec<String> = states
            .iter()
            .filter(|(_, state)| state.as_ref().is_some_and(|state| state.non_compliant() > 0))
            .map(|(id, _)| id.clone())
            .collect();
        let patches = each(&needing, |id| async move { (id.clone(), self.connection.patches(id).await) }).await;
        let mut patches: BTreeMap<_, _> = self.gaps.each(Fact::Patches, patches).into_iter().collect();
        let all: Vec<&Patch> = patches.values().flatten().collect();
        let releases = self.gaps.one(Fact::PatchReleases, None, self.connection.patch_releases(&all).await);
        let mut releases = releases.unwrap_or_default();
        self.dated_by_baselines(&states, &patches, baselines, &mut releases).await;
        for patch in patches.values_mut().flatten() {
            patch.released_at = releases.of(patch);
        }
        let row = |(id, state): (String, Option<_>)| {
            let patches = patches.remove(&id).unwrap_or_default();
            Some((id, (state?, patches)))
        };
        states.into_iter().filter_map(row).collect()
    }

    /// Adds the release dates that the baselines tell of packages which the catalogue does not date.
    async fn dated_by_baselines(
        &self,
        states: &[(String, Option<PatchState>)],
        patches: &BTreeMap<String, Vec<Patch>>,
        baselines: &[Baseline],
        releases: &mut Releases,
    ) {
        let undated = |node: &String| {
            let listed = patches.get(node).into_iter().flatten();
            let open = listed.filter(|patch| matches!(patch.state.as_str(), "Missing" | "Failed"));
            open.into_iter().any(|patch| releases.of(patch).is_none())
        };
        let used: BTreeSet<&str> = states
            .iter()
            .filter(|(node, _)| undated(node))
            .filter_map(|(_, state)| state.as_ref().map(|state| state.baseline.as_str()))
            .collect();
        // Amazon's baselines are asked for by their ARN.
        let known = baselines.iter().filter(|baseline| used.iter().any(|id| baseline.is(id)));
        for baseline in known {
            let read = self.connection.baseline_releases(&baseline.id, releases).await;
            self.gaps.one(Fact::PatchReleases, Some(&baseline.id), read);
        }
    }
}

/// The version of the group's own template that its active refresh leads to.
fn desired(group: &Group) -> Option<(String, u64)> {
    let refresh = group.refresh.as_ref().filter(|refresh| refresh.status.is_active())?;
    let (template, version) = refresh.desired.as_ref()?;
    let (own, _) = group.source.template().filter(|(own, _)| own == template)?;
    Some((own.to_owned(), version.parse().ok()?))
}

/// Whether an image's parents lead to an image of another account: that is where a lineage begins.
fn is_traced(images: &BTreeMap<String, Image>, id: &str, account: &str) -> bool {
    let parent = |image: &&Image| image.parent.as_deref().and_then(|parent| images.get(parent));
    std::iter::successors(images.get(id), parent).take(GENERATIONS).any(|image| image.owner != account)
}
