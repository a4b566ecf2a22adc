//! Requests of any bytes: nothing panics, and what comes back is an answer or a well-formed error of the protocol.
//!
//! Good requests are bent at single bytes, so that they get past the first check; and requests are [`made`] along the
//! model, of any operation and member. A few dozen cases of each codec a run, which takes seconds; `PROPTEST_CASES`
//! says how many (see docs/sandbox.md).

mod made;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::Service;
use crate::sandbox::catalogue::Catalogue;
use crate::sandbox::cloud::{Cloud, Outcome};

/// Service, method, path, target and body of good requests, of every codec.
const GOOD: [(&str, &str, &str, &str, &str); 14] = [
    (
        "ec2",
        "POST",
        "/",
        "",
        "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=tag%3Aa&Filter.1.Value.1=b*&MaxResults=5",
    ),
    (
        "ec2",
        "POST",
        "/",
        "",
        "Action=CreateVolume&Version=2016-11-15&AvailabilityZone=eu-west-1a&Size=10&TagSpecification.1.ResourceType=volume&TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=b",
    ),
    ("ec2", "POST", "/", "", "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16"),
    (
        "ec2",
        "POST",
        "/",
        "",
        "Action=RunInstances&Version=2016-11-15&ImageId=ami-0123456789abcdef0&MinCount=1&MaxCount=2&UserData=YQ%3D%3D&BlockDeviceMapping.1.DeviceName=a&BlockDeviceMapping.1.Ebs.VolumeSize=9",
    ),
    (
        "ec2",
        "POST",
        "/",
        "",
        "Action=CreateLaunchTemplate&Version=2016-11-15&LaunchTemplateName=web&LaunchTemplateData.InstanceType=m7i.large",
    ),
    (
        "autoscaling",
        "POST",
        "/",
        "",
        "Action=CreateAutoScalingGroup&Version=2011-01-01&AutoScalingGroupName=g&MinSize=0&MaxSize=9&DesiredCapacity=3&AvailabilityZones.member.1=eu-west-1a&LaunchTemplate.LaunchTemplateName=web",
    ),
    (
        "autoscaling",
        "POST",
        "/",
        "",
        "Action=StartInstanceRefresh&Version=2011-01-01&AutoScalingGroupName=g&Preferences.MinHealthyPercentage=90&Preferences.CheckpointPercentages.member.1=50",
    ),
    (
        "autoscaling",
        "POST",
        "/",
        "",
        "Action=DescribeAutoScalingGroups&Version=2011-01-01&Filters.member.1.Name=tag-key&Filters.member.1.Values.member.1=a&MaxRecords=3",
    ),
    (
        "sts",
        "POST",
        "/",
        "",
        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fa&RoleSessionName=s&DurationSeconds=900",
    ),
    (
        "ssm",
        "POST",
        "/",
        "AmazonSSM.PutParameter",
        r#"{"Name":"/a/b","Value":"1","Type":"String","Tags":[{"Key":"a","Value":"b"}]}"#,
    ),
    (
        "ssm",
        "POST",
        "/",
        "AmazonSSM.DescribeParameters",
        r#"{"ParameterFilters":[{"Key":"Name","Option":"BeginsWith","Values":["/a"]}],"MaxResults":10}"#,
    ),
    (
        "ssm",
        "POST",
        "/",
        "AmazonSSM.SendCommand",
        r#"{"DocumentName":"AWS-RunShellScript","Targets":[{"Key":"tag:a","Values":["b"]}],"Parameters":{"commands":["ls"]}}"#,
    ),
    (
        "imagebuilder",
        "PUT",
        "/CreateInfrastructureConfiguration",
        "",
        r#"{"name":"a","instanceProfileName":"p","clientToken":"t","tags":{"a":"b"}}"#,
    ),
    (
        "imagebuilder",
        "POST",
        "/ListImages",
        "",
        r#"{"owner":"Self","filters":[{"name":"name","values":["a"]}],"maxResults":5}"#,
    ),
];

/// A change of one byte: where, to what, and how.
type Bend = (prop::sample::Index, u8, u8);

fn bent(text: &str, bends: &[Bend]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (index, byte, how) in bends {
        if bytes.is_empty() {
            break;
        }
        let at = index.index(bytes.len());
        match how % 4 {
            0 => bytes[at] = *byte,
            1 => bytes.insert(at, *byte),
            2 => drop(bytes.remove(at)),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// What is wrong with an answer, if anything.
fn wrong(service: &str, status: u16, body: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(body) else { return Some(format!("{service} {status}: no text")) };
    let failed = status >= 400;
    let fault = match service {
        "ec2" | "autoscaling" | "sts" => {
            let told = failed.then_some("<Code>");
            !text.trim_end().ends_with('>') || told.is_some_and(|code| !text.contains(code))
        }
        _ => (failed || !text.is_empty()) && serde_json::from_str::<Value>(text).is_err(),
    };
    (fault || !(200..600).contains(&status)).then(|| format!("{service} {status}: {text}"))
}

/// How many cases a run has, unless `PROPTEST_CASES` says so.
const CASES: u32 = 48;

fn config() -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let usual = ProptestConfig::default();
    ProptestConfig { cases: if asked { usual.cases } else { CASES }, failure_persistence: None, ..usual }
}

/// Sends a request; what is wrong with its answer, if anything.
fn problem(cloud: &mut Cloud, service: &str, request: &http::Request<Bytes>) -> Option<String> {
    let now = cloud.now;
    let Outcome::Response(answer) = cloud.handle(request, now).outcome else { return None };
    let found = wrong(service, answer.status().as_u16(), answer.body())?;
    let asked = String::from_utf8_lossy(request.body());
    Some(format!("{found}\nto {} {}\n{asked}", request.method(), request.uri()))
}

/// Bends good requests of a service, after those that they may refer to.
fn bend(service: &str, which: usize, bends: &[Bend], of_path: &[Bend]) -> Result<(), TestCaseError> {
    let mut cloud = Cloud::new(7, "2026-11-24T08:00:00Z".parse().unwrap(), Catalogue::default());
    let of_service: Vec<_> = GOOD.iter().filter(|(of, ..)| *of == service).collect();
    let before = GOOD.iter().filter(|(service, ..)| *service == "ec2" || *service == "autoscaling");
    let (_, method, path, target, body) = of_service[which % of_service.len()];
    let path = String::from_utf8(bent(path, of_path)).ok().filter(|path| path.starts_with('/'));
    let path = path.unwrap_or_else(|| "/".to_owned());
    let asked = (service, *method, path.as_str(), *target, bent(body, bends));
    let good = before
        .take(which % 7)
        .map(|(service, method, path, target, body)| (*service, *method, *path, *target, body.as_bytes().to_vec()));
    for (service, method, path, target, body) in good.chain([asked]) {
        let scope = format!("AKIDEXAMPLE/20261124/eu-west-1/{service}/aws4_request");
        let request = http::Request::builder()
            .method(method)
            .uri(format!("https://{service}.eu-west-1.amazonaws.com{path}"))
            .header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"))
            .header("x-amz-target", target)
            .body(Bytes::from(body));
        // What is no URI never arrives.
        let Ok(request) = request else { continue };
        let problem = problem(&mut cloud, service, &request);
        prop_assert!(problem.is_none(), "{}", problem.unwrap_or_default());
    }
    let later = cloud.now + jiff::SignedDuration::from_hours(2);
    cloud.advance(later);
    Ok(())
}

/// Makes requests of a service along its model, one after the other, with time between them.
fn make(service: Service, choices: &[u8]) -> Result<(), TestCaseError> {
    let mut cloud = made::base();
    let mut maker = made::Maker::new(service, choices);
    for _ in 0..12 {
        let Some(request) = maker.request() else { continue };
        let problem = problem(&mut cloud, service.name(), &request);
        prop_assert!(problem.is_none(), "{}", problem.unwrap_or_default());
        let later = cloud.now + jiff::SignedDuration::from_mins(7);
        cloud.advance(later);
        if maker.is_spent() {
            break;
        }
    }
    let later = cloud.now + jiff::SignedDuration::from_hours(3);
    cloud.advance(later);
    Ok(())
}

fn any_bends(most: usize) -> impl Strategy<Value = Vec<Bend>> {
    prop::collection::vec(any::<Bend>(), 0..most)
}

/// The two tests of a codec.
macro_rules! codecs {
    ($($bent:ident $made:ident: $($service:ident)*;)*) => {
        proptest! {
            #![proptest_config(config())]
            $(
                #[test]
                fn $bent(which in 0..64_usize, bends in any_bends(6), of_path in any_bends(2)) {
                    $(bend(Service::$service.name(), which, &bends, &of_path)?;)*
                }

                #[test]
                fn $made(choices in prop::collection::vec(any::<u8>(), 4..400)) {
                    $(make(Service::$service, &choices)?;)*
                }
            )*
        }
    };
}

codecs! {
    bent_requests_of_ec2_query_are_answered made_requests_of_ec2_query_are_answered: Ec2;
    bent_requests_of_query_are_answered made_requests_of_query_are_answered: AutoScaling Sts;
    bent_requests_of_json_are_answered made_requests_of_json_are_answered: Ssm;
    bent_requests_of_rest_json_are_answered made_requests_of_rest_json_are_answered: ImageBuilder;
}
