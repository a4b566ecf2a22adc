//! What a fleet costs in memory, and what deciding about it costs in time. Figures are printed, none is asserted.
//!
//! `cargo bench --bench fleet` measures up to 1,000,000 nodes; `cargo bench --bench fleet -- 100000` up to so many.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark prints, and measures time")]

use std::collections::BTreeSet;
use std::time::Instant;

use cap::Cap;
use jiff::{SignedDuration, Timestamp};
use mimalloc::MiMalloc;
use rebake::classify::finding::findings;
use rebake::classify::{Judgement, classify};
use rebake::config::{Config, library};
use rebake::model::{
    Agent, Fleet, Group, Image, Node, NodeState, OperatingSystem, Patch, PatchOperation, PatchState, Pool, Site,
    SiteSeen, Volume,
};
use rebake::plan::planner::{Asked, Input, plan};
use rebake::report::html;
use rebake::text::Commands;
use serde_json::json;

#[global_allocator]
static ALLOCATOR: Cap<MiMalloc> = Cap::new(MiMalloc, usize::MAX);

/// When the fleet is looked at.
const NOW: &str = "2026-11-24T09:00:00Z";
/// Members of a group.
const MEMBERS: usize = 20;

fn main() {
    let most = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    let config = library::demo().expect("the demo's configuration");
    memory();
    println!(
        "\n{:>9} {:>8} {:>11} {:>11} {:>8} {:>14}",
        "nodes", "groups", "classify s", "findings s", "plan s", "HTML report s"
    );
    for nodes in [1_000, 10_000, 50_000, 100_000, 1_000_000].into_iter().filter(|nodes| *nodes <= most) {
        deciding(&config, nodes);
    }
}

/// Bytes that a healthy node holds beyond its strings, by the allocator's count: what is freed with the healthy nodes, less
/// the blocks of the strings that are theirs alone. What nodes share is counted in the fleet's whole.
fn memory() {
    const NODES: usize = 100_000;
    let before = ALLOCATOR.allocated();
    let fleet = fleet(NODES);
    let whole = (ALLOCATOR.allocated() - before) / NODES;
    let mut healthy: Vec<Node> = fleet.nodes.into_iter().filter(|node| !lacks(node)).collect();
    healthy.shrink_to_fit();
    let number = healthy.len();
    let strings = healthy.iter().map(strings_of).sum::<usize>() / number;
    let before = ALLOCATOR.allocated();
    drop(healthy);
    let held = (before - ALLOCATOR.allocated()) / number;
    println!("{NODES} nodes, {number} of them healthy; groups, images and patches included: {whole} B a node");
    println!("a healthy node: {held} B = {} B and its own strings, {strings} B", held - strings);
}

/// The blocks of the strings that are a node's own: a counter and a length of 8 B each, and the text.
fn strings_of(node: &Node) -> usize {
    let own = [&node.tags["Name"], &node.tags["host"], &node.tags["serial"], &node.id, &node.volumes[0].id];
    own.into_iter().map(|text| (16 + text.len()).next_multiple_of(8)).sum()
}

/// How long deciding about a fleet takes.
fn deciding(config: &Config, nodes: usize) {
    let fleet = fleet(nodes);
    let timed = Instant::now();
    let judged = classify(config, &fleet, fleet.as_of);
    let classified = timed.elapsed().as_secs_f64();
    let timed = Instant::now();
    let found = findings(&fleet, &judged);
    let findings = timed.elapsed().as_secs_f64();
    assert!(found.len() < nodes, "findings about every node");
    let timed = Instant::now();
    let asked = Asked::default();
    let planned = plan(&Input { config, fleet: &fleet, judgements: &judged, asked: &asked, now: fleet.as_of });
    let plan = timed.elapsed().as_secs_f64();
    let page = (nodes <= 100_000).then(|| page(&fleet, &judged, &planned));
    let page = page.map_or_else(|| "-".to_owned(), |took| format!("{took:.2}"));
    println!("{nodes:>9} {:>8} {classified:>11.2} {findings:>11.2} {plan:>8.2} {page:>14}", fleet.groups.len());
}

fn page(fleet: &Fleet, judged: &[Judgement], plan: &rebake::plan::Plan) -> f64 {
    let timed = Instant::now();
    let page = html::page(&html::Facts {
        asked: "rebake report",
        fleet,
        judged,
        now: fleet.as_of,
        plan: Some(plan),
        run: None,
        before: None,
        commands: &Commands::default(),
    });
    assert!(page.len() > fleet.nodes.len());
    timed.elapsed().as_secs_f64()
}

fn lacks(node: &Node) -> bool {
    node.patch_state.as_ref().is_some_and(|state| state.missing > 0)
}

/// A fleet in 20 sites: four fifths of the nodes are members of groups, a third lacks patches, and each has 8 tags, of
/// which 3 are its own.
fn fleet(nodes: usize) -> Fleet {
    let now: Timestamp = NOW.parse().expect("a moment");
    let mut fleet = Fleet::new(now);
    for site in 0..20 {
        let site = Site::new(&format!("1111111111{:02}", site / 2), ["eu-west-1", "us-east-1"][site % 2]);
        fleet.sites.push(SiteSeen { site: site.clone(), name: String::new(), identity: None });
        fleet.images.push(image(&site));
    }
    fleet.nodes = (0..nodes).map(|number| node(&fleet, number, now)).collect();
    let mut pool = Pool::default();
    fleet.nodes.iter_mut().for_each(|node| pool.share(node));
    drop(pool);
    fleet.nodes.sort_by(|one, other| (&one.site, &one.id).cmp(&(&other.site, &other.id)));
    let mut groups: Vec<Group> = Vec::new();
    let mut named = BTreeSet::new();
    for node in &fleet.nodes {
        let Some(name) = node.group.as_deref() else { continue };
        if named.insert((&node.site, name)) {
            groups.push(group(&node.site, name, &node.tags["app"]));
        }
        let member =
            json!({"id": node.id, "lifecycle": "InService", "healthy": true, "protected": false, "template": null});
        groups.last_mut().expect("a group").members.push(serde_json::from_value(member).expect("a member"));
    }
    groups.sort_by(|one, other| (&one.site, &one.name).cmp(&(&other.site, &other.name)));
    drop(named);
    fleet.groups = groups;
    fleet
}

fn node(fleet: &Fleet, number: usize, now: Timestamp) -> Node {
    let site = fleet.sites[number % fleet.sites.len()].site.clone();
    let image = &fleet.images[number % fleet.sites.len()];
    let place = number / fleet.sites.len();
    let grouped = !number.is_multiple_of(5);
    let lacking = number.is_multiple_of(3);
    // Members of a group have ids beside one another, so that a group is one run of the sorted nodes.
    let mut node = Node::new(site, &format!("i-0{place:016x}"));
    let app = ["web", "shop", "crm", "api", "batch"][place / MEMBERS % 5];
    let host = format!("ip-10-{}-{}-{}", place >> 16, place >> 8 & 255, place & 255);
    let tags = [
        ("app", app),
        ("env", "prod"),
        ("team", "storefront"),
        ("cost-centre", "4711"),
        ("managed-by", "terraform"),
        ("Name", &format!("{app}-{place}")),
        ("host", &host),
        ("serial", &format!("{:08}", place * 7919)),
    ];
    node.tags = tags.into_iter().collect();
    node.name = node.tags.shared("Name").cloned().unwrap_or_default();
    node.system = Some(OperatingSystem { name: "Amazon Linux".into(), version: "2023".into(), inferred: false }.into());
    node.image = Some(image.id.as_str().into());
    node.launched_at = Some(now - SignedDuration::from_hours(24 * 20));
    node.instance_type = Some("m7i.large".into());
    node.architecture = Some("x86_64".into());
    node.zone = Some(format!("{}a", node.site.region).into());
    node.state = NodeState::Running;
    node.agent = Agent::Online { last_ping: now - SignedDuration::from_mins(3) };
    node.group = grouped.then(|| format!("{app}-{}", place / MEMBERS).into());
    node.patch_state = Some(PatchState {
        baseline: "pb-0123456789abcdef0".into(),
        snapshot: None,
        patch_group: "".into(),
        operation: PatchOperation::Scan,
        at: now - SignedDuration::from_hours(6),
        installed: 180,
        missing: if lacking { 2 } else { 0 },
        failed: 0,
        pending_reboot: 0,
        rejected: 0,
    });
    if lacking {
        let patch = |id: &str, severity: &str| Patch {
            id: id.into(),
            title: format!("{id} of Amazon Linux 2023"),
            classification: "Security".into(),
            severity: severity.into(),
            state: "Missing".into(),
            cves: vec!["CVE-2026-10001".into()],
            released_at: Some(now - SignedDuration::from_hours(24 * 9)),
            first_seen: None,
        };
        node.patches =
            Box::new([patch("openssl.x86_64", "Important").into(), patch("kernel.x86_64", "Critical").into()]);
    }
    let root = Volume {
        id: format!("vol-0{place:016x}").into(),
        device: "/dev/xvda".into(),
        root: true,
        delete_on_termination: true,
    };
    node.volumes = Box::new([root]);
    node
}

fn image(site: &Site) -> Image {
    let image = json!({
        "id": format!("ami-0{}{:05}", site.account, site.region.len()), "site": site, "name": "web 2.4.17", "owner": site.account,
        "state": "available", "created_at": "2026-11-01T04:00:00Z", "architecture": "x86_64", "platform": "Linux/UNIX",
        "deprecated_at": null, "parent": null, "allowed": null, "ancestors": [], "snapshots": [], "tags": {},
    });
    serde_json::from_value(image).expect("an image")
}

fn group(site: &Site, name: &str, app: &str) -> Group {
    let group = json!({
        "name": name, "site": site, "tags": {"app": app, "env": "prod"}, "desired": MEMBERS, "min": 1, "max": 2 * MEMBERS,
        "source": "unknown", "members": [], "suspended": [], "health_checks": ["ELB"], "load_balanced": true,
        "grace_seconds": 300, "warmup_seconds": 300, "hooks": [], "policies": [], "protects_new": false,
        "max_lifetime_seconds": null, "warm_pool": false, "operator": null, "capacity_rebalance": false,
        "retains_abandoned": false, "deletion_protection": null, "zonal_shift": false, "refresh": null,
    });
    serde_json::from_value(group).expect("a group")
}
