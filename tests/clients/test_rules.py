"""Rules that hold for every service: client tokens, eventual consistency, limits, the same bytes for the same requests."""

import json
import urllib.request

import pytest
from botocore import xform_name

from account import KEY, Sandbox, refused
from ledger import model, operations

REGION = "eu-west-1"


@pytest.fixture(scope="module")
def lagging(tmp_path_factory):
    file = tmp_path_factory.mktemp("world") / "lag.toml"
    file.write_text("eventual-consistency = true\n")
    sandbox = Sandbox(file)
    yield sandbox
    sandbox.stop()


# Client tokens


def takes_token(service, name):
    shape = model(service).operation_model(name).input_shape
    return shape is not None and bool({"ClientToken", "clientToken"} & shape.members.keys())


def image(ec2):
    return ec2.describe_images(Owners=["amazon"], Filters=[{"Name": "name", "Values": ["al2023*x86_64"]}])["Images"][0]["ImageId"]


def instance(sandbox, ec2):
    made = ec2.run_instances(ImageId=image(ec2), MinCount=1, MaxCount=1, InstanceType="m5.large")["Instances"][0]["InstanceId"]
    sandbox.wait(ec2, "instance_running", InstanceIds=[made])
    return made


def template(ec2, **given):
    return ec2.create_launch_template(**{"LaunchTemplateName": "web", "LaunchTemplateData": {"InstanceType": "m7i.large"}, **given})


# What each operation of EC2 with a token is given, and what another request under the same token has otherwise.
TOKENS = {
    "RunInstances": lambda sandbox, ec2: ({"ImageId": image(ec2), "MinCount": 1, "MaxCount": 1, "InstanceType": "m5.large"}, {"MaxCount": 2}),
    "CopyImage": lambda sandbox, ec2: ({"Name": "copy", "SourceImageId": image(ec2), "SourceRegion": REGION}, {"Name": "other"}),
    "CreateImageUsageReport": lambda sandbox, ec2: (
        {"ImageId": ec2.copy_image(Name="own", SourceImageId=image(ec2), SourceRegion=REGION)["ImageId"], "ResourceTypes": [{"ResourceType": "ec2:Instance"}]},
        {"AccountIds": ["111111111111"]},
    ),
    "CreateLaunchTemplate": lambda sandbox, ec2: (
        {"LaunchTemplateName": "web", "LaunchTemplateData": {"InstanceType": "m7i.large"}}, {"LaunchTemplateName": "other"},
    ),
    "CreateLaunchTemplateVersion": lambda sandbox, ec2: (
        template(ec2) and {"LaunchTemplateName": "web", "LaunchTemplateData": {"InstanceType": "m6i.large"}}, {"VersionDescription": "other"},
    ),
    "ModifyLaunchTemplate": lambda sandbox, ec2: (template(ec2) and {"LaunchTemplateName": "web", "DefaultVersion": "1"}, {"DefaultVersion": "2"}),
    "CreateVolume": lambda sandbox, ec2: ({"AvailabilityZone": "eu-west-1a", "Size": 8}, {"Size": 9}),
    "CreateReplaceRootVolumeTask": lambda sandbox, ec2: ({"InstanceId": instance(sandbox, ec2)}, {"DeleteReplacedRootVolume": True}),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in operations("ec2") if takes_token("ec2", name)])
def test_a_token_of_ec2_stands_for_one_request(sandbox, ec2, name):
    given, other = TOKENS[name](sandbox, ec2)
    call = getattr(ec2, xform_name(name))
    told = lambda **more: {key: held for key, held in call(**given, **more).items() if key != "ResponseMetadata"}  # noqa: E731
    first = told(ClientToken="once")
    assert told(ClientToken="once") == first
    assert refused(call, **{**given, **other}, ClientToken="once") == "IdempotentParameterMismatch"
    if name not in ("CreateLaunchTemplate", "ModifyLaunchTemplate", "CopyImage", "CreateReplaceRootVolumeTask"):
        assert told(ClientToken="twice") != first


def test_every_operation_with_a_token_is_tried():
    """The others are tried in `test_imagebuilder_operations.py`, `test_ssm_patching.py` and `test_ssm_windows.py`."""
    assert {name for name in operations("ec2") if takes_token("ec2", name)} == TOKENS.keys()
    ssm = {"CreatePatchBaseline", "CreateMaintenanceWindow", "RegisterTargetWithMaintenanceWindow", "RegisterTaskWithMaintenanceWindow"}
    assert {name for name in operations("ssm") if takes_token("ssm", name)} == ssm
    assert not [name for name in operations("autoscaling") if takes_token("autoscaling", name)]


def test_where_there_is_no_token_the_same_request_happens_again(sandbox, ec2, ssm):
    volume = ec2.create_volume(AvailabilityZone="eu-west-1a", Size=8)["VolumeId"]
    assert len({ec2.create_snapshot(VolumeId=volume)["SnapshotId"] for _ in range(2)}) == 2
    assert len({ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"] for _ in range(2)}) == 2
    put = lambda: ssm.put_parameter(Name="/a", Value="same", Type="String", Overwrite=True)["Version"]  # noqa: E731
    assert [put(), put()] == [1, 2]
    body = f"Action=CreateSnapshot&Version=2016-11-15&VolumeId={volume}&ClientToken=a"
    assert "UnknownParameter" in sandbox.query("ec2", body)[1]


# Eventual consistency


def test_what_is_new_is_not_found_for_a_moment(lagging):
    lagging.control("reset", {})
    ec2 = lagging.client("ec2")
    run = lambda: ec2.run_instances(ImageId=image(ec2), MinCount=1, MaxCount=1, InstanceType="m5.large", ClientToken="once")  # noqa: E731
    made = run()["Instances"][0]["InstanceId"]
    volume = ec2.create_volume(AvailabilityZone="eu-west-1a", Size=8)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    lt = template(ec2)["LaunchTemplate"]["LaunchTemplateId"]
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    copy = ec2.copy_image(Name="copy", SourceImageId=image(ec2), SourceRegion=REGION)["ImageId"]
    named = (
        (ec2.describe_instances, "InstanceIds", made, "InvalidInstanceID.NotFound"),
        (ec2.describe_instance_status, "InstanceIds", made, "InvalidInstanceID.NotFound"),
        (ec2.describe_volumes, "VolumeIds", volume, "InvalidVolume.NotFound"),
        (ec2.describe_snapshots, "SnapshotIds", snapshot, "InvalidSnapshot.NotFound"),
        (ec2.describe_launch_templates, "LaunchTemplateIds", lt, "InvalidLaunchTemplateId.NotFound"),
        (ec2.describe_vpcs, "VpcIds", vpc, "InvalidVpcID.NotFound"),
        (ec2.describe_images, "ImageIds", copy, "InvalidAMIID.NotFound"),
    )
    for find, member, id, code in named:
        assert refused(find, **{member: [id]}) == code

    def listed():
        instances = [one["InstanceId"] for reservation in ec2.describe_instances()["Reservations"] for one in reservation["Instances"]]
        images = [one["ImageId"] for one in ec2.describe_images(Owners=["self"])["Images"]]
        return {*instances, *images, *(one["VolumeId"] for one in ec2.describe_volumes()["Volumes"])}

    assert not {made, copy, volume} & listed()
    # What does not describe it finds it.
    ec2.create_tags(Resources=[made], Tags=[{"Key": "a", "Value": "b"}])
    lagging.advance("30s")
    for find, member, id, _ in named:
        assert find(**{member: [id]})
    assert {made, copy, volume} <= listed()
    # The same request under its token makes nothing new.
    assert run()["Instances"][0]["InstanceId"] == made and ec2.describe_instances(InstanceIds=[made])["Reservations"]


def test_a_name_is_taken_for_a_moment_after_it_was_given_up(lagging):
    lagging.control("reset", {})
    ec2 = lagging.client("ec2")
    copy = lambda: ec2.copy_image(Name="copy", SourceImageId=image(ec2), SourceRegion=REGION)["ImageId"]  # noqa: E731
    first = copy()
    lagging.advance("20m")
    ec2.deregister_image(ImageId=first)
    assert refused(copy) == "InvalidAMIName.Duplicate"
    lagging.advance("30s")
    assert copy() != first


def test_a_new_version_of_a_template_is_not_told_for_a_moment(lagging):
    lagging.control("reset", {})
    ec2 = lagging.client("ec2")
    template(ec2)
    versions = lambda **which: [one["VersionNumber"] for one in ec2.describe_launch_template_versions(**which)["LaunchTemplateVersions"]]  # noqa: E731
    newest = lambda: ec2.describe_launch_templates(LaunchTemplateNames=["web"])["LaunchTemplates"][0]["LatestVersionNumber"]  # noqa: E731
    assert refused(versions, LaunchTemplateName="web") == "InvalidLaunchTemplateId.NotFound"
    assert refused(ec2.describe_launch_templates, LaunchTemplateNames=["web"]) == "InvalidLaunchTemplateName.NotFoundException"
    lagging.advance("30s")
    made = ec2.create_launch_template_version(LaunchTemplateName="web", SourceVersion="1", LaunchTemplateData={"InstanceType": "m6i.large"})
    assert made["LaunchTemplateVersion"]["VersionNumber"] == 2
    assert versions(LaunchTemplateName="web") == [1] and newest() == 1
    assert versions(Versions=["$Latest"]) == versions(LaunchTemplateName="web", Versions=["$Latest"]) == [1]
    assert refused(versions, LaunchTemplateName="web", Versions=["2"]) == "InvalidLaunchTemplateId.VersionNotFound"
    # What does not describe it finds it.
    ec2.run_instances(ImageId=image(ec2), MinCount=1, MaxCount=1, LaunchTemplate={"LaunchTemplateName": "web", "Version": "2"})
    lagging.advance("30s")
    assert versions(LaunchTemplateName="web") == [2, 1] and newest() == 2


def test_what_other_services_make_is_not_told_for_a_moment(lagging):
    lagging.control("reset", {})
    ec2, autoscaling = lagging.client("ec2"), lagging.client("autoscaling")
    template(ec2, LaunchTemplateData={"ImageId": image(ec2), "InstanceType": "m7i.large"})
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="web", MinSize=1, MaxSize=1, AvailabilityZones=[f"{REGION}a"], LaunchTemplate={"LaunchTemplateName": "web"},
    )  # fmt: skip
    members = lambda: autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"]  # noqa: E731
    while not members():
        lagging.advance("1s")
    member = members()[0]["InstanceId"]
    assert refused(ec2.describe_instances, InstanceIds=[member]) == "InvalidInstanceID.NotFound"
    assert not ec2.describe_instances(Filters=[{"Name": "tag:aws:autoscaling:groupName", "Values": ["web"]}])["Reservations"]
    lagging.advance("30s")
    assert ec2.describe_instances(InstanceIds=[member])["Reservations"]
    lagging.advance("10m")
    task = ec2.create_replace_root_volume_task(InstanceId=member)["ReplaceRootVolumeTask"]["ReplaceRootVolumeTaskId"]
    find = lambda: ec2.describe_replace_root_volume_tasks(ReplaceRootVolumeTaskIds=[task])["ReplaceRootVolumeTasks"]  # noqa: E731
    assert refused(find) == "InvalidReplaceRootVolumeTaskId.NotFound"
    assert not ec2.describe_replace_root_volume_tasks()["ReplaceRootVolumeTasks"]
    lagging.advance("30s")
    assert find()


def test_a_command_is_listed_after_a_moment(lagging):
    lagging.control("reset", {})
    ec2, ssm = lagging.client("ec2"), lagging.client("ssm")
    node = ec2.run_instances(
        ImageId=image(ec2), MinCount=1, MaxCount=1, InstanceType="m5.large", IamInstanceProfile={"Name": "web"}
    )["Instances"][0]["InstanceId"]  # fmt: skip
    lagging.advance("10m")
    sent = ssm.send_command(DocumentName="AWS-RunShellScript", Parameters={"commands": ["echo"]}, InstanceIds=[node])["Command"]["CommandId"]
    listed = lambda: ssm.list_commands(CommandId=sent)["Commands"] and ssm.list_command_invocations(CommandId=sent)["CommandInvocations"]  # noqa: E731
    assert not listed()
    lagging.advance("30s")
    assert listed()


def test_the_name_of_a_parameter_is_taken_for_a_moment_after_it_was_deleted(lagging):
    """AWS says to wait 30 seconds (DeleteParameter); it names no error."""
    lagging.control("reset", {})
    ssm = lagging.client("ssm")
    put = lambda **more: ssm.put_parameter(Name="/a", Value="b", Type="String", **more)["Version"]  # noqa: E731
    put()
    ssm.delete_parameter(Name="/a")
    assert refused(ssm.get_parameter, Name="/a") == "ParameterNotFound"
    assert refused(put) == "ParameterAlreadyExists"
    assert refused(put, Overwrite=True) == "TooManyUpdates"
    lagging.advance("30s")
    assert put() == 1


def test_without_it_everything_is_there_at_once(ec2):
    made = ec2.run_instances(ImageId=image(ec2), MinCount=1, MaxCount=1, InstanceType="m5.large")["Instances"][0]["InstanceId"]
    assert ec2.describe_instances(InstanceIds=[made])["Reservations"]


# Limits


def test_large_requests_are_taken(ec2, ssm):
    ids = [f"i-{number:017x}" for number in range(1000)]
    assert refused(ec2.describe_instances, InstanceIds=ids) == "InvalidInstanceID.NotFound"
    ssm.put_parameter(Name="/standard", Value="a" * 4096, Type="String")
    ssm.put_parameter(Name="/advanced", Value="a" * 8192, Type="String", Tier="Advanced")
    user_data = "YWJj" * (16 * 1024 // 3)
    template(ec2, LaunchTemplateData={"UserData": user_data})
    read = ec2.describe_launch_template_versions(LaunchTemplateName="web", Versions=["1"])["LaunchTemplateVersions"][0]
    assert read["LaunchTemplateData"]["UserData"] == user_data


# The same bytes


def raw(sandbox, service, body, target=None):
    scope = f"{KEY}/20261124/{REGION}/{service}/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
    if target:
        headers |= {"X-Amz-Target": f"AmazonSSM.{target}", "Content-Type": "application/x-amz-json-1.1"}
    request = urllib.request.Request(sandbox.url, data=body.encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read(), sorted(answer.headers.items())


def session(sandbox):
    """The bytes and the headers of some answers, from a fresh demo account on."""
    sandbox.reset("demo")
    told = []
    for step in range(3):
        told.append(raw(sandbox, "ec2", "Action=DescribeInstances&Version=2016-11-15"))
        told.append(raw(sandbox, "ec2", f"Action=CreateVpc&Version=2016-11-15&CidrBlock=10.{step}.0.0%2F16"))
        told.append(raw(sandbox, "ssm", json.dumps({"Name": "/a", "Value": str(step), "Type": "String", "Overwrite": True}), "PutParameter"))
        told.append(raw(sandbox, "ssm", "{}", "DescribeInstanceInformation"))
        told.append(raw(sandbox, "autoscaling", "Action=DescribeAutoScalingGroups&Version=2011-01-01"))
        sandbox.advance("7h")
    return told


def test_the_same_requests_get_the_same_bytes(sandbox):
    first = session(sandbox)
    assert session(sandbox) == first
    other = Sandbox("demo")
    try:
        assert session(other) == first
    finally:
        other.stop()
