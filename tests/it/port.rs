//! The port against the sandbox: requests are signed, written, read and answered for real.

use rebake::aws::{ErrorKind, NewComponent, NewInfrastructure, RoleChain, ValueKind};
use rebake::model::{Site, Tags};
use rebake::sandbox::faults::{WireFault, WireFaultKind};

use crate::env::{Env, site};

pub(crate) fn fault(calls: &str, times: u32, kind: WireFaultKind) -> WireFault {
    WireFault {
        calls: calls.to_owned(),
        region: None,
        skip: 0,
        times: Some(times),
        percent: None,
        kind,
        seen: 0,
        struck: 0,
    }
}

#[tokio::test(start_paused = true)]
async fn a_parameter_is_written_read_and_followed() {
    let env = Env::empty().await;
    let here = env.aws.site(&site("eu-west-1"), None).await;
    assert_eq!(here.parameter("/rebake/web/prod").await.unwrap(), None);
    assert_eq!(here.put_parameter("/rebake/web/prod", "one", ValueKind::Text, false).await.unwrap(), 1);
    let taken = here.put_parameter("/rebake/web/prod", "two", ValueKind::Text, false).await.unwrap_err();
    assert_eq!(taken.kind, ErrorKind::Conflict);
    assert_eq!(here.put_parameter("/rebake/web/prod", "two", ValueKind::Text, true).await.unwrap(), 2);
    let now = here.parameter("/rebake/web/prod").await.unwrap().unwrap();
    assert_eq!((now.value.as_str(), now.version), ("two", 2));
    let history = here.parameter_history("/rebake/web/prod").await.unwrap();
    assert_eq!(history.iter().map(|version| version.value.as_str()).collect::<Vec<_>>(), ["two", "one"]);
    assert!(history[0].by.as_deref().is_some_and(|by| by.starts_with("arn:aws:")), "{history:?}");
    assert_eq!(here.parameters_by_path("/rebake/").await.unwrap(), [now]);
    here.delete_parameter("/rebake/web/prod").await.unwrap();
    here.delete_parameter("/rebake/web/prod").await.unwrap();
    assert_eq!(here.identity().await.unwrap().account, crate::env::ACCOUNT);
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_was_lost_is_not_sent_again() {
    let env = Env::empty().await;
    let here = env.aws.site(&site("eu-west-1"), None).await;
    env.cloud().faults.wire = vec![fault("ssm:PutParameter", 1, WireFaultKind::LostAfter)];
    let lost = here.put_parameter("/a", "one", ValueKind::Text, true).await.unwrap_err();
    assert_eq!(lost.kind, ErrorKind::Lost);
    assert_eq!(here.parameter("/a").await.unwrap().unwrap().version, 1);
    assert_eq!(env.calls().iter().filter(|call| *call == "ssm:PutParameter").count(), 1);

    env.cloud().faults.wire = vec![fault("ssm:PutParameter", 2, WireFaultKind::Throttle)];
    assert_eq!(here.put_parameter("/a", "two", ValueKind::Text, true).await.unwrap(), 2);
    assert_eq!(env.aws.calls().throttles, 2);
}

#[tokio::test(start_paused = true)]
async fn refusals_are_told_apart() {
    let env = Env::empty().await;
    let here = env.aws.site(&site("eu-west-1"), None).await;
    env.cloud().faults.wire = vec![fault("*:*", 2, WireFaultKind::Deny)];
    assert_eq!(here.parameter("/a").await.unwrap_err().kind, ErrorKind::Denied);
    assert_eq!(here.groups().await.unwrap_err().kind, ErrorKind::Denied);
    let nowhere = env.aws.site(&site("eu-nowhere-1"), None).await;
    assert_eq!(nowhere.identity().await.unwrap_err().kind, ErrorKind::Unreachable);
}

#[tokio::test(start_paused = true)]
async fn a_role_is_assumed_by_way_of_another_and_once_for_all_regions() {
    let hub = "arn:aws:iam::111111111111:role/hub";
    let spoke = "arn:aws:iam::222222222222:role/ops/rebake";
    let env = Env::empty().await;
    env.cloud().roles = vec![hub.to_owned(), spoke.to_owned()];
    let role = RoleChain {
        arn: spoke.to_owned(),
        external_id: Some("x-1".to_owned()),
        via: Some(Box::new(RoleChain::new(hub))),
    };
    for region in ["eu-west-1", "us-east-1"] {
        let there = env.aws.site(&Site::new("222222222222", region), Some(&role)).await;
        let identity = there.identity().await.unwrap();
        assert_eq!(identity.account, "222222222222");
        assert_eq!(identity.arn, "arn:aws:sts::222222222222:assumed-role/rebake/rebake-test");
    }
    assert_eq!(env.calls().iter().filter(|call| *call == "sts:AssumeRole").count(), 2);

    let denied = env
        .aws
        .site(&Site::new("333333333333", "eu-west-1"), Some(&RoleChain::new("arn:aws:iam::333333333333:role/no")))
        .await;
    let error = denied.groups().await.unwrap_err();
    assert_eq!((error.kind, error.action), (ErrorKind::Denied, "sts:AssumeRole"));
    assert!(error.message.contains("is not authorized to perform: sts:AssumeRole"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_a_build_is_made_from_is_made_once_and_found_again() {
    let env = Env::empty().await;
    let here = env.aws.site(&site("eu-west-1"), None).await;
    let managed = here.managed_component("update-linux", "x.x.x").await.unwrap().unwrap();
    assert!(managed.starts_with("arn:aws:imagebuilder:eu-west-1:aws:component/update-linux/"), "{managed}");
    assert_eq!(here.managed_component("no-such-thing", "x.x.x").await.unwrap(), None);

    let tags = Tags::from([("rebake:recipe".to_owned(), "web".to_owned())]);
    let document = "schemaVersion: 1.0\nphases:\n  - name: build\n    steps:\n      - name: hello\n        action: ExecuteBash\n        inputs:\n          commands: [echo hello]\n";
    let new =
        NewComponent { name: "web-hello", version: "1.0.0", platform: "Linux", document, tags: &tags, token: "t-1" };
    assert_eq!(here.find_component("web-hello", "1.0.0").await.unwrap(), None);
    let component = here.create_component(&new).await.unwrap();
    assert_eq!(here.create_component(&new).await.unwrap(), component);
    assert_eq!(here.find_component("web-hello", "1.0.0").await.unwrap(), Some(component));
    let other = NewComponent { document: &document.replace("hello]", "world]"), ..new };
    assert_eq!(here.create_component(&other).await.unwrap_err().kind, ErrorKind::Conflict);

    assert_eq!(here.find_infrastructure("web-1").await.unwrap(), None);
    let new = NewInfrastructure {
        name: "web-1",
        instance_types: &["m7i.large".to_owned()],
        instance_profile: "rebake-build",
        subnet: None,
        security_groups: &[],
        imds_required: true,
        tags: &tags,
        token: "t-2",
    };
    let made = here.create_infrastructure(&new).await.unwrap();
    assert_eq!(here.find_infrastructure("web-1").await.unwrap(), Some(made));
    assert_eq!(here.builds_of("web", "1.0.0").await.unwrap(), []);
}
