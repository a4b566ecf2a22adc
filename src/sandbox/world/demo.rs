//! The demo world holds what the tutorial promises, and nothing in it ages into another class too soon.

use super::DEMO;
use serde_json::{Value, json};

use super::age::Age;
use super::aws;
use super::file::{Group, HealthCheck, Instance, VersionName, World};
use super::guest::{AgentState, Guest, Scan};
use super::problem;
use crate::sandbox::value::Get;
use crate::sandbox::{Cloud, Ctx, Place, autoscaling, ec2, ssm};

fn demo() -> World {
    problem::read(DEMO, "demo.toml").unwrap()
}

fn group<'a>(world: &'a World, name: &str) -> &'a Group {
    world.group.iter().find(|group| group.name.get_ref() == name).expect(name)
}

fn pet<'a>(world: &'a World, name: &str) -> &'a Instance {
    world.instance.iter().find(|instance| instance.name.get_ref() == name).expect(name)
}

fn days(age: Age) -> i64 {
    age.seconds() / 86_400
}

#[test]
fn it_has_93_nodes_most_of_them_in_the_first_region() {
    let world = demo();
    let in_region = |region: &str| {
        let groups = world.group.iter().filter(|group| group.region.get_ref() == region);
        groups.map(|group| group.size).sum::<usize>()
            + world.instance.iter().filter(|instance| instance.region.get_ref() == region).count()
            + world.on_premises.iter().filter(|node| node.region.get_ref() == region).count()
    };
    assert_eq!((in_region("eu-west-1"), in_region("us-east-1")), (68, 25));
    assert_eq!(world.account[0].id.get_ref(), "123456789012");
}

#[test]
fn its_groups_are_untidy() {
    let world = demo();
    let version = |name: &str| group(&world, name).version.as_ref().map(|version| version.get_ref().clone());
    assert_eq!(version("web-prod"), Some(VersionName::Number(14)));
    assert_eq!(version("shop-prod"), Some(VersionName::Latest));
    assert!(group(&world, "shop-legacy").launch_configuration.is_some());
    assert!(!group(&world, "api-prod-b").mixed.is_empty());
    assert_eq!(group(&world, "shop-search").suspended[0].get_ref(), "Terminate");
    assert!(group(&world, "api-prod-us").member.iter().any(|member| member.protected));
    assert!(group(&world, "web-prod").member.iter().any(|member| member.guest.by_hand.is_some()));
    assert!(group(&world, "api-prod-a").member.iter().any(|member| member.guest.agent == Some(AgentState::Silent)));
    let owners =
        ["aws:cloudformation:stack-name", "eks:nodegroup-name", "elasticbeanstalk:environment-id", "AmazonECSManaged"];
    for owner in owners {
        assert!(world.group.iter().any(|group| group.tags.contains_key(owner)), "{owner}");
    }
    let served = |group: &&Group| group.tags.get("app").is_some_and(|app| app == "web" || app == "api");
    assert!(world.group.iter().filter(served).all(|group| group.health == HealthCheck::Elb));
    let jenkins = group(&world, "jenkins");
    assert_eq!((jenkins.size, jenkins.max.as_ref().map(|max| *max.get_ref())), (1, Some(1)));
    assert!(world.template.iter().any(|one| one.name.get_ref() == "jenkins" && one.version[0].volumes[0].keep));
}

#[test]
fn its_pets_run_every_system_and_fail_in_every_way() {
    let world = demo();
    for family in ["al2-", "al2023-", "ubuntu-22.04-", "ubuntu-24.04-", "rhel-9-", "windows-2016", "windows-2022"] {
        assert!(world.instance.iter().any(|pet| pet.image.get_ref().starts_with(family)), "{family}");
    }
    assert!(world.on_premises.len() >= 4);
    assert_eq!(pet(&world, "mq-1").guest.agent, Some(AgentState::Silent));
    assert_eq!(pet(&world, "vendor-appliance").guest.agent, Some(AgentState::Absent));
    assert_eq!(pet(&world, "vpn").guest.scan, Some(Scan::Never));
    assert!(matches!(pet(&world, "sftp").guest.scan, Some(Scan::Ago(age)) if days(age) > 30));
    assert!(pet(&world, "old-reports").stopped.is_some());
    assert!(pet(&world, "legacy-billing").name.get_ref().starts_with("legacy-"));
    assert!(pet(&world, "lab-1").tags.contains_key("rebake:lane"));
}

#[test]
fn its_images_are_of_several_ages_and_some_parents_are_gone() {
    let world = demo();
    let mut ages: Vec<i64> = world.image.iter().map(|image| days(image.age)).collect();
    ages.sort_unstable();
    ages.dedup();
    assert!(ages.len() >= 6, "{ages:?}");
    let aws = aws::aws().unwrap();
    let gone = world.image.iter().filter_map(|image| aws.find(image.parent.get_ref()));
    assert!(gone.filter(|(family, age)| family.withdrawn.contains(age)).count() >= 3);
}

/// Two weeks, and a day to be safe.
const CALM: i64 = 15;

#[test]
fn no_patch_matures_or_becomes_overdue_in_the_first_two_weeks() {
    let world = demo();
    for advisory in aws::aws().unwrap().advisory.iter().chain(&world.advisory) {
        let id = advisory.id.get_ref();
        let delay = if id.starts_with("USN") || id.starts_with("DSA") { 0 } else { 7 };
        let released = days(advisory.age);
        let limit = match advisory.severity.as_str() {
            "Critical" => 7,
            "Important" => 14,
            _ => 30,
        };
        let updated = days(advisory.updated.unwrap_or(advisory.age));
        let crosses = |since: i64, threshold: i64| since < threshold && since + CALM >= threshold;
        assert!(!crosses(released, 0) && !crosses(updated, delay), "{id} matures");
        // Whether days overdue count from the release, the update or the approval.
        for since in [released, updated, updated - delay] {
            assert!(since < 0 || !crosses(since, limit), "{id} becomes overdue");
        }
    }
}

#[test]
fn no_image_and_no_parent_passes_a_month_in_the_first_two_weeks() {
    let world = demo();
    let calm = |age: i64, what: &str| assert_eq!(age / 30, (age + CALM - 1) / 30, "{what}: {age} d");
    world.image.iter().for_each(|image| calm(days(image.age), image.key.get_ref()));
    let released = &aws::aws().unwrap().find("al2023-x86_64").unwrap().0.releases;
    released.iter().take(2).for_each(|age| calm(days(*age), "release"));
}

#[test]
fn what_is_silent_or_stale_is_so_for_good() {
    let world = demo();
    let members = world.group.iter().flat_map(|group| group.member.iter().map(|member| &member.guest));
    let pets = world.instance.iter().map(|instance| &instance.guest);
    let guests = members.chain(pets).chain(world.on_premises.iter().map(|node| &node.guest));
    let old = |guest: &Guest| match (guest.silent_since, guest.scan) {
        (Some(age), _) | (None, Some(Scan::Ago(age))) => days(age) > 7,
        _ => true,
    };
    assert!(guests.into_iter().all(old));
}

fn seeded() -> Cloud {
    super::demo("2026-11-24T08:00:00Z".parse().unwrap()).unwrap()
}

fn home(cloud: &mut Cloud) -> Ctx<'_> {
    cloud.at(&Place::new("123456789012", "eu-west-1"))
}

fn named(ctx: &mut Ctx<'_>, name: &str) -> Vec<String> {
    let instances = ctx.region().ec2.instances.iter();
    instances
        .filter(|(_, it)| it.tags.get("Name").is_some_and(|it| it == name))
        .map(|(id, _)| String::from(id))
        .collect()
}

#[test]
fn its_account_holds_every_node_where_the_file_says() {
    let mut cloud = seeded();
    for (region, expected) in [("eu-west-1", 68), ("us-east-1", 25)] {
        let mut ctx = cloud.at(&Place::new("123456789012", region));
        let described = ec2::call(&mut ctx, "DescribeInstances", &json!({})).unwrap();
        let instances: usize = described.items("Reservations").iter().map(|one| one.items("Instances").len()).sum();
        assert_eq!(instances + ctx.region().ssm.hybrid_nodes.len(), expected, "{region}");
        let groups = autoscaling::call(&mut ctx, "DescribeAutoScalingGroups", &json!({})).unwrap();
        for group in groups.items("AutoScalingGroups") {
            assert_eq!(group.items("Instances").len() as i64, group.int("DesiredCapacity").unwrap());
        }
    }
}

#[test]
fn rows_of_patches_tell_what_each_node_needs() {
    let mut cloud = seeded();
    let mut ctx = home(&mut cloud);
    let mut row = |name: &str, index: usize| {
        let id = named(&mut ctx, name)[index].clone();
        let states = ssm::call(&mut ctx, "DescribeInstancePatchStates", &json!({"InstanceIds": [id]})).unwrap();
        states.items("InstancePatchStates").first().cloned()
    };
    let count = |row: &Option<Value>, name: &str| row.as_ref().unwrap().int(name).unwrap_or(0);
    assert!(count(&row("api-prod-b", 0), "MissingCount") > count(&row("web-staging", 0), "MissingCount"));
    assert!(count(&row("web-staging", 0), "MissingCount") > 0);
    assert_eq!(count(&row("batch-worker", 0), "MissingCount"), 0);
    assert_eq!(count(&row("wiki", 0), "MissingCount"), 1, "the one of medium severity");
    assert!(count(&row("nfs-1", 0), "InstalledPendingRebootCount") > 0);
    assert!(count(&row("dc-1", 0), "MissingCount") > 0);
    for unseen in ["vpn", "vendor-appliance"] {
        assert_eq!(row(unseen, 0), None, "{unseen}");
    }
    let by_hand: Vec<Option<Value>> = (0..6).map(|index| row("web-prod", index)).collect();
    let drifted = by_hand.iter().filter(|row| row.as_ref().unwrap().has("LastNoRebootInstallOperationTime"));
    assert_eq!(drifted.count(), 1);
}

#[test]
fn nothing_happens_by_itself_but_scans_for_two_weeks() {
    let mut cloud = seeded();
    let before: Vec<usize> = cloud.places.values().map(|region| region.ec2.instances.len()).collect();
    let missing = |cloud: &Cloud| -> Vec<(String, usize)> {
        let rows = cloud.places.values().flat_map(|region| region.ssm.patch_states.iter());
        rows.map(|(id, state)| {
            (String::from(id), state.rows.iter().filter(|row| row.status.is_non_compliant()).count())
        })
        .collect()
    };
    let at_start = missing(&cloud);
    let two_weeks = cloud.now + jiff::SignedDuration::from_hours(14 * 24);
    cloud.advance(two_weeks);
    assert_eq!(missing(&cloud), at_start);
    let after: Vec<usize> = cloud.places.values().map(|region| region.ec2.instances.len()).collect();
    assert_eq!(after, before);
    let rows = cloud.places.values().flat_map(|region| region.ssm.patch_states.values());
    let fresh = rows.filter(|state| state.ended > two_weeks - jiff::SignedDuration::from_hours(24)).count();
    assert!(fresh > 70, "{fresh} rows are fresh");
}
