"""Amazon EC2: what was made is described, in pages and by filters, and what does not fit is refused."""

import base64
import re

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from account import refusal, refused
from ledger import expected, operations

UNKNOWN = "0123456789abcdef0"


@pytest.fixture
def image(ec2):
    """One of Amazon's own."""
    only = [{"Name": "architecture", "Values": ["x86_64"]}, {"Name": "name", "Values": ["al2023-ami-2023*"]}]
    return ec2.describe_images(Owners=["amazon"], Filters=only)["Images"][0]["ImageId"]


def run(sandbox, ec2, image, count=1, **further):
    made = ec2.run_instances(ImageId=image, InstanceType="m7i.large", MinCount=count, MaxCount=count, **further)
    ids = [one["InstanceId"] for one in made["Instances"]]
    sandbox.wait(ec2, "instance_running", InstanceIds=ids)
    return ids


def tags(kind, **pairs):
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in pairs.items()]}]


# Every operation

REQUIRED = {
    "CopyImage": {"Name": "abc", "SourceImageId": f"ami-{UNKNOWN}", "SourceRegion": "eu-west-1"},
    "CreateTags": {"Resources": [f"i-{UNKNOWN}"], "Tags": [{"Key": "a", "Value": "b"}]},
    "DeleteTags": {"Resources": [f"i-{UNKNOWN}"]},
    "CreateImageUsageReport": {"ImageId": f"ami-{UNKNOWN}", "ResourceTypes": [{"ResourceType": "ec2:Instance"}]},
    "CreateLaunchTemplate": {"LaunchTemplateName": "abc", "LaunchTemplateData": {"InstanceType": "m7i.large"}},
    "CreateLaunchTemplateVersion": {"LaunchTemplateName": "abc", "LaunchTemplateData": {"InstanceType": "m7i.large"}},
    "CreateSnapshots": {"InstanceSpecification": {"InstanceId": f"i-{UNKNOWN}"}},
    "RunInstances": {"MinCount": 1, "MaxCount": 1},
    "CreateSubnet": {"VpcId": f"vpc-{UNKNOWN}", "CidrBlock": "10.0.0.0/24"},
    "CreateVolume": {"AvailabilityZone": "eu-west-1a", "Size": 1},
    "EnableImageDeprecation": {"ImageId": f"ami-{UNKNOWN}", "DeprecateAt": "2027-01-01T00:00:00Z"},
    "DescribeImageReferences": {"ImageIds": [f"ami-{UNKNOWN}"], "IncludeAllResourceTypes": True},
}


def least(ec2, name):
    """The least that the model lets a request of an operation have."""
    if name in REQUIRED:
        return REQUIRED[name]
    shape = ec2.meta.service_model.operation_model(name).input_shape
    given = {}
    for member in shape.required_members:
        inner = shape.members[member]
        value = inner.enum[0] if getattr(inner, "enum", None) else f"x-{UNKNOWN}"
        given[member] = [value] if inner.type_name == "list" else value
    return given


def call(client, name):
    return getattr(client, xform_name(name))


@pytest.mark.parametrize("name", operations("ec2"))
def test_a_dry_run_does_nothing(ec2, name):
    code, message = refusal(call(ec2, name), **least(ec2, name), DryRun=True)
    assert (code, message) == ("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")


@pytest.mark.parametrize("name", operations("ec2"))
def test_required_members_are_required(sandbox, ec2, name):
    loose = sandbox.client("ec2", checked=False)
    shape = ec2.meta.service_model.operation_model(name).input_shape
    for member in shape.required_members:
        if getattr(shape.members[member], "metadata", {}).get("idempotencyToken"):
            continue
        given = {key: value for key, value in least(ec2, name).items() if key != member}
        assert refused(call(loose, name), **given) == "MissingParameter", member


@pytest.mark.parametrize("name", operations("ec2"))
def test_unknown_parameters_are_refused(sandbox, name):
    status, text = sandbox.query("ec2", f"Action={name}&Version=2016-11-15&NoSuchThing=1")
    assert status == 400 and "<Code>UnknownParameter</Code>" in text


def test_an_action_that_is_not_emulated_is_named(sandbox):
    status, text = sandbox.query("ec2", "Action=DescribeHosts&Version=2016-11-15")
    assert status == 400 and "<Code>InvalidAction</Code>" in text and "DescribeHosts" in text


PAGED = [
    "DescribeInstances", "DescribeInstanceStatus", "DescribeVolumes", "DescribeSnapshots", "DescribeTags",
    "DescribeLaunchTemplates", "DescribeVpcs", "DescribeSubnets", "DescribeSecurityGroups", "DescribeNetworkInterfaces",
    "DescribeInstanceTypes", "DescribeInstanceTypeOfferings", "DescribeImages", "DescribeReplaceRootVolumeTasks",
]  # fmt: skip


@pytest.mark.parametrize("name", PAGED)
def test_pages_have_bounds_and_tokens_belong_to_their_query(sandbox, name):
    loose = sandbox.client("ec2", checked=False)
    assert refused(call(loose, name), MaxResults=0) == "InvalidParameterValue"
    assert refused(call(loose, name), NextToken="stolen") == "InvalidNextToken"


FILTERED = PAGED[:11] + ["DescribeImages", "DescribeRegions", "DescribeAvailabilityZones", "DescribeKeyPairs"]


@pytest.mark.parametrize("name", FILTERED)
def test_filters_are_known(ec2, name):
    described = call(ec2, name)
    assert refused(described, Filters=[{"Name": "colour", "Values": ["red"]}]) == "InvalidParameterValue"
    documentation = ec2.meta.service_model.operation_model(name).input_shape.members["Filters"].documentation
    names = set(re.findall(r"<li> <p> ?<code>([a-zA-Z0-9.-]+)</code>", documentation)) - {"tag"}
    refusals = {one for one in names if is_refused(described, Filters=[{"Name": one, "Values": ["nothing"]}])}
    assert refusals == set(expected("ec2")["unsupported-filters"].get(name, []))


def is_refused(called, **arguments):
    try:
        called(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"] == "InvalidParameterValue"
    return False


IDS = [
    ("describe_instances", "InstanceIds", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("describe_instance_status", "InstanceIds", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("describe_instance_image_metadata", "InstanceIds", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("start_instances", "InstanceIds", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("stop_instances", "InstanceIds", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("reboot_instances", "InstanceIds", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("terminate_instances", "InstanceIds", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("describe_images", "ImageIds", "ami", "InvalidAMIID.Malformed", "InvalidAMIID.NotFound"),
    ("describe_snapshots", "SnapshotIds", "snap", "InvalidSnapshotID.Malformed", "InvalidSnapshot.NotFound"),
    ("describe_volumes", "VolumeIds", "vol", "InvalidVolumeID.Malformed", "InvalidVolume.NotFound"),
    ("describe_vpcs", "VpcIds", "vpc", "InvalidVpcID.NotFound", "InvalidVpcID.NotFound"),
    ("describe_subnets", "SubnetIds", "subnet", "InvalidSubnetID.NotFound", "InvalidSubnetID.NotFound"),
    ("describe_security_groups", "GroupIds", "sg", "InvalidGroupId.Malformed", "InvalidGroup.NotFound"),
    ("describe_launch_templates", "LaunchTemplateIds", "lt", "InvalidLaunchTemplateId.Malformed", "InvalidLaunchTemplateId.NotFound"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "member", "prefix", "malformed", "unknown"), IDS)
def test_malformed_ids_are_told_from_unknown_ones(ec2, name, member, prefix, malformed, unknown):
    called = getattr(ec2, name)
    assert refused(called, **{member: [f"{prefix}-xyz"]}) == malformed
    assert refused(called, **{member: [f"{prefix}-{UNKNOWN}"]}) == unknown


# Instances


def test_an_instance_is_what_it_was_asked_to_be(sandbox, ec2, image):
    key = ec2.create_key_pair(KeyName="ops", TagSpecifications=tags("key-pair", team="web"))
    group = ec2.create_security_group(GroupName="web", Description="of the web")["GroupId"]
    (instance,) = run(
        sandbox, ec2, image, KeyName="ops", SecurityGroupIds=[group], UserData="#!/bin/sh", EbsOptimized=True,
        ClientToken="once", DisableApiTermination=True, InstanceInitiatedShutdownBehavior="terminate",
        IamInstanceProfile={"Name": "web"}, TagSpecifications=tags("instance", team="web"),
        MetadataOptions={"HttpTokens": "required"}, Placement={"AvailabilityZone": "eu-west-1b"},
    )  # fmt: skip
    told = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    assert (told["KeyName"], told["EbsOptimized"], told["ClientToken"]) == ("ops", True, "once")
    assert told["SecurityGroups"] == [{"GroupId": group, "GroupName": "web"}]
    assert told["Placement"]["AvailabilityZone"] == "eu-west-1b" and told["MetadataOptions"]["HttpTokens"] == "required"
    assert told["IamInstanceProfile"]["Arn"].endswith("instance-profile/web") and told["Tags"] == [{"Key": "team", "Value": "web"}]
    again = ec2.run_instances(
        ImageId=image, InstanceType="m7i.large", MinCount=1, MaxCount=1, KeyName="ops", SecurityGroupIds=[group],
        UserData="#!/bin/sh", EbsOptimized=True, ClientToken="once", DisableApiTermination=True,
        InstanceInitiatedShutdownBehavior="terminate", IamInstanceProfile={"Name": "web"},
        TagSpecifications=tags("instance", team="web"), MetadataOptions={"HttpTokens": "required"},
        Placement={"AvailabilityZone": "eu-west-1b"},
    )  # fmt: skip
    assert again["Instances"][0]["InstanceId"] == instance
    assert refused(ec2.run_instances, ImageId=image, MinCount=1, MaxCount=1, ClientToken="once") == "IdempotentParameterMismatch"

    def attribute(name):
        return ec2.describe_instance_attribute(InstanceId=instance, Attribute=name)

    assert attribute("disableApiTermination")["DisableApiTermination"]["Value"] is True
    assert attribute("instanceInitiatedShutdownBehavior")["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
    assert attribute("instanceType")["InstanceType"]["Value"] == "m7i.large"
    assert refused(ec2.terminate_instances, InstanceIds=[instance]) == "OperationNotPermitted"
    assert refused(ec2.modify_instance_attribute, InstanceId=instance, InstanceType={"Value": "m7i.xlarge"}) == "IncorrectInstanceState"
    ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})
    sandbox.wait(ec2, "instance_status_ok", InstanceIds=[instance])
    sandbox.wait(ec2, "system_status_ok", InstanceIds=[instance])
    ec2.reboot_instances(InstanceIds=[instance])
    ec2.stop_instances(InstanceIds=[instance])
    assert refused(ec2.start_instances, InstanceIds=[instance]) == "IncorrectInstanceState"
    sandbox.wait(ec2, "instance_stopped", InstanceIds=[instance])
    ec2.modify_instance_attribute(InstanceId=instance, InstanceType={"Value": "m7i.xlarge"})
    ec2.start_instances(InstanceIds=[instance])
    sandbox.wait(ec2, "instance_running", InstanceIds=[instance])
    assert attribute("instanceType")["InstanceType"]["Value"] == "m7i.xlarge"
    sandbox.advance("5m")
    assert ec2.get_console_output(InstanceId=instance)["Output"]
    metadata = ec2.describe_instance_image_metadata(InstanceIds=[instance])["InstanceImageMetadata"][0]
    assert metadata["ImageMetadata"]["ImageId"] == image
    assert refused(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    ec2.terminate_instances(InstanceIds=[instance])
    sandbox.wait(ec2, "instance_terminated", InstanceIds=[instance])
    ec2.delete_security_group(GroupId=group)
    assert ec2.describe_key_pairs(KeyNames=["ops"])["KeyPairs"][0]["KeyPairId"] == key["KeyPairId"]
    ec2.delete_key_pair(KeyName="ops")
    assert refused(ec2.describe_key_pairs, KeyNames=["ops"]) == "InvalidKeyPair.NotFound"
    assert refused(ec2.run_instances, ImageId=image, MinCount=1, MaxCount=1, InstanceType="m7i.large", KeyName="ops") == "InvalidKeyPair.NotFound"


def test_what_cannot_be_launched_is_refused(sandbox, ec2, image):
    def code(**given):
        return refused(ec2.run_instances, **{"ImageId": image, "InstanceType": "m7i.large", "MinCount": 1, "MaxCount": 1, **given})

    assert code(InstanceType="m7g.large") == "InvalidParameterValue"
    assert code(MinCount=2) == "InvalidParameterValue"
    assert code(MinCount=2000, MaxCount=2000) == "InstanceLimitExceeded"
    assert code(ImageId=f"ami-{UNKNOWN}") == "InvalidAMIID.NotFound"
    assert code(ImageId="ami-1") == "InvalidAMIID.Malformed"
    assert code(SubnetId=f"subnet-{UNKNOWN}") == "InvalidSubnetID.NotFound"
    assert code(SecurityGroupIds=[f"sg-{UNKNOWN}"]) == "InvalidGroup.NotFound"
    assert code(LaunchTemplate={"LaunchTemplateName": "none"}) == "InvalidLaunchTemplateName.NotFoundException"
    root = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 1}}
    assert code(BlockDeviceMappings=[root]) == "InvalidBlockDeviceMapping"
    sandbox.control("faults", {"no-capacity": [{"instance-type": "m7i.*"}]})
    assert code() == "InsufficientInstanceCapacity"


def test_user_data_has_a_form_and_a_limit(sandbox, ec2, image):
    def launched(user_data):
        return {"ImageId": image, "InstanceType": "m7i.large", "MinCount": 1, "MaxCount": 1, "UserData": user_data}

    def version(user_data):
        return {"LaunchTemplateName": "web", "LaunchTemplateData": {"UserData": user_data}}

    fits, exceeds = ("a" * length for length in (16_384, 16_385))
    encoded = [base64.b64encode(text.encode()).decode() for text in (fits, exceeds)]
    ec2.run_instances(**launched(fits))
    assert refused(ec2.run_instances, **launched(exceeds)) == "InvalidParameterValue"
    ec2.create_launch_template(**version(encoded[0]))
    ec2.create_launch_template_version(**version(encoded[0].rstrip("=")))
    assert refused(ec2.create_launch_template_version, **version(encoded[1])) == "InvalidUserData.Malformed"
    for text in ("#!/bin/sh", encoded[1]):
        given = {**version(text), "LaunchTemplateName": "other"}
        assert refused(ec2.create_launch_template, **given) == "InvalidUserData.Malformed"
    assert [one["LaunchTemplateName"] for one in ec2.describe_launch_templates()["LaunchTemplates"]] == ["web"]


def test_a_tag_key_comes_once(sandbox, ec2, image):
    twice = [{"Key": "team", "Value": "web"}, {"Key": "team", "Value": "data"}]
    (instance,) = run(sandbox, ec2, image)
    specified = {"TagSpecifications": [{"ResourceType": "instance", "Tags": twice}]}
    with pytest.raises(ClientError, match="Duplicate tag key 'team' specified") as error:
        ec2.create_tags(Resources=[instance], Tags=twice)
    assert error.value.response["Error"]["Code"] == "InvalidParameterValue"
    assert refused(ec2.run_instances, ImageId=image, InstanceType="m7i.large", MinCount=1, MaxCount=1, **specified) == "InvalidParameterValue"
    (reservation,) = ec2.describe_instances()["Reservations"]
    assert reservation["Instances"][0]["Tags"] == []


def test_volumes_have_the_operations_that_their_type_takes(sandbox, ec2, image):
    def code(**given):
        return refused(ec2.create_volume, AvailabilityZone="eu-west-1a", Size=100, **given)

    for kind in ("io1", "io2"):
        assert code(VolumeType=kind) == "MissingParameter"
        assert code(VolumeType=kind, Iops=99) == "InvalidParameterValue"
    for kind, most in (("gp3", 80_000), ("io1", 64_000), ("io2", 256_000)):
        assert code(VolumeType=kind, Iops=most + 1) == "InvalidParameterValue"
        made = ec2.create_volume(AvailabilityZone="eu-west-1a", Size=100, VolumeType=kind, Iops=most)["VolumeId"]
        assert ec2.describe_volumes(VolumeIds=[made])["Volumes"][0]["Iops"] == most
    assert code(VolumeType="gp3", Iops=2999) == "InvalidParameterValue"
    data = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 10, "VolumeType": "io2"}}
    given = {"ImageId": image, "InstanceType": "m7i.large", "MinCount": 1, "MaxCount": 1}
    assert refused(ec2.run_instances, **given, BlockDeviceMappings=[data]) == "MissingParameter"
    data["Ebs"]["Iops"] = 400
    (instance,) = run(sandbox, ec2, image, BlockDeviceMappings=[data])
    attached = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])["Volumes"]
    assert {one["VolumeType"]: one["Iops"] for one in attached} == {"gp3": 3000, "io2": 400}


def test_what_has_no_effect_is_told_as_it_was_asked_for(sandbox, ec2, image):
    asked = {"CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 1}, "HibernationOptions": {"Configured": True}}
    asked |= {"CapacityReservationSpecification": {"CapacityReservationPreference": "none"}}
    (spot,) = run(
        sandbox, ec2, image, InstanceMarketOptions={"MarketType": "spot"}, **asked,
        Placement={"GroupName": "near", "Tenancy": "dedicated", "AvailabilityZone": "eu-west-1b"},
    )  # fmt: skip
    (usual,) = run(sandbox, ec2, image, EnclaveOptions={"Enabled": True})

    def told(instance):
        return ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]

    one, other = told(spot), told(usual)
    assert {name: one[name] for name in asked} == asked and one["InstanceLifecycle"] == "spot"
    placed = {name: one["Placement"][name] for name in ("GroupName", "Tenancy", "AvailabilityZone")}
    assert placed == {"GroupName": "near", "Tenancy": "dedicated", "AvailabilityZone": "eu-west-1b"}
    assert "InstanceLifecycle" not in other and other["EnclaveOptions"] == {"Enabled": True}
    assert other["Placement"]["Tenancy"] == "default" and other["CpuOptions"]["ThreadsPerCore"] == 2


def test_instances_in_pages(sandbox, ec2, image):
    ids = run(sandbox, ec2, image, 7, TagSpecifications=tags("instance", team="web"))
    only = [{"Name": "tag:team", "Values": ["w?b"]}, {"Name": "instance-state-name", "Values": ["run*"]}]
    found = [one["InstanceId"] for page in ec2.get_paginator("describe_instances").paginate(Filters=only, PaginationConfig={"PageSize": 5}) for group in page["Reservations"] for one in group["Instances"]]
    assert sorted(found) == sorted(ids)
    assert refused(ec2.describe_instances, InstanceIds=ids, MaxResults=5) == "InvalidParameterCombination"
    assert len(sandbox.walk(ec2, "describe_instance_status", 5)) == 7
    assert len(sandbox.walk(ec2, "describe_volumes", 5)) == 7
    assert len(sandbox.walk(ec2, "describe_tags", 5)) == 7
    assert len(sandbox.walk(ec2, "describe_instance_image_metadata", 5)) == 7
    assert refused(ec2.create_tags, Resources=[ids[0]], Tags=[{"Key": "aws:a", "Value": ""}]) == "InvalidParameterValue"
    many = [{"Key": str(number), "Value": ""} for number in range(50)]
    assert refused(ec2.create_tags, Resources=[ids[0]], Tags=many) == "TagLimitExceeded"
    assert refused(ec2.create_tags, Resources=[ids[0], f"vol-{UNKNOWN}"], Tags=many[:1]) == "InvalidVolume.NotFound"
    ec2.delete_tags(Resources=ids, Tags=[{"Key": "team"}])
    assert ec2.describe_tags()["Tags"] == []


# Images and snapshots


def test_an_image_lives(sandbox, ec2, image):
    (instance,) = run(sandbox, ec2, image)
    mine = ec2.create_image(InstanceId=instance, Name="web-1", Description="first", TagSpecifications=tags("image", team="web") + tags("snapshot", team="web"))["ImageId"]
    assert ec2.describe_images(ImageIds=[mine])["Images"][0]["State"] == "pending"
    assert refused(ec2.create_image, InstanceId=instance, Name="web-1") == "InvalidAMIName.Duplicate"
    assert refused(ec2.create_image, InstanceId=instance, Name="a$$$") == "InvalidAMIName.Malformed"
    sandbox.wait(ec2, "image_exists", ImageIds=[mine])
    sandbox.wait(ec2, "image_available", ImageIds=[mine])
    told = ec2.describe_images(ImageIds=[mine])["Images"][0]
    assert (told["Name"], told["Description"], told["Tags"]) == ("web-1", "first", [{"Key": "team", "Value": "web"}])
    (snapshot,) = [device["Ebs"]["SnapshotId"] for device in told["BlockDeviceMappings"]]
    sandbox.wait(ec2, "snapshot_completed", SnapshotIds=[snapshot])
    assert ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["Tags"] == told["Tags"]
    assert refused(ec2.delete_snapshot, SnapshotId=snapshot) == "InvalidSnapshot.InUse"
    copy = ec2.copy_image(Name="web-2", SourceImageId=mine, SourceRegion="eu-west-1", ClientToken="c", CopyImageTags=True)["ImageId"]
    assert ec2.copy_image(Name="web-2", SourceImageId=mine, SourceRegion="eu-west-1", ClientToken="c", CopyImageTags=True)["ImageId"] == copy
    assert refused(ec2.copy_image, Name="web-3", SourceImageId=mine, SourceRegion="eu-west-1", ClientToken="c") == "IdempotentParameterMismatch"
    sandbox.wait(ec2, "image_available", ImageIds=[copy])
    ancestry = ec2.get_image_ancestry(ImageId=copy)["ImageAncestryEntries"]
    assert [one["ImageId"] for one in ancestry][:3] == [copy, mine, image]
    ec2.modify_image_attribute(ImageId=mine, LaunchPermission={"Add": [{"UserId": "111111111111"}]})
    assert ec2.describe_image_attribute(ImageId=mine, Attribute="launchPermission")["LaunchPermissions"] == [{"UserId": "111111111111"}]
    ec2.reset_image_attribute(ImageId=mine, Attribute="launchPermission")
    assert ec2.describe_image_attribute(ImageId=mine, Attribute="launchPermission")["LaunchPermissions"] == []
    ec2.modify_image_attribute(ImageId=mine, Description={"Value": "second"})
    assert ec2.describe_image_attribute(ImageId=mine, Attribute="description")["Description"]["Value"] == "second"
    ec2.enable_image_deprecation(ImageId=mine, DeprecateAt="2027-01-01T00:00:00Z")
    assert ec2.describe_images(ImageIds=[mine])["Images"][0]["DeprecationTime"] == "2027-01-01T00:00:00.000Z"
    assert refused(ec2.enable_image_deprecation, ImageId=mine, DeprecateAt="2020-01-01T00:00:00Z") == "InvalidParameterValue"
    ec2.disable_image_deprecation(ImageId=mine)
    ec2.enable_image_deregistration_protection(ImageId=mine, WithCooldown=True)
    assert refused(ec2.deregister_image, ImageId=mine) == "OperationNotPermitted"
    ec2.disable_image_deregistration_protection(ImageId=mine)
    assert refused(ec2.deregister_image, ImageId=mine) == "OperationNotPermitted"
    sandbox.advance("25h")
    ec2.disable_image(ImageId=mine)
    assert ec2.describe_images(ImageIds=[mine], IncludeDisabled=True)["Images"][0]["State"] == "disabled"
    assert refused(ec2.run_instances, ImageId=mine, InstanceType="m7i.large", MinCount=1, MaxCount=1) == "InvalidAMIID.Unavailable"
    ec2.enable_image(ImageId=mine)
    references = ec2.describe_image_references(ImageIds=[image], IncludeAllResourceTypes=True)["ImageReferences"]
    assert references[0]["Arn"].endswith(instance)
    gone = ec2.deregister_image(ImageId=mine, DeleteAssociatedSnapshots=True)
    assert gone["DeleteSnapshotResults"] == [{"SnapshotId": snapshot, "ReturnCode": "success"}]
    assert refused(ec2.modify_image_attribute, ImageId=image, Description={"Value": "x"}) == "AuthFailure"
    sandbox.walk(ec2, "describe_images", 2, Owners=["amazon"])


def test_snapshots(sandbox, ec2, image):
    volume = ec2.create_volume(AvailabilityZone="eu-west-1a", Size=10, VolumeType="gp3", TagSpecifications=tags("volume", team="web"))
    sandbox.wait(ec2, "volume_available", VolumeIds=[volume["VolumeId"]])
    assert refused(ec2.create_volume, AvailabilityZone="eu-west-1a", Size=1, VolumeType="st1") == "InvalidParameterValue"
    assert refused(ec2.create_volume, AvailabilityZone="eu-west-1z", Size=1) == "InvalidZone.NotFound"
    for number in range(6):
        ec2.create_snapshot(VolumeId=volume["VolumeId"], Description=str(number))
    found = sandbox.walk(ec2, "describe_snapshots", 5, OwnerIds=["self"])
    assert {one["State"] for one in found} == {"pending"} and len(found) == 6
    one = found[0]["SnapshotId"]
    sandbox.wait(ec2, "snapshot_completed", SnapshotIds=[one])
    ec2.modify_snapshot_attribute(SnapshotId=one, Attribute="createVolumePermission", OperationType="add", UserIds=["111111111111"])
    told = ec2.describe_snapshot_attribute(SnapshotId=one, Attribute="createVolumePermission")
    assert told["CreateVolumePermissions"] == [{"UserId": "111111111111"}]
    root = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": one}}
    mine = ec2.register_image(Name="of-snapshot", RootDeviceName="/dev/xvda", Architecture="x86_64", BlockDeviceMappings=[root])["ImageId"]
    assert ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"] == mine
    assert refused(ec2.register_image, Name="without", RootDeviceName="/dev/xvda") == "InvalidBlockDeviceMapping"
    ec2.delete_snapshot(SnapshotId=found[1]["SnapshotId"])
    assert refused(ec2.delete_snapshot, SnapshotId=found[1]["SnapshotId"]) == "InvalidSnapshot.NotFound"
    (instance,) = run(sandbox, ec2, image)
    taken = ec2.create_snapshots(InstanceSpecification={"InstanceId": instance})["Snapshots"]
    assert len(taken) == 1
    without = {"InstanceId": instance, "ExcludeBootVolume": True}
    assert refused(ec2.create_snapshots, InstanceSpecification=without) == "InvalidParameterCombination"


# Launch templates


def test_launch_templates(sandbox, ec2, image):
    data = {"ImageId": image, "InstanceType": "m7i.large"}
    template = ec2.create_launch_template(LaunchTemplateName="web", VersionDescription="one", LaunchTemplateData=data, TagSpecifications=tags("launch-template", team="web"))["LaunchTemplate"]
    assert refused(ec2.create_launch_template, LaunchTemplateName="web", LaunchTemplateData=data) == "InvalidLaunchTemplateName.AlreadyExistsException"
    name = {"LaunchTemplateName": "web"}
    for number in range(2, 5):
        ec2.create_launch_template_version(**name, SourceVersion="1", VersionDescription=str(number), LaunchTemplateData={"InstanceType": "m7i.xlarge"})
    versions = sandbox.walk(ec2, "describe_launch_template_versions", 1, **name)
    assert [one["VersionNumber"] for one in versions] == [4, 3, 2, 1]
    assert versions[0]["LaunchTemplateData"] == {"ImageId": image, "InstanceType": "m7i.xlarge"}
    ec2.modify_launch_template(**name, DefaultVersion="3")
    told = ec2.describe_launch_templates(LaunchTemplateNames=["web"])["LaunchTemplates"][0]
    assert (told["DefaultVersionNumber"], told["LatestVersionNumber"], told["Tags"]) == (3, 4, [{"Key": "team", "Value": "web"}])
    gone = ec2.delete_launch_template_versions(**name, Versions=["2", "3", "9"])
    assert [one["VersionNumber"] for one in gone["SuccessfullyDeletedLaunchTemplateVersions"]] == [2]
    assert len(gone["UnsuccessfullyDeletedLaunchTemplateVersions"]) == 2
    assert refused(ec2.describe_launch_template_versions, **name, Versions=["99"]) == "InvalidLaunchTemplateId.VersionNotFound"
    assert refused(ec2.describe_launch_templates, LaunchTemplateNames=["none"]) == "InvalidLaunchTemplateName.NotFoundException"
    ec2.create_launch_template(LaunchTemplateName="api", LaunchTemplateData=data)
    assert len(sandbox.walk(ec2, "describe_launch_templates", 1)) == 2
    (instance,) = [one["InstanceId"] for one in ec2.run_instances(LaunchTemplate={**name, "Version": "$Latest"}, MinCount=1, MaxCount=1)["Instances"]]
    assert ec2.get_launch_template_data(InstanceId=instance)["LaunchTemplateData"]["InstanceType"] == "m7i.xlarge"
    assert ec2.delete_launch_template(**name)["LaunchTemplate"]["LaunchTemplateId"] == template["LaunchTemplateId"]
    assert refused(ec2.delete_launch_template, **name) == "InvalidLaunchTemplateName.NotFoundException"


# Networks, and what AWS offers


def test_networks(sandbox, ec2):
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=tags("vpc", team="web"))["Vpc"]["VpcId"]
    sandbox.wait(ec2, "vpc_available", VpcIds=[vpc])
    for number in range(6):
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{number}.0/24", AvailabilityZone="eu-west-1b")
    assert refused(ec2.create_subnet, VpcId=vpc, CidrBlock="10.1.0.0/24") == "InvalidSubnet.Conflict"
    assert refused(ec2.create_subnet, VpcId=vpc, CidrBlock="10.2.0.0/24") == "InvalidSubnet.Range"
    assert refused(ec2.create_vpc, CidrBlock="10.1.0.0") == "InvalidParameterValue"
    subnets = sandbox.walk(ec2, "describe_subnets", 5, Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    sandbox.wait(ec2, "subnet_available", SubnetIds=[subnets[0]["SubnetId"]])
    for number in range(6):
        ec2.create_security_group(GroupName=f"g{number}", Description="d", VpcId=vpc)
    assert refused(ec2.create_security_group, GroupName="g0", Description="d", VpcId=vpc) == "InvalidGroup.Duplicate"
    groups = sandbox.walk(ec2, "describe_security_groups", 5, Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    assert len(groups) == 7
    assert refused(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    own = next(one for one in groups if one["GroupName"] == "default")
    assert refused(ec2.delete_security_group, GroupId=own["GroupId"]) == "CannotDelete"
    for one in groups:
        if one["GroupName"] != "default":
            ec2.delete_security_group(GroupId=one["GroupId"])
    for one in subnets:
        ec2.delete_subnet(SubnetId=one["SubnetId"])
    ec2.delete_vpc(VpcId=vpc)
    assert refused(ec2.describe_vpcs, VpcIds=[vpc]) == "InvalidVpcID.NotFound"
    ec2.create_key_pair(KeyName="ops")
    assert refused(ec2.create_key_pair, KeyName="ops") == "InvalidKeyPair.Duplicate"


def test_what_aws_offers(sandbox, ec2):
    assert {"eu-west-1", "us-east-1"} <= {one["RegionName"] for one in ec2.describe_regions()["Regions"]}
    opted = ec2.describe_regions(AllRegions=True)["Regions"]
    assert {one["OptInStatus"] for one in opted} >= {"opt-in-not-required", "not-opted-in"}
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert [one["ZoneName"] for one in zones] == ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    only = [{"Name": "instance-type", "Values": ["m7i.*"]}]
    types = sandbox.walk(ec2, "describe_instance_types", 5, Filters=only)
    assert all(one["ProcessorInfo"]["SupportedArchitectures"] == ["x86_64"] for one in types)
    assert refused(ec2.describe_instance_types, InstanceTypes=["p5.48xlarge"]) == "InvalidInstanceType"
    sandbox.walk(ec2, "describe_instance_type_offerings", 5, LocationType="availability-zone", Filters=only)


GONE = [
    ("copy_image", {"Name": "abc", "SourceImageId": f"ami-{UNKNOWN}", "SourceRegion": "eu-west-1"}, "InvalidAMIID.NotFound"),
    ("create_image", {"InstanceId": f"i-{UNKNOWN}", "Name": "abc"}, "InvalidInstanceID.NotFound"),
    ("create_snapshot", {"VolumeId": f"vol-{UNKNOWN}"}, "InvalidVolume.NotFound"),
    ("modify_instance_attribute", {"InstanceId": f"i-{UNKNOWN}", "EbsOptimized": {"Value": True}}, "InvalidInstanceID.NotFound"),
    ("describe_instance_attribute", {"InstanceId": f"i-{UNKNOWN}", "Attribute": "userData"}, "InvalidInstanceID.NotFound"),
    ("get_console_output", {"InstanceId": f"i-{UNKNOWN}"}, "InvalidInstanceID.NotFound"),
    ("get_launch_template_data", {"InstanceId": f"i-{UNKNOWN}"}, "InvalidInstanceID.NotFound"),
    ("get_image_ancestry", {"ImageId": f"ami-{UNKNOWN}"}, "InvalidAMIID.NotFound"),
    ("describe_image_attribute", {"ImageId": f"ami-{UNKNOWN}", "Attribute": "description"}, "InvalidAMIID.NotFound"),
    ("deregister_image", {"ImageId": f"ami-{UNKNOWN}"}, "InvalidAMIID.NotFound"),
    ("disable_image", {"ImageId": f"ami-{UNKNOWN}"}, "InvalidAMIID.NotFound"),
    ("enable_image", {"ImageId": f"ami-{UNKNOWN}"}, "InvalidAMIID.NotFound"),
    ("delete_vpc", {"VpcId": f"vpc-{UNKNOWN}"}, "InvalidVpcID.NotFound"),
    ("delete_subnet", {"SubnetId": f"subnet-{UNKNOWN}"}, "InvalidSubnetID.NotFound"),
    ("modify_launch_template", {"LaunchTemplateName": "abc", "DefaultVersion": "1"}, "InvalidLaunchTemplateName.NotFoundException"),
    ("create_launch_template_version", {"LaunchTemplateName": "abc", "LaunchTemplateData": {"InstanceType": "m7i.large"}}, "InvalidLaunchTemplateName.NotFoundException"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "code"), GONE)
def test_what_is_not_there(ec2, name, given, code):
    assert refused(getattr(ec2, name), **given) == code


def test_protection_and_order(sandbox, ec2, image):
    assert refused(ec2.deregister_image, ImageId=image) == "AuthFailure"
    (instance,) = run(sandbox, ec2, image, DisableApiStop=True)
    assert refused(ec2.stop_instances, InstanceIds=[instance]) == "OperationNotPermitted"
    subnet = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["SubnetId"]
    assert refused(ec2.delete_subnet, SubnetId=subnet) == "DependencyViolation"
    mine = ec2.create_image(InstanceId=instance, Name="web-1")["ImageId"]
    assert refused(ec2.run_instances, ImageId=mine, InstanceType="m7i.large", MinCount=1, MaxCount=1) == "InvalidAMIID.Unavailable"
    sandbox.wait(ec2, "image_available", ImageIds=[mine])
    assert refused(ec2.copy_image, Name="web-1", SourceImageId=mine, SourceRegion="eu-west-1") == "InvalidAMIName.Duplicate"
    ec2.terminate_instances(InstanceIds=[instance])
    assert refused(ec2.stop_instances, InstanceIds=[instance]) == "IncorrectInstanceState"
    ec2.modify_image_attribute(ImageId=mine, LaunchPermission={"Add": [{"Group": "all"}]})
    assert ec2.describe_images(ImageIds=[mine])["Images"][0]["Public"] is True
    ec2.create_tags(Resources=[mine], Tags=[{"Key": "team", "Value": "web"}])
    assert ec2.describe_images(ImageIds=[mine])["Images"][0]["Tags"] == [{"Key": "team", "Value": "web"}]
    ec2.delete_tags(Resources=[mine])


def test_monitoring_and_metadata_are_as_they_were_asked_for(sandbox, ec2, image):
    options = {"HttpTokens": "required", "HttpEndpoint": "disabled", "HttpProtocolIpv6": "enabled", "InstanceMetadataTags": "enabled"}
    made = ec2.run_instances(
        ImageId=image, InstanceType="m7i.large", MinCount=1, MaxCount=1, Monitoring={"Enabled": True}, MetadataOptions=options
    )["Instances"][0]
    assert made["Monitoring"]["State"] == "pending"
    sandbox.advance("5m")
    seen = ec2.describe_instances(InstanceIds=[made["InstanceId"]])["Reservations"][0]["Instances"][0]
    assert seen["Monitoring"]["State"] == "enabled"
    assert {name: seen["MetadataOptions"][name] for name in options} == options
    data = {"MetadataOptions": options, "Monitoring": {"Enabled": True}, "MaintenanceOptions": {"AutoRecovery": "disabled"}}
    ec2.create_launch_template(LaunchTemplateName="asked", LaunchTemplateData=data)
    kept = ec2.describe_launch_template_versions(LaunchTemplateName="asked")["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert {name: kept["MetadataOptions"][name] for name in options} == options
    assert kept["MaintenanceOptions"]["AutoRecovery"] == "disabled"
    ec2.create_launch_template(LaunchTemplateName="usual", LaunchTemplateData={"MaintenanceOptions": {"AutoRecovery": "default"}})
    kept = ec2.describe_launch_template_versions(LaunchTemplateName="usual")["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert kept["MaintenanceOptions"]["AutoRecovery"] == "default"


def test_an_image_that_cannot_be_made_fails(sandbox, ec2, image):
    instance = run(sandbox, ec2, image)[0]
    sandbox.control("faults", {"failed-images": ["broken-*"]})
    made = ec2.create_image(InstanceId=instance, Name="broken-1")["ImageId"]
    sandbox.advance("30m")
    told = ec2.describe_images(ImageIds=[made])["Images"][0]
    assert (told["State"], told["StateReason"]["Code"]) == ("failed", "Client.InternalError")
    taken = [one["Ebs"]["SnapshotId"] for one in told["BlockDeviceMappings"]]
    assert {one["State"] for one in ec2.describe_snapshots(SnapshotIds=taken)["Snapshots"]} == {"error"}
    assert refused(ec2.run_instances, ImageId=made, InstanceType="m7i.large", MinCount=1, MaxCount=1) == "InvalidAMIID.Unavailable"
    sandbox.control("faults", {})


def test_snapshots_are_copied_twenty_at_a_time(sandbox, ec2, image):
    for number in range(20):
        ec2.copy_image(SourceImageId=image, SourceRegion="eu-west-1", Name=f"copy-{number}")
    assert refused(ec2.copy_image, SourceImageId=image, SourceRegion="eu-west-1", Name="more") == "ResourceLimitExceeded"
    sandbox.advance("30m")
    ec2.copy_image(SourceImageId=image, SourceRegion="eu-west-1", Name="more")


def test_a_type_that_no_region_has(sandbox, ec2):
    assert refused(ec2.describe_instance_types, InstanceTypes=["m99.large"]) == "InvalidInstanceType"
