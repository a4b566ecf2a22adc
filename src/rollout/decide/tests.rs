//! What a refresh that AWS calls successful has to show.

use std::collections::BTreeMap;

use super::*;
use crate::model::{GroupSource, TemplateVersion, sample};
use crate::plan::GroupRollout;

const OLD: &str = "ami-0d900000000000001";
const NEW: &str = "ami-0d900000000000002";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn goal(group: &GroupRollout) -> Goal<'_> {
    let (recipe, version) = ("web", "2.4.17");
    Goal { group, recipe, version, image: NEW, since: at(0), bake_time_seconds: 0, alarms: &[] }
}

fn plan() -> GroupRollout {
    GroupRollout {
        site: sample::site(),
        group: "web".into(),
        nodes: 2,
        template: "lt-0f3".into(),
        from_version: 14,
        from_image: OLD.into(),
        no_rollback: None,
        min_healthy: 100,
        max_healthy: 110,
        canary_percent: None,
        warmup_seconds: None,
        mixed: false,
        pin: false,
        owner: None,
        left_behind: Vec::new(),
        application: None,
        expected_seconds: 600,
    }
}

/// The group after a refresh that ended at second 1000, with the images that EC2 tells.
fn seen(images: &[(&str, &str)]) -> Seen {
    let member = |id: &str| Member {
        id: id.to_owned(),
        lifecycle: "InService".to_owned(),
        healthy: true,
        protected: false,
        template: Some(("lt-0f3".to_owned(), 15)),
    };
    let source = GroupSource::Template { id: "lt-0f3".into(), version: VersionSpec::Number(15) };
    let refresh = Refresh {
        id: "r".into(),
        status: RefreshStatus::Successful,
        reason: String::new(),
        started_at: Some(at(100)),
        ended_at: Some(at(1000)),
        percent: 100,
        remaining: 0,
        desired: Some(("lt-0f3".into(), "15".into())),
    };
    let target = TemplateVersion {
        number: 15,
        description: String::new(),
        created_by: String::new(),
        created_at: None,
        image: crate::model::ImageSource::Literal(NEW.into()),
        instance_type: None,
        rest_hash: String::new(),
    };
    Seen {
        group: Some(Group { source, members: vec![member("i-a"), member("i-b")], ..sample::group("web") }),
        target: Some(target),
        saved_image: Some(NEW.into()),
        refreshes: vec![refresh],
        images: images.iter().map(|(id, image)| ((*id).to_owned(), (*image).to_owned())).collect::<BTreeMap<_, _>>(),
    }
}

#[test]
fn the_word_of_aws_is_believed_once_every_instance_shows_its_image() {
    let plan = plan();
    let on_image = |images: &[(&str, &str)], now: i64| match next(&goal(&plan), &seen(images), at(now)) {
        Step::Done(rolled) => Ok(rolled.on_image),
        Step::Stop(stop) => Err(stop.why),
        step => Err(format!("{step:?}")),
    };
    assert_eq!(on_image(&[("i-a", NEW), ("i-b", NEW)], 1010), Ok(2));
    // EC2 tells a new instance later than the group does.
    let late = on_image(&[("i-a", NEW)], 1010).unwrap_err();
    assert!(late.contains("verifying the image of each instance"), "{late}");
    let old = on_image(&[("i-a", NEW), ("i-b", OLD)], 1010).unwrap_err();
    assert!(old.contains("verifying the image of each instance"), "{old}");
    // One that is launched at the moment of looking keeps nobody waiting for ever; one on another image does.
    assert_eq!(on_image(&[("i-a", NEW)], 1200), Ok(1));
    assert!(on_image(&[("i-a", NEW), ("i-b", OLD)], 1200).unwrap_err().contains("i-b"));
}
