//! One site out of everything that was recorded of it, as a reading of the site itself would have made it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::kind::Kind;
use super::read::What;
use crate::aws::{ManagedNode, Releases};
use crate::inventory::nodes;
use crate::model::gap::{NOT_RECORDED, ONE_PAGE};
use crate::model::{
    Agent, Baseline, Fact, Fleet, Gap, Group, Identity, Image, ImageSource, LifecycleHook, Member, Node,
    OperatingSystem, Patch, PatchState, Refresh, Site, SiteSeen, Tags, Template, TemplateVersion, VersionSpec, Volume,
};
use crate::text::count;

/// What was recorded of a site. Of a thing that was recorded twice, the later recording counts.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    nodes: BTreeMap<String, Node>,
    /// Instances that were on their way out.
    terminated: BTreeSet<String>,
    volumes: BTreeMap<String, Vec<Volume>>,
    images: BTreeMap<String, Image>,
    gone: BTreeMap<String, Image>,
    templates: BTreeMap<String, Template>,
    versions: BTreeMap<String, Versions>,
    groups: BTreeMap<String, Group>,
    policies: BTreeMap<String, BTreeSet<String>>,
    hooks: BTreeMap<String, BTreeMap<String, LifecycleHook>>,
    refreshes: BTreeMap<String, Refresh>,
    managed: BTreeMap<String, ManagedNode>,
    systems: BTreeMap<String, OperatingSystem>,
    states: BTreeMap<String, PatchState>,
    patches: BTreeMap<String, BTreeMap<String, Patch>>,
    releases: Releases,
    baselines: BTreeMap<String, Baseline>,
    /// Patch groups, with the baselines that they are registered with.
    registered: BTreeSet<(String, String)>,
    /// Kinds of which a recording is cut off or broken.
    pub(super) damaged: BTreeSet<Kind>,
    /// For each kind of recording, how many lists say that more follows, and how many do not.
    pub(super) lists: BTreeMap<Kind, (usize, usize)>,
}

/// Versions of a template whose own recording may be missing.
#[derive(Debug, Default)]
struct Versions {
    name: String,
    default: Option<u64>,
    all: BTreeMap<u64, TemplateVersion>,
}

impl Recorded {
    /// Takes something that belongs here.
    pub(super) fn add(&mut self, site: &Site, what: What) {
        match what {
            What::Node(mut node) => {
                node.site = site.clone();
                self.terminated.remove(node.id.as_str());
                self.nodes.insert(node.id.to_string(), *node);
            }
            What::Terminated(id) => {
                self.nodes.remove(&id);
                self.terminated.insert(id);
            }
            What::Volume { node, volume } => self.volumes.entry(node).or_default().push(volume),
            What::Image(mut image) => {
                image.site = site.clone();
                self.images.insert(image.id.clone(), *image);
            }
            What::Metadata { mut image, .. } => {
                image.site = site.clone();
                self.gone.insert(image.id.clone(), *image);
            }
            What::Template(mut template) => {
                template.site = site.clone();
                self.templates.insert(template.id.clone(), template);
            }
            What::Version { template, name, is_default, version } => {
                let versions = self.versions.entry(template).or_default();
                versions.name = name;
                versions.default = if is_default { Some(version.number) } else { versions.default };
                versions.all.insert(version.number, *version);
            }
            What::Group(mut group) => {
                group.site = site.clone();
                self.groups.insert(group.name.clone(), *group);
            }
            What::Policy { group, name } => _ = self.policies.entry(group).or_default().insert(name),
            What::Hook { group, hook } => _ = self.hooks.entry(group).or_default().insert(hook.name.clone(), hook),
            What::Refresh { group, refresh } => {
                let newest = self.refreshes.entry(group).or_insert_with(|| (*refresh).clone());
                let rank = |refresh: &Refresh| (refresh.status.is_active(), refresh.started_at);
                if rank(&refresh) > rank(newest) {
                    *newest = *refresh;
                }
            }
            What::Managed(node) => _ = self.managed.insert(node.id.clone(), *node),
            What::System { node, system } => _ = self.systems.insert(node, system),
            What::State { node, state } => {
                let newest = self.states.entry(node).or_insert_with(|| (*state).clone());
                if state.at > newest.at {
                    *newest = *state;
                }
            }
            What::Patch { node, patch } => _ = self.patches.entry(node).or_default().insert(patch.id.clone(), *patch),
            What::Release { update, package, cves, at } => {
                self.releases.add(update.as_deref(), package.as_deref(), &cves, at);
            }
            What::Baseline(mut baseline) => {
                baseline.site = site.clone();
                self.baselines.insert(baseline.id.clone(), *baseline);
            }
            What::PatchGroup { name, baseline } => _ = self.registered.insert((name, baseline)),
        }
    }

    /// The fleet of the site, with a gap for each fact that nobody recorded.
    pub(super) fn fleet(mut self, site: &Site, name: &str, as_of: Timestamp) -> Fleet {
        let mut gaps = Gaps { site, found: Vec::new() };
        let groups = self.take_groups(&mut gaps);
        let mut nodes = self.take_nodes(site, &groups, &mut gaps);
        launchers(&nodes, &groups, &mut gaps);
        let templates = self.take_templates(site, &groups, &mut gaps);
        let images = self.take_images(&nodes, &templates, &mut gaps);
        nodes::complete(&mut nodes, &images);
        let identity = Identity { account: site.account.clone(), arn: "recordings".to_owned() };
        let mut fleet = Fleet::new(as_of);
        fleet.sites = vec![SiteSeen { site: site.clone(), name: name.to_owned(), identity: Some(identity) }];
        fleet.nodes = nodes;
        fleet.groups = groups;
        fleet.templates = templates;
        fleet.images = images;
        fleet.baselines = self.take_baselines();
        fleet.gaps = gaps.found;
        fleet
    }

    /// Whether all of a kind was recorded: not nothing, nothing cut off, and not one page of several.
    fn is_whole(&self, kinds: &[Kind], fact: Fact, action: &str, gaps: &mut Gaps<'_>) -> bool {
        let lists = kinds.iter().filter_map(|kind| self.lists.get(kind));
        let (open, closed) = lists.fold((0, 0), |sum, (open, closed)| (sum.0 + open, sum.1 + closed));
        match (open, closed) {
            _ if kinds.iter().any(|kind| self.damaged.contains(kind)) => {
                gaps.add(fact, None, action, NOT_RECORDED, "a recording of it is cut off or broken".to_owned());
            }
            (0, 0) => gaps.add(fact, None, action, NOT_RECORDED, "it is not among the recordings".to_owned()),
            (_, 0) => gaps.add(fact, None, action, ONE_PAGE, "the recording says that more follows".to_owned()),
            _ => return true,
        }
        false
    }

    /// The baselines with their patch groups; none where only one of both was recorded whole: what holds for a node is not
    /// known then.
    fn take_baselines(&mut self) -> Vec<Baseline> {
        let whole =
            |kind| self.lists.get(&kind).is_some_and(|(_, closed)| *closed > 0) && !self.damaged.contains(&kind);
        if !(whole(Kind::Baselines) && whole(Kind::PatchGroups)) {
            return Vec::new();
        }
        let mut baselines: Vec<Baseline> = std::mem::take(&mut self.baselines).into_values().collect();
        for (name, id) in std::mem::take(&mut self.registered) {
            if let Some(baseline) = baselines.iter_mut().find(|baseline| baseline.is(&id)) {
                baseline.patch_groups.push(name);
            }
        }
        baselines
    }

    fn take_groups(&mut self, gaps: &mut Gaps<'_>) -> Vec<Group> {
        self.is_whole(&[Kind::Groups], Fact::Groups, "autoscaling:DescribeAutoScalingGroups", gaps);
        let mut groups: Vec<Group> = std::mem::take(&mut self.groups).into_values().collect();
        for group in &mut groups {
            group.policies = self.policies.remove(&group.name).into_iter().flatten().collect();
            group.hooks = self.hooks.remove(&group.name).unwrap_or_default().into_values().collect();
            group.refresh = self.refreshes.remove(&group.name);
        }
        if !groups.is_empty() {
            self.is_whole(&[Kind::Policies], Fact::ScalingPolicies, "autoscaling:DescribePolicies", gaps);
        }
        if groups.iter().any(|group| group.source.template().is_some()) {
            self.is_whole(&[Kind::Refreshes], Fact::Refreshes, "autoscaling:DescribeInstanceRefreshes", gaps);
        }
        if !groups.is_empty() {
            self.is_whole(&[Kind::Hooks], Fact::LifecycleHooks, "autoscaling:DescribeLifecycleHooks", gaps);
        }
        groups
    }

    fn take_nodes(&mut self, site: &Site, groups: &[Group], gaps: &mut Gaps<'_>) -> Vec<Node> {
        let all_managed =
            self.is_whole(&[Kind::ManagedNodes], Fact::ManagedNodes, "ssm:DescribeInstanceProperties", gaps);
        let instances = Some(self.take_instances(site, groups, gaps));
        let known: BTreeSet<String> = self.managed.keys().cloned().collect();
        let managed =
            (all_managed || !known.is_empty()).then(|| std::mem::take(&mut self.managed).into_values().collect());
        let mut nodes = nodes::merged(site, instances, managed, groups);
        for node in &mut nodes {
            // On one page of several, nobody can tell who is absent.
            if !all_managed && !known.contains(node.id.as_str()) {
                node.agent = Agent::Unread;
            }
            if node.system.as_ref().is_none_or(|system| system.inferred) {
                node.system = self.systems.remove(node.id.as_str()).map(Into::into).or(node.system.take());
            }
            if node.volumes.is_empty() {
                node.volumes = self.volumes.remove(node.id.as_str()).unwrap_or_default().into();
            }
            node.patch_state = self.states.remove(node.id.as_str());
            let patches = self.patches.remove(node.id.as_str()).unwrap_or_default();
            let dated = |patch: Patch| Patch { released_at: self.releases.of(&patch), ..patch };
            node.patches =
                patches.into_values().filter(|_| node.patch_state.is_some()).map(dated).map(Into::into).collect();
        }
        self.patched(&nodes, gaps);
        nodes
    }

    /// The instances that were recorded, and those that only Systems Manager or a group tells of: where such a one is there
    /// for sure, or the recordings of instances are not whole anyway. Of a whole recording what is missing was terminated
    /// before; whether one that answered a day ago was, nobody knows.
    fn take_instances(&mut self, site: &Site, groups: &[Group], gaps: &mut Gaps<'_>) -> Vec<Node> {
        let action = "ec2:DescribeInstances";
        let mut whole = self.is_whole(&[Kind::Instances], Fact::Instances, action, gaps);
        let mut instances = std::mem::take(&mut self.nodes);
        let others = self.told_by_others(site, groups, &instances);
        let there = others.values().filter(|(_, sight)| *sight == Sight::There).count();
        if whole && there > 0 {
            let told = format!("{} that groups or Systems Manager tell of", count(there, "instance"));
            let told = format!("{told} {} not among the recordings", if there == 1 { "is" } else { "are" });
            gaps.add(Fact::Instances, None, action, NOT_RECORDED, told);
            whole = false;
        }
        for (id, (node, sight)) in others {
            if whole && sight == Sight::Gone {
                continue;
            }
            if whole {
                let told = "it answered within a day before, and is not among the recordings".to_owned();
                gaps.add(Fact::Instances, Some(&id), action, NOT_RECORDED, told);
            }
            instances.insert(id, node);
        }
        instances.into_values().collect()
    }

    /// The instances that are not among the recorded ones, and that Systems Manager or a group tells of.
    fn told_by_others(
        &self,
        site: &Site,
        groups: &[Group],
        instances: &BTreeMap<String, Node>,
    ) -> BTreeMap<String, (Node, Sight)> {
        let is_new = |id: &str| !instances.contains_key(id) && !self.terminated.contains(id);
        // Ages count from the newest answer: recordings may be old.
        let newest = self.managed.values().filter_map(|known| known.agent.last_ping()).max();
        let mut others = BTreeMap::new();
        for known in self.managed.values().filter(|known| !nodes::is_on_premises(known) && is_new(&known.id)) {
            let heard = |at: Timestamp| newest.is_some_and(|newest| newest.duration_since(at) <= HEARD);
            let sight = match known.agent {
                Agent::Online { .. } => Sight::There,
                _ if known.stopped => Sight::There,
                Agent::Lost { last_ping } if heard(last_ping) => Sight::Heard,
                _ => Sight::Gone,
            };
            others.insert(known.id.clone(), (nodes::unseen(site, known), sight));
        }
        let lasting = |member: &&Member| matches!(member.lifecycle.as_str(), "InService" | "Standby");
        for member in groups.iter().flat_map(|group| &group.members).filter(lasting).filter(|it| is_new(&it.id)) {
            let unseen = || (Node { agent: Agent::Unread, ..Node::new(site.clone(), &member.id) }, Sight::There);
            others.entry(member.id.clone()).or_insert_with(unseen).1 = Sight::There;
        }
        others
    }

    /// What is missing of patching: a state may be asked for fifty nodes at once, so that some may never have been asked.
    fn patched(&self, nodes: &[Node], gaps: &mut Gaps<'_>) {
        let managed = |node: &&Node| !matches!(node.agent, Agent::Absent | Agent::Unread);
        let stateless = nodes.iter().filter(managed).filter(|node| node.patch_state.is_none()).count();
        if stateless > 0 {
            let told = format!("{stateless} managed nodes have none among the recordings");
            gaps.add(Fact::PatchStates, None, "ssm:DescribeInstancePatchStates", NOT_RECORDED, told);
        }
        let needing =
            nodes.iter().filter(|node| node.patch_state.as_ref().is_some_and(|state| state.non_compliant() > 0));
        let unexplained = needing.filter(|node| node.patches.is_empty()).count();
        if unexplained > 0 {
            let told = format!("{unexplained} nodes lack patches that are not among the recordings");
            gaps.add(Fact::Patches, None, "ssm:DescribeInstancePatches", NOT_RECORDED, told);
        }
        if nodes.iter().flat_map(|node| &node.patches).any(|patch| patch.released_at.is_none())
            && !self.lists.contains_key(&Kind::Releases)
        {
            let told = "when patches were released is not among the recordings".to_owned();
            gaps.add(Fact::PatchReleases, None, "ssm:DescribeAvailablePatches", NOT_RECORDED, told);
        }
    }

    /// The templates that groups use, with the versions that were recorded.
    fn take_templates(&mut self, site: &Site, groups: &[Group], gaps: &mut Gaps<'_>) -> Vec<Template> {
        let used = groups.iter().filter_map(|group| group.source.template());
        let mut wanted: BTreeMap<&str, Vec<VersionSpec>> = BTreeMap::new();
        for (id, version) in used {
            wanted.entry(id).or_default().push(version);
        }
        let mut templates = Vec::new();
        for (id, specs) in wanted {
            let versions = self.versions.remove(id).unwrap_or_default();
            let known = self.templates.remove(id);
            if known.is_none() {
                let action = "ec2:DescribeLaunchTemplates";
                gaps.add(Fact::Templates, Some(id), action, NOT_RECORDED, "it is not among the recordings".to_owned());
            }
            let Some(mut template) = known.or_else(|| versions.alone(id, site)) else { continue };
            template.versions = versions.all.into_values().collect();
            let missing =
                specs.into_iter().map(|spec| template.number(spec)).find(|it| template.version(*it).is_none());
            if let Some(number) = missing {
                let told = format!("version {number} is not among the recordings");
                gaps.add(Fact::Templates, Some(id), "ec2:DescribeLaunchTemplateVersions", NOT_RECORDED, told);
            }
            templates.push(template);
        }
        templates
    }

    /// The images that were recorded, and what is known of those that nobody recorded.
    fn take_images(&mut self, nodes: &[Node], templates: &[Template], gaps: &mut Gaps<'_>) -> Vec<Image> {
        let mut images = std::mem::take(&mut self.images);
        for (id, image) in std::mem::take(&mut self.gone) {
            images.entry(id).or_insert(image);
        }
        let of_versions =
            templates.iter().flat_map(|template| &template.versions).filter_map(|version| match &version.image {
                ImageSource::Literal(id) => Some(id.as_str()),
                ImageSource::Parameter(_) | ImageSource::None => None,
            });
        let named: BTreeSet<&str> = nodes.iter().filter_map(|node| node.image.as_deref()).chain(of_versions).collect();
        let recorded = self.lists.contains_key(&Kind::Images) || self.lists.contains_key(&Kind::ImageMetadata);
        if !recorded && !named.is_empty() {
            self.is_whole(&[Kind::Images], Fact::Images, "ec2:DescribeImages", gaps);
        } else {
            for id in named.into_iter().filter(|id| !images.contains_key(*id)) {
                let told = "it is not among the recordings; it may be deregistered".to_owned();
                gaps.add(Fact::Images, Some(id), "ec2:DescribeImages", NOT_RECORDED, told);
            }
        }
        images.into_values().collect()
    }
}

impl Versions {
    /// A template that is known from its versions only. Which is the newest is not told then: the newest that was recorded.
    fn alone(&self, id: &str, site: &Site) -> Option<Template> {
        let latest = *self.all.keys().next_back()?;
        Some(Template {
            id: id.to_owned(),
            name: self.name.clone(),
            site: site.clone(),
            tags: Tags::new(),
            latest,
            default: self.default.unwrap_or(latest),
            operator: None,
            versions: Vec::new(),
        })
    }
}

/// How long the agent of an instance that is there may have been silent.
const HEARD: SignedDuration = SignedDuration::from_hours(24);

/// What others know of an instance that was not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    /// It was there: its agent answers, or it is in service in a group.
    There,
    /// It answered within a day before.
    Heard,
    /// Systems Manager remembers it.
    Gone,
}

/// A gap for each group that launched a node, by its tag, and that is not among the recordings.
fn launchers(nodes: &[Node], groups: &[Group], gaps: &mut Gaps<'_>) {
    if gaps.found.iter().any(|gap| gap.fact == Fact::Groups) {
        return;
    }
    let launchers = nodes.iter().filter(|node| node.group.is_none()).filter_map(Node::launched_by);
    let known: BTreeSet<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    for name in launchers.collect::<BTreeSet<&str>>().difference(&known) {
        let told = "tags of instances name it, and it is not among the recordings".to_owned();
        gaps.add(Fact::Groups, Some(name), "autoscaling:DescribeAutoScalingGroups", NOT_RECORDED, told);
    }
}

struct Gaps<'a> {
    site: &'a Site,
    found: Vec<Gap>,
}

impl Gaps<'_> {
    fn add(&mut self, fact: Fact, resource: Option<&str>, action: &str, code: &str, message: String) {
        self.found.push(missing(self.site, fact, resource, action, code, message));
    }
}

/// A gap of recordings.
pub(super) fn missing(
    site: &Site,
    fact: Fact,
    resource: Option<&str>,
    action: &str,
    code: &str,
    message: String,
) -> Gap {
    Gap {
        site: site.clone(),
        fact,
        resource: resource.map(str::to_owned),
        action: action.to_owned(),
        code: code.to_owned(),
        message,
    }
}
