"""Usage reports of images, network interfaces, and root volumes that are replaced."""

from account import refused


def running(sandbox, ec2, count=1):
    image = ec2.describe_images(Owners=["amazon"], Filters=[{"Name": "architecture", "Values": ["x86_64"]}])["Images"][0]
    made = ec2.run_instances(ImageId=image["ImageId"], InstanceType="m7i.large", MinCount=count, MaxCount=count)
    ids = [one["InstanceId"] for one in made["Instances"]]
    sandbox.wait(ec2, "instance_running", InstanceIds=ids)
    return ids


def own_image(sandbox, ec2, instance, name="web-1"):
    image = ec2.create_image(InstanceId=instance, Name=name, NoReboot=True)["ImageId"]
    sandbox.wait(ec2, "image_available", ImageIds=[image])
    return image


def test_a_report_counts_who_uses_an_image(sandbox, ec2):
    (instance,) = running(sandbox, ec2)
    image = own_image(sandbox, ec2, instance)
    ec2.run_instances(ImageId=image, InstanceType="m7i.large", MinCount=2, MaxCount=2)
    ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": image})
    kinds = [
        {"ResourceType": "ec2:Instance"},
        {"ResourceType": "ec2:LaunchTemplate", "ResourceTypeOptions": [{"OptionName": "version-depth", "OptionValues": ["5"]}]},
    ]
    tags = [{"ResourceType": "image-usage-report", "Tags": [{"Key": "team", "Value": "web"}]}]
    ask = {"ImageId": image, "ResourceTypes": kinds, "TagSpecifications": tags, "ClientToken": "t"}
    report = ec2.create_image_usage_report(**ask)["ReportId"]
    assert ec2.create_image_usage_report(**ask)["ReportId"] == report
    assert refused(ec2.create_image_usage_report, **{**ask, "AccountIds": ["111111111111"]}) == "IdempotentParameterMismatch"
    told = ec2.describe_image_usage_reports(ReportIds=[report])["ImageUsageReports"][0]
    assert (told["State"], told["ImageId"], told["ResourceTypes"]) == ("pending", image, kinds)
    assert (told["ExpirationTime"] - told["CreationTime"]).days == 30 and told["Tags"] == tags[0]["Tags"]
    assert ec2.describe_image_usage_report_entries(ReportIds=[report])["ImageUsageReportEntries"] == []
    sandbox.wait(ec2, "image_usage_report_available", ReportIds=[report])
    entries = sandbox.walk(ec2, "describe_image_usage_report_entries", 1, ReportIds=[report])
    assert {one["ResourceType"]: one["UsageCount"] for one in entries} == {"ec2:Instance": 2, "ec2:LaunchTemplate": 1}
    only = [{"Name": "resource-type", "Values": ["ec2:I*"]}]
    assert len(ec2.describe_image_usage_report_entries(ImageIds=[image], Filters=only)["ImageUsageReportEntries"]) == 1
    ec2.create_image_usage_report(ImageId=image, ResourceTypes=kinds[:1])
    sandbox.walk(ec2, "describe_image_usage_reports", 1)
    assert refused(ec2.describe_image_usage_reports, ReportIds=["amiur-0123456789abcdef0"]).endswith("NotFound")
    sandbox.advance("31d")
    assert ec2.describe_image_usage_reports()["ImageUsageReports"] == []
    assert refused(ec2.create_image_usage_report, ImageId="ami-0123456789abcdef0", ResourceTypes=kinds) == "InvalidAMIID.NotFound"
    assert refused(ec2.create_image_usage_report, ImageId=image, ResourceTypes=kinds, DryRun=True) == "DryRunOperation"


def test_an_instance_has_an_interface(sandbox, ec2):
    ids = running(sandbox, ec2, 6)
    interfaces = sandbox.walk(ec2, "describe_network_interfaces", 5)
    assert {one["Attachment"]["InstanceId"] for one in interfaces} == set(ids)
    one = interfaces[0]
    instance = ec2.describe_instances(InstanceIds=[one["Attachment"]["InstanceId"]])["Reservations"][0]["Instances"][0]
    inner = instance["NetworkInterfaces"][0]
    for member in ("NetworkInterfaceId", "MacAddress", "PrivateIpAddress", "SubnetId", "VpcId", "Groups", "Status"):
        assert inner[member] == one[member], member
    by = [{"Name": "attachment.instance-id", "Values": [instance["InstanceId"]]}]
    assert [found["NetworkInterfaceId"] for found in ec2.describe_network_interfaces(Filters=by)["NetworkInterfaces"]] == [
        one["NetworkInterfaceId"]
    ]
    assert refused(ec2.describe_network_interfaces, NetworkInterfaceIds=["eni-0123456789abcdef0"]) == "InvalidNetworkInterfaceID.NotFound"
    assert refused(ec2.describe_network_interfaces, NetworkInterfaceIds=["eni-1"]) == "InvalidNetworkInterfaceId.Malformed"
    ec2.terminate_instances(InstanceIds=ids)
    sandbox.wait(ec2, "instance_terminated", InstanceIds=ids)
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_a_root_volume_is_replaced(sandbox, ec2):
    (instance,) = running(sandbox, ec2)
    image = own_image(sandbox, ec2, instance)

    def root():
        told = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
        return told["BlockDeviceMappings"][0]["Ebs"]["VolumeId"], told["ImageId"]

    old, _ = root()
    task = ec2.create_replace_root_volume_task(InstanceId=instance, ImageId=image, DeleteReplacedRootVolume=True)["ReplaceRootVolumeTask"]
    assert (task["TaskState"], task["ImageId"], task["DeleteReplacedRootVolume"]) == ("pending", image, True)
    assert refused(ec2.create_replace_root_volume_task, InstanceId=instance) == "IncorrectState"

    def state(of):
        return ec2.describe_replace_root_volume_tasks(ReplaceRootVolumeTaskIds=[of])["ReplaceRootVolumeTasks"][0]["TaskState"]

    sandbox.advance("12s")
    assert state(task["ReplaceRootVolumeTaskId"]) == "in-progress"
    sandbox.until(lambda: state(task["ReplaceRootVolumeTaskId"]) == "succeeded", "5s")
    new, runs = root()
    assert new != old and runs == image
    assert refused(ec2.describe_volumes, VolumeIds=[old]) == "InvalidVolume.NotFound"
    snapshot = ec2.create_snapshot(VolumeId=new)["SnapshotId"]
    sandbox.wait(ec2, "snapshot_completed", SnapshotIds=[snapshot])
    again = ec2.create_replace_root_volume_task(InstanceId=instance, SnapshotId=snapshot)["ReplaceRootVolumeTask"]
    ec2.stop_instances(InstanceIds=[instance])
    sandbox.advance("1m")
    assert state(again["ReplaceRootVolumeTaskId"]) == "failed"
    sandbox.walk(ec2, "describe_replace_root_volume_tasks", 1, Filters=[{"Name": "instance-id", "Values": [instance]}])
    both = {"InstanceId": instance, "SnapshotId": snapshot, "ImageId": image}
    sandbox.wait(ec2, "instance_stopped", InstanceIds=[instance])
    assert refused(ec2.create_replace_root_volume_task, **both) == "IncorrectInstanceState"
    ec2.start_instances(InstanceIds=[instance])
    sandbox.wait(ec2, "instance_status_ok", InstanceIds=[instance])
    assert refused(ec2.create_replace_root_volume_task, **both) == "InvalidParameterCombination"
    other = ec2.create_volume(AvailabilityZone="eu-west-1a", Size=1)["VolumeId"]
    sandbox.wait(ec2, "volume_available", VolumeIds=[other])
    taken = ec2.create_snapshot(VolumeId=other)["SnapshotId"]
    assert refused(ec2.create_replace_root_volume_task, InstanceId=instance, SnapshotId=taken) == "InvalidParameterValue"
    assert refused(ec2.describe_replace_root_volume_tasks, ReplaceRootVolumeTaskIds=["replacevol-0123456789abcdef0"]).endswith("NotFound")
