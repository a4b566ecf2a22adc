use super::*;
use crate::report::sample;
use crate::ui::progress::sample::events;

fn whole(change: impl FnOnce(&mut Fleet, &mut Vec<Judgement>)) -> String {
    let (mut fleet, mut judged) = sample::fleet();
    change(&mut fleet, &mut judged);
    let (events, plan, commands) = (events(), sample::plan(), Commands::default());
    let totals = Totals { nodes: 4, need_patching: 1, overdue: 2, cannot_judge: 1, undated: 0, set_aside: 0 };
    page(&Facts {
        asked: "rebake report",
        fleet: &fleet,
        judged: &judged,
        now: sample::now(),
        plan: Some(&plan),
        run: Some(Ran { events: &events, plan: &plan, exit: Exit::Unpatched }),
        before: Some(Before { at: sample::at("2026-11-23T08:00:00Z"), totals }),
        commands: &commands,
    })
}

#[test]
fn a_page_tells_what_the_screen_tells() {
    let page = whole(|_, _| {});
    let told = [
        "4 nodes in 2 sites: 2 need patching, 1 cannot be judged.",
        "+1 since 2026-11-23",
        "as on 2026-11-23",
        "ended 147 d ago",
        "wave 1 web-staging",
        "waits for 24 h soak on staging",
        "allow ssm:DescribeInstancePatchStates",
        "aws ssm create-activation",
    ];
    for words in told {
        assert!(page.contains(words), "{words} is missing");
    }
    assert!(!page.contains("{{"), "a part has no content");
}

#[test]
fn a_page_loads_nothing_and_allows_only_itself() {
    let page = whole(|_, _| {});
    for part in ["http:", "https:", " style=", " onclick", "src=", "@import", "url(", "eval("] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("default-src 'none'; script-src 'sha256-"), "no policy");
    assert!(!SCRIPT.contains("innerHTML") && !SCRIPT.contains("</script"));
}

#[test]
fn foreign_text_stays_text() {
    let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u{2028}\u{202e}{{data}}<!--";
    let page = whole(|fleet, _| {
        fleet.nodes[0].name = hostile.into();
        fleet.nodes[0].tags.insert(hostile.to_owned(), hostile.to_owned());
        fleet.gaps[0].message = hostile.to_owned();
        fleet.gaps[0].resource = Some(hostile.to_owned());
    });
    let plain = whole(|_, _| {});
    for part in ["<script", "</script", "<img", "<!--"] {
        assert_eq!(page.matches(part).count(), plain.matches(part).count(), "{part}");
    }
    assert!(!page.contains(['\u{2028}', '\u{202e}']));
}

#[test]
fn the_data_has_every_node() {
    let page = whole(|_, _| {});
    let data = page.split_once("id=\"data\">").and_then(|(_, rest)| rest.split_once("</script>")).unwrap().0;
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["schema"], "rebake/page");
    let columns = data["nodes"].as_object().unwrap();
    assert!(columns.values().all(|column| column.as_array().unwrap().len() == 4), "{columns:?}");
    let first = &data["text"][data["nodes"]["id"][0].as_u64().unwrap() as usize];
    assert_eq!(first, "i-0a1f00000000000c2", "the one that is overdue for longest");
}

#[test]
fn an_empty_fleet_is_a_page_too() {
    let page = whole(|fleet, judged| {
        fleet.nodes.clear();
        fleet.gaps.clear();
        judged.clear();
    });
    assert!(page.contains("No nodes in 2 sites."));
}
