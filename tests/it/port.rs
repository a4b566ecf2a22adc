//! The port against the sandbox: requests are signed, written, read and answered for real.

use rebake::aws::{ErrorKind, ValueKind};
use rebake::sandbox::faults::{WireFault, WireFaultKind};

use crate::env::{Env, site};

fn fault(calls: &str, times: u32, kind: WireFaultKind) -> WireFault {
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
