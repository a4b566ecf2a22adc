"""Amazon EC2: states that things pass through, each from its cause."""

import pytest

from account import Sandbox, refused


@pytest.fixture
def image(ec2):
    """One of Amazon's own."""
    return own_images(ec2)[-1]


def own_images(ec2):
    only = [{"Name": "name", "Values": ["al2023-ami-2023*-x86_64"]}]
    found = ec2.describe_images(Owners=["amazon"], Filters=only)["Images"]
    return [one["ImageId"] for one in sorted(found, key=lambda one: one["CreationDate"])]


def run(ec2, image, **further):
    return ec2.run_instances(ImageId=image, InstanceType="m7i.large", MinCount=1, MaxCount=1, **further)["Instances"][0]["InstanceId"]


def told(ec2, instance):
    return ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]


def checks(ec2, **which):
    seen = ec2.describe_instance_status(**which)["InstanceStatuses"]
    return {one["InstanceId"]: (one["InstanceStatus"]["Status"], one["SystemStatus"]["Status"]) for one in seen}


def test_what_does_not_run_has_no_status(sandbox, ec2, image):
    runs, stopped = run(ec2, image), run(ec2, image)
    assert checks(ec2) == {}, "neither runs yet"
    sandbox.wait(ec2, "instance_status_ok", InstanceIds=[runs, stopped])
    ec2.stop_instances(InstanceIds=[stopped])
    sandbox.wait(ec2, "instance_stopped", InstanceIds=[stopped])
    assert checks(ec2) == {runs: ("ok", "ok")}
    every = {runs: ("ok", "ok"), stopped: ("not-applicable", "not-applicable")}
    assert checks(ec2, IncludeAllInstances=True) == every
    only = [{"Name": "instance-status.status", "Values": ["not-applicable"]}]
    assert checks(ec2, IncludeAllInstances=True, Filters=only) == {stopped: every[stopped]}


def test_an_interface_is_attached_when_its_instance_is_launched(sandbox, ec2, image):
    instance = run(ec2, image, MaintenanceOptions={"AutoRecovery": "disabled"})

    def attachments():
        own = told(ec2, instance)["NetworkInterfaces"][0]
        by = [{"Name": "attachment.instance-id", "Values": [instance]}]
        other = ec2.describe_network_interfaces(Filters=by)["NetworkInterfaces"][0]
        return {own["Attachment"]["Status"], other["Attachment"]["Status"]}, {own["Status"], other["Status"]}

    assert attachments() == ({"attaching"}, {"in-use"})
    sandbox.wait(ec2, "instance_running", InstanceIds=[instance])
    assert attachments() == ({"attached"}, {"in-use"})
    options = told(ec2, instance)["MaintenanceOptions"]
    assert (options["AutoRecovery"], options["RebootMigration"]) == ("disabled", "default")
    ec2.stop_instances(InstanceIds=[instance])
    sandbox.wait(ec2, "instance_stopped", InstanceIds=[instance])
    ec2.start_instances(InstanceIds=[instance])
    assert told(ec2, instance)["State"]["Name"] == "pending" and attachments() == ({"attached"}, {"in-use"})


def volumes(ec2, **which):
    return {one["VolumeId"]: one for one in ec2.describe_volumes(**which)["Volumes"]}


def test_a_root_volume_gives_way_to_another(sandbox, ec2):
    older, newer = own_images(ec2)[-2:]
    instance = run(ec2, older)
    sandbox.wait(ec2, "instance_running", InstanceIds=[instance])
    (old,) = volumes(ec2)
    task = ec2.create_replace_root_volume_task(InstanceId=instance, ImageId=newer)["ReplaceRootVolumeTask"]["ReplaceRootVolumeTaskId"]
    seen = volumes(ec2)
    (new,) = seen.keys() - {old}
    assert (seen[new]["State"], seen[new]["Attachments"]) == ("creating", [])
    sandbox.advance("11s")
    seen = volumes(ec2)
    assert {name: one["Attachments"][0]["State"] for name, one in seen.items()} == {old: "detaching", new: "attaching"}
    assert told(ec2, instance)["BlockDeviceMappings"][0]["Ebs"]["Status"] == "detaching"
    by = [{"Name": "attachment.status", "Values": ["attaching"]}]
    assert set(volumes(ec2, Filters=by)) == {new}
    sandbox.advance("15s")
    seen = volumes(ec2)
    assert (seen[old]["State"], seen[new]["State"]) == ("available", "in-use")
    assert told(ec2, instance)["BlockDeviceMappings"][0]["Ebs"] | {"AttachTime": None} == {
        "VolumeId": new, "Status": "attached", "AttachTime": None, "DeleteOnTermination": True,
    }  # fmt: skip
    tasks = ec2.describe_replace_root_volume_tasks(ReplaceRootVolumeTaskIds=[task])["ReplaceRootVolumeTasks"]
    assert tasks[0]["TaskState"] == "succeeded"


def test_a_root_volume_that_cannot_give_way_stays(sandbox, ec2, image):
    instance = run(ec2, image)
    sandbox.wait(ec2, "instance_running", InstanceIds=[instance])
    (old,) = volumes(ec2)
    task = ec2.create_replace_root_volume_task(InstanceId=instance)["ReplaceRootVolumeTask"]["ReplaceRootVolumeTaskId"]

    def state():
        return ec2.describe_replace_root_volume_tasks(ReplaceRootVolumeTaskIds=[task])["ReplaceRootVolumeTasks"][0]["TaskState"]

    ec2.stop_instances(InstanceIds=[instance])
    sandbox.advance("26s")
    assert state() == "failing"
    sandbox.until(lambda: state() == "failed", "2s")
    assert set(volumes(ec2)) == {old}
    assert told(ec2, instance)["BlockDeviceMappings"][0]["Ebs"]["Status"] == "attached"


def test_the_answer_comes_before_the_thing_is_there(sandbox, ec2):
    """AWS's own examples answer `creating` and `pending`; without eventual consistency the next look finds it there."""
    volume = ec2.create_volume(AvailabilityZone="eu-west-1a", Size=1)
    assert volume["State"] == "creating"
    assert volumes(ec2, VolumeIds=[volume["VolumeId"]])[volume["VolumeId"]]["State"] == "available"
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]
    assert vpc["State"] == "pending"
    assert ec2.describe_vpcs(VpcIds=[vpc["VpcId"]])["Vpcs"][0]["State"] == "available"


def test_with_eventual_consistency_things_take_their_seconds(tmp_path):
    world = tmp_path / "slow.toml"
    world.write_text("eventual-consistency = true\n")
    sandbox = Sandbox(world)
    ec2 = sandbox.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="eu-west-1a", Size=1)["VolumeId"]
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    # What was just made is not told for up to half a minute, and where it is, it may still be on its way.
    assert refused(ec2.describe_volumes, VolumeIds=[volume]) == "InvalidVolume.NotFound"
    assert ec2.describe_vpcs(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Vpcs"] == []
    sandbox.until(lambda: volume in volumes(ec2) and volumes(ec2)[volume]["State"] == "available", "1s")
    sandbox.until(lambda: any(one["VpcId"] == vpc for one in ec2.describe_vpcs()["Vpcs"]), "1s")
    sandbox.wait(ec2, "vpc_available", VpcIds=[vpc])
    instance = run(ec2, own_images(ec2)[-1])
    sandbox.wait(ec2, "instance_exists", InstanceIds=[instance])
    sandbox.wait(ec2, "instance_running", InstanceIds=[instance])
    (root,) = volumes(ec2).keys() - {volume}
    ec2.terminate_instances(InstanceIds=[instance])
    sandbox.until(lambda: volumes(ec2, VolumeIds=[root])[root]["State"] == "deleting", "1s")
    sandbox.wait(ec2, "volume_deleted", VolumeIds=[root])
    assert refused(ec2.describe_volumes, VolumeIds=[root]) == "InvalidVolume.NotFound"
    sandbox.stop()
