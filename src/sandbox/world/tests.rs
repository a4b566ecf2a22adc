use super::*;
use crate::sandbox::{Cloud, Place};

const START: &str = "2026-11-24T08:00:00Z";

pub(super) fn start() -> Timestamp {
    START.parse().unwrap()
}

fn refused(text: &str) -> String {
    world(text, "w.toml", start()).unwrap_err().to_string()
}

#[test]
fn the_built_in_worlds_are_worlds() {
    empty(start()).unwrap();
    demo(start()).unwrap();
    assert_eq!(named("nope"), None);
}

#[test]
fn every_public_parameter_points_to_an_image_that_can_be_launched() {
    let mut cloud = empty(start()).unwrap();
    for region in ["eu-west-1", "ap-southeast-2"] {
        let ctx = cloud.at(&Place::new("123456789012", region));
        let images = aws::images(&ctx);
        let parameters = aws::parameters(&ctx);
        assert!(parameters.len() > 15);
        for parameter in parameters {
            let (written, id) = parameter.history.last().unwrap();
            let image = images.iter().find(|image| image.id == *id).expect(&parameter.name);
            assert!(!image.withdrawn && image.created <= *written, "{}", parameter.name);
            assert!(parameter.history.is_sorted(), "{}", parameter.name);
        }
    }
}

#[test]
fn what_aws_publishes_is_the_same_early_and_late_and_for_every_account() {
    let ids = |cloud: &mut Cloud, account: &str| -> Vec<(String, String)> {
        let ctx = cloud.at(&Place::new(account, "eu-central-1"));
        aws::images(&ctx).into_iter().map(|image| (image.id, image.name)).collect()
    };
    let mut early = empty(start()).unwrap();
    let mut late = early.clone();
    late.advance(start() + jiff::SignedDuration::from_hours(24 * 40));
    assert_eq!(ids(&mut early, "123456789012"), ids(&mut late, "210987654321"));
}

#[test]
fn public_images_are_named_by_their_vendors_rules() {
    let mut cloud = empty(start()).unwrap();
    let ctx = cloud.at(&Place::new("123456789012", "eu-west-1"));
    let names: Vec<String> = aws::images(&ctx).into_iter().map(|image| image.name).collect();
    for name in [
        "al2023-ami-2023.9.20261118.0-kernel-6.1-x86_64",
        "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261116",
        "Windows_Server-2022-English-Full-Base-2026.11.10",
    ] {
        assert!(names.iter().any(|known| known == name), "{name} is not in {names:#?}");
    }
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_the_right_one() {
    let text = "seed = 1\n\n[[group]]\nname = \"a\"\nregoin = \"eu-west-1\"\n";
    assert_eq!(refused(text), "w.toml:5: group.regoin: unknown key `regoin`; did you mean `region`?");
}

#[test]
fn the_arn_of_a_role_is_no_name_of_one() {
    let role = |name: &str| format!("[[account]]\nid = \"222222222222\"\n\n[[role]]\nname = \"{name}\"\n");
    insta::assert_snapshot!(
        refused(&role("arn:aws:iam::222222222222:role/ops/rebake")),
        @r#"w.toml:5: role.name: `arn:aws:iam::222222222222:role/ops/rebake` is no name of a role; write `name = "ops/rebake"`, and its account: `account = "222222222222"`"#
    );
    for wrong in ["", "/rebake", "re bake", "arn:aws:iam::222222222222:user/rebake"] {
        let told = refused(&role(wrong));
        assert!(told.starts_with("w.toml:5: role.name: ") && told.contains("like `rebake`"), "{told}");
    }
    let cloud = world(&role("ops/rebake"), "w.toml", start()).unwrap();
    assert_eq!(cloud.roles, ["arn:aws:iam::222222222222:role/ops/rebake"]);
    let text = "[[account]]\nid = \"222222222222\"\n[[role]]\naccount = \"333333333333\"\nname = \"rebake\"\n";
    assert!(refused(text).starts_with("w.toml:4: role.account: "), "{}", refused(text));
}

#[test]
fn a_bad_age_is_told_with_its_line_and_an_example() {
    let text = "[[image]]\nkey = \"web\"\nregions = [\"eu-west-1\"]\nparent = \"al2023-x86_64\"\nage = \"5 days\"\n";
    insta::assert_snapshot!(refused(text), @r#"w.toml:5: image.age: `5 days` is not an age: write days, hours, minutes or seconds, like "33d" or "1d 12h""#);
}

#[test]
fn an_unknown_image_is_told_with_its_line_and_the_nearest() {
    let text = "[[instance]]\nname = \"a\"\nregion = \"eu-west-1\"\ntype = \"t3.small\"\nage = \"1d\"\nimage = \"al2032-x86_64\"\n";
    insta::assert_snapshot!(refused(text), @"w.toml:6: instance.image: there is no image `al2032-x86_64`; did you mean `al2023-x86_64`?");
    insta::assert_snapshot!(refused(&text.replace("al2032-x86_64", "al2023-x86_64@35d")), @"w.toml:6: instance.image: there was no release `al2023-x86_64@35d`; there is @6d, @34d, @62d, @97d, @213d, @431d");
}

#[test]
fn a_name_that_is_there_twice_is_told_with_its_second_line() {
    let image = "[[image]]\nkey = \"web\"\nregions = [\"eu-west-1\"]\nparent = \"al2023-x86_64\"\nage = \"5d\"\n";
    insta::assert_snapshot!(refused(&image.repeat(2)), @"w.toml:7: image.key: image `web` is there twice");
    let template = "[[template]]\nname = \"t\"\nregion = \"eu-west-1\"\n[[template.version]]\nage = \"1d\"\n";
    insta::assert_snapshot!(refused(&template.repeat(2)), @"w.toml:7: template.name: template `t` is there twice in eu-west-1; give one of them another name");
}

#[test]
fn numbers_and_references_that_do_not_fit_are_told() {
    let group = "[[template]]\nname = \"t\"\nregion = \"eu-west-1\"\n[[template.version]]\nage = \"9d\"\n\
                 image = \"al2023-x86_64@34d\"\n[[group]]\nname = \"g\"\nregion = \"eu-west-1\"\nage = \"2d\"\nsize = 2\n";
    world(&format!("{group}template = \"t\"\n"), "w.toml", start()).unwrap();
    let refused = |rest: &str| refused(&format!("{group}{rest}"));
    insta::assert_snapshot!(refused(""), @"w.toml:8: group.name: group `g` needs a template or a launch configuration; write exactly one of the two keys");
    insta::assert_snapshot!(refused("template = \"u\"\n"), @"w.toml:12: group.template: there is no template `u`; `t` is the only one");
    insta::assert_snapshot!(refused("template = \"t\"\nversion = 2\n"), @"w.toml:13: group.version: template `t` has no version 2; there is 1");
    insta::assert_snapshot!(refused("template = \"t\"\nversion = \"latest\"\n"), @r#"w.toml:13: group.version: `"latest"` is not a version: write a number, "$Latest" or "$Default""#);
    insta::assert_snapshot!(refused("template = \"t\"\nmax = 1\n"), @"w.toml:13: group.max: `max` is less than the size, 2");
    insta::assert_snapshot!(refused("template = \"t\"\nhealth = \"elb\"\n"), @"w.toml:13: group.health: unknown value `elb`; did you mean `ELB`?");
    insta::assert_snapshot!(refused("template = \"t\"\nsuspended = [\"Terminat\"]\n"), @"w.toml:13: group.suspended: there is no process `Terminat`; did you mean `Terminate`?");
    insta::assert_snapshot!(refused("template = \"t\"\ntags = { image = \"{ami:web}\" }\n"), @"w.toml:8: group.name: tags of `g`: there is no image `web`; there are `al2023-x86_64`, `al2023-arm64`, `al2023-minimal-x86_64`, `al2-x86_64`, `ubuntu-22.04-amd64`, `ubuntu-24.04-amd64`, `ubuntu-24.04-arm64`, `debian-12-amd64`, `rhel-9-x86_64`, `windows-2016`, `windows-2019`, `windows-2022`, `windows-2025`, `suse-15-sp7-x86_64`, `ecs-al2023-x86_64`, `eks-1.34-al2023-x86_64`, `beanstalk-python313-al2023-x86_64` and `bottlerocket-ecs-2-x86_64`");
    insta::assert_snapshot!(refused("template = \"t\"\n[[group.member]]\nindex = 2\n"), @"w.toml:14: group.member.index: group `g` has no member 2; members are counted from 0");
    insta::assert_snapshot!(refused("template = \"t\"\nguest = { missing = [\"USN-7611-1\"] }\n"), @"w.toml:13: group.guest.missing: advisory `USN-7611-1` is for ubuntu-22.04, and the node is a amazon-linux-2023");
    insta::assert_snapshot!(refused("template = \"t\"\nguest = { agent = \"silent\" }\n"), @r#"w.toml:8: group.name: `agent = "silent"` and `silent-since` of `g` belong together; write both or none"#);
}

#[test]
fn a_member_has_tags_of_its_own_beside_those_of_its_group() {
    let text = r#"
[[template]]
name = "t"
region = "eu-west-1"
version = [{ age = "9d", image = "al2023-x86_64", instance-type = "m7i.large" }]

[[group]]
name = "g"
region = "eu-west-1"
template = "t"
size = 2
age = "2d"
tags = { app = "web", host = "any" }

[[group.member]]
index = 1
tags = { host = "g-1", since = "{date:2d}" }
"#;
    let mut cloud = world(text, "w.toml", start()).unwrap();
    let mut ctx = cloud.at(&Place::new("123456789012", "eu-west-1"));
    let instances = ctx.region().ec2.instances.values();
    let mut hosts: Vec<_> =
        instances.map(|it| (it.tags["app"].clone(), it.tags["host"].clone(), it.tags.get("since").cloned())).collect();
    hosts.sort();
    let told = |host: &str, since: Option<&str>| ("web".to_owned(), host.to_owned(), since.map(str::to_owned));
    assert_eq!(hosts, [told("any", None), told("g-1", Some("2026-11-22"))]);
    let unknown = text.replace("{date:2d}", "{ami:al3000}");
    assert!(refused(&unknown).contains("al3000"));
}

#[test]
fn a_machine_that_waits_has_no_past() {
    let node = |rest: &str| {
        let head = "[[on-premises]]\nname = \"gate\"\nregion = \"eu-west-1\"\nsystem = \"rhel-9\"\nage = \"1d\"\nwaiting = true\n";
        format!("{head}{rest}")
    };
    world(&node(""), "w.toml", start()).unwrap();
    insta::assert_snapshot!(refused(&node("guest = { patched = \"1d\" }\n")), @"w.toml:2: on-premises.name: `gate` waits for an activation and has no past; leave `guest` out, or `waiting`");
}

#[test]
fn the_reference_names_every_public_image_and_every_system() {
    let reference = include_str!("../../../docs/world.md");
    let days = |ages: &[age::Age]| {
        ages.iter().map(|age| format!("{}d", age.seconds() / 86_400)).collect::<Vec<_>>().join(", ")
    };
    let aws = aws::aws().unwrap();
    for family in &aws.family {
        let gone =
            if family.withdrawn.is_empty() { String::new() } else { format!(" \\| {}", days(&family.withdrawn)) };
        let row = format!("| `{}` | {}{gone} |", family.key.get_ref(), days(&family.releases));
        assert!(reference.contains(&row), "{row}");
    }
    for system in &aws.system {
        assert!(reference.contains(&format!("`{}`", system.key.get_ref())), "{}", system.key.get_ref());
    }
}

#[test]
fn public_parameters_can_be_read_in_any_region() {
    let mut cloud = empty(start()).unwrap();
    let mut ctx = cloud.at(&Place::new("123456789012", "ap-southeast-2"));
    let name = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id";
    let value = crate::sandbox::ssm::parameter(&mut ctx, name).unwrap();
    assert_eq!(Some(value), aws::image_id(&ctx, "ubuntu-24.04-amd64"));
}

#[test]
fn a_hybrid_node_has_the_row_of_its_last_scan() {
    let mut cloud = demo(start()).unwrap();
    let mut ctx = cloud.at(&Place::new("123456789012", "eu-west-1"));
    let ssm = &ctx.region().ssm;
    let id = |name: &str| ssm.hybrid_nodes.iter().find(|(_, node)| node.name == name).unwrap().0;
    let scanned = |name: &str| ssm.patch_states[id(name).as_str()].ended.to_string();
    assert_eq!(scanned("plant-gw-1"), "2026-11-24T02:00:00Z");
    assert_eq!(scanned("plant-hmi-2"), "2026-10-14T08:00:00Z");
    assert!(ssm.parameters["/rebake/web/prod"].latest().unwrap().value.starts_with("ami-"));
}

#[test]
fn a_world_that_was_cut_anywhere_is_an_error_or_a_world() {
    for end in (0..DEMO.len()).step_by(997) {
        let text: String = DEMO.chars().take(end).collect();
        if let Err(error) = world(&text, "w.toml", start()) {
            assert!(error.line > 0 && !error.message.is_empty());
        }
    }
}

#[test]
fn rates_are_for_operations_and_let_something_through() {
    let rate = |calls: &str, burst: u32, per_second: f64| {
        format!("[[rate]]\ncalls = \"{calls}\"\nburst = {burst}\nper-second = {per_second:?}\n")
    };
    let cloud = world(&format!("rates = \"published\"\n{}", rate("ssm:Get*", 2, 0.5)), "w.toml", start()).unwrap();
    assert_eq!(cloud.throttle.rates[0].calls, "ssm:Get*");
    assert!(cloud.throttle.rates.iter().any(|rate| rate.calls == "ec2:RunInstances" && rate.burst == 5));
    assert!(refused(&rate("ssm:GetParametre", 2, 1.0)).contains("GetParametre"));
    assert!(refused(&rate("ssm:Get*", 0, 1.0)).contains("holds nothing"));
    assert!(refused(&rate("ssm:Get*", 1, 0.0)).contains("above 0"));
}
