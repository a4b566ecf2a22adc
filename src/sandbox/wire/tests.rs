use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::sandbox::catalogue::Catalogue;
use crate::sandbox::cloud::Cloud;

fn cloud() -> Cloud {
    Cloud::new(7, "2026-11-24T08:00:00Z".parse().unwrap(), Catalogue::default())
}

fn request(service: &str, method: &str, path: &str, target: &str, body: &str) -> http::Request<Bytes> {
    let scope = format!("AKIDEXAMPLE/20261124/eu-west-1/{service}/aws4_request");
    http::Request::builder()
        .method(method)
        .uri(format!("https://{service}.eu-west-1.amazonaws.com{path}"))
        .header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"))
        .header("x-amz-target", target)
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}

fn text(response: &http::Response<Bytes>) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

#[test]
fn an_ec2_request_becomes_members_by_their_model_names() {
    let body = "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=tag%3Aapp&Filter.1.Value.1=web&Filter.1.Value.2=api&MaxResults=5";
    let call = read(&cloud(), &request("ec2", "POST", "/", "", body)).unwrap();
    assert_eq!(call.place.region, "eu-west-1");
    assert_eq!(call.input, json!({"Filters": [{"Name": "tag:app", "Values": ["web", "api"]}], "MaxResults": 5}));
}

#[test]
fn ec2_refuses_what_it_does_not_know_and_a_dry_run_ends_as_one() {
    let refused =
        read(&cloud(), &request("ec2", "POST", "/", "", "Action=DescribeInstances&Version=2016-11-15&Colour=red"))
            .unwrap_err();
    assert_eq!((refused.code.as_str(), refused.response.status().as_u16()), ("UnknownParameter", 400));
    let dry = "Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-0a1b2c3d4e5f60718&DryRun=true";
    let call = read(&cloud(), &request("ec2", "POST", "/", "", dry)).unwrap();
    let error = cloud().perform(&call).unwrap_err();
    assert_eq!((error.code.as_str(), status(call.service, &error)), ("DryRunOperation", 412));
}

#[test]
fn an_ec2_answer_is_xml_with_items() {
    let call = read(&cloud(), &request("ec2", "POST", "/", "", "Action=DescribeTags&Version=2016-11-15")).unwrap();
    let output = json!({"Tags": [{"Key": "a<b", "Value": "&", "ResourceId": "i-1", "ResourceType": "instance"}]});
    let answer = text(&write(&call, &Ok(output), "id-1"));
    assert!(answer.contains("<requestId>id-1</requestId><tagSet><item><key>a&lt;b</key>"), "{answer}");
    let error = ApiError::new("InvalidAMIID.NotFound", "no");
    let answer = text(&write(&call, &Err(error), "id-2"));
    assert!(answer.contains(
        "<Errors><Error><Code>InvalidAMIID.NotFound</Code><Message>no</Message></Error></Errors><RequestID>id-2"
    ));
}

#[test]
fn auto_scaling_counts_members() {
    let body = "Action=DescribeAutoScalingGroups&Version=2011-01-01&AutoScalingGroupNames.member.1=a&AutoScalingGroupNames.member.2=b";
    let call = read(&cloud(), &request("autoscaling", "POST", "/", "", body)).unwrap();
    assert_eq!(call.input, json!({"AutoScalingGroupNames": ["a", "b"]}));
    let answer = text(&write(&call, &Ok(json!({"AutoScalingGroups": []})), "id"));
    assert!(answer.contains("<DescribeAutoScalingGroupsResult><AutoScalingGroups></AutoScalingGroups></DescribeAutoScalingGroupsResult><ResponseMetadata><RequestId>id"));
}

#[test]
fn systems_manager_takes_and_gives_json() {
    let call =
        read(&cloud(), &request("ssm", "POST", "/", "AmazonSSM.GetParameter", r#"{"Name":"/a","Odd":1}"#)).unwrap();
    assert_eq!((call.operation.as_str(), &call.input), ("GetParameter", &json!({"Name": "/a"})));
    let output =
        json!({"Parameter": {"Name": "/a", "LastModifiedDate": 1_796_000_000_500_i64, "Version": 3, "ARN": null}});
    let answer: Value = serde_json::from_str(&text(&write(&call, &Ok(output), "id"))).unwrap();
    assert_eq!(answer, json!({"Parameter": {"Name": "/a", "LastModifiedDate": 1_796_000_000.5, "Version": 3}}));
    let answer = text(&write(&call, &Err(ApiError::new("ParameterNotFound", "")), "id"));
    assert!(answer.contains(r#""__type":"ParameterNotFound""#));
    let missing = read(&cloud(), &request("ssm", "POST", "/", "AmazonSSM.GetParameter", "{}")).unwrap_err();
    assert_eq!(missing.code, "ValidationException");
}

#[test]
fn image_builder_has_members_in_path_query_and_body() {
    let path = "/tags/arn%3Aaws%3Aimagebuilder%3Aeu-west-1%3A123456789012%3Aimage%2Fweb%2F1.0.0%2F1";
    let call = read(&cloud(), &request("imagebuilder", "GET", path, "", "")).unwrap();
    assert_eq!(call.operation, "ListTagsForResource");
    assert_eq!(call.input["resourceArn"], "arn:aws:imagebuilder:eu-west-1:123456789012:image/web/1.0.0/1");
    let arn = "arn%3Aaws%3Aimagebuilder%3Aeu-west-1%3A123456789012%3Aimage%2Fweb%2F1.0.0%2F1";
    let call =
        read(&cloud(), &request("imagebuilder", "GET", &format!("/GetImage?imageBuildVersionArn={arn}"), "", ""));
    assert_eq!(
        call.unwrap().input["imageBuildVersionArn"],
        "arn:aws:imagebuilder:eu-west-1:123456789012:image/web/1.0.0/1"
    );
    let error = ApiError::new("ResourceNotFoundException", "none");
    let call = read(&cloud(), &request("imagebuilder", "POST", "/ListImages", "", r#"{"owner":"Self"}"#)).unwrap();
    let answer = write(&call, &Err(error), "id");
    assert_eq!(answer.status().as_u16(), 404);
    assert_eq!(answer.headers()["x-amzn-errortype"], "ResourceNotFoundException");
}

#[test]
fn image_builder_tells_what_is_malformed_from_what_does_not_fit() {
    let refused =
        |method, path: &str, body| read(&cloud(), &request("imagebuilder", method, path, "", body)).unwrap_err().code;
    assert_eq!(refused("POST", "/ListImages", "{"), "InvalidRequestException");
    assert_eq!(refused("POST", "/ListImages", r#"{"maxResults":"ten"}"#), "InvalidRequestException");
    assert_eq!(refused("GET", "/GetImage", ""), "InvalidRequestException");
    assert_eq!(refused("POST", "/ListImages", r#"{"maxResults":0}"#), "ClientException");
    assert_eq!(refused("GET", "/GetImage?imageBuildVersionArn=none", ""), "ClientException");
    assert_eq!(refused("GET", "/tags/none", ""), "InvalidParameterException");
}

#[test]
fn user_data_is_never_in_the_record() {
    let body = "Action=CreateLaunchTemplateVersion&Version=2016-11-15&LaunchTemplateId=lt-0a1b2c3d4e5f60718&LaunchTemplateData.UserData=c2VjcmV0&LaunchTemplateData.ImageId=ami-1";
    let call = read(&cloud(), &request("ec2", "POST", "/", "", body)).unwrap();
    assert_eq!(call.redacted()["LaunchTemplateData"]["UserData"], "***");
    assert!(!call.redacted().to_string().contains("c2VjcmV0"));
}

#[test]
fn unknown_parameters_are_found_at_any_depth() {
    let body = "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=a&Filter.1.Values.1=b";
    let refused = read(&cloud(), &request("ec2", "POST", "/", "", body)).unwrap_err();
    assert_eq!(refused.code, "UnknownParameter");
    assert!(text(&refused.response).contains("The parameter Filter.1.Values.1 is not recognized"));
    let body = "Action=DescribeAutoScalingGroups&Version=2011-01-01&Colour=red";
    assert!(read(&cloud(), &request("autoscaling", "POST", "/", "", body)).is_ok());
}

#[test]
fn a_version_that_there_is_not_is_refused_before_the_action() {
    let refused = |service: &str, body: &str| {
        let refused = read(&cloud(), &request(service, "POST", "/", "", body)).unwrap_err();
        (refused.code.clone(), text(&refused.response))
    };
    assert_eq!(refused("ec2", "Action=DescribeTags").0, "MissingParameter");
    let (code, told) = refused("ec2", "Action=DescribeTargetGroups&Version=2015-12-01");
    assert_eq!(code, "NoSuchVersion");
    assert!(told.contains("The requested version (2015-12-01) of service AmazonEC2 does not exist"), "{told}");
    assert!(read(&cloud(), &request("ec2", "POST", "/", "", "Action=DescribeTags&Version=2014-10-01")).is_ok());
    for (service, body, version) in [
        ("sts", "Action=GetCallerIdentity", "NO_VERSION_SPECIFIED"),
        ("sts", "Action=GetCallerIdentity&Version=2000-01-01&Version=2011-06-15", "2000-01-01"),
        ("autoscaling", "Action=GetCallerIdentity&Version=", ""),
        ("autoscaling", "Action=GetCallerIdentity&Version=2011-01-01", "2011-01-01"),
    ] {
        let (code, told) = refused(service, body);
        assert_eq!(code, "InvalidAction");
        assert!(told.contains(&format!("Could not find operation GetCallerIdentity for version {version}<")), "{told}");
    }
}

#[test]
fn every_violation_is_told() {
    let body = r#"{"Filters":[{"Key":"","Values":["a"]}],"MaxResults":51}"#;
    let refused =
        read(&cloud(), &request("ssm", "POST", "/", "AmazonSSM.DescribeInstanceInformation", body)).unwrap_err();
    let answer: Value = serde_json::from_str(&text(&refused.response)).unwrap();
    assert_eq!(answer["__type"], "ValidationException");
    let message = answer["message"].as_str().unwrap();
    assert!(message.starts_with("2 validation errors detected: Value '' at 'filters.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1; Value '51' at 'maxResults'"), "{message}");
    let refused =
        read(&cloud(), &request("autoscaling", "POST", "/", "", "Action=StartInstanceRefresh&Version=2011-01-01"))
            .unwrap_err();
    assert!(text(&refused.response).contains("<Code>ValidationError</Code><Message>1 validation error detected: Value null at &apos;autoScalingGroupName&apos;")
        || text(&refused.response).contains("Value null at 'autoScalingGroupName' failed"));
}

#[test]
fn an_exception_has_its_code_and_status_from_the_model() {
    let call =
        read(&cloud(), &request("autoscaling", "POST", "/", "", "Action=DescribeAutoScalingGroups&Version=2011-01-01"))
            .unwrap();
    let answer = write(&call, &Err(ApiError::new("ResourceContentionFault", "busy")), "id");
    assert_eq!(answer.status().as_u16(), 500);
    assert!(text(&answer).contains("<Type>Receiver</Type><Code>ResourceContention</Code>"));
}

#[test]
fn requests_without_signature_region_or_service_are_refused() {
    let mut unsigned = request("ssm", "POST", "/", "AmazonSSM.GetParameter", "{}");
    unsigned.headers_mut().remove("authorization");
    assert_eq!(read(&cloud(), &unsigned).unwrap_err().code, "MissingAuthenticationTokenException");
    let mut nowhere = request("ssm", "POST", "/", "AmazonSSM.GetParameter", "{}");
    let scope = "AWS4-HMAC-SHA256 Credential=AKID/20261124/eu-nowhere-1/ssm/aws4_request";
    nowhere.headers_mut().insert("authorization", scope.parse().unwrap());
    assert_eq!(read(&cloud(), &nowhere).unwrap_err().code, "InvalidSignatureException");
    let elsewhere = http::Uri::from_static("https://ssm.eu-nowhere-1.amazonaws.com/");
    *nowhere.uri_mut() = elsewhere;
    assert_eq!(read(&cloud(), &nowhere).unwrap_err().code, "UnknownEndpoint");
    assert_eq!(read(&cloud(), &request("s3", "GET", "/bucket", "", "")).unwrap_err().service, "s3");
    let host = http::Request::get("https://ec2.eu-nowhere-1.amazonaws.com/").body(Bytes::new()).unwrap();
    assert!(is_unknown_host(&host));
}

proptest! {
    #[test]
    fn no_bytes_panic(service in "(ec2|autoscaling|ssm|imagebuilder|sts)", body in proptest::collection::vec(any::<u8>(), 0..400), tail in "[A-Za-z/{}%0-9.=&]{0,60}") {
        let target = format!("AmazonSSM.{tail}");
        let mut request = request(&service, "POST", "/", &target, "");
        *request.body_mut() = Bytes::from(body);
        let _ = read(&cloud(), &request);
        let form = format!("Action=DescribeInstances&Version=2016-11-15&{tail}");
        *request.body_mut() = Bytes::from(form);
        if let Err(refused) = read(&cloud(), &request) {
            prop_assert!(refused.response.status().is_client_error());
        }
    }
}
