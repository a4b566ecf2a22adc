use std::fs;

use super::*;
use crate::sandbox::catalogue::Catalogue;
use crate::sandbox::faults::{WireFault, WireFaultKind};
use crate::sandbox::throttle::{Per, Rate, Throttle};
use crate::sandbox::wire::{Call, Service, operations};

fn start() -> Timestamp {
    "2026-11-24T08:00:00Z".parse().unwrap()
}

fn minutes(count: u64) -> Timestamp {
    start() + Duration::from_secs(60 * count)
}

fn fresh() -> Result<Cloud, Box<dyn Error + Send + Sync>> {
    let mut cloud = Cloud::new(7, start(), Catalogue::default());
    cloud.roles.push("arn:aws:iam::222222222222:role/rebake".to_owned());
    Ok(cloud)
}

fn state(cloud: &Cloud) -> String {
    serde_json::to_string(cloud).unwrap()
}

fn throttle() -> Faults {
    let rule = WireFault {
        calls: "*:*".to_owned(),
        region: None,
        skip: 1,
        times: Some(1),
        percent: None,
        kind: WireFaultKind::Throttle,
        seen: 0,
        struck: 0,
    };
    Faults { wire: vec![rule], ..Faults::default() }
}

#[test]
fn clock_and_faults_outlive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let mut account = Account::open(dir.path(), fresh).unwrap();
    account.advance(minutes(3));
    account.set_faults(throttle());
    account.advance(minutes(2));
    let left = state(account.cloud());
    drop(account);
    let again = Account::open(dir.path(), || panic!("there is an account")).unwrap();
    assert_eq!(again.now(), minutes(3));
    assert_eq!(state(again.cloud()), left);
}

#[test]
fn a_way_that_is_gone_in_parts_ends_where_the_whole_one_does() {
    let world = || Ok(crate::sandbox::world::demo(start())?);
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [mut parts, mut whole] = dirs.each_ref().map(|dir| Account::open(dir.path(), world).unwrap());
    let begin = whole.now();
    let half = begin + Duration::from_secs(86_400);
    let end = half + Duration::from_secs(86_400);
    whole.advance(half);
    whole.set_faults(throttle());
    whole.advance(end);
    let mut rests = 0;
    while !parts.approach(half, || true) {
        rests += 1;
    }
    // Faults come in the midst of what happens at one moment: it is finished first.
    parts.advance(half);
    parts.set_faults(throttle());
    assert!(!parts.approach(end, || true));
    while !parts.approach(end, || true) {
        rests += 1;
    }
    assert!(rests > 10, "{rests}");
    parts.advance(end);
    assert_eq!(state(parts.cloud()), state(whole.cloud()));
    drop((parts, whole));
    let [parts, whole] = dirs.each_ref().map(|dir| Account::open(dir.path(), world).unwrap());
    assert_eq!(parts.now(), end);
    assert_eq!(state(parts.cloud()), state(whole.cloud()));
}

#[test]
fn what_was_played_in_part_is_played_again_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let world = || Ok(crate::sandbox::world::demo(start())?);
    let mut account = Account::open(dir.path(), world).unwrap();
    let to = account.now() + Duration::from_secs(86_400);
    for _ in 0..10 {
        assert!(!account.approach(to, || true));
    }
    account.set_faults(throttle());
    let left = state(account.cloud());
    for _ in 0..10 {
        assert!(!account.approach(to, || true));
    }
    drop(account);
    let again = Account::open(dir.path(), world).unwrap();
    assert_eq!(state(again.cloud()), left);
}

#[test]
fn a_second_process_is_told_who_holds_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Account::open(dir.path(), fresh).unwrap();
    let message = Account::open(dir.path(), fresh).unwrap_err().to_string();
    assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
    assert!(message.contains("sandbox serve"), "{message}");
}

#[test]
fn a_torn_tail_is_dropped_and_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log.ndjson");
    let mut account = Account::open(dir.path(), fresh).unwrap();
    account.advance(minutes(1));
    account.advance(minutes(2));
    drop(account);
    let whole = fs::read(&log).unwrap();
    fs::write(&log, &whole[..whole.len() - 3]).unwrap();
    let mut account = Account::open(dir.path(), fresh).unwrap();
    assert_eq!(account.now(), minutes(1));
    account.advance(minutes(5));
    drop(account);
    assert_eq!(Account::open(dir.path(), fresh).unwrap().now(), minutes(5));
}

#[test]
fn a_damaged_line_is_refused_by_name_and_kept_when_starting_over() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log.ndjson");
    let mut account = Account::open(dir.path(), fresh).unwrap();
    account.advance(minutes(1));
    account.advance(minutes(2));
    drop(account);
    let damaged = fs::read_to_string(&log).unwrap().replacen("{\"clock", "{\"cl!ck", 1);
    fs::write(&log, &damaged).unwrap();
    let message = Account::open(dir.path(), fresh).unwrap_err().to_string();
    assert!(message.starts_with("line 2 of") && message.contains("log.ndjson"), "{message}");
    assert!(Account::open(dir.path(), fresh).is_err(), "it must be refused as long as it is there");
    let account = Account::start_over(dir.path(), fresh().unwrap()).unwrap();
    assert_eq!(account.now(), start());
    assert_eq!(fs::read_to_string(dir.path().join("log.ndjson.damaged")).unwrap(), damaged);
}

#[test]
fn an_older_format_is_refused_and_kept_aside_by_a_reset() {
    let dir = tempfile::tempdir().unwrap();
    drop(Account::open(dir.path(), fresh).unwrap());
    let old = "{\"format\":1,\"cloud\":\"of another shape\"}\n";
    fs::write(dir.path().join("snapshot.json"), old).unwrap();
    let error = Account::open(dir.path(), fresh).unwrap_err();
    assert!(matches!(error, StoreError::Older { format: 1, .. }), "{error}");
    assert!(error.to_string().contains("sandbox reset"), "{error}");
    let account = Account::start_over(dir.path(), fresh().unwrap()).unwrap();
    assert_eq!(account.now(), start());
    assert_eq!(fs::read_to_string(dir.path().join("snapshot.json.damaged")).unwrap(), old);
}

#[test]
fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(Account::open(dir.path(), fresh).unwrap());
    fs::write(dir.path().join("snapshot.json"), "{\"format\":9,\"cloud\":\"of another shape\"}\n").unwrap();
    let error = Account::open(dir.path(), fresh).unwrap_err();
    assert!(matches!(error, StoreError::Newer { format: 9, .. }), "{error}");
}

#[test]
fn a_long_log_becomes_a_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let mut account = Account::open(dir.path(), fresh).unwrap();
    for minute in 1..=LONG_LOG + 10 {
        account.advance(minutes(minute));
    }
    let left = state(account.cloud());
    drop(account);
    let lines = fs::read_to_string(dir.path().join("log.ndjson")).unwrap().lines().count();
    assert!(lines < 20, "{lines}");
    assert_eq!(state(Account::open(dir.path(), fresh).unwrap().cloud()), left);
}

/// An account with a few lines of log, closed; and the lines.
fn with_a_log(dir: &Path) -> Vec<String> {
    let mut account = Account::open(dir, fresh).unwrap();
    for name in ["one", "two", "three", "four"] {
        let body = format!(r#"{{"name":"{name}","instanceProfileName":"p","clientToken":"{name}"}}"#);
        let request = request("eu-west-1", "PUT", "/CreateInfrastructureConfiguration", &body);
        drop(account.handle(&request, minutes(1)));
    }
    drop(account);
    let log = fs::read_to_string(dir.join("log.ndjson")).unwrap();
    log.split_inclusive('\n').map(str::to_owned).collect()
}

/// What opening a folder says, and that starting over keeps all that was there.
fn refused(dir: &Path) -> String {
    let files = || -> Vec<Vec<u8>> {
        let names = ["snapshot.json", "log.ndjson"].into_iter();
        names.filter_map(|name| fs::read(dir.join(name)).ok()).collect()
    };
    let before = files();
    let error = Account::open(dir, fresh).unwrap_err();
    let why = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(error.to_string().contains("sandbox reset"), "{error}");
    assert_eq!(files(), before, "refusing changes nothing");
    let account = Account::start_over(dir, fresh().unwrap()).unwrap();
    assert_eq!(account.now(), start());
    drop(account);
    let aside = ["snapshot.json.damaged", "log.ndjson.damaged"].into_iter();
    assert_eq!(aside.filter_map(|name| fs::read(dir.join(name)).ok()).collect::<Vec<_>>(), before);
    Account::open(dir, || panic!("there is an account")).unwrap();
    format!("{error}: {why}")
}

#[test]
fn a_log_that_was_taken_away_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    with_a_log(dir.path());
    fs::remove_file(dir.path().join("log.ndjson")).unwrap();
    let told = refused(dir.path());
    assert!(told.contains("log.ndjson is missing, and") && told.contains("snapshot.json belongs to it"), "{told}");
}

#[test]
fn a_log_that_was_emptied_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    with_a_log(dir.path());
    fs::write(dir.path().join("log.ndjson"), "").unwrap();
    assert!(refused(dir.path()).starts_with("line 1 of"));
}

#[test]
fn lines_that_were_taken_away_moved_or_changed_are_named() {
    type Bend = fn(&mut Vec<String>);
    let bends: [(Bend, &str, &str); 7] = [
        (|lines| drop(lines.remove(2)), "line 3 of", "it was written as line 4"),
        (|lines| lines.swap(2, 3), "line 3 of", "it was written as line 4"),
        (|lines| lines.insert(2, lines[2].clone()), "line 4 of", "it was written as line 3"),
        (|lines| lines[2] = lines[2].replace("two", "too"), "line 3 of", "it was changed"),
        (|lines| lines[4] = lines[4].replace("four", "five"), "line 5 of", "it was changed"),
        (|lines| lines[3] = lines[3].replace("CreateInfra", "DeleteInfra"), "line 4 of", "it was changed"),
        (|lines| lines[0] = lines[0].replacen("generation\":1", "generation\":0", 1), "line 1 of", "it was changed"),
    ];
    for (number, (bend, place, why)) in bends.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let mut lines = with_a_log(dir.path());
        let before = lines.clone();
        bend(&mut lines);
        assert_ne!(lines, before, "{number} changes something");
        fs::write(dir.path().join("log.ndjson"), lines.concat()).unwrap();
        let told = refused(dir.path());
        assert!(told.starts_with(place) && told.contains("log.ndjson") && told.contains(why), "{number}: {told}");
    }
}

#[test]
fn a_snapshot_with_a_changed_byte_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    with_a_log(dir.path());
    let path = dir.path().join("snapshot.json");
    let whole = fs::read(&path).unwrap();
    for at in (8..whole.len()).step_by(7) {
        let mut bent = whole.clone();
        bent[at] ^= 1;
        fs::write(&path, &bent).unwrap();
        let error = Account::open(dir.path(), fresh).unwrap_err();
        // The number of the format itself may have become another.
        let known =
            matches!(error, StoreError::Damaged { line: 1, .. } | StoreError::Newer { .. } | StoreError::Older { .. });
        assert!(known && error.to_string().contains("snapshot.json"), "{at}: {error}");
    }
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(refused(dir.path()).starts_with("line 1 of"));
}

#[test]
fn a_log_of_another_account_is_refused() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    with_a_log(dir.path());
    drop(Account::open(other.path(), || Ok(Cloud::new(8, start(), Catalogue::default()))).unwrap());
    fs::copy(other.path().join("log.ndjson"), dir.path().join("log.ndjson")).unwrap();
    assert!(refused(dir.path()).contains("does not belong to the snapshot"));
}

#[test]
fn a_process_that_dies_between_its_files_leaves_an_account() {
    let dir = tempfile::tempdir().unwrap();
    let (log, snapshot) = (dir.path().join("log.ndjson"), dir.path().join("snapshot.json"));
    let mut account = Account::open(dir.path(), fresh).unwrap();
    account.advance(minutes(3));
    let before = fs::read(&log).unwrap();
    account.reset(fresh().unwrap()).unwrap();
    drop(account);
    // The snapshot of a generation, and the log of the one before.
    fs::write(&log, &before).unwrap();
    assert_eq!(Account::open(dir.path(), fresh).unwrap().now(), start());
    // A first log, and no snapshot yet.
    fs::write(&log, seal::Chain::default().close(&serde_json::json!({"generation": 0, "snapshot": ""})).unwrap())
        .unwrap();
    fs::remove_file(&snapshot).unwrap();
    assert_eq!(Account::open(dir.path(), fresh).unwrap().now(), start());
}

#[test]
fn former_calls_that_were_changed_or_taken_away_are_missed() {
    let dir = tempfile::tempdir().unwrap();
    let mut account = Account::open(dir.path(), fresh).unwrap();
    let list = Happens::Call(request("eu-west-1", "POST", "/ListImages", "{}"));
    for _ in 0..WORTH_A_SNAPSHOT + 5 {
        happen(&mut account, &list, 1);
    }
    account.close().unwrap();
    let path = dir.path().join("calls.ndjson");
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, whole.replacen("ListImages", "ListImagez", 1)).unwrap();
    let error = Account::open(dir.path(), fresh).unwrap().calls().unwrap_err();
    assert!(matches!(error, StoreError::Damaged { line: 1, source: Damage::Changed, .. }), "{error}");
    fs::write(&path, &whole[..whole.len() - 10]).unwrap();
    let error = Account::open(dir.path(), fresh).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { source: Damage::Missing, .. }), "{error}");
    fs::remove_file(&path).unwrap();
    let error = Account::open(dir.path(), fresh).unwrap_err();
    assert!(matches!(error, StoreError::Incomplete { .. }) && error.to_string().contains("calls.ndjson"), "{error}");
}

/// A signed request of Image Builder.
fn request(region: &str, method: &str, path: &str, body: &str) -> http::Request<Bytes> {
    signed("imagebuilder", region, method, path, "application/json", body)
}

/// A signed request of a query service.
fn query(service: &str, body: &str) -> http::Request<Bytes> {
    signed(service, "eu-west-1", "POST", "/", "application/x-www-form-urlencoded", body)
}

fn signed(service: &str, region: &str, method: &str, path: &str, kind: &str, body: &str) -> http::Request<Bytes> {
    let scope = format!("AKIAEXAMPLE/20261124/{region}/{service}/aws4_request");
    let signature = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0f");
    http::Request::builder()
        .method(method)
        .uri(format!("https://{service}.{region}.amazonaws.com{path}"))
        .header("authorization", signature)
        .header("content-type", kind)
        .body(Bytes::from(body.to_owned()))
        .unwrap()
}

const ASSUME_ROLE: &str = "Action=AssumeRole&Version=2011-06-15&RoleSessionName=run\
                           &RoleArn=arn%3Aaws%3Aiam%3A%3A222222222222%3Arole%2Frebake";

/// Something that happens to an account.
enum Happens {
    Call(http::Request<Bytes>),
    Clock(u64),
    Faults(Faults),
}

/// Creations, repeated and refused ones, reads that open a region, faults of every kind, and time.
fn history() -> Vec<Happens> {
    let infrastructure = |name: &str, token: &str| {
        let body = format!(r#"{{"name":"{name}","instanceProfileName":"p","clientToken":"{token}"}}"#);
        Happens::Call(request("eu-west-1", "PUT", "/CreateInfrastructureConfiguration", &body))
    };
    let list = |region: &str| Happens::Call(request(region, "POST", "/ListImages", "{}"));
    let fault = |kind: WireFaultKind| {
        let mut faults = throttle();
        faults.wire[0].kind = kind;
        faults.wire[0].skip = 0;
        Happens::Faults(faults)
    };
    vec![
        list("us-east-1"),
        Happens::Call(query("sts", ASSUME_ROLE)),
        infrastructure("one", "1"),
        Happens::Clock(1),
        infrastructure("one", "1"),
        infrastructure("one", "2"),
        Happens::Faults(throttle()),
        list("eu-west-1"),
        infrastructure("two", "3"),
        infrastructure("two", "3"),
        fault(WireFaultKind::LostBefore),
        infrastructure("three", "4"),
        infrastructure("three", "4"),
        fault(WireFaultKind::LostAfter),
        infrastructure("four", "5"),
        Happens::Call(request("eu-west-1", "PUT", "/NoSuchOperation", "{}")),
        Happens::Clock(30),
        list("eu-central-1"),
    ]
}

fn happen(account: &mut Account, what: &Happens, minute: u64) {
    match what {
        Happens::Call(request) => drop(account.handle(request, minutes(minute))),
        Happens::Clock(more) => account.advance(minutes(minute + more)),
        Happens::Faults(faults) => account.set_faults(faults.clone()),
    }
}

#[test]
fn every_cut_of_the_log_opens_as_it_was_left() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log.ndjson");
    let mut account = Account::open(dir.path(), fresh).unwrap();
    let mut left = Vec::new();
    for (index, what) in history().iter().enumerate() {
        left.push((fs::read(&log).unwrap(), state(account.cloud()), account.calls().unwrap()));
        happen(&mut account, what, index as u64);
    }
    left.push((fs::read(&log).unwrap(), state(account.cloud()), account.calls().unwrap()));
    drop(account);
    for effect in ["infrastructure-configuration/four", "assumed-role/rebake/run"] {
        assert!(left.last().unwrap().1.contains(effect), "{effect}");
    }
    let torn = br#"{"call":{"record":{"at":"2026-11-24T08:"#;
    for (cut, (text, expected, calls)) in left.iter().enumerate() {
        for tail in [&b""[..], torn] {
            fs::write(&log, [text, tail].concat()).unwrap();
            let again = Account::open(dir.path(), fresh).unwrap();
            assert_eq!(&state(again.cloud()), expected, "cut {cut}");
            assert_eq!(&again.calls().unwrap(), calls, "cut {cut}");
        }
    }
}

#[test]
fn calls_are_told_across_snapshots() {
    let dir = tempfile::tempdir().unwrap();
    let mut account = Account::open(dir.path(), fresh).unwrap();
    let list = Happens::Call(request("eu-west-1", "POST", "/ListImages", "{}"));
    for _ in 0..LONG_LOG as usize + 5 {
        happen(&mut account, &list, 1);
    }
    account.close().unwrap();
    let again = Account::open(dir.path(), fresh).unwrap();
    assert_eq!(again.calls().unwrap().len(), LONG_LOG as usize + 5);
}

#[test]
fn user_data_is_kept_for_the_replay_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let mut account = Account::open(dir.path(), fresh).unwrap();
    let template = query(
        "ec2",
        "Action=CreateLaunchTemplate&Version=2016-11-15&LaunchTemplateName=web&LaunchTemplateData.UserData=aHVzaA%3D%3D",
    );
    drop(account.handle(&template, minutes(1)));
    let shown = serde_json::to_string(&account.calls().unwrap()).unwrap();
    assert!(shown.contains("CreateLaunchTemplate") && !shown.contains("aHVzaA"), "{shown}");
    assert!(fs::read_to_string(dir.path().join("log.ndjson")).unwrap().contains("aHVzaA=="));
}

#[test]
fn the_demo_world_goes_on_the_same_after_any_cut() {
    let dir = tempfile::tempdir().unwrap();
    let demo = || Ok(crate::sandbox::world::demo(start())?);
    let mut account = Account::open(dir.path(), demo).unwrap();
    let mut undisturbed = account.fork();
    let list = request("ap-southeast-2", "POST", "/ListImages", "{}");
    for step in 1..=16 {
        let now = minutes(step * 95);
        if step == 3 {
            drop(account.handle(&list, now));
            drop(undisturbed.handle(&list, now));
        }
        account.advance(now);
        undisturbed.advance(now);
        drop(account);
        account = Account::open(dir.path(), demo).unwrap();
        assert!(state(account.cloud()) == state(&undisturbed), "step {step}");
    }
}

#[test]
fn reading_leaves_no_trace() {
    let mut cloud = crate::sandbox::world::demo(start()).unwrap();
    cloud.advance(minutes(90));
    let place = crate::sandbox::Place::new("123456789012", "eu-west-1");
    let untouched = state(&cloud);
    let services = [Service::Ec2, Service::AutoScaling, Service::Ssm, Service::ImageBuilder, Service::Sts];
    let operations = services.into_iter().flat_map(|service| operations(service).map(move |name| (service, name)));
    for (service, operation) in operations.filter(|(_, operation)| !crate::sandbox::calls::changes(operation)) {
        let call = Call {
            place: place.clone(),
            service,
            operation: operation.to_owned(),
            input: serde_json::json!({}),
            access_key: String::new(),
        };
        let answer = cloud.perform(&call);
        assert!(state(&cloud) == untouched, "{operation} -> {answer:?}");
    }
}

#[test]
fn tokens_that_were_taken_are_gone_when_the_account_is_opened_again() {
    let rates = || {
        let mut cloud = fresh()?;
        let rate = Rate { calls: "autoscaling:*".to_owned(), burst: 2, per_second: 0.1, per: Per::Call };
        cloud.throttle = Throttle::new(vec![rate]);
        Ok(cloud)
    };
    let dir = tempfile::tempdir().unwrap();
    let mut account = Account::open(dir.path(), rates).unwrap();
    for _ in 0..3 {
        account.handle(&query("autoscaling", "Action=DescribeAccountLimits&Version=2011-01-01"), start());
    }
    let errors: Vec<Option<String>> = account.calls().unwrap().into_iter().map(|call| call.error).collect();
    assert_eq!(errors, [None, None, Some("Throttling".to_owned())]);
    let left = state(account.cloud());
    drop(account);
    assert_eq!(state(Account::open(dir.path(), rates).unwrap().cloud()), left);
}
