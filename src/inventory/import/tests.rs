//! Recordings as people have them: several accounts, several ages, parts missing.

use serde_json::{Value, json};

use super::*;
use crate::model::{Agent, GroupSource, Node, VersionSpec};

const NOW: &str = "2026-11-28T08:00:00Z";

fn recording(name: &str, document: &Value) -> Recording {
    Recording { name: name.to_owned(), bytes: document.to_string().into_bytes() }
}

fn imported(recordings: &[Recording]) -> Imported {
    import(recordings, &Request::default(), &[], NOW.parse().unwrap())
}

fn instance(id: &str, zone: &str) -> Value {
    json!({"InstanceId": id, "State": {"Name": "running"}, "Placement": {"AvailabilityZone": zone}, "ImageId": "ami-1"})
}

fn instances(owner: &str, all: &[Value]) -> Value {
    json!({"Reservations": [{"OwnerId": owner, "Instances": all}]})
}

fn managed(id: &str) -> Value {
    json!({"InstanceId": id, "PingStatus": "Online", "LastPingDateTime": 1_795_500_000.5, "PlatformName": "Ubuntu"})
}

fn states(id: &str, missing: u32, at: &str) -> Value {
    json!({"InstancePatchStates": [{"InstanceId": id, "PatchGroup": "", "BaselineId": "pb-1", "Operation": "Scan",
        "OperationEndTime": at, "MissingCount": missing, "FailedCount": 0}]})
}

fn node<'a>(imported: &'a Imported, id: &str) -> &'a Node {
    imported.fleet.nodes.iter().find(|node| node.id == id).unwrap()
}

fn gaps(imported: &Imported) -> Vec<(Fact, &str)> {
    imported.fleet.gaps.iter().map(|gap| (gap.fact, gap.code.as_str())).collect()
}

#[test]
fn things_come_to_the_site_that_they_or_others_tell() {
    let all = imported(&[
        recording("a.json", &instances("111111111111", &[instance("i-1", "eu-west-1a")])),
        recording("b.json", &instances("222222222222", &[instance("i-2", "us-east-1b")])),
        recording("c.json", &json!({"InstanceInformationList": [managed("i-1"), managed("i-2")]})),
        recording("222222222222/us-east-1/d.json", &json!({"InstanceProperties": [managed("mi-1")]})),
        recording("e.json", &states("i-2", 0, "2026-11-27T08:00:00+00:00")),
        recording("f.json", &json!({"Images": [{"ImageId": "ami-1", "Name": "web", "State": "available"}]})),
    ]);
    assert_eq!(all.unused, []);
    let site = |id: &str| node(&all, id).site.to_string();
    assert_eq!(site("i-1"), "111111111111/eu-west-1");
    assert_eq!([site("i-2"), site("mi-1")], ["222222222222/us-east-1", "222222222222/us-east-1"]);
    assert!(all.fleet.nodes.iter().all(|node| matches!(node.agent, Agent::Online { .. })));
    assert!(node(&all, "i-2").patch_state.is_some() && node(&all, "i-1").patch_state.is_none());
    assert_eq!(all.fleet.images.len(), 2, "an image that both sites run");
}

#[test]
fn the_later_recording_counts_and_what_is_on_its_way_out_does_not() {
    let mut gone = instance("i-2", "eu-west-1a");
    gone["State"]["Name"] = json!("terminated");
    let mut renamed = instance("i-1", "eu-west-1a");
    renamed["Tags"] = json!([{"Key": "Name", "Value": "new"}]);
    let all = imported(&[
        recording("1.json", &instances("111111111111", &[instance("i-1", "eu-west-1a"), gone])),
        recording("2.json", &json!([[renamed]])),
        recording("3.json", &states("i-1", 5, "2026-11-27T08:00:00Z")),
        recording("4.json", &states("i-1", 1, "2026-11-20T08:00:00Z")),
    ]);
    assert_eq!(all.fleet.nodes.len(), 1);
    assert_eq!(node(&all, "i-1").name, "new");
    assert_eq!(node(&all, "i-1").patch_state.as_ref().unwrap().missing, 5, "the newest scan, in any order");
}

#[test]
fn one_page_of_several_is_a_gap_and_absence_proves_nothing() {
    let mut page = json!({"InstanceInformationList": [managed("i-1")], "NextToken": "more"});
    let two = instances("111111111111", &[instance("i-1", "eu-west-1a"), instance("i-2", "eu-west-1a")]);
    let all = imported(&[recording("a.json", &two), recording("b.json", &page)]);
    assert!(gaps(&all).contains(&(Fact::ManagedNodes, "OnePage")));
    assert_eq!(node(&all, "i-2").agent, Agent::Unread);
    page["NextToken"] = Value::Null;
    let all = imported(&[recording("a.json", &two), recording("b.json", &page)]);
    assert!(!gaps(&all).contains(&(Fact::ManagedNodes, "OnePage")));
    assert_eq!(node(&all, "i-2").agent, Agent::Absent);
}

#[test]
fn patches_belong_to_the_node_in_the_name_of_their_file() {
    let patches = json!({"Patches": [
        {"KBId": "bash.x86_64", "State": "Missing", "Severity": "Critical", "CVEIds": "CVE-2026-1"},
        {"KBId": "zlib.x86_64", "State": "Installed"},
    ]});
    let released =
        json!({"Patches": [{"Name": "bash", "ReleaseDate": "2026-11-01T00:00:00+00:00", "CVEIds": ["CVE-2026-1"]}]});
    let id = "i-0123456789abcdef0";
    let all = imported(&[
        recording("a.json", &instances("111111111111", &[instance(id, "eu-west-1a")])),
        recording("b.json", &states(id, 1, "2026-11-27T08:00:00Z")),
        recording(&format!("patches_{id}.json"), &patches),
        recording("nobody.json", &patches),
        recording("available.json", &released),
    ]);
    let told = &node(&all, id).patches;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].released_at.map(|at| at.to_string()).as_deref(), Some("2026-11-01T00:00:00Z"));
    assert_eq!(all.unused.len(), 1);
    assert!(all.unused[0].why.contains("name the file after the node"), "{:?}", all.unused);
}

#[test]
fn groups_come_with_what_launches_them_and_user_data_comes_nowhere() {
    let arn = "arn:aws:autoscaling:eu-west-1:111111111111:autoScalingGroup:u:autoScalingGroupName/web";
    let group = json!({"AutoScalingGroupName": "web", "AutoScalingGroupARN": arn, "MinSize": 1, "DesiredCapacity": 2,
        "LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "3"}, "HealthCheckType": "EC2,ELB",
        "TargetGroupARNs": ["arn"], "Instances": [{"InstanceId": "i-1", "LifecycleState": "InService"}]});
    let version = |image: &str| {
        json!({"LaunchTemplateVersions": [{"LaunchTemplateId": "lt-1", "VersionNumber": 3, "DefaultVersion": true,
            "LaunchTemplateData": {"ImageId": image, "UserData": "c2VjcmV0LXBhc3N3b3Jk", "InstanceType": "m7i.large"}}]})
    };
    let with = |image: &str| {
        imported(&[
            recording("a.json", &instances("111111111111", &[instance("i-1", "eu-west-1a")])),
            recording("b.json", &json!({"AutoScalingGroups": [group]})),
            recording("c.json", &version(image)),
            recording(
                "d.json",
                &json!({"LifecycleHooks": [{"LifecycleHookName": "h", "AutoScalingGroupName": "web"}]}),
            ),
            recording("e.json", &json!({"ScalingPolicies": [{"PolicyName": "p", "AutoScalingGroupName": "web"}]})),
        ])
    };
    let all = with("ami-1");
    assert_eq!(node(&all, "i-1").group.as_deref(), Some("web"));
    let web = &all.fleet.groups[0];
    assert_eq!(web.source, GroupSource::Template { id: "lt-1".to_owned(), version: VersionSpec::Number(3) });
    assert!(web.checks_application() && web.hooks.len() == 1 && web.policies == ["p"]);
    let template = &all.fleet.templates[0];
    assert_eq!(template.version(3).unwrap().image, ImageSource::Literal("ami-1".to_owned()));
    assert!(gaps(&all).contains(&(Fact::Templates, "NotRecorded")), "the template itself was not recorded");
    assert!(!serde_json::to_string(&all.fleet).unwrap().contains("c2VjcmV0"));
    let hash = |all: &Imported| all.fleet.templates[0].versions[0].rest_hash.clone();
    assert_eq!(hash(&all), hash(&with("resolve:ssm:/x")));
}

#[test]
fn sites_of_the_configuration_that_nobody_recorded_are_gaps() {
    let mut wanted = super::super::SiteRequest::new(Site::new("111111111111", "eu-west-1"));
    wanted.channels = vec![("web".to_owned(), "prod".to_owned())];
    let other = super::super::SiteRequest::new(Site::new("333333333333", "eu-west-1"));
    let request = Request { sites: vec![wanted, other] };
    let recorded = [recording("a.json", &instances("111111111111", &[instance("i-1", "eu-west-1a")]))];
    let all = import(&recorded, &request, &[], NOW.parse().unwrap());
    assert!(gaps(&all).contains(&(Fact::Parameters, "NotRecorded")));
    let lost: Vec<&Gap> = all.fleet.gaps.iter().filter(|gap| gap.fact == Fact::Site).collect();
    assert_eq!(lost.iter().map(|gap| gap.site.account.as_str()).collect::<Vec<_>>(), ["333333333333"]);
}

#[test]
fn baselines_count_with_their_patch_groups_alone() {
    let amazons = "arn:aws:ssm:eu-west-1:075727635805:patchbaseline/pb-0c5b3769c483a4a3f";
    let here = recording("a.json", &instances("111111111111", &[instance("i-1", "eu-west-1a")]));
    let baselines = json!({"BaselineIdentities": [
        {"BaselineId": amazons, "BaselineName": "AWS-Ubuntu", "OperatingSystem": "UBUNTU", "DefaultBaseline": true},
        {"BaselineId": "pb-1", "BaselineName": "strict", "OperatingSystem": "UBUNTU", "DefaultBaseline": false},
    ]});
    let groups = json!({"Mappings": [
        {"PatchGroup": "web", "BaselineIdentity": {"BaselineId": "pb-1", "OperatingSystem": "UBUNTU"}},
    ]});
    let baselines = recording("b.json", &baselines);
    let all = imported(&[here.clone(), baselines.clone(), recording("c.json", &groups)]);
    assert_eq!(all.unused, []);
    let told: Vec<(&str, bool, usize)> = all
        .fleet
        .baselines
        .iter()
        .map(|baseline| (baseline.name.as_str(), baseline.default, baseline.patch_groups.len()))
        .collect();
    assert_eq!(told, [("AWS-Ubuntu", true, 0), ("strict", false, 1)]);
    // Without the groups nobody knows which baseline holds for a node.
    assert_eq!(imported(&[here, baselines]).fleet.baselines, []);
}

fn group_of(name: &str, members: &[&str]) -> Value {
    let arn = format!("arn:aws:autoscaling:eu-west-1:111111111111:autoScalingGroup:u:autoScalingGroupName/{name}");
    let members: Vec<Value> =
        members.iter().map(|id| json!({"InstanceId": id, "LifecycleState": "InService"})).collect();
    json!({"AutoScalingGroups": [{"AutoScalingGroupName": name, "AutoScalingGroupARN": arn, "MinSize": 1,
        "DesiredCapacity": 2, "Instances": members}]})
}

fn launched(id: &str, group: &str) -> Value {
    let mut instance = instance(id, "eu-west-1a");
    instance["Tags"] = json!([{"Key": "aws:autoscaling:groupName", "Value": group}]);
    instance
}

#[test]
fn groups_that_launched_something_and_were_not_recorded_are_gaps() {
    let two = [launched("i-1", "web"), launched("i-2", "shop prod")];
    let all = imported(&[
        recording("a.json", &instances("111111111111", &two)),
        recording("b.json", &group_of("web", &["i-1"])),
    ]);
    let gap: Vec<&Gap> = all.fleet.gaps.iter().filter(|gap| gap.fact == Fact::Groups).collect();
    assert_eq!(gap.len(), 1, "{gap:?}");
    assert_eq!(gap[0].resource.as_deref(), Some("shop prod"));
    let cure = gap[0].cure();
    assert!(cure.contains(" --region eu-west-1 --auto-scaling-group-names 'shop prod' "), "{cure}");
    // Where no group was recorded, that is one gap.
    let none = imported(&[recording("a.json", &instances("111111111111", &two))]);
    assert_eq!(gaps(&none).iter().filter(|(fact, _)| *fact == Fact::Groups).count(), 1);
}

/// The instances and the gaps of instances, by resource.
fn seen(recordings: &[Recording]) -> (Vec<String>, Vec<Option<String>>) {
    let all = imported(recordings);
    let gaps = all.fleet.gaps.iter().filter(|gap| gap.fact == Fact::Instances);
    (all.fleet.nodes.iter().map(|node| node.id.to_string()).collect(), gaps.map(|gap| gap.resource.clone()).collect())
}

#[test]
fn instances_that_others_tell_of_are_shown_and_are_a_gap() {
    let one = recording("a.json", &instances("111111111111", &[instance("i-1", "eu-west-1a")]));
    let at =
        |id: &str, status: &str, ping: u64| json!({"InstanceId": id, "PingStatus": status, "LastPingDateTime": ping});
    let known = |more: Value| recording("b.json", &json!({"InstanceInformationList": [managed("i-1"), more]}));
    assert_eq!(seen(&[one.clone(), known(managed("i-2"))]), (vec!["i-1".into(), "i-2".into()], vec![None]));
    let member = recording("b.json", &group_of("web", &["i-1", "i-2"]));
    assert_eq!(seen(&[one.clone(), member]), (vec!["i-1".into(), "i-2".into()], vec![None]));
    // It may have been terminated since; that says nothing of the others.
    let silent = known(at("i-2", "ConnectionLost", 1_795_496_400));
    assert_eq!(seen(&[one.clone(), silent]), (vec!["i-1".into(), "i-2".into()], vec![Some("i-2".into())]));
    let gone = known(at("i-2", "ConnectionLost", 1_795_400_000));
    assert_eq!(seen(&[one.clone(), gone.clone()]), (vec!["i-1".into()], vec![]));
    let mut ended = instance("i-2", "eu-west-1a");
    ended["State"]["Name"] = json!("terminated");
    let both = recording("a.json", &instances("111111111111", &[instance("i-1", "eu-west-1a"), ended]));
    assert_eq!(seen(&[both, known(managed("i-2"))]), (vec!["i-1".into()], vec![]));
    // An answer without instances, of a filter that nothing fits.
    let none = recording("111111111111/eu-west-1/a.json", &json!({"Reservations": []}));
    assert_eq!(seen(&[none, known(managed("i-2"))]), (vec!["i-1".into(), "i-2".into()], vec![None]));
}

#[test]
fn a_recording_that_is_cut_off_is_a_gap_of_what_it_was() {
    let page = |id: &str| instances("111111111111", &[instance(id, "eu-west-1a")]).to_string();
    let cut = page("i-2")[..60].to_owned();
    let raw = |name: &str, text: String| Recording { name: name.to_owned(), bytes: text.into_bytes() };
    let lost = known_lost();
    let beside = [raw("a.json", page("i-1")), raw("b.json", cut.clone()), lost.clone()];
    let within = [raw("a.json", page("i-1") + "\n" + &cut), lost.clone()];
    for recordings in [&beside[..], &within[..]] {
        let (nodes, gaps) = seen(recordings);
        assert_eq!((nodes, gaps), (vec!["i-1".to_owned(), "i-2".to_owned()], vec![None]));
    }
    assert_eq!(seen(&[raw("a.json", page("i-1")), lost]), (vec!["i-1".to_owned()], vec![]));
}

/// What Systems Manager remembers of a node that may be gone.
fn known_lost() -> Recording {
    let lost = json!({"InstanceId": "i-2", "PingStatus": "ConnectionLost", "LastPingDateTime": 1_795_400_000});
    recording("m.json", &json!({"InstanceInformationList": [managed("i-1"), lost]}))
}

#[test]
fn a_folder_of_another_account_makes_nothing_twice() {
    let folder = |name: &str, document: &Value| recording(&format!("dump/111111111111/eu-west-1/{name}"), document);
    let images = json!({"Images": [{"ImageId": "ami-1", "Name": "web", "State": "available"}]});
    let all = imported(&[
        folder("instances.json", &instances("222222222222", &[instance("i-1", "eu-west-1a")])),
        folder("managed.json", &json!({"InstanceInformationList": [managed("i-1"), managed("mi-1")]})),
        folder("states.json", &states("i-1", 0, "2026-11-27T08:00:00Z")),
        folder("images.json", &images),
        folder("hooks.json", &json!({"LifecycleHooks": []})),
    ]);
    let sites: BTreeSet<String> = all.fleet.nodes.iter().map(|node| node.site.to_string()).collect();
    assert_eq!(sites, BTreeSet::from(["222222222222/eu-west-1".to_owned()]));
    assert_eq!((all.fleet.nodes.len(), all.fleet.sites.len(), all.fleet.images.len()), (2, 1, 1));
    assert!(node(&all, "i-1").patch_state.is_some());
    // What another site's instances tell says which of two folders is right of an id that both have.
    let all = imported(&[
        folder("instances.json", &instances("111111111111", &[instance("i-1", "eu-west-1a")])),
        recording("222222222222/eu-west-1/i.json", &instances("222222222222", &[instance("i-2", "eu-west-1a")])),
        recording("222222222222/eu-west-1/m.json", &json!({"InstanceInformationList": [managed("i-1")]})),
    ]);
    assert_eq!(all.fleet.nodes.len(), 2);
    assert!(matches!(node(&all, "i-1").agent, Agent::Online { .. }));
}

#[test]
fn one_bad_entry_takes_no_other_with_it() {
    let bad =
        json!({"Reservations": [{"OwnerId": "111111111111", "Instances": [null, instance("i-1", "eu-west-1a")]}]});
    let all = imported(&[recording("a.json", &bad)]);
    assert_eq!((all.fleet.nodes.len(), node(&all, "i-1").site.account.as_str()), (1, "111111111111"));
    assert_eq!(all.unused.len(), 1);
    assert!(all.unused[0].why.starts_with("1 entry without InstanceId"), "{:?}", all.unused);
}

#[test]
fn an_agent_without_a_time_is_known_and_does_not_answer() {
    for time in [Value::Null, json!("soon")] {
        let known = json!({"InstanceId": "i-1", "PingStatus": "Online", "LastPingDateTime": time});
        let all = imported(&[
            recording("a.json", &instances("111111111111", &[instance("i-1", "eu-west-1a")])),
            recording("b.json", &json!({"InstanceInformationList": [known]})),
        ]);
        assert_eq!(node(&all, "i-1").agent, Agent::Untold);
    }
}
