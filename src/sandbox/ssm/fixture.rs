//! A small cloud for tests: hybrid nodes of three systems, and a handful of patches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::node::HybridNode;
use crate::sandbox::catalogue::{Catalogue, Patch, System};
use crate::sandbox::cloud::{Cloud, Ctx, Place};
use crate::sandbox::machine::{Agent, Machine, Software};
use crate::sandbox::value::ApiError;

/// The time at which the cloud begins.
pub(super) const START: &str = "2026-11-24T08:00:00Z";

/// A cloud and the place that tests work in.
pub(super) struct Fixture {
    pub(super) cloud: Cloud,
    pub(super) place: Place,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let cloud = Cloud::new(7, START.parse().unwrap(), catalogue());
        Self { cloud, place: Place::new("123456789012", "eu-west-1") }
    }

    pub(super) fn ctx(&mut self) -> Ctx<'_> {
        self.cloud.at(&self.place)
    }

    /// Calls an operation, which succeeds.
    #[track_caller]
    pub(super) fn call(&mut self, operation: &str, input: Value) -> Value {
        super::call(&mut self.ctx(), operation, &input).unwrap()
    }

    /// Calls an operation, which is refused; the code.
    #[track_caller]
    pub(super) fn refused(&mut self, operation: &str, input: Value) -> ApiError {
        super::call(&mut self.ctx(), operation, &input).unwrap_err()
    }

    /// Lets seconds go by.
    pub(super) fn wait(&mut self, seconds: u64) {
        self.cloud.advance(self.cloud.now + Duration::from_secs(seconds));
    }

    /// Adds a hybrid node without patches.
    pub(super) fn node(&mut self, number: u32, system: &str) -> String {
        let id = format!("mi-{number:017}");
        let booted_at: Timestamp = "2026-10-01T00:00:00Z".parse().unwrap();
        let machine = Machine {
            system: system.into(),
            hostname: format!("host-{number}").into(),
            ip: "10.0.0.7".into(),
            software: Software::default().into(),
            booted_at,
            running: true,
            sick: false,
            agent: Agent::Online { since: booted_at },
        };
        let hybrid = HybridNode {
            name: format!("host-{number}"),
            activation_id: "0b9e6f6c-0000-4000-a000-000000000000".to_owned(),
            iam_role: "hybrid".to_owned(),
            registered_at: booted_at,
            tags: BTreeMap::from([("env".to_owned(), "test".to_owned())]),
        };
        let mut ctx = self.ctx();
        ctx.region().machines.insert(id.as_str().into(), Box::new(machine));
        ctx.region().ssm.hybrid_nodes.insert(id.clone(), hybrid);
        id
    }

    pub(super) fn machine(&mut self, id: &str) -> &mut Machine {
        let place = self.place.clone();
        self.cloud.places.get_mut(&place).unwrap().machines.get_mut(id).unwrap()
    }

    /// Sends `AWS-RunPatchBaseline`; the id of the command.
    #[track_caller]
    pub(super) fn patch(&mut self, nodes: &[&str], parameters: Value) -> String {
        let sent = self.call(
            "SendCommand",
            json!({"DocumentName": "AWS-RunPatchBaseline", "InstanceIds": nodes, "Parameters": parameters, "TimeoutSeconds": 600}),
        );
        sent["Command"]["CommandId"].as_str().unwrap().to_owned()
    }

    /// `StatusDetails` of an invocation.
    pub(super) fn invocation(&mut self, command: &str, node: &str) -> String {
        let got = self.call("GetCommandInvocation", json!({"CommandId": command, "InstanceId": node}));
        got["StatusDetails"].as_str().unwrap().to_owned()
    }

    /// The patch row of a node.
    pub(super) fn row(&mut self, node: &str) -> Value {
        self.call("DescribeInstancePatchStates", json!({"InstanceIds": [node]}))["InstancePatchStates"][0].clone()
    }
}

fn catalogue() -> Catalogue {
    let system = |name: &str, version: &str, kind: &str, operating_system: &str, packages: &[(&str, &str)]| System {
        platform_name: name.to_owned(),
        platform_version: version.to_owned(),
        platform_type: kind.to_owned(),
        operating_system: Some(operating_system.to_owned()),
        platform_details: "Linux/UNIX".to_owned(),
        packages: packages.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect(),
        boot: (Duration::from_secs(30), Duration::from_mins(1)),
    };
    let patch = |system: &str, title: &str, severity: &str, day: &str, package: Option<(&str, &str)>| {
        let released: Timestamp = format!("{day}T00:00:00Z").parse().unwrap();
        Patch {
            system: system.into(),
            title: title.to_owned(),
            classification: if package.is_some() { "Security" } else { "SecurityUpdates" }.to_owned(),
            severity: severity.to_owned(),
            cves: vec![format!("CVE-{day}")],
            released,
            updated: released,
            reboot: true,
            package: package.map(|(name, version)| (name.to_owned(), version.to_owned())),
            broken: false,
        }
    };
    let linux = "al2023";
    Catalogue {
        systems: BTreeMap::from([
            (
                linux.to_owned(),
                Arc::new(system(
                    "Amazon Linux",
                    "2023",
                    "Linux",
                    "AMAZON_LINUX_2023",
                    &[("kernel", "1"), ("curl", "1"), ("bash", "5")],
                )),
            ),
            (
                "windows".to_owned(),
                Arc::new(system("Microsoft Windows Server 2022 Datacenter", "10.0.20348", "Windows", "WINDOWS", &[])),
            ),
            (
                "windows-old".to_owned(),
                Arc::new(system("Microsoft Windows Server 2016 Datacenter", "10.0.14393", "Windows", "WINDOWS", &[])),
            ),
        ]),
        patches: BTreeMap::from([
            ("ALAS-1".to_owned(), patch(linux, "kernel", "Important", "2026-09-01", Some(("kernel", "2")))),
            ("ALAS-2".to_owned(), patch(linux, "kernel", "Critical", "2026-10-10", Some(("kernel", "3")))),
            ("ALAS-3".to_owned(), patch(linux, "curl", "Important", "2026-11-01", Some(("curl", "2")))),
            ("ALAS-4".to_owned(), patch(linux, "curl", "Important", "2026-11-20", Some(("curl", "3")))),
            ("KB1".to_owned(), patch("windows", "2026-11 Cumulative Update", "Critical", "2026-11-10", None)),
            ("KB2".to_owned(), patch("windows", "2026-11 Other Update", "Important", "2026-11-22", None)),
            ("KB9".to_owned(), patch("windows-old", "2026-11 Cumulative Update", "Critical", "2026-11-10", None)),
        ]),
    }
}
