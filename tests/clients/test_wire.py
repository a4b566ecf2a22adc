"""Each protocol as boto3 and the AWS command line speak it, and the control interface beside it."""

import subprocess
import sys
import urllib.error

import pytest
from botocore.exceptions import ClientError

from ledger import ROOT


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_the_table_is_that_of_the_installed_models():
    subprocess.run([sys.executable, ROOT / "src/sandbox/wire/extract.py", "--check"], check=True)


def test_ec2(sandbox):
    ec2 = sandbox.client("ec2")
    assert "us-east-1" in {region["RegionName"] for region in ec2.describe_regions()["Regions"]}
    assert ec2.describe_instances()["Reservations"] == []
    template = ec2.create_launch_template(
        LaunchTemplateName="web",
        LaunchTemplateData={"InstanceType": "m7i.large", "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "a<b", "Value": "&é"}]}]},
    )["LaunchTemplate"]
    versions = ec2.describe_launch_template_versions(LaunchTemplateId=template["LaunchTemplateId"], Versions=["$Latest"])
    data = versions["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert data["TagSpecifications"][0]["Tags"] == [{"Key": "a<b", "Value": "&é"}]
    assert template["CreateTime"].isoformat() == "2026-11-24T08:00:00+00:00"
    assert refused(ec2.describe_images, DryRun=True) == ("DryRunOperation", 412)
    assert refused(ec2.describe_images, ImageIds=["ami-0123456789abcdef0"]) == ("InvalidAMIID.NotFound", 400)


def test_auto_scaling(sandbox):
    autoscaling = sandbox.client("autoscaling")
    assert autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert refused(autoscaling.start_instance_refresh, AutoScalingGroupName="none")[0] == "ValidationError"


def test_systems_manager(sandbox):
    ssm = sandbox.client("ssm")
    assert ssm.put_parameter(Name="/a", Value="1", Type="String")["Version"] == 1
    parameter = ssm.get_parameter(Name="/a")["Parameter"]
    assert (parameter["Value"], parameter["LastModifiedDate"].timestamp()) == ("1", 1795507200.0)
    assert refused(ssm.get_parameter, Name="/b") == ("ParameterNotFound", 400)
    assert refused(ssm.put_parameter, Name="/a", Value="1", Type="Text") == ("ValidationException", 400)
    path = "/aws/service/ami-amazon-linux-latest"
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=path, PaginationConfig={"PageSize": 2})
    assert len([found for page in pages for found in page["Parameters"]]) >= 2


def test_image_builder(sandbox):
    imagebuilder = sandbox.client("imagebuilder")
    arn = imagebuilder.create_infrastructure_configuration(name="build", instanceProfileName="profile", clientToken="t1")[
        "infrastructureConfigurationArn"
    ]
    imagebuilder.tag_resource(resourceArn=arn, tags={"team": "web"})
    assert imagebuilder.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "web"}
    imagebuilder.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert imagebuilder.list_tags_for_resource(resourceArn=arn)["tags"] == {}
    missing = arn.replace("/build", "/missing")
    code, status = refused(imagebuilder.delete_infrastructure_configuration, infrastructureConfigurationArn=missing)
    assert (code, status // 100) == ("ResourceNotFoundException", 4)


def test_sts(sandbox):
    assert sandbox.client("sts").get_caller_identity()["Account"] == "123456789012"


def test_the_command_line_of_aws(sandbox):
    assert sandbox.aws("sts", "get-caller-identity")["Account"] == "123456789012"
    sandbox.aws("ssm", "put-parameter", "--name", "/cli", "--value", "x", "--type", "String")
    assert sandbox.aws("ssm", "get-parameters", "--names", "/cli", "/no")["InvalidParameters"] == ["/no"]
    assert sandbox.aws("ec2", "describe-vpcs")["Vpcs"][0]["IsDefault"] is True


def test_the_control_interface(sandbox):
    assert sandbox.control("health")["status"] == "ok"
    assert sandbox.control("clock") == {"now": "2026-11-24T08:00:00Z"}
    assert sandbox.advance("30m") == "2026-11-24T08:30:00Z"
    throttle = {"wire": [{"calls": "ssm:*", "kind": "throttle", "times": 1}]}
    sandbox.control("faults", throttle)
    ssm = sandbox.client("ssm")
    assert refused(ssm.describe_parameters) == ("ThrottlingException", 400)
    assert ssm.describe_parameters()["Parameters"] == []
    calls = sandbox.control("calls")
    assert [(call["operation"], call["status"], call["error"]) for call in calls] == [
        ("DescribeParameters", 400, "ThrottlingException"),
        ("DescribeParameters", 200, None),
    ]
    with pytest.raises(urllib.error.HTTPError) as caught:
        sandbox.control("clock", headers={"Origin": "http://elsewhere.example"})
    assert caught.value.code == 403
