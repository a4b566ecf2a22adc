//! A plan as people read it before they say yes.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::table::{Align, Table, paragraph};
use super::words;
use crate::config::Share;
use crate::plan::{GroupRollout, LeftOut, LeftOutKind, Plan, RingPatch, Rollout};
use crate::text::{count, markdown_safe};

use Align::{Left, Right};

/// The plan as a screen of a width.
#[must_use]
pub fn table(plan: &Plan, now: Timestamp, width: usize) -> String {
    let mut text = String::new();
    for line in words::sites(&plan.sites) {
        text.push_str(&paragraph(&line, width, 2));
    }
    text.push_str(&paragraph(&headline(plan, now), width, 2));
    let parts = [bakes(plan, width), rollouts(plan, now, width), patches(plan, now, width), left_out(plan, width)];
    for part in parts.iter().filter(|part| !part.is_empty()) {
        _ = write!(text, "\n{part}");
    }
    if !plan.is_empty() {
        _ = write!(text, "\n{}", paragraph(&blast_radius(plan), width, 2));
    }
    text
}

/// The answer in one sentence: how much there is to do, and for how long.
#[must_use]
pub fn headline(plan: &Plan, now: Timestamp) -> String {
    if plan.is_empty() {
        let needing: u32 = plan.left_out.iter().map(|left| left.needing).sum();
        return match needing {
            0 => "Nothing to do.".to_owned(),
            needing => format!("Nothing to do. {} to be patched: see below.", nodes_need(needing)),
        };
    }
    let mut parts = Vec::new();
    if !plan.bakes.is_empty() {
        parts.push(format!("{} to build", count(plan.bakes.len(), "image")));
    }
    let groups: Vec<&GroupRollout> = groups(plan).collect();
    if !groups.is_empty() {
        let nodes = groups.iter().map(|group| group.nodes).sum();
        parts.push(format!("{} ({}) to refresh", count(groups.len(), "group"), words::nodes(nodes)));
    }
    if !plan.rollouts.is_empty() {
        parts.push(format!("{} to move", count(plan.rollouts.len(), "channel")));
    }
    let patched: usize = plan.patches.iter().map(|ring| ring.nodes.len()).sum();
    if patched > 0 {
        let scan = plan.patches.iter().all(|ring| ring.scan_only);
        parts.push(format!("{} to {}", count(patched, "node"), if scan { "scan" } else { "patch" }));
    }
    let time = match (expected_seconds(plan, now), waits(plan, now)) {
        (0, true) => "Gates hold it back".to_owned(),
        (seconds, true) => format!("About {}, then gates", words::seconds(seconds)),
        (seconds, false) => format!("About {}", words::seconds(seconds)),
    };
    format!("{}. {time}.", parts.join(", "))
}

fn nodes_need(number: u32) -> String {
    format!("{} {}", words::nodes(number), if number == 1 { "still needs" } else { "still need" })
}

fn groups(plan: &Plan) -> impl Iterator<Item = &GroupRollout> {
    plan.rollouts.iter().flat_map(|rollout| &rollout.waves).flat_map(|wave| &wave.groups)
}

fn waits(plan: &Plan, now: Timestamp) -> bool {
    let gates = plan.rollouts.iter().flat_map(|rollout| &rollout.gates);
    gates.chain(plan.patches.iter().flat_map(|ring| &ring.gates)).any(|gate| words::holds_back(gate, now))
}

/// How long the work takes that no gate holds back: the longest of images with their rollouts, and rings.
#[must_use]
pub fn expected_seconds(plan: &Plan, now: Timestamp) -> u64 {
    let free = |gates: &[crate::plan::Gate]| gates.iter().all(|gate| !words::holds_back(gate, now));
    let bake =
        |recipe: &str| plan.bakes.iter().find(|bake| bake.recipe == recipe).map_or(0, |bake| bake.expected_seconds);
    let images = plan.bakes.iter().map(|bake| bake.expected_seconds);
    let rollouts = plan.rollouts.iter().filter(|rollout| free(&rollout.gates));
    let rollouts = rollouts.map(|rollout| bake(&rollout.recipe) + rollout.expected_seconds);
    let rings = plan.patches.iter().filter(|ring| free(&ring.gates)).map(|ring| ring.expected_seconds);
    images.chain(rollouts).chain(rings).max().unwrap_or(0)
}

fn bakes(plan: &Plan, width: usize) -> String {
    let mut table = Table::new(&[Left, Left, Left, Left]);
    let mut title = " BAKE    ";
    for bake in &plan.bakes {
        let versions = arrow(bake.from.as_deref(), &bake.version);
        let parent = format!("parent {}", if bake.parent_name.is_empty() { &bake.parent } else { &bake.parent_name });
        let mut why: Vec<String> = bake.reasons.clone();
        why.push(parent);
        why.push(format!("in {}", words::list(&bake.regions)));
        table.row([std::mem::take(&mut title), &bake.recipe, &versions, &why.join("; ")]);
    }
    for unchanged in &plan.unchanged {
        table.row([
            std::mem::take(&mut title),
            &unchanged.recipe,
            &unchanged.version,
            &format!("unchanged: {}", unchanged.why),
        ]);
    }
    table.indent(0).render(width)
}

fn arrow(from: Option<&str>, to: &str) -> String {
    from.map_or_else(|| format!("new {to}"), |from| format!("{from} → {to}"))
}

fn rollouts(plan: &Plan, now: Timestamp, width: usize) -> String {
    let mut text = String::new();
    for (number, rollout) in plan.rollouts.iter().enumerate() {
        let margin = if number == 0 { " ROLL OUT " } else { "          " };
        let gates = words::gates(&rollout.gates, now);
        let gates = if gates.is_empty() { String::new() } else { format!("   waits: {gates}") };
        let head = format!("{} → {}   {}{gates}", rollout.recipe, rollout.channel, versions(rollout));
        text.push_str(margin);
        text.push_str(&paragraph(&head, width, 12));
        text.push_str(&waves(rollout, width));
    }
    text
}

fn versions(rollout: &Rollout) -> String {
    match &rollout.from {
        Some(from) if *from == rollout.version => rollout.version.clone(),
        from => arrow(from.as_deref(), &rollout.version),
    }
}

fn waves(rollout: &Rollout, width: usize) -> String {
    let mut table = Table::new(&[Left, Left, Right, Left, Left, Left]).indent(11);
    for (number, wave) in rollout.waves.iter().enumerate() {
        for (position, group) in wave.groups.iter().enumerate() {
            let wave = if position == 0 { format!("wave {}", number + 1) } else { String::new() };
            let expected = format!("~{}", words::seconds(group.expected_seconds));
            table.row([&wave, &group.group, &words::nodes(group.nodes), way(group), &expected, &remarks(group)]);
        }
    }
    for handed in &rollout.handed_over {
        let remark = format!("by its owner, {}", handed.owner);
        table.row(["then", &handed.group, &words::nodes(handed.nodes), "", "", &remark]);
    }
    if rollout.waves.is_empty() && rollout.handed_over.is_empty() {
        table.row(["the channel moves, no group follows it"]);
    }
    table.render(width)
}

/// How capacity is kept during a refresh.
fn way(group: &GroupRollout) -> &'static str {
    if group.max_healthy > 100 { "surge" } else { "in place" }
}

fn remarks(group: &GroupRollout) -> String {
    let mut remarks = vec![match &group.no_rollback {
        None => "can roll back".to_owned(),
        Some(why) => format!("CANNOT roll back: {why}"),
    }];
    if group.pin {
        remarks.push("its version is pinned first".to_owned());
    }
    if !group.left_behind.is_empty() {
        let left = u32::try_from(group.left_behind.len()).unwrap_or(u32::MAX);
        remarks.push(format!("{} stay as they are: {}", words::nodes(left), words::list(&group.left_behind)));
    }
    remarks.join("; ")
}

fn patches(plan: &Plan, now: Timestamp, width: usize) -> String {
    let mut table = Table::new(&[Left, Left, Right, Left]);
    let mut title = " PATCH   ";
    for ring in &plan.patches {
        let number = count(ring.nodes.len(), "node");
        table.row([std::mem::take(&mut title), &format!("ring {}", ring.ring), &number, &ring_story(ring, now)]);
    }
    table.indent(0).render(width)
}

fn ring_story(ring: &RingPatch, now: Timestamp) -> String {
    let gates = words::gates(&ring.gates, now);
    let mut parts = vec![if gates.is_empty() { "now".to_owned() } else { gates }];
    if ring.scan_only {
        parts.push("scan only".to_owned());
    } else {
        parts.push(format!("~{}", words::seconds(ring.expected_seconds)));
    }
    parts.push(names(ring));
    parts.join(", ")
}

/// The names of a ring's nodes, as far as a line should hold them.
fn names(ring: &RingPatch) -> String {
    const MOST: usize = 4;
    let name = |target: &crate::plan::PatchTarget| {
        if target.name.is_empty() { target.node.clone() } else { target.name.clone() }
    };
    let mut names: Vec<String> = ring.nodes.iter().take(MOST).map(name).collect();
    if ring.nodes.len() > MOST {
        names.push(format!("{} more", ring.nodes.len() - MOST));
    }
    words::list(&names)
}

/// How something is left out, in a word or two.
#[must_use]
pub fn kind(kind: LeftOutKind) -> &'static str {
    match kind {
        LeftOutKind::Blocked => "blocked",
        LeftOutKind::HandedOver => "handed over",
        LeftOutKind::Delegated => "delegated",
        LeftOutKind::NoRecipe => "no recipe",
        LeftOutKind::NoRing => "no ring",
        LeftOutKind::Exception => "exception",
        LeftOutKind::Excluded => "excluded",
        LeftOutKind::Unreachable => "unreachable",
        LeftOutKind::Empty => "empty",
        LeftOutKind::NotCured => "not cured",
    }
}

fn left_out(plan: &Plan, width: usize) -> String {
    if plan.left_out.is_empty() {
        return String::new();
    }
    let mut text = " NOT IN THE PLAN\n".to_owned();
    for left in &plan.left_out {
        let mut table = Table::new(&[Left, Left, Left]).indent(2);
        table.row([format!("{:<14}", left.subject), format!("{:>9}", number(left)), story(left)]);
        text.push_str(&table.render(width));
        text.push_str(&cure(&left.cure, width));
    }
    text
}

/// What would change it, on a line of its own; a command stays whole, to be copied.
fn cure(cure: &str, width: usize) -> String {
    if cure.is_empty() {
        return String::new();
    }
    let width = if words::is_command(cure) { usize::MAX } else { width };
    format!("      {}", paragraph(cure, width, 6))
}

fn number(left: &LeftOut) -> String {
    if left.nodes.is_empty() { String::new() } else { count(left.nodes.len(), "node") }
}

fn story(left: &LeftOut) -> String {
    if left.kind == LeftOutKind::Blocked { format!("blocked: {}", left.reason) } else { left.reason.clone() }
}

fn blast_radius(plan: &Plan) -> String {
    let mut parts = Vec::new();
    if groups(plan).next().is_some() {
        parts.push(format!("at most {} at a time", count(plan.limits.groups_at_once as usize, "group")));
    }
    for ring in plan.patches.iter().filter(|ring| !ring.scan_only) {
        let at_once = crate::patch::decide::at_once(ring, ring.nodes.len());
        parts.push(format!("ring {}: {at_once} of {} at a time", ring.ring, count(ring.nodes.len(), "node")));
    }
    if !parts.is_empty() {
        let most = match plan.limits.instances_at_once {
            Share::Count(most) => count(most as usize, "node"),
            Share::Percent(most) => format!("{most} % of the nodes"),
        };
        parts.push(format!("of one application (tag {}) at most {most}", plan.limits.application_tag));
    }
    if parts.is_empty() {
        "Blast radius: no running node is touched.".to_owned()
    } else {
        format!("Blast radius: {}.", parts.join("; "))
    }
}

/// The plan as Markdown, for a pull request or a ticket.
#[must_use]
pub fn markdown(plan: &Plan, now: Timestamp) -> String {
    let safe = |text: &str| markdown_safe(text).into_owned();
    let mut text = format!("## {}\n\n", safe(&headline(plan, now)));
    for line in words::sites(&plan.sites) {
        _ = writeln!(text, "{}\n", safe(&line));
    }
    let mut part = |title: &str, head: &[&str], rows: Vec<Vec<String>>| {
        if !rows.is_empty() {
            _ = writeln!(text, "### {title}\n\n{}", super::words::markdown_table(head, &rows));
        }
    };
    let bakes = plan.bakes.iter().map(|bake| {
        vec![
            bake.recipe.clone(),
            arrow(bake.from.as_deref(), &bake.version),
            bake.reasons.join("; "),
            bake.regions.join(", "),
        ]
    });
    part("Bake", &["Recipe", "Version", "Why", "Regions"], bakes.collect());
    let waves = plan.rollouts.iter().flat_map(|rollout| {
        let channel = format!("{} → {}", rollout.recipe, rollout.channel);
        let waits = words::gates(&rollout.gates, now);
        let alone = rollout.waves.is_empty().then(|| {
            let row = [channel.as_str(), &versions(rollout), "", "no group: the channel alone", "0", "", &waits];
            row.map(str::to_owned).to_vec()
        });
        let groups = rollout
            .waves
            .iter()
            .enumerate()
            .flat_map(|(number, wave)| wave.groups.iter().map(move |group| (number, group)))
            .map(move |(number, group)| {
                let version = versions(rollout);
                let (nodes, number) = (group.nodes.to_string(), (number + 1).to_string());
                vec![channel.clone(), version, number, group.group.clone(), nodes, remarks(group), waits.clone()]
            });
        alone.into_iter().chain(groups).collect::<Vec<_>>()
    });
    part("Roll out", &["Channel", "Version", "Wave", "Group", "Nodes", "Remarks", "Waits for"], waves.collect());
    let rings =
        plan.patches.iter().map(|ring| vec![ring.ring.clone(), ring.nodes.len().to_string(), ring_story(ring, now)]);
    part("Patch", &["Ring", "Nodes", "When"], rings.collect());
    let left = plan
        .left_out
        .iter()
        .map(|left| vec![left.subject.clone(), left.nodes.len().to_string(), story(left), left.cure.clone()]);
    part("Not in the plan", &["What", "Nodes", "Why", "Cure"], left.collect());
    if !plan.is_empty() {
        _ = writeln!(text, "{}", safe(&blast_radius(plan)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_plan_is_told() {
        let text = table(&sample::plan(), sample::now(), 80);
        assert!(text.lines().all(|line| line.chars().count() <= 80 || line.trim_start().starts_with("aws ")), "{text}");
        insta::assert_snapshot!(text, @r#"
        111111111111 (prod), eu-west-1 and us-east-1, as role/rebake-rollout
        1 image to build, 3 groups (20 nodes) to refresh, 2 channels to move, 2 nodes
          to patch. About 47 min, then gates.

         BAKE      web    2.4.16 → 2.4.17  its parent is newer; parent al2023
                                           2026.11.18; in eu-west-1 and us-east-1
                   batch  3.0.2            unchanged: digest 7c1e, both regions have it

         ROLL OUT web → staging   2.4.16 → 2.4.17
                   wave 1  web-staging  2 nodes  surge  ~12 min  can roll back
                  web → prod   2.4.16 → 2.4.17   waits: 24 h soak on staging, then
                    approval
                   wave 1  web-prod-b   4 nodes  surge  ~20 min  can roll back
                   wave 2  web-prod-a  14 nodes  surge  ~48 min  CANNOT roll back:
                                                                 launch configuration;
                                                                 becomes a template

         PATCH     ring canary  2 nodes  now, ~10 min, jump and ci-1

         NOT IN THE PLAN
          legacy-win         1 node  blocked: process Terminate is suspended
              aws autoscaling resume-processes --auto-scaling-group-name legacy-win --scaling-processes Terminate
          db-1               1 node  no ring selects it

        Blast radius: at most 1 group at a time; ring canary: 1 of 2 nodes at a time;
          of one application (tag app) at most 25 % of the nodes.
        "#);
    }

    #[test]
    fn an_empty_plan_says_so_first() {
        let mut plan = sample::plan();
        (plan.bakes, plan.rollouts, plan.patches) = (Vec::new(), Vec::new(), Vec::new());
        assert_eq!(headline(&plan, sample::now()), "Nothing to do. 2 nodes still need to be patched: see below.");
        plan.left_out = Vec::new();
        assert!(table(&plan, sample::now(), 80).contains("\nNothing to do.\n"));
    }

    #[test]
    fn markdown_is_not_broken_by_names() {
        let mut plan = sample::plan();
        plan.left_out[0].subject = "a|b".to_owned();
        assert!(markdown(&plan, sample::now()).contains("a\\|b"));
    }
}
