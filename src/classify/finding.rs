//! Findings: what is not as it should be, and what rebake reports and does not cure, because it may be evidence of an
//! incident or somebody's decision.
//!
//! - nodes that were changed by hand although their group would replace them, and groups whose members run different images;
//! - settings of groups that make a replacement unsafe, and volumes that outlive the instance;
//! - tags and registrations that decide with which baseline a node is scanned, and scans that cannot be compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Judgement, NeedKind, pairs};
use crate::model::{Baseline, Fact, Fleet, Group, ImageSource, ImageState, Lane, Node, Site};
use crate::text::command::shell_word;
use crate::text::count;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    pub kind: FindingKind,
    /// Where.
    pub site: Site,
    /// The node, group or patch group.
    pub subject: String,
    /// The nodes that it concerns.
    pub nodes: Vec<String>,
    /// For people.
    pub what: String,
    /// The call and field that told.
    pub source: String,
    /// What a person may do about it.
    pub cure: String,
}

/// The kinds of findings, in the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// An immutable node that somebody patched or changed where it is.
    ChangedByHand,
    /// Members of one group run different images.
    MixedImages,
    /// New instances of a group come from another image than its members run.
    BehindTemplate,
    /// A group cannot launch the image that its template names.
    Unlaunchable,
    /// A setting of a group makes a replacement unsafe.
    UnsafeSetting,
    /// A group's instances have volumes that outlive them.
    Stateful,
    /// A node has both `Patch Group` and `PatchGroup`.
    TwoPatchGroups,
    /// A patch group that nodes name is registered with no baseline.
    UnregisteredPatchGroup,
    /// Nodes were scanned with another baseline than the one that holds for them, or than their siblings.
    UnlikeBaselines,
}

impl FindingKind {
    /// The kind as output writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChangedByHand => "changed-by-hand",
            Self::MixedImages => "mixed-images",
            Self::BehindTemplate => "behind-template",
            Self::Unlaunchable => "unlaunchable",
            Self::UnsafeSetting => "unsafe-setting",
            Self::Stateful => "stateful",
            Self::TwoPatchGroups => "two-patch-groups",
            Self::UnregisteredPatchGroup => "unregistered-patch-group",
            Self::UnlikeBaselines => "unlike-baselines",
        }
    }
}

/// The tags that put a node into a patch group.
const PATCH_GROUP_TAGS: [&str; 2] = ["Patch Group", "PatchGroup"];

/// The findings about judged nodes and their groups, sorted by kind, site and subject.
#[must_use]
pub fn findings(fleet: &Fleet, judged: &[Judgement]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut groups: BTreeMap<(&Site, &str), Vec<(&Node, Lane)>> = BTreeMap::new();
    let mut patch_groups: BTreeMap<(&Site, &str), Vec<&Node>> = BTreeMap::new();
    let mut scanned: BTreeMap<(&Site, &str, Option<&str>), Vec<&Node>> = BTreeMap::new();
    for (node, one) in pairs(fleet, judged) {
        if let Some(group) = &node.group {
            groups.entry((&node.site, group)).or_default().push((node, one.lane));
        }
        if one.lane == Lane::Excluded {
            continue;
        }
        found.extend(changed_by_hand(node, one));
        found.extend(two_patch_groups(node));
        if let Some(group) = patch_group(node) {
            patch_groups.entry((&node.site, group)).or_default().push(node);
        }
        if let Some(state) = &node.patch_state {
            scanned.entry((&node.site, &state.baseline, patch_group(node))).or_default().push(node);
        }
    }
    for ((site, name), members) in groups {
        let lane = members.iter().map(|(_, lane)| *lane).find(|lane| *lane != Lane::Excluded);
        let Some(group) = fleet.group(site, name).filter(|_| lane == Some(Lane::Immutable)) else { continue };
        let members: Vec<&Node> = members.into_iter().map(|(node, _)| node).collect();
        of_group(fleet, group, members, &mut found);
    }
    found.extend(patch_groups.into_iter().filter_map(|((site, name), nodes)| unregistered(fleet, site, name, &nodes)));
    let mut scans: BTreeMap<Scan<'_>, Vec<&Node>> = BTreeMap::new();
    for ((site, baseline, group), nodes) in scanned {
        if let Some(scan) = Scan::of(fleet, site, baseline, group) {
            scans.entry(scan).or_default().extend(nodes);
        }
    }
    found.extend(scans.into_iter().map(|(scan, nodes)| scan.finding(&nodes)));
    found.sort_by(|a, b| (a.kind, &a.site, &a.subject, &a.what).cmp(&(b.kind, &b.site, &b.subject, &b.what)));
    found
}

fn ids<'a>(nodes: impl IntoIterator<Item = &'a &'a Node>) -> Vec<String> {
    nodes.into_iter().map(|node| node.id.to_string()).collect()
}

fn changed_by_hand(node: &Node, one: &Judgement) -> Option<Finding> {
    let need = one.needs.iter().find(|need| need.kind == NeedKind::Drift)?;
    Some(Finding {
        kind: FindingKind::ChangedByHand,
        site: node.site.clone(),
        subject: node.id.to_string(),
        nodes: vec![node.id.to_string()],
        what: need.what.clone(),
        source: "ssm DescribeInstancePatchStates".to_owned(),
        cure: "find out who did it; a refresh of its group replaces it".to_owned(),
    })
}

fn of_group(fleet: &Fleet, group: &Group, members: Vec<&Node>, found: &mut Vec<Finding>) {
    let finding = |kind, nodes: Vec<String>, what: String, source: &str, cure: String| Finding {
        kind,
        site: group.site.clone(),
        subject: group.name.clone(),
        nodes,
        what,
        source: source.to_owned(),
        cure,
    };
    let all = || group.members.iter().map(|member| member.id.clone()).collect::<Vec<_>>();
    // While a refresh is at work, members differ by intention.
    if !group.refresh.as_ref().is_some_and(|refresh| refresh.status.is_active()) {
        let instances = "ec2 DescribeInstances ImageId";
        let mut images: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
        for (image, node) in members.iter().filter_map(|node| Some((node.image.as_deref()?, *node))) {
            images.entry(image).or_default().push(node);
        }
        let cure = || "a refresh of the group makes them alike".to_owned();
        let launches = launches(fleet, group);
        let behind: Vec<&Node> = members
            .iter()
            .copied()
            .filter(|node| launches.is_some_and(|image| node.image.as_deref().is_some_and(|it| it != image)))
            .collect();
        if images.len() > 1 {
            let told: Vec<String> = images
                .iter()
                .map(|(image, nodes)| format!("{} on {}", nodes.len(), called(fleet, group, image)))
                .collect();
            found.push(finding(FindingKind::MixedImages, all(), told.join(", "), instances, cure()));
        } else if let (Some(image), [first, ..]) = (launches, behind.as_slice()) {
            let runs = called(fleet, group, first.image.as_deref().unwrap_or_default());
            let what = format!("it launches {}, and its members run {runs}", called(fleet, group, image));
            found.push(finding(FindingKind::BehindTemplate, ids(&behind), what, instances, cure()));
        }
    }
    if let Some(why) = launches(fleet, group).and_then(|image| unlaunchable(fleet, group, image)) {
        let cure = "a newer version of its template, with an image that is there".to_owned();
        found.push(finding(FindingKind::Unlaunchable, all(), why, "ec2 DescribeImages", cure));
    }
    if let Some(used) = unlike_members(&members) {
        let told: Vec<String> = used.iter().map(|(baseline, number)| format!("{number} with {baseline}")).collect();
        let what = format!("its members were scanned {}: what they lack cannot be compared", told.join(", "));
        let source = "ssm DescribeInstancePatchStates BaselineId";
        let cure = "scan them again: rebake patch --scan SELECTOR".to_owned();
        found.push(finding(FindingKind::UnlikeBaselines, all(), what, source, cure));
    }
    for (what, cure) in unsafe_settings(group) {
        found.push(finding(FindingKind::UnsafeSetting, all(), what, "autoscaling DescribeAutoScalingGroups", cure));
    }
    let keeping: Vec<&Node> =
        members.into_iter().filter(|node| node.volumes.iter().any(|volume| !volume.delete_on_termination)).collect();
    if let [first, ..] = keeping.as_slice() {
        let what = if group.min == 1 && group.max == 1 {
            format!("its one instance, {}, has a volume that outlives it", first.id)
        } else {
            format!("volumes outlive {}: each replacement leaves some behind", count(keeping.len(), "instance"))
        };
        let cure = format!(
            "[[lane]] when = \"group:{}\", lane = \"immutable\" in rebake.toml, if it may be replaced",
            group.name
        );
        let source = "ec2 DescribeInstances BlockDeviceMappings DeleteOnTermination";
        found.push(finding(FindingKind::Stateful, ids(&keeping), what, source, cure));
    }
}

/// The image that a group launches now, if its template names one.
fn launches<'a>(fleet: &'a Fleet, group: &Group) -> Option<&'a str> {
    let (id, version) = group.source.template()?;
    let template = fleet.template(&group.site, id)?;
    match &template.version(template.number(version))?.image {
        ImageSource::Literal(image) => Some(image),
        ImageSource::Parameter(_) | ImageSource::None => None,
    }
}

/// Why the image that a group launches cannot be launched, if it is so.
fn unlaunchable(fleet: &Fleet, group: &Group, image: &str) -> Option<String> {
    let unread = |gap: &crate::model::Gap| gap.site == group.site && matches!(gap.fact, Fact::Images | Fact::Site);
    let trouble = match fleet.image(&group.site, image) {
        Some(known) if known.is_launchable() || known.state == ImageState::Pending => return None,
        Some(known) => known.trouble(fleet.as_of),
        None if fleet.gaps.iter().any(unread) => return None,
        None => "gone, or not shared with the account".to_owned(),
    };
    Some(format!("it launches {}, which is {trouble}: no new instance comes up", called(fleet, group, image)))
}

/// An image as people call it.
fn called(fleet: &Fleet, group: &Group, image: &str) -> String {
    let known = fleet.image(&group.site, image);
    match known.and_then(crate::model::Image::rebake) {
        Some(tags) => format!("{} {}", tags.recipe, tags.version),
        None => image.to_owned(),
    }
}

/// Settings with which a replacement goes wrong, costs more, or happens without rebake; each with its cure.
fn unsafe_settings(group: &Group) -> Vec<(String, String)> {
    let of_group = format!("{} --auto-scaling-group-name {}", group.site.region_option(), shell_word(&group.name));
    let update = |option: &str| format!("aws autoscaling update-auto-scaling-group{of_group} {option}");
    let mut settings = Vec::new();
    if !group.suspended.is_empty() {
        let processes: Vec<String> = group.suspended.iter().map(|process| shell_word(process)).collect();
        settings.push((
            format!("suspended: {}", group.suspended.join(", ")),
            format!("aws autoscaling resume-processes{of_group} --scaling-processes {}", processes.join(" ")),
        ));
    }
    if group.protects_new {
        settings.push((
            "new instances are protected from scale-in: a refresh leaves them as they are".to_owned(),
            update("--no-new-instances-protected-from-scale-in"),
        ));
    }
    if group.retains_abandoned {
        settings.push((
            "an instance whose terminating hook is abandoned stays, and costs".to_owned(),
            update("--instance-lifecycle-policy RetentionTriggers={TerminateHookAbandon=terminate}"),
        ));
    }
    if let Some(seconds) = group.max_lifetime_seconds {
        let lifetime = crate::text::format_duration(std::time::Duration::from_secs(u64::from(seconds)));
        settings.push((
            format!("Auto Scaling replaces instances older than {lifetime} by itself, also during a refresh"),
            update("--max-instance-lifetime 0"),
        ));
    }
    if group.capacity_rebalance {
        settings.push((
            "capacity rebalancing replaces Spot instances by itself, also during a refresh".to_owned(),
            update("--no-capacity-rebalance"),
        ));
    }
    if group.zonal_shift {
        settings.push((
            "a zonal shift may take a zone's instances out during a refresh".to_owned(),
            update("--availability-zone-impairment-policy ZonalShiftEnabled=false,ImpairedZoneHealthCheckBehavior=IgnoreUnhealthy"),
        ));
    }
    if let Some(protection) = &group.deletion_protection {
        settings.push((format!("deletion protection: {protection}"), update("--deletion-protection none")));
    }
    settings
}

/// The patch group of a node: of the two tags, the one without a space goes first where both are there.
fn patch_group(node: &Node) -> Option<&str> {
    PATCH_GROUP_TAGS.iter().rev().find_map(|key| node.tags.get(key))
}

fn two_patch_groups(node: &Node) -> Option<Finding> {
    let [spaced, plain] = PATCH_GROUP_TAGS.map(|key| node.tags.get(key));
    let (spaced, plain) = (spaced?, plain?);
    let what = if spaced == plain {
        format!("it has both tags, Patch Group and PatchGroup, with {plain}")
    } else {
        format!("Patch Group says {spaced}, and PatchGroup says {plain}: which of them counts is not defined")
    };
    let remove = match node.id.strip_prefix("mi-") {
        Some(_) => format!(
            "aws ssm remove-tags-from-resource{} --resource-type ManagedInstance --resource-id {} --tag-keys 'Patch Group'",
            node.site.region_option(),
            node.id
        ),
        None => {
            format!("aws ec2 delete-tags{} --resources {} --tags 'Key=Patch Group'", node.site.region_option(), node.id)
        }
    };
    Some(Finding {
        kind: FindingKind::TwoPatchGroups,
        site: node.site.clone(),
        subject: node.id.to_string(),
        nodes: vec![node.id.to_string()],
        what,
        source: "ec2 DescribeInstances Tags".to_owned(),
        cure: remove,
    })
}

/// Whether the baselines of a site were read.
fn read(fleet: &Fleet, site: &Site) -> bool {
    let unread = |gap: &crate::model::Gap| gap.site == *site && matches!(gap.fact, Fact::Baselines | Fact::Site);
    !fleet.gaps.iter().any(unread) && fleet.baselines.iter().any(|baseline| baseline.site == *site)
}

fn unregistered(fleet: &Fleet, site: &Site, name: &str, nodes: &[&Node]) -> Option<Finding> {
    let mut baselines = fleet.baselines.iter().filter(|baseline| baseline.site == *site);
    let registered = baselines.any(|baseline| baseline.patch_groups.iter().any(|group| group == name));
    (read(fleet, site) && !registered).then(|| Finding {
        kind: FindingKind::UnregisteredPatchGroup,
        site: site.clone(),
        subject: name.to_owned(),
        nodes: ids(nodes),
        what: format!("{} in it, and no baseline has it: the default baseline holds", count(nodes.len(), "node")),
        source: "ssm DescribePatchGroups".to_owned(),
        cure: format!(
            "aws ssm register-patch-baseline-for-patch-group{} --baseline-id BASELINE --patch-group={}",
            site.region_option(),
            shell_word(name)
        ),
    })
}

/// A scan with another baseline than the one that holds for the node.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Scan<'a> {
    site: &'a Site,
    used: &'a str,
    used_name: &'a str,
    holds: &'a str,
    holds_name: &'a str,
}

impl<'a> Scan<'a> {
    /// A scan with a baseline of a node in a patch group, if the baseline is known and another one holds there.
    fn of(fleet: &'a Fleet, site: &'a Site, used: &str, patch_group: Option<&str>) -> Option<Self> {
        let here = || fleet.baselines.iter().filter(|baseline| baseline.site == *site);
        let used = here().find(|baseline| baseline.is(used))?;
        let alike = || here().filter(|baseline| baseline.operating_system == used.operating_system);
        let has = |baseline: &&Baseline, name: &str| baseline.patch_groups.iter().any(|group| group == name);
        let registered = patch_group.and_then(|name| alike().find(|baseline| has(baseline, name)));
        let holds = registered.or_else(|| alike().find(|baseline| baseline.default))?;
        (holds.id != used.id).then(|| Self {
            site,
            used: &used.id,
            used_name: &used.name,
            holds: &holds.id,
            holds_name: &holds.name,
        })
    }

    fn finding(&self, nodes: &[&Node]) -> Finding {
        let first = nodes.first().map(|node| node.id.as_str()).unwrap_or_default();
        Finding {
            kind: FindingKind::UnlikeBaselines,
            site: self.site.clone(),
            subject: if self.used_name.is_empty() { self.used } else { self.used_name }.to_owned(),
            nodes: ids(nodes),
            what: format!(
                "{} scanned with it, and {} holds there: what they lack cannot be compared with others",
                count(nodes.len(), "node"),
                if self.holds_name.is_empty() { self.holds } else { self.holds_name }
            ),
            source: "ssm DescribeInstancePatchStates BaselineId, DescribePatchGroups".to_owned(),
            cure: format!("scan them again: rebake patch --scan id:{first}"),
        }
    }
}

/// The baselines with which members of one group were scanned, if they are several.
fn unlike_members<'a>(members: &[&'a Node]) -> Option<BTreeMap<&'a str, usize>> {
    let mut used: BTreeMap<&str, usize> = BTreeMap::new();
    for state in members.iter().filter_map(|node| node.patch_state.as_ref()) {
        *used.entry(&state.baseline).or_default() += 1;
    }
    (used.len() > 1).then_some(used)
}

#[cfg(test)]
mod tests;
