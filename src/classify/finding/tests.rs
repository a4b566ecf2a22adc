//! Each kind of finding, and what is none.

use super::*;
use crate::classify::{Need, classify};
use crate::config::Config;
use crate::model::{
    Gap, GroupSource, Image, Member, PatchOperation, PatchState, Refresh, RefreshStatus, Template, TemplateVersion,
    VersionSpec, Volume, sample,
};

const NOW: &str = "2026-11-24T08:00:00Z";

fn member(id: &str) -> Member {
    Member { id: id.into(), lifecycle: "InService".into(), healthy: true, protected: false, template: None }
}

/// A group `web` of two on one image, launched from a template that names it; and a baseline that holds for all.
fn fleet() -> Fleet {
    let mut fleet = Fleet::new(NOW.parse().unwrap());
    fleet.groups = vec![Group {
        source: GroupSource::Template { id: "lt-0f3".into(), version: VersionSpec::Number(14) },
        members: ["i-1", "i-2"].map(member).to_vec(),
        ..sample::group("web")
    }];
    let node = |id: &str| Node {
        group: Some("web".into()),
        image: Some("ami-1".into()),
        launched_at: Some("2026-11-01T08:00:00Z".parse().unwrap()),
        patch_state: Some(sample::scanned("2026-11-24T04:00:00Z", 0)),
        ..sample::node(id)
    };
    fleet.nodes = ["i-1", "i-2"].map(node).to_vec();
    fleet.templates = vec![Template {
        id: "lt-0f3".into(),
        name: "web".into(),
        site: sample::site(),
        tags: sample::tags(&[]),
        latest: 14,
        default: 14,
        operator: None,
        versions: vec![TemplateVersion {
            number: 14,
            description: String::new(),
            created_by: String::new(),
            created_at: None,
            image: ImageSource::Literal("ami-1".into()),
            instance_type: None,
            rest_hash: String::new(),
        }],
    }];
    fleet.images = ["ami-0", "ami-1"].map(sample::image).to_vec();
    let baseline = |id: &str, name: &str, default, groups: &[&str]| Baseline {
        id: id.into(),
        site: sample::site(),
        name: name.into(),
        operating_system: "AMAZON_LINUX_2023".into(),
        default,
        patch_groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    };
    let amazons = "arn:aws:ssm:eu-west-1:111111111111:patchbaseline/pb-0123456789abcdef0";
    fleet.baselines =
        vec![baseline(amazons, "AWS-Default", true, &[]), baseline("pb-0aaaaaaaaaaaaaaaa", "strict", false, &["db"])];
    fleet
}

/// Kind, subject and words of what is found after a change.
fn found(change: impl FnOnce(&mut Fleet)) -> Vec<(&'static str, String, String)> {
    let mut fleet = fleet();
    change(&mut fleet);
    let judged = classify(&Config::default(), &fleet, NOW.parse().unwrap());
    findings(&fleet, &judged).into_iter().map(|one| (one.kind.as_str(), one.subject, one.what)).collect()
}

fn one(change: impl FnOnce(&mut Fleet)) -> (&'static str, String, String) {
    let all = found(change);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.into_iter().next().unwrap()
}

#[test]
fn a_fleet_as_it_should_be_has_none() {
    assert_eq!(found(|_| {}), []);
    // Nor has what somebody else owns, or what was taken out.
    let owned = found(|fleet| {
        fleet.groups[0].tags = sample::tags(&[("eks:nodegroup-name", "workers")]);
        fleet.groups[0].protects_new = true;
        fleet.nodes[0].image = Some("ami-0".into());
    });
    assert_eq!(owned, []);
    let excluded = found(|fleet| {
        fleet.nodes[0].tags = sample::tags(&[("rebake:lane", "excluded"), ("Patch Group", "a"), ("PatchGroup", "b")]);
    });
    assert_eq!(excluded, []);
}

#[test]
fn a_node_that_was_patched_where_it_is() {
    let patched = |fleet: &mut Fleet| {
        let state = fleet.nodes[0].patch_state.as_mut().unwrap();
        state.operation = PatchOperation::Install;
    };
    let (kind, subject, what) = one(patched);
    assert_eq!((kind, subject.as_str(), what.as_str()), ("changed-by-hand", "i-1", "Install ran on 2026-11-24 04:00"));
    // A sibling on the same image that lacks less than the others was patched by something else.
    let (kind, subject, _) = one(|fleet| {
        fleet.nodes[1].patch_state = Some(sample::scanned("2026-11-24T04:00:00Z", 9));
        fleet.nodes[1].patches =
            vec![crate::model::Patch { cves: vec!["CVE-2026-1".into()], ..sample::patch() }.into(); 9].into();
    });
    assert_eq!((kind, subject.as_str()), ("changed-by-hand", "i-1"));
    // A first patching within a day after the launch is no drift.
    assert_eq!(
        found(|fleet| {
            patched(fleet);
            fleet.nodes[0].launched_at = Some("2026-11-23T08:00:00Z".parse().unwrap());
        }),
        []
    );
}

#[test]
fn members_on_different_images_and_behind_their_template() {
    let (kind, subject, what) = one(|fleet| fleet.nodes[1].image = Some("ami-0".into()));
    assert_eq!((kind, subject.as_str(), what.as_str()), ("mixed-images", "web", "1 on ami-0, 1 on ami-1"));
    let older = |fleet: &mut Fleet| fleet.nodes.iter_mut().for_each(|node| node.image = Some("ami-0".into()));
    let (kind, _, what) = one(older);
    assert_eq!((kind, what.as_str()), ("behind-template", "it launches ami-1, and its members run ami-0"));
    let during_a_refresh = found(|fleet| {
        fleet.nodes[1].image = Some("ami-0".into());
        fleet.groups[0].refresh = Some(Refresh {
            id: "r-1".into(),
            status: RefreshStatus::InProgress,
            reason: String::new(),
            started_at: None,
            ended_at: None,
            percent: 0,
            remaining: 1,
            desired: None,
        });
    });
    assert_eq!(during_a_refresh, []);
}

#[test]
fn a_group_whose_image_cannot_be_launched() {
    for (change, why) in [
        ((|image: &mut Image| image.state = ImageState::Deregistered) as fn(&mut Image), "deregistered"),
        (|image| image.state = ImageState::Unusable("disabled".into()), "disabled"),
        (|image| image.allowed = Some(false), "not among the account's allowed AMIs"),
    ] {
        let (kind, subject, what) = one(|fleet| change(&mut fleet.images[1]));
        assert_eq!((kind, subject.as_str()), ("unlaunchable", "web"));
        assert_eq!(what, format!("it launches ami-1, which is {why}: no new instance comes up"));
    }
    let (_, _, what) = one(|fleet| fleet.images.truncate(1));
    assert!(what.contains("gone, or not shared with the account"), "{what}");
    // What was not read may be there; what is deprecated or being made comes up.
    assert_eq!(found(|fleet| fleet.images[1].deprecated_at = Some("2026-01-01T00:00:00Z".parse().unwrap())), []);
    assert_eq!(found(|fleet| fleet.images[1].state = ImageState::Pending), []);
    let denied = found(|fleet| {
        fleet.images.clear();
        fleet.gaps.push(Gap {
            site: sample::site(),
            fact: Fact::Images,
            resource: None,
            action: "ec2:DescribeImages".into(),
            code: "UnauthorizedOperation".into(),
            message: String::new(),
        });
    });
    assert_eq!(denied, []);
}

#[test]
fn settings_that_make_a_replacement_unsafe() {
    type Setting = (fn(&mut Group), &'static str);
    let settings: [Setting; 7] = [
        (|group| group.suspended = vec!["Terminate".into()], "suspended: Terminate"),
        (|group| group.protects_new = true, "new instances are protected from scale-in"),
        (|group| group.retains_abandoned = true, "an instance whose terminating hook is abandoned stays"),
        (|group| group.max_lifetime_seconds = Some(604_800), "Auto Scaling replaces instances older than 7 d"),
        (|group| group.capacity_rebalance = true, "capacity rebalancing"),
        (|group| group.zonal_shift = true, "a zonal shift"),
        (|group| group.deletion_protection = Some("prevent-all-deletion".into()), "deletion protection"),
    ];
    for (set, told) in settings {
        let (kind, subject, what) = one(|fleet| set(&mut fleet.groups[0]));
        assert_eq!((kind, subject.as_str()), ("unsafe-setting", "web"));
        assert!(what.starts_with(told), "{what}");
    }
    let mut fleet = fleet();
    fleet.groups[0].name = "web prod".into();
    fleet.groups[0].suspended = vec!["Terminate".into()];
    fleet.nodes.iter_mut().for_each(|node| node.group = Some("web prod".into()));
    let judged = classify(&Config::default(), &fleet, NOW.parse().unwrap());
    let cure = &findings(&fleet, &judged)[0].cure;
    assert_eq!(
        cure,
        "aws autoscaling resume-processes --region eu-west-1 --auto-scaling-group-name 'web prod' --scaling-processes Terminate"
    );
}

#[test]
fn volumes_that_outlive_their_instance() {
    let keep = |fleet: &mut Fleet| {
        let volume = |keeps: bool| Volume {
            id: "vol-1".into(),
            device: "/dev/xvdb".into(),
            root: false,
            delete_on_termination: !keeps,
        };
        fleet.nodes[0].volumes = Box::new([volume(true)]);
        fleet.nodes[1].volumes = Box::new([volume(false)]);
    };
    let (kind, _, what) = one(keep);
    assert_eq!((kind, what.as_str()), ("stateful", "volumes outlive 1 instance: each replacement leaves some behind"));
    let (_, _, what) = one(|fleet| {
        keep(fleet);
        (fleet.groups[0].min, fleet.groups[0].max) = (1, 1);
    });
    assert_eq!(what, "its one instance, i-1, has a volume that outlives it");
}

#[test]
fn patch_groups_that_contradict_or_that_no_baseline_has() {
    let both = |spaced: &str, plain: &str| {
        let tags = sample::tags(&[("Patch Group", spaced), ("PatchGroup", plain)]);
        found(|fleet| {
            fleet.baselines[0].patch_groups = vec!["web".into()];
            fleet.nodes[0].tags = tags;
        })
    };
    let [(kind, subject, what)] = both("db", "web").try_into().unwrap();
    assert_eq!((kind, subject.as_str()), ("two-patch-groups", "i-1"));
    assert_eq!(what, "Patch Group says db, and PatchGroup says web: which of them counts is not defined");
    let [(_, _, what)] = both("web", "web").try_into().unwrap();
    assert_eq!(what, "it has both tags, Patch Group and PatchGroup, with web");
    // Tags that Systems Manager does not read.
    for key in ["patch group", "Patch group", "Patchgroup", "PATCHGROUP"] {
        assert_eq!(found(|fleet| fleet.nodes[0].tags = sample::tags(&[(key, "unknown")])), [], "{key}");
    }
}

#[test]
fn scans_that_cannot_be_compared() {
    let scanned_with =
        |baseline: &str| PatchState { baseline: baseline.into(), ..sample::scanned("2026-11-24T04:00:00Z", 0) };
    // Another baseline than the one that holds, for all members: one finding for the baseline.
    let all = found(|fleet| {
        fleet.nodes.iter_mut().for_each(|node| node.patch_state = Some(scanned_with("pb-0aaaaaaaaaaaaaaaa")));
    });
    let told: Vec<(&str, &str)> = all.iter().map(|(kind, subject, _)| (*kind, subject.as_str())).collect();
    assert_eq!(told, [("unlike-baselines", "strict")]);
    assert_eq!(
        all[0].2,
        "2 nodes scanned with it, and AWS-Default holds there: what they lack cannot be compared with others"
    );
    // One member only: its group's members cannot be compared either.
    let all = found(|fleet| fleet.nodes[1].patch_state = Some(scanned_with("pb-0aaaaaaaaaaaaaaaa")));
    let told: Vec<(&str, &str)> = all.iter().map(|(kind, subject, _)| (*kind, subject.as_str())).collect();
    assert_eq!(told, [("unlike-baselines", "strict"), ("unlike-baselines", "web")]);
    // The baseline that a node's patch group is registered with is the right one.
    let registered = found(|fleet| {
        for node in &mut fleet.nodes {
            node.tags = sample::tags(&[("PatchGroup", "db")]);
            node.patch_state = Some(scanned_with("pb-0aaaaaaaaaaaaaaaa"));
        }
    });
    assert_eq!(registered, []);
    // One that the site does not list says nothing.
    let foreign = found(|fleet| {
        fleet.nodes.iter_mut().for_each(|node| node.patch_state = Some(scanned_with("pb-0ffffffffffffffff")));
    });
    assert_eq!(foreign, []);
}

#[test]
fn what_was_not_read_is_no_finding() {
    let tagged = |fleet: &mut Fleet| fleet.nodes[0].tags = sample::tags(&[("PatchGroup", "unknown")]);
    let (kind, subject, what) = one(tagged);
    assert_eq!((kind, subject.as_str()), ("unregistered-patch-group", "unknown"));
    assert_eq!(what, "1 node in it, and no baseline has it: the default baseline holds");
    let denied = found(|fleet| {
        tagged(fleet);
        fleet.baselines.clear();
        fleet.gaps.push(Gap {
            site: sample::site(),
            fact: Fact::Baselines,
            resource: None,
            action: "ssm:DescribePatchGroups".into(),
            code: "AccessDeniedException".into(),
            message: String::new(),
        });
    });
    assert_eq!(denied, []);
}

#[test]
fn a_need_that_is_no_drift_is_no_finding() {
    let mut fleet = fleet();
    fleet.nodes[0].patch_state = Some(sample::scanned("2026-11-24T04:00:00Z", 0));
    let mut judged = classify(&Config::default(), &fleet, NOW.parse().unwrap());
    judged[0].needs = vec![Need {
        kind: NeedKind::OutdatedImage,
        what: "version 2 is there".into(),
        since: None,
        due: None,
        undated: true,
    }];
    assert_eq!(findings(&fleet, &judged), []);
}
