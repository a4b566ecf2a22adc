//! The budget, by the virtual times in the account's log of calls: rebake takes its share of AWS's rates, all of it, and
//! is never throttled for it.

use jiff::{SignedDuration, Timestamp};
use rebake::inventory::{Request, SiteRequest, inventory};
use rebake::model::{Fleet, Node};
use rebake::sandbox::calls::CallRecord;
use rebake::sandbox::faults::{Faults, WireFaultKind};
use rebake::sandbox::world;

use crate::env::{Env, epoch, site};
use crate::port::fault;

const REGION: &str = "eu-west-1";

/// How often a call may be under way at once, in advance of the rate: what was promised before a throttle still comes.
const UNDER_WAY: f64 = 16.0;

/// The rates of the account: EC2's are the published ones; AWS publishes none for the other services, and here they are
/// what rebake takes them for.
fn rates() -> String {
    let rate = |calls: &str, burst: u32, per_second: f64| {
        format!("[[rate]]\ncalls = \"{calls}\"\nburst = {burst}\nper-second = {per_second:?}\n")
    };
    ["rates = \"published\"\n".to_owned(), rate("ssm:*", 40, 10.0), rate("autoscaling:*", 40, 10.0)].concat()
}

/// What is in a region: so many healthy members, and members that lack a patch, which are asked for one by one.
fn fleet(region: &str, healthy: usize, lacking: usize) -> String {
    let group = |name: &str, size: usize, guest: &str| {
        format!(
            "[[group]]\nname = \"{name}\"\nregion = \"{region}\"\ntemplate = \"web\"\nsize = {size}\nage = \"4d\"\n\
             tags = {{ env = \"prod\" }}\nguest = {{ {guest} }}\n"
        )
    };
    [
        format!(
            "[[template]]\nname = \"web\"\nregion = \"{region}\"\n[[template.version]]\nage = \"20d\"\n\
             image = \"al2023-x86_64\"\ninstance-type = \"m7i.large\"\ninstance-profile = \"web\"\n\
             [[association]]\nname = \"scan\"\nregion = \"{region}\"\ntag = [\"env\", \"prod\"]\nevery = \"1d\"\n\
             last-run = \"5h\"\n"
        ),
        group("healthy", healthy, ""),
        group("lacking", lacking, "missing = [\"ALAS2023-2026-9000\"]"),
    ]
    .concat()
}

/// The patch that members lack.
const ADVISORY: &str = r#"
[[advisory]]
id = "ALAS2023-2026-9000"
system = "amazon-linux-2023"
package = "bench"
version = "1.2"
title = "bench"
severity = "Important"
age = "40d"
"#;

/// So many images that run, and whose parent is gone: each is asked for its ancestors.
fn images(number: usize) -> String {
    let one = |number: usize| {
        format!(
            "[[image]]\nkey = \"image-{number}\"\nregions = [\"{REGION}\"]\nparent = \"al2023-x86_64@213d\"\nage = \"5d\"\n\
             [[instance]]\nname = \"pet-{number}\"\nregion = \"{REGION}\"\nimage = \"image-{number}\"\n\
             type = \"m7i.large\"\nage = \"4d\"\n"
        )
    };
    (0..number).map(one).collect()
}

/// The account after an inventory with the default share, half of AWS's rates.
async fn looked(regions: &[&str], contents: &str, faults: Faults) -> (Env, Fleet) {
    let text = format!("{}{ADVISORY}{contents}", rates());
    let mut cloud = world::world(&text, "budget.toml", epoch()).unwrap();
    cloud.faults = faults;
    let env = Env::on(cloud).await;
    let request = Request { sites: regions.iter().map(|region| SiteRequest::new(site(region))).collect() };
    let fleet = inventory(&env.aws, &request, &|_| ()).await;
    assert_eq!(fleet.gaps, []);
    (env, fleet)
}

/// When the calls of an operation came to a region, in order.
fn times(env: &Env, region: &str, operation: &str) -> Vec<Timestamp> {
    let is_it = |call: &&CallRecord| call.region == region && call.operation == operation;
    env.cloud().calls.iter().filter(is_it).map(|call| call.at).collect()
}

fn throttled(env: &Env) -> Vec<Timestamp> {
    let refused = |call: &&CallRecord| {
        call.error.as_deref().is_some_and(|code| code.contains("hrottl") || code == "RequestLimitExceeded")
    };
    env.cloud().calls.iter().filter(refused).map(|call| call.at).collect()
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

/// The share of what a bucket gives that was used, from the first of the calls to the last.
fn used(times: &[Timestamp], burst: f64, per_second: f64) -> f64 {
    let given = burst + per_second * seconds(times[0], times[times.len() - 1]);
    times.len() as f64 / given
}

#[tokio::test(start_paused = true)]
async fn calls_for_many_things_use_their_share_of_the_rate_and_none_is_throttled() {
    // Every answer takes as long.
    let mut slow = fault("*:*", u32::MAX, WireFaultKind::Slow(400));
    slow.times = None;
    let other = "us-east-1";
    let contents = [fleet(REGION, 5_100, 400), images(200), fleet(other, 10, 300)].concat();
    let (env, fleet) = looked(&[REGION, other], &contents, Faults { wire: vec![slow], ..Faults::default() }).await;
    assert_eq!(fleet.nodes.len(), 6_010);
    assert_eq!(throttled(&env), []);
    assert_eq!(env.aws.calls().throttles, 0);
    // Half of a bucket of 40 at once, and half of 10 a second, in each region; EC2 gives 100 and 20.
    for (region, operation, number, burst, per_second) in [
        (REGION, "DescribeInstancePatchStates", 114, 20.0, 5.0),
        (REGION, "DescribeInstancePatches", 400, 20.0, 5.0),
        (other, "DescribeInstancePatches", 300, 20.0, 5.0),
        (REGION, "GetImageAncestry", 200, 50.0, 10.0),
    ] {
        let calls = times(&env, region, operation);
        assert_eq!(calls.len(), number, "{operation}");
        let used = used(&calls, burst, per_second);
        assert!((0.95..=1.01).contains(&used), "{region} {operation}: {used}");
    }
    // What comes page by page takes as long as its pages take, one after the other.
    for operation in ["DescribeInstances", "DescribeInstanceProperties"] {
        let pages = times(&env, REGION, operation);
        assert_eq!(pages.len(), 6, "{operation}");
        let took = seconds(pages[0], pages[5]);
        assert!((2.0..=2.0 * 1.05).contains(&took), "{operation}: {took}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_waited_out_and_halves_the_rate_for_five_minutes() {
    let contents = fleet(REGION, 10, 2_000);
    let mut throttle = fault("ssm:DescribeInstancePatches", 1, WireFaultKind::Throttle);
    throttle.skip = 300;
    let (env, fleet) = looked(&[REGION], &contents, Faults { wire: vec![throttle], ..Faults::default() }).await;
    // Nothing is missing for it.
    let lacking = |node: &&Node| node.patches.iter().any(|patch| patch.id.starts_with("bench"));
    assert_eq!(fleet.nodes.iter().filter(lacking).count(), 2_000);
    let [at] = throttled(&env)[..] else { panic!("{:?}", throttled(&env)) };
    let calls = times(&env, REGION, "DescribeInstancePatches");
    assert_eq!(calls.len(), 2_001, "the refused one was sent again");
    let within = |from: i64, to: i64| {
        let moment = |minutes: i64| at + SignedDuration::from_mins(minutes);
        calls.iter().filter(|call| (moment(from)..moment(to)).contains(*call)).count() as f64
    };
    let (share, halved) = (5.0 * 60.0, 2.5 * 60.0);
    assert!(used(&calls[..300], 20.0, 5.0) >= 0.95);
    let (first, careful) = (within(0, 1), within(1, 5) / 4.0);
    assert!((halved * 0.95..=halved + UNDER_WAY).contains(&first), "{first}");
    assert!((halved * 0.95..=halved * 1.01).contains(&careful), "{careful}");
    let after = within(6, 7);
    assert!((share * 0.95..=share * 1.01).contains(&after), "{after}");
}
