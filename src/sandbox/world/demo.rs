//! The demo world holds what the tutorial promises, and nothing in it ages into another class too soon.

use super::DEMO;
use super::age::Age;
use super::aws;
use super::file::{Group, HealthCheck, Instance, VersionName, World};
use super::guest::{AgentState, Guest, Scan};
use super::problem;

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
