//! Small data for the tests of reports.

use std::sync::Arc;

use jiff::Timestamp;

use crate::classify::{Blind, Evidence, Judgement, Need, NeedKind, Owner, system};
use crate::config::Share;
use crate::model::{Agent, Fact, Fleet, Gap, Identity, Lane, Node, NodeState, OperatingSystem, Site, SiteSeen, Tags};
use crate::plan::{
    Bake, Gate, GroupRollout, LeftOut, LeftOutKind, Limits, PatchTarget, Plan, Reboot, RingPatch, Rollout, Unchanged,
    Wave,
};

pub(crate) fn now() -> Timestamp {
    at("2026-11-24T14:02:00Z")
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn site(region: &str) -> Site {
    Site::new("111111111111", region)
}

fn sites() -> Vec<SiteSeen> {
    let identity = Identity {
        account: "111111111111".into(),
        arn: "arn:aws:sts::111111111111:assumed-role/rebake-rollout/me".into(),
    };
    ["eu-west-1", "us-east-1"]
        .map(|region| SiteSeen { site: site(region), name: "prod".into(), identity: Some(identity.clone()) })
        .to_vec()
}

fn node(id: &str, name: &str, system: (&str, &str)) -> Node {
    Node {
        id: id.into(),
        site: site("eu-west-1"),
        name: name.into(),
        state: NodeState::Running,
        system: Some(OperatingSystem { name: system.0.into(), version: system.1.into(), inferred: false }.into()),
        image: Some("ami-0d900000000000001".into()),
        launched_at: Some(at("2026-10-22T10:00:00Z")),
        instance_type: Some("m7i.large".into()),
        architecture: Some("x86_64".into()),
        zone: None,
        tags: Tags::new(),
        group: None,
        operator: None,
        agent: Agent::Online { last_ping: now() },
        patch_state: None,
        patches: Box::default(),
        volumes: Box::default(),
    }
}

fn judgement(node: &Node, lane: Lane) -> Judgement {
    Judgement {
        node: node.id.clone(),
        site: node.site.clone(),
        lane,
        evidence: Arc::new([Evidence {
            fact: "member of group web-prod".into(),
            source: "DescribeAutoScalingGroups".into(),
        }]),
        owner: None,
        support: node.system.as_ref().map(|system| system::support(system, &[], false).into()),
        recipe: None,
        behind_days: None,
        needs: Vec::new(),
        blind: None,
        exception: None,
    }
}

fn need(kind: NeedKind, what: &str, due: &str) -> Need {
    Need { kind, what: what.into(), since: Some(at("2026-11-06T00:00:00Z")), due: Some(at(due)), undated: false }
}

/// Four nodes: one to rebake, one to patch, one of EKS, one that nobody sees into; and a gap.
pub(crate) fn fleet() -> (Fleet, Vec<Judgement>) {
    let mut fleet = Fleet::new(now());
    fleet.sites = sites();
    fleet.nodes = vec![
        node("i-07b2f1e93a5c8de91", "web-prod-3", ("Amazon Linux", "2023")),
        node("i-0a1f00000000000c2", "=cmd", ("Amazon Linux", "2")),
        node("i-0e5000000000000aa", "workers-1", ("Amazon Linux", "2023")),
        node("mi-0c44000000000000", "plant-hmi-2", ("Ubuntu", "22.04")),
    ];
    let lanes = [Lane::Immutable, Lane::Mutable, Lane::Delegated, Lane::Unreachable];
    let mut judged: Vec<Judgement> = fleet.nodes.iter().zip(lanes).map(|(node, lane)| judgement(node, lane)).collect();
    judged[0].recipe = Some(("web".into(), "prod".into()));
    judged[0].needs = vec![
        need(NeedKind::OutdatedImage, "parent is 2 releases behind", "2026-11-20T00:00:00Z"),
        need(NeedKind::Drift, "Install ran on 2026-11-19 09:12, 24 d after launch", "2026-12-20T00:00:00Z"),
    ];
    judged[1].needs = vec![need(NeedKind::NonCompliant, "3 critical (CVE-2026-31337 …)", "2026-11-12T00:00:00Z")];
    judged[2].owner = Some(
        Owner { name: "EKS".into(), signal: "tag eks:nodegroup-name=workers".into(), cure: "aws eks …".into() }.into(),
    );
    judged[3].blind = Some(Blind::NotManaged);
    fleet.gaps = vec![Gap {
        site: site("us-east-1"),
        fact: Fact::PatchStates,
        resource: None,
        action: "ssm:DescribeInstancePatchStates".into(),
        code: "AccessDeniedException".into(),
        message: "no".into(),
    }];
    (fleet, judged)
}

fn bake() -> Bake {
    Bake {
        recipe: "web".into(),
        from: Some("2.4.16".into()),
        version: "2.4.17".into(),
        digest: "7c1e".into(),
        trigger: String::new(),
        reasons: vec!["its parent is newer".into()],
        site: site("eu-west-1"),
        parent: "ami-0aa00000000000001".into(),
        parent_name: "al2023 2026.11.18".into(),
        platform: "Linux".into(),
        components: Vec::new(),
        tests: Vec::new(),
        instance_types: Vec::new(),
        instance_profile: "rebake-build".into(),
        subnet: None,
        security_groups: Vec::new(),
        root_volume: None,
        kms_key: None,
        imds_required: true,
        regions: vec!["eu-west-1".into(), "us-east-1".into()],
        share_with: Vec::new(),
        tags: Tags::new(),
        expected_seconds: 1500,
    }
}

fn group(name: &str, nodes: u32, seconds: u64) -> GroupRollout {
    GroupRollout {
        site: site("eu-west-1"),
        group: name.into(),
        nodes,
        template: "lt-0f3".into(),
        from_version: 14,
        from_image: "ami-0d900000000000001".into(),
        no_rollback: None,
        min_healthy: 100,
        max_healthy: 110,
        canary_percent: Some(10),
        warmup_seconds: None,
        mixed: false,
        pin: false,
        owner: None,
        left_behind: Vec::new(),
        application: None,
        expected_seconds: seconds,
    }
}

fn rollout(channel: &str, gates: Vec<Gate>, groups: Vec<GroupRollout>) -> Rollout {
    Rollout {
        recipe: "web".into(),
        channel: channel.into(),
        version: "2.4.17".into(),
        from: Some("2.4.16".into()),
        targets: Vec::new(),
        gates,
        waves: groups.into_iter().map(|group| Wave { groups: vec![group] }).collect(),
        bake_time_seconds: 900,
        alarms: Vec::new(),
        handed_over: Vec::new(),
        expected_seconds: 1320,
    }
}

/// An image, two channels, a ring, and what is not in it.
pub(crate) fn plan() -> Plan {
    let soak = Gate::Soak { channel: "staging".into(), seconds: 86_400 };
    let old = GroupRollout {
        no_rollback: Some("launch configuration; becomes a template".into()),
        ..group("web-prod-a", 14, 2880)
    };
    let target = |node: &str, name: &str| PatchTarget {
        site: site("eu-west-1"),
        node: node.into(),
        name: name.into(),
        non_compliant: Some(3),
        expected_seconds: 300,
        application: None,
    };
    let left = |kind, subject: &str, nodes: &[&str], reason: &str, cure: &str| LeftOut {
        kind,
        subject: subject.into(),
        site: Some(site("eu-west-1")),
        nodes: nodes.iter().map(|&node| node.to_owned()).collect(),
        needing: u32::try_from(nodes.len()).unwrap(),
        reason: reason.into(),
        cure: cure.into(),
    };
    Plan {
        created_at: now(),
        expires_at: at("2026-11-25T14:02:00Z"),
        sites: sites(),
        bakes: vec![bake()],
        unchanged: vec![Unchanged {
            recipe: "batch".into(),
            version: "3.0.2".into(),
            digest: "7c1e".into(),
            why: "digest 7c1e, both regions have it".into(),
        }],
        rollouts: vec![
            rollout("staging", Vec::new(), vec![group("web-staging", 2, 720)]),
            rollout("prod", vec![soak, Gate::Approval], vec![group("web-prod-b", 4, 1200), old]),
        ],
        patches: vec![RingPatch {
            ring: "canary".into(),
            snapshot_id: "00000000-0000-0000-0000-000000000000".into(),
            gates: Vec::new(),
            scan_only: false,
            reboot: Reboot::IfNeeded,
            concurrency: Some("1".into()),
            errors: 0,
            snapshot_keep_seconds: None,
            nodes: vec![target("i-0a1f00000000000c2", "jump"), target("i-0a1f00000000000c3", "ci-1")],
            expected_seconds: 600,
        }],
        left_out: vec![
            left(
                LeftOutKind::Blocked,
                "legacy-win",
                &["i-1"],
                "process Terminate is suspended",
                "aws autoscaling resume-processes --auto-scaling-group-name legacy-win --scaling-processes Terminate",
            ),
            left(LeftOutKind::NoRing, "db-1", &["i-2"], "no ring selects it", ""),
        ],
        limits: Limits { groups_at_once: 1, instances_at_once: Share::Percent(25), application_tag: "app".into() },
    }
}
