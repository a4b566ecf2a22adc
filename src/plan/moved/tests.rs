use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::classify::Exempt;
use crate::model::{
    Channel, ChannelVersion, Group, GroupSource, ImageSource, ImageState, Lane, Member, PatchOperation, PatchState,
    Refresh, RefreshStatus, RolloutOutcome, RolloutRecord, Tags, Template, TemplateVersion, VersionSpec, tag,
};
use crate::patch::{Phase, comment};
use crate::plan::ChannelTarget;
use crate::report::sample;

/// The sample's plan over a fleet that stands as it was, and what the tests change in it.
struct Case {
    plan: Plan,
    fleet: Fleet,
    judged: Vec<Judgement>,
    commands: Vec<(Site, Command)>,
}

fn here() -> Site {
    sample::site("eu-west-1")
}

fn version(number: u64, image: &str, description: &str) -> TemplateVersion {
    TemplateVersion {
        number,
        description: description.into(),
        created_by: "arn:aws:iam::111111111111:user/somebody".into(),
        created_at: None,
        image: ImageSource::Literal(image.into()),
        instance_type: None,
        rest_hash: String::new(),
    }
}

fn image(id: &str, version: &str, state: &str) -> Image {
    let tags =
        [(tag::RECIPE, "web"), (tag::VERSION, version), (tag::DIGEST, "7c1e"), (tag::TRIGGER, ""), (tag::STATE, state)];
    Image {
        id: id.into(),
        site: here(),
        name: id.into(),
        owner: "111111111111".into(),
        state: ImageState::Available,
        created_at: None,
        architecture: "x86_64".into(),
        platform: "Linux/UNIX".into(),
        deprecated_at: None,
        parent: None,
        allowed: None,
        ancestors: Vec::new(),
        snapshots: Vec::new(),
        tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    }
}

fn group(name: &str) -> Group {
    Group {
        source: GroupSource::Template { id: "lt-0f3".into(), version: VersionSpec::Number(14) },
        members: vec![Member {
            id: "i-07b2f1e93a5c8de91".into(),
            lifecycle: "InService".into(),
            healthy: true,
            protected: false,
            template: None,
        }],
        ..crate::model::sample::group(name)
    }
}

fn refresh(version: &str) -> Refresh {
    Refresh {
        id: "r-1".into(),
        status: RefreshStatus::InProgress,
        reason: String::new(),
        started_at: None,
        ended_at: None,
        percent: 0,
        remaining: 1,
        desired: Some(("lt-0f3".into(), version.into())),
    }
}

fn case() -> Case {
    let (mut fleet, judged) = sample::fleet();
    let mut plan = sample::plan();
    fleet.gaps.clear();
    plan.bakes.iter_mut().for_each(|bake| bake.regions = vec!["eu-west-1".into()]);
    let rollout = &mut plan.rollouts[0];
    rollout.waves.truncate(1);
    rollout.targets = vec![ChannelTarget {
        site: here(),
        image: None,
        parameter_version: 2,
        parameter_image: Some("ami-0d900000000000001".into()),
    }];
    let name = rollout.waves[0].groups[0].group.clone();
    fleet.groups = vec![group(&name)];
    fleet.templates = vec![Template {
        id: "lt-0f3".into(),
        name: "web".into(),
        site: here(),
        tags: Tags::new(),
        latest: 14,
        default: 14,
        operator: None,
        versions: vec![version(14, "ami-0d900000000000001", "by hand")],
    }];
    fleet.images = vec![image("ami-0d900000000000001", "2.4.16", "tested")];
    fleet.channels = vec![Channel {
        recipe: "web".into(),
        name: rollout.channel.clone(),
        site: here(),
        current: Some(ChannelVersion {
            number: 2,
            image: "ami-0d900000000000001".into(),
            since: sample::now(),
            by: None,
        }),
        rollout: None,
        approval: None,
    }];
    plan.rollouts.truncate(1);
    plan.patches.truncate(1);
    plan.patches[0].nodes.retain(|node| node.node == "i-0a1f00000000000c2");
    Case { plan, fleet, judged, commands: Vec::new() }
}

impl Case {
    fn seen(&self) -> Vec<Action> {
        let config = Config::default();
        let (fleet, judgements, commands) = (&self.fleet, &self.judged[..], &self.commands[..]);
        standings(&self.plan, &Now { config: &config, fleet, judgements, commands })
    }

    /// The standing of the bake, the group, the channel and the node.
    fn standings(&self) -> [Standing; 4] {
        self.seen().into_iter().map(|action| action.standing).collect::<Vec<_>>().try_into().unwrap()
    }

    fn record(&mut self, version: &str, outcome: RolloutOutcome, started_at: Timestamp) {
        let record = RolloutRecord { version: version.into(), attempt: 1, started_at, outcome };
        self.fleet.channels[0].rollout = Some(record);
    }

    /// The group runs the new version of its template, and so does its member.
    fn rolled(&mut self) {
        let rollout = &self.plan.rollouts[0];
        let description = rollout.waves[0].groups[0].description("web", "2.4.17");
        self.fleet.templates[0].versions.push(version(15, "ami-0new", &description));
        self.fleet.groups[0].source = GroupSource::Template { id: "lt-0f3".into(), version: VersionSpec::Number(15) };
        self.fleet.nodes[0].image = Some("ami-0new".into());
    }

    fn patched(&mut self, missing: u32) {
        let snapshot = self.plan.patches[0].snapshot_id.clone();
        self.fleet.nodes[1].patch_state = Some(PatchState {
            baseline: "".into(),
            snapshot: Some(snapshot.into()),
            patch_group: "".into(),
            operation: PatchOperation::Scan,
            at: sample::now(),
            installed: 9,
            missing,
            failed: 0,
            pending_reboot: 0,
            rejected: 0,
        });
    }

    fn sent(&mut self, phase: Phase, status: &str) {
        let ring = &self.plan.patches[0];
        let command = Command {
            id: "c-1".into(),
            document: "AWS-RunPatchBaseline".into(),
            comment: comment(&ring.snapshot_id, phase, &ring.ring),
            status: status.into(),
            sent_at: sample::now() - SignedDuration::from_mins(1),
            targets: 1,
        };
        self.commands.push((here(), command));
    }
}

/// What moved, of a change to a fleet that stands as it was.
fn after(change: impl FnOnce(&mut Case)) -> String {
    let mut case = case();
    change(&mut case);
    moved(&case.seen()).join("; ")
}

#[test]
fn what_stands_as_it_was_is_to_be_done() {
    assert_eq!(case().standings(), [Standing::Before, Standing::Before, Standing::Before, Standing::Before]);
    let scaled = after(|case| case.fleet.groups[0].members.clear());
    assert_eq!(scaled, "", "scaling is no movement");
    let advised = after(|case| case.fleet.nodes[1].patches = Box::default());
    assert_eq!(advised, "", "nor are advisories");
}

#[test]
fn what_was_begun_goes_on_and_what_was_done_is_done() {
    let mut case = case();
    case.fleet.images.push(image("ami-0new", "2.4.17", "candidate"));
    case.rolled();
    case.fleet.groups[0].source = group("").source;
    case.fleet.groups[0].refresh = Some(refresh("15"));
    case.record("2.4.17", RolloutOutcome::Rolling, sample::now());
    case.patched(3);
    case.sent(Phase::Before, "Success");
    case.judged[1].lane = Lane::Unreachable;
    assert_eq!(case.standings(), [Standing::UnderWay, Standing::UnderWay, Standing::UnderWay, Standing::UnderWay]);

    case.fleet.images[1] = image("ami-0new", "2.4.17", "tested");
    case.fleet.groups[0].refresh = None;
    case.rolled();
    case.fleet.channels[0].current.as_mut().unwrap().image = "ami-0new".into();
    case.record("2.4.17", RolloutOutcome::Done, sample::now());
    case.sent(Phase::After, "Success");
    assert_eq!(case.standings(), [Standing::After, Standing::After, Standing::After, Standing::After]);
    assert!(is_done(&case.seen()));
}

#[test]
fn another_image_has_moved() {
    let newer = after(|case| case.fleet.images.push(image("ami-0x", "2.4.18", "tested")));
    assert!(newer.contains("image web 2.4.17: version 2.4.18 is there (ami-0x)"), "{newer}");
    let same = after(|case| {
        let other = image("ami-0x", "2.4.17", "tested");
        let tags = other.tags.iter().filter(|(key, _)| *key != tag::DIGEST).collect();
        case.fleet.images.push(Image { tags, ..other });
    });
    assert!(same.contains("ami-0x of the same version holds something else"), "{same}");
}

#[test]
fn a_group_that_somebody_changed_has_moved() {
    let told = |change: fn(&mut Group)| after(|case| change(&mut case.fleet.groups[0]));
    let source = told(|group| group.source = GroupSource::Configuration { name: "old".into() });
    assert!(source.contains("launch configuration old, the plan saw template lt-0f3"), "{source}");
    let latest = told(|group| {
        group.source = GroupSource::Template { id: "lt-0f3".into(), version: VersionSpec::Latest };
    });
    assert!(latest.contains("names no numbered version"), "{latest}");
    let number = told(|group| {
        group.source = GroupSource::Template { id: "lt-0f3".into(), version: VersionSpec::Number(13) };
    });
    assert!(number.contains("runs version 13 of lt-0f3, the plan saw version 14"), "{number}");
    let foreign = told(|group| group.refresh = Some(refresh("14")));
    assert!(foreign.contains("refresh r-1 of somebody else"), "{foreign}");
    let owned = told(|group| group.tags.insert("aws:cloudformation:stack-name", "web"));
    assert!(owned.contains("CloudFormation stack web owns"), "{owned}");
    let gone = after(|case| case.fleet.groups.clear());
    assert!(gone.ends_with("it is gone"), "{gone}");
    let lane = after(|case| case.judged[0].lane = Lane::Excluded);
    assert!(lane.contains("i-07b2f1e93a5c8de91 is excluded now"), "{lane}");
}

#[test]
fn a_channel_that_somebody_wrote_has_moved() {
    let current =
        |change: fn(&mut ChannelVersion)| after(|case| change(case.fleet.channels[0].current.as_mut().unwrap()));
    let overwritten = current(|current| current.number = 4);
    assert!(overwritten.contains("ami-0d900000000000001 (version 4), the plan saw"), "{overwritten}");
    let another = current(|current| current.image = "ami-0x".into());
    assert!(another.contains("it points to ami-0x"), "{another}");
    let later = sample::now() + SignedDuration::from_mins(1);
    let rolling = after(|case| case.record("2.4.18", RolloutOutcome::Rolling, later));
    assert!(rolling.contains("somebody rolls out 2.4.18"), "{rolling}");
    let before = after(|case| case.record("2.4.16", RolloutOutcome::Rolling, sample::at("2026-11-23T00:00:00Z")));
    assert_eq!(before, "", "the plan knew of it");
}

#[test]
fn a_node_that_somebody_took_has_moved() {
    let gone = after(|case| {
        case.fleet.nodes.remove(1);
        case.judged.remove(1);
    });
    assert!(gone.ends_with("(i-0a1f00000000000c2) in eu-west-1: it is gone"), "{gone}");
    let lane = after(|case| case.judged[1].lane = Lane::Delegated);
    assert!(lane.contains("it is delegated now"), "{lane}");
    let exempt = Exempt { until: sample::now(), owner: "me".into(), why: "OPS-1".into() };
    let excepted = after(|case| case.judged[1].exception = Some(Box::new(exempt)));
    assert!(excepted.contains("an exception holds for it") && excepted.contains("OPS-1"), "{excepted}");
}

#[test]
fn what_cannot_be_read_is_not_taken_for_gone() {
    let gap = |fact| crate::model::Gap {
        site: here(),
        fact,
        resource: None,
        action: "autoscaling:DescribeAutoScalingGroups".into(),
        code: "AccessDenied".into(),
        message: String::new(),
    };
    let told = after(|case| {
        case.fleet.groups.clear();
        case.fleet.gaps.push(gap(Fact::Groups));
    });
    assert!(told.contains("cannot be compared") && !told.contains("gone"), "{told}");
}

#[test]
fn a_scan_after_the_install_ends_a_node_whatever_it_found() {
    let mut case = case();
    case.patched(2);
    case.sent(Phase::After, "InProgress");
    assert_eq!(case.standings()[3], Standing::UnderWay);
    case.commands.clear();
    case.sent(Phase::After, "Failed");
    assert_eq!(case.standings()[3], Standing::After);
}

#[test]
fn a_look_is_over_when_its_only_scan_is() {
    let mut case = case();
    case.plan.patches[0].scan_only = true;
    case.patched(2);
    case.sent(Phase::Before, "Success");
    assert_eq!(case.standings()[3], Standing::UnderWay);
    case.sent(Phase::Only, "Success");
    assert_eq!(case.standings()[3], Standing::After);
}
