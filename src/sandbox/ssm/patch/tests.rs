use serde_json::{Value, json};

use super::Operation;
use crate::sandbox::ssm::fixture::Fixture;
use crate::sandbox::ssm::seed;
use crate::sandbox::value::Get;

fn states(world: &mut Fixture, node: &str) -> Vec<String> {
    let got = world.call("DescribeInstancePatches", json!({"InstanceId": node}));
    let rows = got["Patches"].as_array().unwrap();
    rows.iter().map(|row| format!("{} {}", row["KBId"].as_str().unwrap(), row["State"].as_str().unwrap())).collect()
}

#[test]
fn a_scan_sees_what_is_approved_and_missing() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    assert_eq!(world.row(&node), Value::Null);
    let command = world.patch(&[&node], json!({"Operation": ["Scan"]}));
    world.wait(120);
    assert_eq!(world.invocation(&command, &node), "Success");
    assert_eq!(
        states(&mut world, &node),
        ["bash.x86_64 InstalledOther", "curl.x86_64 Missing", "kernel.x86_64 Missing"]
    );
    let row = world.row(&node);
    assert_eq!(row["Operation"], "Scan");
    assert_eq!(row["MissingCount"], 2);
    assert_eq!(row["SecurityNonCompliantCount"], 2);
    assert_eq!(row["CriticalNonCompliantCount"], 0, "AWS's baselines give no compliance level");
    assert_eq!(row["PatchGroup"], "");
    let missing = json!({"InstanceId": node, "Filters": [{"Key": "State", "Values": ["Missing"]}]});
    let missing = world.call("DescribeInstancePatches", missing);
    assert_eq!(missing["Patches"][0]["CVEIds"], "CVE-2026-11-01", "the one of 20 November matures");
    assert_eq!(missing["Patches"][1]["CVEIds"], "CVE-2026-10-10,CVE-2026-09-01");
    assert_eq!(missing["Patches"][1]["Severity"], "Critical");
}

#[test]
fn an_install_reboots_if_needed_and_reports_after() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    let before = world.machine(&node).booted_at;
    let command = world.patch(&[&node], json!({"Operation": ["Install"]}));
    world.wait(60);
    assert_eq!(world.invocation(&command, &node), "InProgress");
    assert_eq!(world.row(&node), Value::Null);
    world.wait(600);
    assert_eq!(world.invocation(&command, &node), "Success");
    let row = world.row(&node);
    assert_eq!((&row["InstalledCount"], &row["MissingCount"]), (&json!(2), &json!(0)));
    assert_eq!(row["RebootOption"], "RebootIfNeeded");
    assert!(world.machine(&node).booted_at > before);
    assert!(world.machine(&node).software.installed["ALAS-1"].by_patch_manager);
    assert!(!world.machine(&node).software.installed.contains_key("ALAS-4"));
}

#[test]
fn without_a_reboot_patches_stay_pending_until_the_next_boot_and_scan() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    world.patch(&[&node], json!({"Operation": ["Install"], "RebootOption": ["NoReboot"]}));
    world.wait(600);
    let row = world.row(&node);
    assert_eq!((&row["InstalledPendingRebootCount"], &row["InstalledCount"]), (&json!(2), &json!(0)));
    assert!(row["LastNoRebootInstallOperationTime"].is_number());
    let now = world.cloud.now;
    world.machine(&node).boot(now);
    assert_eq!(world.row(&node)["InstalledPendingRebootCount"], 2, "only a scan changes the row");
    world.patch(&[&node], json!({"Operation": ["Scan"]}));
    world.wait(120);
    assert_eq!(world.row(&node)["InstalledCount"], 2);
}

#[test]
fn what_failed_is_missing_again_at_the_next_scan() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    world.cloud.faults.broken_patches = vec!["ALAS-3".to_owned()];
    let command = world.patch(&[&node], json!({"Operation": ["Install"]}));
    world.wait(600);
    assert_eq!(world.invocation(&command, &node), "Failed");
    let row = world.row(&node);
    assert_eq!((&row["FailedCount"], &row["MissingCount"], &row["InstalledCount"]), (&json!(1), &json!(0), &json!(1)));
    world.patch(&[&node], json!({"Operation": ["Scan"]}));
    world.wait(120);
    assert_eq!(world.row(&node)["MissingCount"], 1);
}

#[test]
fn a_snapshot_freezes_what_is_approved_for_three_days() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    let snapshot = "0b9e6f6c-0000-4000-a000-00000000aaaa";
    let scan = json!({"Operation": ["Scan"], "SnapshotId": [snapshot]});
    let mut missing_curl = |wait: u64, parameters: Value| {
        world.wait(wait);
        world.patch(&[&node], parameters);
        world.wait(120);
        let row = world.row(&node);
        let filter = json!({"InstanceId": node, "Filters": [{"Key": "KBId", "Values": ["curl.x86_64"]}]});
        let curl = world.call("DescribeInstancePatches", filter);
        (row["SnapshotId"] == snapshot, curl["Patches"][0]["CVEIds"].as_str().unwrap().to_owned())
    };
    // ALAS-4 of 20 November is approved on the 27th, three days less eight hours after the start.
    assert_eq!(missing_curl(0, scan.clone()), (true, "CVE-2026-11-01".to_owned()));
    assert_eq!(
        missing_curl(70 * 3600, json!({"Operation": ["Scan"]})),
        (false, "CVE-2026-11-20,CVE-2026-11-01".to_owned())
    );
    assert_eq!(missing_curl(0, scan.clone()), (true, "CVE-2026-11-01".to_owned()));
    assert_eq!(missing_curl(2 * 3600, scan), (true, "CVE-2026-11-20,CVE-2026-11-01".to_owned()));
}

#[test]
fn a_windows_tells_of_much_that_is_not_applicable() {
    let mut world = Fixture::new();
    let node = world.node(1, "windows");
    world.patch(&[&node], json!({"Operation": ["Scan"]}));
    world.wait(200);
    assert_eq!(states(&mut world, &node), ["KB1 Missing", "KB2 AvailableSecurityUpdate", "KB9 NotApplicable"]);
    let row = world.row(&node);
    assert_eq!(row["NotApplicableCount"], 1);
    assert!(row["UnreportedNotApplicableCount"].as_u64().unwrap() >= 300);
    assert_eq!(row["AvailableSecurityUpdateCount"], 1);
}

#[test]
fn rejected_patches_count_by_the_action() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    world.patch(&[&node], json!({"Operation": ["Install"]}));
    world.wait(600);
    let made = world.call(
        "CreatePatchBaseline",
        json!({"Name": "own", "OperatingSystem": "AMAZON_LINUX_2023", "RejectedPatches": ["kernel*"], "RejectedPatchesAction": "BLOCK"}),
    );
    world.call("RegisterDefaultPatchBaseline", json!({"BaselineId": made["BaselineId"]}));
    world.patch(&[&node], json!({"Operation": ["Scan"]}));
    world.wait(120);
    let row = world.row(&node);
    assert_eq!((&row["InstalledRejectedCount"], &row["InstalledOtherCount"]), (&json!(1), &json!(2)));
}

#[test]
fn rows_of_the_past_follow_from_the_packages_of_then() {
    let mut world = Fixture::new();
    let node = world.node(1, "al2023");
    let install = "2026-09-20T00:00:00Z".parse().unwrap();
    seed::scan(&mut world.ctx(), &node, install, Operation::Install);
    assert!(world.machine(&node).software.installed.contains_key("ALAS-1"));
    let scan = "2026-10-20T00:00:00Z".parse().unwrap();
    seed::scan(&mut world.ctx(), &node, scan, Operation::Scan);
    let row = world.row(&node);
    assert_eq!(row["MissingCount"], 1);
    assert_eq!(row["OperationEndTime"], json!(1_792_454_400_000_i64));
    assert_eq!(world.cloud.now.to_string(), crate::sandbox::ssm::fixture::START);
}

/// The index of rows says what a walk over them says, whatever becomes of the rows.
#[test]
fn groups_and_summaries_follow_the_rows() {
    let mut world = Fixture::new();
    let nodes: Vec<String> = (1..=6).map(|number| world.node(number, "al2023")).collect();
    let tag = |world: &mut Fixture, node: &str, group: &str| {
        let tags = json!([{"Key": "Patch Group", "Value": group}]);
        world.call("AddTagsToResource", json!({"ResourceType": "ManagedInstance", "ResourceId": node, "Tags": tags}));
    };
    let scan = |world: &mut Fixture, nodes: &[String], operation: &str| {
        let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
        world.patch(&nodes, json!({"Operation": [operation]}));
        world.wait(900);
    };
    let put = |world: &mut Fixture, node: &str, kind: &str, status: &str| {
        let item = json!([{"Id": "a", "Severity": "HIGH", "Status": status}]);
        let summary = json!({"ExecutionTime": 1_764_000_000});
        world.call(
            "PutComplianceItems",
            json!({"ResourceId": node, "ResourceType": "ManagedInstance", "ComplianceType": kind, "ExecutionSummary": summary, "Items": item}),
        );
    };
    let check = |world: &mut Fixture, groups: &[(&str, &[usize])]| {
        let saved = serde_json::to_string(&world.cloud).unwrap();
        let mut loaded = Fixture { cloud: serde_json::from_str(&saved).unwrap(), place: world.place.clone() };
        for world in [world, &mut loaded] {
            for (group, members) in groups {
                let told = world.call("DescribeInstancePatchStatesForPatchGroup", json!({"PatchGroup": group}));
                let told: Vec<&str> =
                    told.items("InstancePatchStates").iter().filter_map(|row| row.text("InstanceId")).collect();
                assert_eq!(told, members.iter().map(|at| nodes[*at].as_str()).collect::<Vec<_>>(), "{group}");
            }
            // What is kept in numbers is what goes through everything finds, by a filter that all pass.
            let any = json!({"Key": "ExecutionId", "Values": ["none"], "Type": "NOT_EQUAL"});
            let by = |key: &str, value: &str| vec![json!({"Key": key, "Values": [value]})];
            for mut filters in [
                vec![],
                by("ResourceType", "ManagedInstance"),
                by("Status", "NON_COMPLIANT"),
                by("Status", "COMPLIANT"),
                by("OverallSeverity", "HIGH"),
                by("ComplianceType", "Patch"),
            ] {
                let counted = world.call("ListComplianceSummaries", json!({"Filters": filters}));
                filters.push(any.clone());
                assert_eq!(counted, world.call("ListComplianceSummaries", json!({"Filters": filters})), "{filters:?}");
            }
        }
    };
    check(&mut world, &[("a", &[])]);
    for (at, group) in [(0, "a"), (1, "a"), (2, "a"), (3, "b")] {
        tag(&mut world, &nodes[at], group);
    }
    scan(&mut world, &nodes, "Scan");
    check(&mut world, &[("a", &[0, 1, 2]), ("b", &[3])]);
    scan(&mut world, &nodes[..2], "Install");
    check(&mut world, &[("a", &[0, 1, 2]), ("b", &[3])]);
    // What was put counts in place of the scan before it, and a scan in place of what was put before it.
    put(&mut world, &nodes[0], "Patch", "NON_COMPLIANT");
    put(&mut world, &nodes[4], "Patch", "COMPLIANT");
    put(&mut world, &nodes[5], "Custom:A", "NON_COMPLIANT");
    check(&mut world, &[("a", &[0, 1, 2])]);
    // The row names the group that the node was in when it was scanned.
    tag(&mut world, &nodes[0], "b");
    check(&mut world, &[("a", &[0, 1, 2]), ("b", &[3])]);
    scan(&mut world, &nodes[..1], "Scan");
    check(&mut world, &[("a", &[1, 2]), ("b", &[0, 3])]);
    world.call("DeregisterManagedInstance", json!({"InstanceId": nodes[3]}));
    check(&mut world, &[("a", &[1, 2]), ("b", &[0])]);
    let summaries =
        world.call("ListComplianceSummaries", json!({"Filters": [{"Key": "ComplianceType", "Values": ["Custom:A"]}]}));
    let told: Vec<&Value> = summaries
        .items("ComplianceSummaryItems")
        .iter()
        .map(|one| &one["NonCompliantSummary"]["NonCompliantCount"])
        .collect();
    assert_eq!(told, [1]);
}
