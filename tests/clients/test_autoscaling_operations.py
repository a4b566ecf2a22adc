"""EC2 Auto Scaling: groups, their members, hooks, tags, policies, and instance refreshes, as boto3 sees them."""

import pytest
from botocore import xform_name

from account import refused
from ledger import model, operations

GROUP = {"AutoScalingGroupName": "web"}


@pytest.fixture
def template(sandbox):
    """The launch template `web`, with two versions of one image."""
    ec2 = sandbox.client("ec2")
    only = [{"Name": "architecture", "Values": ["x86_64"]}]
    image = ec2.describe_images(Owners=["amazon"], Filters=only)["Images"][0]["ImageId"]
    made = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": image, "InstanceType": "m7i.large"})
    ec2.create_launch_template_version(LaunchTemplateName="web", SourceVersion="1", LaunchTemplateData={"InstanceType": "m7i.xlarge"})
    return {"LaunchTemplateId": made["LaunchTemplate"]["LaunchTemplateId"], "LaunchTemplateName": "web", "Version": "1"}


@pytest.fixture
def group(sandbox, autoscaling, template):
    """Four instances in service."""
    create(autoscaling, template)
    sandbox.until(lambda: len(members(autoscaling, "InService")) == 4)
    return template


def create(autoscaling, template, name="web", **further):
    given = {"MinSize": 0, "MaxSize": 8, "DesiredCapacity": 4, "AvailabilityZones": ["eu-west-1a", "eu-west-1b"], **further}
    autoscaling.create_auto_scaling_group(AutoScalingGroupName=name, LaunchTemplate={"LaunchTemplateName": "web", "Version": "1"}, **given)


def told(autoscaling, name="web"):
    return autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]


def members(autoscaling, state=None, name="web"):
    return [one["InstanceId"] for one in told(autoscaling, name)["Instances"] if state in (None, one["LifecycleState"])]


def refreshes(autoscaling):
    return autoscaling.describe_instance_refreshes(**GROUP)["InstanceRefreshes"]


def status(autoscaling):
    return refreshes(autoscaling)[0]["Status"]


def start(autoscaling, template, preferences=None, version="2"):
    desired = {"LaunchTemplate": {"LaunchTemplateId": template["LaunchTemplateId"], "Version": version}}
    return autoscaling.start_instance_refresh(**GROUP, DesiredConfiguration=desired, Preferences=preferences or {"MinHealthyPercentage": 50})["InstanceRefreshId"]


def least(client, name):
    shape = client.meta.service_model.operation_model(name).input_shape
    if shape is None:
        return {}
    return {member: value(shape.members[member]) for member in shape.required_members}


def value(shape):
    if shape.type_name == "structure":
        return {name: value(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [value(shape.member)]
    if shape.type_name in ("integer", "long"):
        return 1
    if shape.type_name == "boolean":
        return True
    return shape.enum[0] if getattr(shape, "enum", None) else "i-0123456789abcdef0"


@pytest.mark.parametrize("name", operations("autoscaling"))
def test_required_members_are_required(sandbox, name):
    loose = sandbox.client("autoscaling", checked=False)
    given = least(loose, name)
    for member in given:
        rest = {key: held for key, held in given.items() if key != member}
        assert refused(getattr(loose, xform_name(name)), **rest) == "ValidationError", member


def with_member(member, required=False):
    """The operations whose requests have a member, or must have it."""
    for name in operations("autoscaling"):
        shape = model("autoscaling").operation_model(name).input_shape
        if shape is not None and member in (shape.required_members if required else shape.members):
            yield name


@pytest.mark.parametrize("name", list(with_member("NextToken")))
def test_tokens_belong_to_their_query(sandbox, template, name):
    loose = sandbox.client("autoscaling", checked=False)
    create(loose, template, MaxSize=0, DesiredCapacity=0)
    given = GROUP if name in with_member("AutoScalingGroupName", required=True) else {}
    assert refused(getattr(loose, xform_name(name)), **given, NextToken="stolen") == "InvalidNextToken"


@pytest.mark.parametrize("name", sorted({*with_member("AutoScalingGroupName", required=True)} - {"CreateAutoScalingGroup"}))
def test_a_group_that_is_not_there(sandbox, name):
    loose = sandbox.client("autoscaling", checked=False)
    given = least(loose, name)
    if name == "PutLifecycleHook":
        given["LifecycleTransition"] = "autoscaling:EC2_INSTANCE_LAUNCHING"
    assert refused(getattr(loose, xform_name(name)), **given) == "ValidationError"


def test_a_group_is_what_it_was_asked_to_be(sandbox, autoscaling, template):
    tag = {"Key": "team", "Value": "web", "PropagateAtLaunch": True, "ResourceId": "web", "ResourceType": "auto-scaling-group"}
    create(
        autoscaling, template, DefaultCooldown=60, HealthCheckType="ELB", HealthCheckGracePeriod=120, DefaultInstanceWarmup=30,
        NewInstancesProtectedFromScaleIn=True, TerminationPolicies=["OldestInstance"], Tags=[tag],
        InstanceMaintenancePolicy={"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150}, MaxInstanceLifetime=86400,
    )  # fmt: skip
    seen = told(autoscaling)
    assert (seen["MinSize"], seen["MaxSize"], seen["DesiredCapacity"], seen["DefaultCooldown"]) == (0, 8, 4, 60)
    assert (seen["HealthCheckType"], seen["HealthCheckGracePeriod"], seen["DefaultInstanceWarmup"]) == ("ELB", 120, 30)
    assert seen["NewInstancesProtectedFromScaleIn"] and seen["TerminationPolicies"] == ["OldestInstance"]
    assert seen["Tags"] == [tag] and seen["LaunchTemplate"] == template and seen["MaxInstanceLifetime"] == 86400
    assert seen["InstanceMaintenancePolicy"] == {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150}
    assert refused(create, autoscaling=autoscaling, template=template) == "AlreadyExists"
    sandbox.until(lambda: len(members(autoscaling, "InService")) == 4)
    assert {one["AvailabilityZone"] for one in told(autoscaling)["Instances"]} == {"eu-west-1a", "eu-west-1b"}
    assert refused(autoscaling.delete_auto_scaling_group, **GROUP) == "ResourceInUse"
    autoscaling.delete_auto_scaling_group(**GROUP, ForceDelete=True)
    sandbox.until(lambda: not autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"])


def test_a_group_is_in_zones_of_its_region_and_has_no_colon(autoscaling, template):
    given = {"AutoScalingGroupName": "web", "MinSize": 0, "MaxSize": 1, "LaunchTemplate": {"LaunchTemplateName": "web"}}
    for zones in (["us-east-1a"], ["eu-west-1a", "us-east-1a"], ["eu-west-1"]):
        assert refused(autoscaling.create_auto_scaling_group, **given, AvailabilityZones=zones) == "ValidationError"
    colon = {**given, "AutoScalingGroupName": "web:1", "AvailabilityZones": ["eu-west-1a"]}
    assert refused(autoscaling.create_auto_scaling_group, **colon) == "ValidationError"
    create(autoscaling, template)
    assert refused(autoscaling.update_auto_scaling_group, **GROUP, AvailabilityZones=["us-east-1a"]) == "ValidationError"
    assert told(autoscaling)["AvailabilityZones"] == ["eu-west-1a", "eu-west-1b"]


def test_groups_in_pages(sandbox, autoscaling, template):
    for number in range(5):
        tag = {"Key": "n", "Value": str(number), "PropagateAtLaunch": False, "ResourceId": f"g{number}", "ResourceType": "auto-scaling-group"}
        create(autoscaling, template, f"g{number}", MaxSize=1, DesiredCapacity=1, Tags=[tag])
    assert len(sandbox.walk(autoscaling, "describe_auto_scaling_groups", 2)) == 5
    assert len(sandbox.walk(autoscaling, "describe_tags", 2)) == 5
    sandbox.until(lambda: len(autoscaling.describe_auto_scaling_instances()["AutoScalingInstances"]) == 5)
    assert len(sandbox.walk(autoscaling, "describe_auto_scaling_instances", 2)) == 5
    sandbox.walk(autoscaling, "describe_scaling_activities", 2)
    only = [{"Name": "tag:n", "Values": ["3"]}]
    assert [one["AutoScalingGroupName"] for one in autoscaling.describe_auto_scaling_groups(Filters=only)["AutoScalingGroups"]] == ["g3"]
    limits = autoscaling.describe_account_limits()
    assert limits["NumberOfAutoScalingGroups"] == 5


def test_members_come_and_go(sandbox, autoscaling, group):
    one, two, three, four = members(autoscaling)
    autoscaling.set_instance_protection(**GROUP, InstanceIds=[one], ProtectedFromScaleIn=True)
    assert autoscaling.describe_auto_scaling_instances(InstanceIds=[one])["AutoScalingInstances"][0]["ProtectedFromScaleIn"]
    autoscaling.enter_standby(**GROUP, InstanceIds=[two], ShouldDecrementDesiredCapacity=True)
    sandbox.until(lambda: members(autoscaling, "Standby") == [two])
    assert told(autoscaling)["DesiredCapacity"] == 3
    autoscaling.exit_standby(**GROUP, InstanceIds=[two])
    sandbox.until(lambda: len(members(autoscaling, "InService")) == 4)
    autoscaling.detach_instances(**GROUP, InstanceIds=[three], ShouldDecrementDesiredCapacity=True)
    sandbox.until(lambda: three not in members(autoscaling))
    autoscaling.attach_instances(**GROUP, InstanceIds=[three])
    sandbox.until(lambda: three in members(autoscaling, "InService"))
    autoscaling.terminate_instance_in_auto_scaling_group(InstanceId=four, ShouldDecrementDesiredCapacity=True)
    sandbox.until(lambda: four not in members(autoscaling))
    autoscaling.set_instance_health(InstanceId=two, HealthStatus="Unhealthy")
    sandbox.until(lambda: two not in members(autoscaling) and len(members(autoscaling, "InService")) == 3)
    autoscaling.suspend_processes(**GROUP, ScalingProcesses=["Launch"])
    autoscaling.set_desired_capacity(**GROUP, DesiredCapacity=6)
    sandbox.advance("10m")
    assert len(members(autoscaling)) == 3 and told(autoscaling)["SuspendedProcesses"][0]["ProcessName"] == "Launch"
    autoscaling.resume_processes(**GROUP)
    sandbox.until(lambda: len(members(autoscaling, "InService")) == 6)
    assert refused(autoscaling.set_desired_capacity, **GROUP, DesiredCapacity=99) == "ValidationError"
    autoscaling.update_auto_scaling_group(**GROUP, MinSize=1, MaxSize=6, DesiredCapacity=1)
    sandbox.until(lambda: len(members(autoscaling)) == 1)
    assert members(autoscaling) == [one]


def test_hooks(sandbox, autoscaling, template):
    create(autoscaling, template, DesiredCapacity=0)
    hook = {**GROUP, "LifecycleHookName": "ready"}
    autoscaling.put_lifecycle_hook(**hook, LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING", HeartbeatTimeout=300, DefaultResult="ABANDON")
    seen = autoscaling.describe_lifecycle_hooks(**GROUP)["LifecycleHooks"][0]
    assert (seen["HeartbeatTimeout"], seen["DefaultResult"]) == (300, "ABANDON")
    autoscaling.set_desired_capacity(**GROUP, DesiredCapacity=1)
    sandbox.until(lambda: members(autoscaling, "Pending:Wait"))
    (instance,) = members(autoscaling)
    autoscaling.record_lifecycle_action_heartbeat(**hook, InstanceId=instance)
    autoscaling.complete_lifecycle_action(**hook, InstanceId=instance, LifecycleActionResult="CONTINUE")
    sandbox.until(lambda: members(autoscaling, "InService") == [instance])
    assert refused(autoscaling.complete_lifecycle_action, **hook, InstanceId=instance, LifecycleActionResult="CONTINUE") == "ValidationError"
    autoscaling.delete_lifecycle_hook(**hook)
    assert autoscaling.describe_lifecycle_hooks(**GROUP)["LifecycleHooks"] == []


def test_what_stands_beside_groups(sandbox, autoscaling, group):
    ec2 = sandbox.client("ec2")
    image = ec2.describe_images(Owners=["amazon"], Filters=[{"Name": "architecture", "Values": ["x86_64"]}])["Images"][0]["ImageId"]
    for name in ("a", "b", "c"):
        autoscaling.create_launch_configuration(LaunchConfigurationName=name, ImageId=image, InstanceType="m5.large")
    assert refused(autoscaling.create_launch_configuration, LaunchConfigurationName="a", ImageId=image, InstanceType="m5.large") == "AlreadyExists"
    assert len(sandbox.walk(autoscaling, "describe_launch_configurations", 1)) == 3
    create_with = {"AutoScalingGroupName": "old", "LaunchConfigurationName": "a", "MinSize": 0, "MaxSize": 0, "AvailabilityZones": ["eu-west-1a"]}
    autoscaling.create_auto_scaling_group(**create_with)
    assert refused(autoscaling.delete_launch_configuration, LaunchConfigurationName="a") == "ResourceInUse"
    autoscaling.delete_launch_configuration(LaunchConfigurationName="b")
    autoscaling.create_or_update_tags(Tags=[{"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "k", "Value": "v", "PropagateAtLaunch": False}])
    assert autoscaling.describe_tags(Filters=[{"Name": "key", "Values": ["k"]}])["Tags"][0]["Value"] == "v"
    autoscaling.delete_tags(Tags=[{"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "k"}])
    assert autoscaling.describe_tags()["Tags"] == []
    policy = autoscaling.put_scaling_policy(**GROUP, PolicyName="more", AdjustmentType="ChangeInCapacity", ScalingAdjustment=1)
    assert autoscaling.describe_policies(**GROUP)["ScalingPolicies"][0]["PolicyARN"] == policy["PolicyARN"]
    autoscaling.delete_policy(**GROUP, PolicyName="more")
    assert autoscaling.describe_policies(**GROUP)["ScalingPolicies"] == []
    assert "Default" in autoscaling.describe_termination_policy_types()["TerminationPolicyTypes"]
    assert "Launch" in {one["ProcessName"] for one in autoscaling.describe_scaling_process_types()["Processes"]}
    autoscaling.put_warm_pool(**GROUP, PoolState="Stopped", MinSize=1)
    assert autoscaling.describe_warm_pool(**GROUP)["WarmPoolConfiguration"]["PoolState"] == "Stopped"
    autoscaling.delete_warm_pool(**GROUP, ForceDelete=True)


# Instance refreshes


def test_a_refresh_succeeds(sandbox, autoscaling, group):
    before = set(members(autoscaling))
    refresh = start(autoscaling, group, {"MinHealthyPercentage": 50, "InstanceWarmup": 60, "BakeTime": 300})
    assert status(autoscaling) == "Pending"
    assert refused(start, autoscaling=autoscaling, template=group) == "InstanceRefreshInProgress"
    update = {"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "2"}}
    assert refused(autoscaling.update_auto_scaling_group, **GROUP, **update) == "ValidationError"
    sandbox.until(lambda: status(autoscaling) == "InProgress")
    sandbox.until(lambda: status(autoscaling) == "Baking")
    assert told(autoscaling)["LaunchTemplate"]["Version"] == "1"
    sandbox.until(lambda: status(autoscaling) == "Successful")
    seen = refreshes(autoscaling)[0]
    assert (seen["InstanceRefreshId"], seen["PercentageComplete"], seen["InstancesToUpdate"]) == (refresh, 100, 0)
    assert not before & set(members(autoscaling)) and told(autoscaling)["LaunchTemplate"]["Version"] == "2"
    assert refused(autoscaling.cancel_instance_refresh, **GROUP) == "ActiveInstanceRefreshNotFound"
    assert refused(autoscaling.rollback_instance_refresh, **GROUP) == "ActiveInstanceRefreshNotFound"
    start(autoscaling, group, {"SkipMatching": True})
    sandbox.until(lambda: status(autoscaling) == "Successful")
    # botocore has no paginator for these.
    first = autoscaling.describe_instance_refreshes(**GROUP, MaxRecords=1)
    second = autoscaling.describe_instance_refreshes(**GROUP, MaxRecords=1, NextToken=first["NextToken"])
    assert first["InstanceRefreshes"] + second["InstanceRefreshes"] == refreshes(autoscaling) and "NextToken" not in second


def test_a_refresh_is_cancelled_and_rolled_back(sandbox, autoscaling, group):
    checkpoint = {"MinHealthyPercentage": 50, "InstanceWarmup": 0, "CheckpointPercentages": [50, 100], "CheckpointDelay": 3600}
    start(autoscaling, group, checkpoint)
    sandbox.until(lambda: refreshes(autoscaling)[0].get("PercentageComplete") == 50)
    sandbox.advance("5m")
    half = set(members(autoscaling, "InService"))
    autoscaling.cancel_instance_refresh(**GROUP)
    sandbox.until(lambda: status(autoscaling) == "Cancelled")
    assert set(members(autoscaling)) == half and told(autoscaling)["LaunchTemplate"]["Version"] == "1"
    start(autoscaling, group, {**checkpoint, "SkipMatching": True, "CheckpointPercentages": [50, 100]})
    sandbox.until(lambda: refreshes(autoscaling)[0].get("PercentageComplete") == 50)
    autoscaling.rollback_instance_refresh(**GROUP)
    sandbox.until(lambda: status(autoscaling) == "RollbackInProgress")
    sandbox.until(lambda: status(autoscaling) == "RollbackSuccessful")
    assert refreshes(autoscaling)[0]["RollbackDetails"]["RollbackReason"]
    autoscaling.start_instance_refresh(**GROUP)
    assert refused(autoscaling.rollback_instance_refresh, **GROUP) == "IrreversibleInstanceRefresh"
    autoscaling.cancel_instance_refresh(**GROUP, WaitForTransitioningInstances=True)
    sandbox.until(lambda: status(autoscaling) in ("Cancelling", "Cancelled"), "1s")


def test_a_refresh_without_capacity_fails(sandbox, autoscaling, group):
    sandbox.control("faults", {"no-capacity": [{"instance-type": "m7i.xlarge"}]})
    start(autoscaling, group)
    sandbox.until(lambda: status(autoscaling) == "Failed", "1m")
    failed = autoscaling.describe_scaling_activities(**GROUP)["Activities"]
    assert "Failed" in {one["StatusCode"] for one in failed}


def test_a_way_back_without_capacity_fails(sandbox, autoscaling, group):
    start(autoscaling, group, {"MinHealthyPercentage": 50, "InstanceWarmup": 0, "CheckpointPercentages": [50, 100]})
    sandbox.until(lambda: refreshes(autoscaling)[0].get("PercentageComplete") == 50)
    sandbox.control("faults", {"no-capacity": [{"instance-type": "m7i.large"}]})
    autoscaling.rollback_instance_refresh(**GROUP)
    sandbox.until(lambda: status(autoscaling) == "RollbackFailed", "1m")
    assert told(autoscaling)["LaunchTemplate"]["Version"] == "1"


@pytest.mark.parametrize(
    "preferences",
    [
        {"MinHealthyPercentage": 101},
        {"MaxHealthyPercentage": 99},
        {"MaxHealthyPercentage": 110},
        {"MinHealthyPercentage": 0, "MaxHealthyPercentage": 200},
        {"CheckpointDelay": 60},
        {"CheckpointPercentages": [50, 20]},
        {"CheckpointPercentages": [0, 100]},
        {"BakeTime": 172801},
        {"InstanceWarmup": -1},
        {"ScaleInProtectedInstances": "Maybe"},
        {"AlarmSpecification": {"Alarms": [str(number) for number in range(11)]}},
    ],
)
def test_preferences_have_bounds(sandbox, autoscaling, group, preferences):
    loose = sandbox.client("autoscaling", checked=False)
    assert refused(start, autoscaling=loose, template=group, preferences=preferences) == "ValidationError"


def test_auto_rollback_needs_a_configuration(autoscaling, group):
    assert refused(autoscaling.start_instance_refresh, **GROUP, Preferences={"AutoRollback": True}) == "ValidationError"


def test_limits(sandbox, autoscaling, template):
    only = [{"Name": "architecture", "Values": ["x86_64"]}]
    image = sandbox.client("ec2").describe_images(Owners=["amazon"], Filters=only)["Images"][0]["ImageId"]
    for number in range(200):
        autoscaling.create_launch_configuration(LaunchConfigurationName=f"c{number}", ImageId=image, InstanceType="m5.large")
    assert refused(autoscaling.create_launch_configuration, LaunchConfigurationName="more", ImageId=image, InstanceType="m5.large") == "LimitExceeded"
    for number in range(500):
        create(autoscaling, template, f"g{number}", DesiredCapacity=0, MaxSize=0)
    assert refused(create, autoscaling=autoscaling, template=template) == "LimitExceeded"
    for number in range(50):
        hook = {"AutoScalingGroupName": "g0", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}
        autoscaling.put_lifecycle_hook(**hook, LifecycleHookName=f"h{number}")
    assert refused(autoscaling.put_lifecycle_hook, **hook, LifecycleHookName="more") == "LimitExceeded"


def test_what_stands_in_the_way(sandbox, autoscaling, group):
    metadata = {"HttpTokens": "required", "HttpEndpoint": "disabled"}
    only = [{"Name": "architecture", "Values": ["x86_64"]}]
    image = sandbox.client("ec2").describe_images(Owners=["amazon"], Filters=only)["Images"][0]["ImageId"]
    for name, held in (("a", metadata), ("b", {"HttpTokens": "optional", "HttpEndpoint": "enabled"})):
        autoscaling.create_launch_configuration(LaunchConfigurationName=name, ImageId=image, InstanceType="m5.large", MetadataOptions=held)
        seen = autoscaling.describe_launch_configurations(LaunchConfigurationNames=[name])["LaunchConfigurations"][0]
        assert seen["MetadataOptions"].items() >= held.items()
    hook = {**GROUP, "LifecycleHookName": "bye"}
    autoscaling.put_lifecycle_hook(**hook, LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING", HeartbeatTimeout=60)
    start(autoscaling, group)
    assert refused(autoscaling.put_warm_pool, **GROUP) == "InstanceRefreshInProgress"
    sandbox.until(lambda: members(autoscaling, "Terminating:Wait"))
    autoscaling.cancel_instance_refresh(**GROUP)
    sandbox.until(lambda: status(autoscaling) == "Cancelled")
    autoscaling.set_desired_capacity(**GROUP, DesiredCapacity=0)
    sandbox.until(lambda: not members(autoscaling, "InService"), "1s")
    assert refused(autoscaling.delete_auto_scaling_group, **GROUP) == "ScalingActivityInProgress"
    autoscaling.delete_auto_scaling_group(**GROUP, ForceDelete=True)
    assert told(autoscaling)["Status"] == "Delete in progress"
    for change in (autoscaling.update_auto_scaling_group, autoscaling.suspend_processes):
        assert refused(change, **GROUP) == "ValidationError"
    assert refused(autoscaling.set_desired_capacity, **GROUP, DesiredCapacity=0) == "ValidationError"


def pool(autoscaling, state=None):
    told = autoscaling.describe_warm_pool(**GROUP)["Instances"]
    return [one["InstanceId"] for one in told if state in (None, one["LifecycleState"])]


def states_seen(sandbox, autoscaling, until, step="15s", most=200):
    """Every state that the instances of a pool and of groups are in until something is so."""
    seen = set()
    for _ in range(most):
        told = autoscaling.describe_warm_pool(**GROUP)["Instances"]
        alone = autoscaling.describe_auto_scaling_instances()["AutoScalingInstances"]
        groups = autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        grouped = [one for group in groups for one in group["Instances"]]
        seen |= {one["LifecycleState"] for one in [*told, *alone, *grouped]}
        if until():
            return seen
        sandbox.advance(step)
    raise AssertionError(f"never so; seen {seen}")


@pytest.mark.parametrize("state", ["Stopped", "Running", "Hibernated"])
def test_a_warm_pool_is_filled_and_serves_its_group(sandbox, autoscaling, group, state):
    autoscaling.put_lifecycle_hook(
        **GROUP, LifecycleHookName="ready", LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
        HeartbeatTimeout=30, DefaultResult="CONTINUE",
    )
    autoscaling.put_warm_pool(**GROUP, PoolState=state, MaxGroupPreparedCapacity=6)
    assert refused(autoscaling.delete_warm_pool, **GROUP) == "ScalingActivityInProgress"
    seen = states_seen(sandbox, autoscaling, lambda: len(pool(autoscaling, f"Warmed:{state}")) == 2, "5s")
    assert {"Warmed:Pending", "Warmed:Pending:Wait", f"Warmed:{state}"} <= seen
    if state != "Running":
        assert "Warmed:Pending:Proceed" in seen
    told_group = told(autoscaling)
    assert (told_group["WarmPoolSize"], len(told_group["Instances"])) == (2, 4)
    assert told_group["WarmPoolConfiguration"]["PoolState"] == state
    ready = pool(autoscaling)
    expected = "running" if state == "Running" else "stopped"
    ec2 = sandbox.client("ec2")
    reservations = ec2.describe_instances(InstanceIds=ready)["Reservations"]
    assert {one["State"]["Name"] for found in reservations for one in found["Instances"]} == {expected}
    # What rests in the pool comes before anything new.
    autoscaling.set_desired_capacity(**GROUP, DesiredCapacity=6)
    sandbox.until(lambda: set(ready) <= set(members(autoscaling, "InService")))
    assert len(members(autoscaling)) == 6
    assert pool(autoscaling) == []
    descriptions = [one["Description"] for one in autoscaling.describe_scaling_activities(**GROUP)["Activities"]]
    assert sum(one.startswith("Launching a new EC2 instance from warm pool: ") for one in descriptions) == 2


def test_a_warm_pool_takes_back_and_goes(sandbox, autoscaling, group):
    autoscaling.put_lifecycle_hook(
        **GROUP, LifecycleHookName="drain", LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
        HeartbeatTimeout=60, DefaultResult="CONTINUE",
    )
    autoscaling.put_warm_pool(
        **GROUP, PoolState="Stopped", MinSize=1, MaxGroupPreparedCapacity=5, InstanceReusePolicy={"ReuseOnScaleIn": True}
    )
    sandbox.until(lambda: len(pool(autoscaling, "Warmed:Stopped")) == 1)
    before = set(members(autoscaling))
    autoscaling.set_desired_capacity(**GROUP, DesiredCapacity=3)
    sandbox.until(lambda: len(pool(autoscaling, "Warmed:Stopped")) == 2)
    assert set(pool(autoscaling)) & before, "the group's own instance came back"
    assert refused(autoscaling.delete_warm_pool, **GROUP) == "ResourceInUse"
    autoscaling.delete_warm_pool(**GROUP, ForceDelete=True)
    assert autoscaling.describe_warm_pool(**GROUP)["WarmPoolConfiguration"]["Status"] == "PendingDelete"
    assert refused(autoscaling.put_warm_pool, **GROUP) == "ValidationError"
    seen = states_seen(sandbox, autoscaling, lambda: "WarmPoolConfiguration" not in told(autoscaling), "5s")
    assert {"Warmed:Terminating:Wait", "Warmed:Terminating:Proceed"} <= seen
    assert len(members(autoscaling, "InService")) == 3


def test_a_refresh_renews_the_warm_pool(sandbox, autoscaling, group):
    autoscaling.put_warm_pool(**GROUP, PoolState="Stopped", MaxGroupPreparedCapacity=5)
    sandbox.until(lambda: len(pool(autoscaling, "Warmed:Stopped")) == 1)
    old = pool(autoscaling)
    start(autoscaling, group, {"MinHealthyPercentage": 50, "InstanceWarmup": 0})
    seen = states_seen(sandbox, autoscaling, lambda: status(autoscaling) == "Successful", "5s")
    assert "Warmed:Terminating" in seen
    assert len(pool(autoscaling, "Warmed:Stopped")) == 1 and pool(autoscaling) != old
    versions = {one["LaunchTemplate"]["Version"] for one in autoscaling.describe_warm_pool(**GROUP)["Instances"]}
    assert versions == {"2"}


def test_a_cooldown_is_honoured_by_who_asks_for_it(sandbox, autoscaling, template):
    create(autoscaling, template, DefaultCooldown=600)
    sandbox.until(lambda: len(members(autoscaling, "InService")) == 4)
    assert refused(autoscaling.set_desired_capacity, **GROUP, DesiredCapacity=5, HonorCooldown=True) == "ScalingActivityInProgress"
    assert told(autoscaling)["DesiredCapacity"] == 4
    sandbox.advance("10m")
    autoscaling.set_desired_capacity(**GROUP, DesiredCapacity=5, HonorCooldown=True)
    autoscaling.set_desired_capacity(**GROUP, DesiredCapacity=4)


def test_quotas_of_policies_and_tags(autoscaling, group):
    adjust = {"PolicyType": "SimpleScaling", "AdjustmentType": "ChangeInCapacity", "ScalingAdjustment": 1}
    for number in range(50):
        autoscaling.put_scaling_policy(**GROUP, PolicyName=f"p{number}", **adjust)
    assert refused(autoscaling.put_scaling_policy, **GROUP, PolicyName="more", **adjust) == "LimitExceeded"
    autoscaling.put_scaling_policy(**GROUP, PolicyName="p7", **adjust)
    tag = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Value": "x", "PropagateAtLaunch": False}
    autoscaling.create_or_update_tags(Tags=[{**tag, "Key": f"k{number}"} for number in range(50)])
    assert refused(autoscaling.create_or_update_tags, Tags=[{**tag, "Key": "more"}]) == "LimitExceeded"
    autoscaling.create_or_update_tags(Tags=[{**tag, "Key": "k7", "Value": "y"}])


def test_an_impaired_instance_is_replaced(sandbox, autoscaling, group):
    bad = members(autoscaling, "InService")[0]
    ec2 = sandbox.client("ec2")
    sandbox.advance("5m")
    sandbox.control("faults", {"impaired-instances": [bad]})
    status = ec2.describe_instance_status(InstanceIds=[bad])["InstanceStatuses"][0]
    assert status["InstanceStatus"]["Status"] == "impaired"
    assert status["SystemStatus"]["Details"][0]["Status"] == "failed"
    found = ec2.describe_instance_status(Filters=[{"Name": "instance-status.status", "Values": ["impaired"]}])
    assert [one["InstanceId"] for one in found["InstanceStatuses"]] == [bad]
    autoscaling.set_desired_capacity(**GROUP, DesiredCapacity=4)
    sandbox.until(lambda: bad not in members(autoscaling) and len(members(autoscaling, "InService")) == 4)
    sandbox.control("faults", {})


# Root volumes that are replaced


def mixed(image, version="1"):
    return {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateName": "web", "Version": version},
            "Overrides": [{"InstanceType": "m7i.large", "ImageId": image}],
        }
    }


@pytest.fixture
def images(sandbox, template):
    """Two images of Amazon's, the older first."""
    only = [{"Name": "name", "Values": ["al2023-ami-2023*-x86_64"]}]
    found = sandbox.client("ec2").describe_images(Owners=["amazon"], Filters=only)["Images"]
    return [one["ImageId"] for one in sorted(found, key=lambda one: one["CreationDate"])][-2:]


@pytest.fixture
def in_place(sandbox, autoscaling, images):
    """Three instances of a group whose overrides name their image."""
    autoscaling.create_auto_scaling_group(
        **GROUP, MinSize=0, MaxSize=6, DesiredCapacity=3, AvailabilityZones=["eu-west-1a"], MixedInstancesPolicy=mixed(images[0])
    )
    sandbox.until(lambda: len(members(autoscaling, "InService")) == 3)
    return images


def replace(autoscaling, image, version="1", **preferences):
    return autoscaling.start_instance_refresh(
        **GROUP, Strategy="ReplaceRootVolume", DesiredConfiguration={"MixedInstancesPolicy": mixed(image, version)},
        Preferences={"InstanceWarmup": 30, **preferences},
    )  # fmt: skip


def kept(sandbox, autoscaling):
    """What an instance keeps, and what it gets, by id."""
    told = sandbox.client("ec2").describe_instances(InstanceIds=members(autoscaling))["Reservations"]
    found = [one for reservation in told for one in reservation["Instances"]]
    keeps = {one["InstanceId"]: (one["PrivateIpAddress"], one["NetworkInterfaces"][0]["NetworkInterfaceId"]) for one in found}
    gets = {one["InstanceId"]: (one["ImageId"], one["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]) for one in found}
    return keeps, gets


def test_root_volumes_are_replaced(sandbox, autoscaling, in_place):
    older, newer = in_place
    assert {one["ImageId"] for one in told(autoscaling)["Instances"]} == {older}
    keeps, gets = kept(sandbox, autoscaling)
    for name, transition in (("drain", "TERMINATING"), ("check", "LAUNCHING")):
        autoscaling.put_lifecycle_hook(
            **GROUP, LifecycleHookName=name, LifecycleTransition=f"autoscaling:EC2_INSTANCE_{transition}",
            HeartbeatTimeout=30, DefaultResult="CONTINUE",
        )  # fmt: skip
    refresh = replace(autoscaling, newer, BakeTime=60)["InstanceRefreshId"]
    codes = set()

    def done():
        codes.update(one["StatusCode"] for one in autoscaling.describe_scaling_activities(**GROUP)["Activities"])
        return status(autoscaling) == "Successful"

    seen = states_seen(sandbox, autoscaling, done, "5s")
    replacing = {"ReplacingRootVolume", "ReplacingRootVolume:Wait", "ReplacingRootVolume:Proceed", "RootVolumeReplaced"}
    assert replacing | {"Pending", "Pending:Wait", "Pending:Proceed"} <= seen
    assert {"WaitingForInPlaceUpdateToStart", "InPlaceUpdateInProgress", "WaitingForInPlaceUpdateToFinalize", "MidLifecycleAction"} <= codes
    told_refresh = refreshes(autoscaling)[0]
    assert (told_refresh["InstanceRefreshId"], told_refresh["Strategy"]) == (refresh, "ReplaceRootVolume")
    after, got = kept(sandbox, autoscaling)
    assert after == keeps, "address and interface stay"
    assert {image for image, _ in got.values()} == {newer} == {one["ImageId"] for one in told(autoscaling)["Instances"]}
    old_volumes = {volume for _, volume in gets.values()}
    assert not old_volumes & {volume for _, volume in got.values()}
    ec2 = sandbox.client("ec2")
    assert not old_volumes & {one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]}
    tasks = ec2.describe_replace_root_volume_tasks()["ReplaceRootVolumeTasks"]
    assert {one["InstanceId"] for one in tasks} == set(keeps) and {one["TaskState"] for one in tasks} == {"succeeded"}
    replace(autoscaling, newer, SkipMatching=True)
    sandbox.until(lambda: status(autoscaling) == "Successful")
    assert kept(sandbox, autoscaling) == (after, got)


def test_root_volumes_are_put_back(sandbox, autoscaling, in_place):
    older, newer = in_place
    keeps, _ = kept(sandbox, autoscaling)
    replace(autoscaling, newer, CheckpointPercentages=[30, 100])
    sandbox.until(lambda: refreshes(autoscaling)[0].get("PercentageComplete") == 33)
    autoscaling.rollback_instance_refresh(**GROUP)
    sandbox.until(lambda: status(autoscaling) == "RollbackSuccessful")
    after, got = kept(sandbox, autoscaling)
    assert after == keeps and {image for image, _ in got.values()} == {older}


def test_root_volumes_have_their_requirements(sandbox, autoscaling, in_place):
    older, newer = in_place
    assert refused(autoscaling.start_instance_refresh, **GROUP, Strategy="ReplaceRootVolume") == "ValidationError"
    for version in ("$Latest", "$Default"):
        assert refused(replace, autoscaling=autoscaling, image=newer, version=version) == "ValidationError"
    loose = sandbox.client("autoscaling", checked=False)
    assert refused(loose.start_instance_refresh, **GROUP, Strategy="Sideways") == "ValidationError"
    autoscaling.put_warm_pool(**GROUP, MaxGroupPreparedCapacity=3)
    assert refused(replace, autoscaling=autoscaling, image=newer) == "ValidationError"
    autoscaling.delete_warm_pool(**GROUP, ForceDelete=True)
    ec2 = sandbox.client("ec2")
    ran = ec2.run_instances(ImageId=older, InstanceType="m7i.xlarge", MinCount=1, MaxCount=1)
    stranger = ran["Instances"][0]["InstanceId"]
    sandbox.wait(ec2, "instance_running", InstanceIds=[stranger])
    replace(autoscaling, newer)
    assert refused(autoscaling.attach_instances, **GROUP, InstanceIds=[stranger]) == "ValidationError"
    assert refused(autoscaling.put_warm_pool, **GROUP) == "InstanceRefreshInProgress"
    autoscaling.cancel_instance_refresh(**GROUP)
    sandbox.until(lambda: status(autoscaling) == "Cancelled")
    autoscaling.attach_instances(**GROUP, InstanceIds=[stranger])
    assert refused(replace, autoscaling=autoscaling, image=newer) == "ValidationError"


# Members that leave, or are kept

RETAIN = {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}
DRAIN = {**GROUP, "LifecycleHookName": "drain"}


def drain_hook(autoscaling, result="ABANDON", timeout=600):
    transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    autoscaling.put_lifecycle_hook(**DRAIN, LifecycleTransition=transition, HeartbeatTimeout=timeout, DefaultResult=result)


def activities(autoscaling, code):
    told_all = autoscaling.describe_scaling_activities(**GROUP)["Activities"]
    return [one for one in told_all if one["StatusCode"] == code]


def test_members_leave_by_their_states(sandbox, autoscaling, group):
    drain_hook(autoscaling, "CONTINUE", 60)
    first, second = members(autoscaling)[:2]
    autoscaling.terminate_instance_in_auto_scaling_group(InstanceId=first, ShouldDecrementDesiredCapacity=True)
    assert [one["Description"] for one in activities(autoscaling, "MidLifecycleAction")] == [f"Terminating EC2 instance: {first}"]
    seen = states_seen(sandbox, autoscaling, lambda: first not in members(autoscaling), "5s")
    assert {"Terminating:Wait", "Terminating:Proceed", "Terminated"} <= seen
    autoscaling.detach_instances(**GROUP, InstanceIds=[second], ShouldDecrementDesiredCapacity=True)
    seen = states_seen(sandbox, autoscaling, lambda: second not in members(autoscaling), "2s")
    assert {"Detaching", "Detached"} <= seen
    assert told(autoscaling)["DesiredCapacity"] == 2 == len(members(autoscaling, "InService"))


def test_an_abandoned_termination_keeps_the_instance(sandbox, autoscaling, template):
    create(autoscaling, template, DesiredCapacity=2, InstanceLifecyclePolicy=RETAIN)
    sandbox.until(lambda: len(members(autoscaling, "InService")) == 2)
    drain_hook(autoscaling)
    assert told(autoscaling)["InstanceLifecyclePolicy"] == RETAIN
    one, two = members(autoscaling)
    autoscaling.terminate_instance_in_auto_scaling_group(InstanceId=one, ShouldDecrementDesiredCapacity=False)
    autoscaling.complete_lifecycle_action(**DRAIN, InstanceId=one, LifecycleActionResult="ABANDON")
    seen = states_seen(sandbox, autoscaling, lambda: members(autoscaling, "Terminating:Retained") == [one], "2s")
    assert {"Terminating:Wait", "Terminating:Proceed", "Terminating:Retained"} <= seen
    (cancelled,) = activities(autoscaling, "Cancelled")
    assert cancelled["Description"].startswith(f"Terminating EC2 instance: {one}") and "abandoned" in cancelled["StatusMessage"]
    sandbox.until(lambda: len(members(autoscaling, "InService")) == 2)
    ec2 = sandbox.client("ec2")
    running = ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])["Reservations"]
    assert sum(len(found["Instances"]) for found in running) == 3, "the kept one beside two that count"
    # A time-out with the default result keeps too; neither counts, and neither is moved by a refresh.
    autoscaling.terminate_instance_in_auto_scaling_group(InstanceId=two, ShouldDecrementDesiredCapacity=True)
    sandbox.until(lambda: members(autoscaling, "Terminating:Retained") == [one, two])
    assert told(autoscaling)["DesiredCapacity"] == 1
    autoscaling.delete_lifecycle_hook(**DRAIN)
    start(autoscaling, template, {"MinHealthyPercentage": 0, "InstanceWarmup": 0})
    sandbox.until(lambda: status(autoscaling) == "Successful")
    assert members(autoscaling, "Terminating:Retained") == [one, two]
    assert refused(autoscaling.enter_standby, **GROUP, InstanceIds=[one], ShouldDecrementDesiredCapacity=False) == "ValidationError"
    autoscaling.update_auto_scaling_group(**GROUP, MinSize=0, DesiredCapacity=0)
    sandbox.until(lambda: members(autoscaling) == [one, two])
    assert refused(autoscaling.delete_auto_scaling_group, **GROUP) == "ResourceInUse"
    assert refused(autoscaling.delete_auto_scaling_group, **GROUP, ForceDelete=True) == "ValidationError"
    autoscaling.terminate_instance_in_auto_scaling_group(InstanceId=one, ShouldDecrementDesiredCapacity=False)
    sandbox.until(lambda: members(autoscaling) == [two])
    change = {"RetentionTriggers": {"TerminateHookAbandon": "terminate"}}
    autoscaling.update_auto_scaling_group(**GROUP, InstanceLifecyclePolicy=change)
    autoscaling.delete_auto_scaling_group(**GROUP, ForceDelete=True)
    sandbox.until(lambda: not autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"])
    sandbox.wait(ec2, "instance_terminated", InstanceIds=[one, two])


def test_a_warm_pool_keeps_what_was_abandoned(sandbox, autoscaling, template):
    create(autoscaling, template, DesiredCapacity=1, InstanceLifecyclePolicy=RETAIN)
    sandbox.until(lambda: len(members(autoscaling, "InService")) == 1)
    drain_hook(autoscaling)
    autoscaling.put_warm_pool(**GROUP, PoolState="Running", MinSize=1, MaxGroupPreparedCapacity=2, InstanceReusePolicy={"ReuseOnScaleIn": True})
    sandbox.until(lambda: len(pool(autoscaling, "Warmed:Running")) == 1)
    (own,), (warm,) = members(autoscaling), pool(autoscaling)
    # The way back into the pool asks the termination hook.
    autoscaling.set_desired_capacity(**GROUP, DesiredCapacity=0)
    sandbox.until(lambda: pool(autoscaling, "Warmed:Pending:Wait") == [own])
    autoscaling.complete_lifecycle_action(**DRAIN, InstanceId=own, LifecycleActionResult="ABANDON")
    seen = states_seen(sandbox, autoscaling, lambda: pool(autoscaling, "Warmed:Pending:Retained") == [own], "2s")
    assert "Warmed:Pending:Proceed" in seen
    autoscaling.delete_warm_pool(**GROUP, ForceDelete=True)
    sandbox.until(lambda: pool(autoscaling, "Warmed:Terminating:Wait"))
    assert refused(autoscaling.terminate_instance_in_auto_scaling_group, InstanceId=warm, ShouldDecrementDesiredCapacity=False) == "ValidationError"
    for one in pool(autoscaling, "Warmed:Terminating:Wait"):
        autoscaling.complete_lifecycle_action(**DRAIN, InstanceId=one, LifecycleActionResult="ABANDON")
    sandbox.until(lambda: pool(autoscaling, "Warmed:Terminating:Retained"))
    autoscaling.delete_lifecycle_hook(**DRAIN)
    for one in pool(autoscaling):
        autoscaling.terminate_instance_in_auto_scaling_group(InstanceId=one, ShouldDecrementDesiredCapacity=False)
    seen = states_seen(sandbox, autoscaling, lambda: not pool(autoscaling), "5s")
    assert "Warmed:Terminated" in seen


def test_a_launch_that_is_given_up_is_cancelled(sandbox, autoscaling, template):
    create(autoscaling, template, DesiredCapacity=0)
    hook = {**GROUP, "LifecycleHookName": "ready"}
    autoscaling.put_lifecycle_hook(**hook, LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING", DefaultResult="ABANDON")
    autoscaling.set_desired_capacity(**GROUP, DesiredCapacity=1)
    sandbox.until(lambda: members(autoscaling, "Pending:Wait"))
    (instance,) = members(autoscaling)
    assert [one["Description"] for one in activities(autoscaling, "MidLifecycleAction")] == [f"Launching a new EC2 instance: {instance}"]
    # Another activity has it in hand.
    give_up = {"InstanceId": instance, "ShouldDecrementDesiredCapacity": True}
    assert refused(autoscaling.terminate_instance_in_auto_scaling_group, **give_up) == "ScalingActivityInProgress"
    autoscaling.set_desired_capacity(**GROUP, DesiredCapacity=0)
    autoscaling.complete_lifecycle_action(**hook, InstanceId=instance, LifecycleActionResult="ABANDON")
    sandbox.until(lambda: not members(autoscaling))
    assert [one["Description"] for one in activities(autoscaling, "Cancelled")] == [f"Launching a new EC2 instance: {instance}"]


def test_what_another_activity_has_in_hand_is_not_terminated(sandbox, autoscaling, group):
    one = members(autoscaling)[0]
    autoscaling.enter_standby(**GROUP, InstanceIds=[one], ShouldDecrementDesiredCapacity=True)
    assert members(autoscaling, "EnteringStandby") == [one]
    terminate = {"InstanceId": one, "ShouldDecrementDesiredCapacity": False}
    assert refused(autoscaling.terminate_instance_in_auto_scaling_group, **terminate) == "ScalingActivityInProgress"
    sandbox.until(lambda: members(autoscaling, "Standby") == [one])
    autoscaling.terminate_instance_in_auto_scaling_group(**terminate)
    sandbox.until(lambda: one not in members(autoscaling))


def test_fifty_instances_are_protected_at_once(autoscaling, group):
    many = [f"i-{number:017x}" for number in range(51)]
    assert refused(autoscaling.set_instance_protection, **GROUP, InstanceIds=many, ProtectedFromScaleIn=True) == "LimitExceeded"
    assert refused(autoscaling.set_instance_protection, **GROUP, InstanceIds=many[:50], ProtectedFromScaleIn=True) == "ValidationError"
