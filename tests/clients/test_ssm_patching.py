"""Patch baselines, patch groups and patch states as boto3 and the AWS command line see them."""

import pytest

from account import refused
from ledger import enumerations

LINUX = "AMAZON_LINUX_2023"
NO_BASELINE = "pb-0123456789abcdef0"
MALFORMED = "pb-zzzzzzzzzzzzzzzzz"
RULE = {"PatchFilterGroup": {"PatchFilters": [{"Key": "CLASSIFICATION", "Values": ["Security"]}]}, "ApproveAfterDays": 7, "ComplianceLevel": "HIGH", "EnableNonSecurity": False}


@pytest.fixture
def ssm(world):
    return world.client("ssm")


def baseline(ssm, name="own", **further):
    return ssm.create_patch_baseline(**{"Name": name, "OperatingSystem": LINUX, **further})["BaselineId"]


def rule(days=0, **further):
    return {"ApprovalRules": {"PatchRules": [{**RULE, "ApproveAfterDays": days, **further}]}}


def patch(world, ssm, node, operation="Scan", **parameters):
    given = {"Operation": [operation], **{name: [value] for name, value in parameters.items()}}
    ssm.send_command(DocumentName="AWS-RunPatchBaseline", InstanceIds=[node], Parameters=given)
    world.advance("1h")


def row(ssm, node):
    return ssm.describe_instance_patch_states(InstanceIds=[node])["InstancePatchStates"][0]


def patches(ssm, node, **further):
    pages = ssm.get_paginator("describe_instance_patches").paginate(InstanceId=node, **further)
    return {one["KBId"]: one["State"] for page in pages for one in page["Patches"]}


# Baselines


def test_a_baseline_is_what_was_made(ssm):
    says = {
        "Name": "own", "OperatingSystem": LINUX, "Description": "mine", "ApprovalRules": {"PatchRules": [RULE]},
        "GlobalFilters": {"PatchFilters": [{"Key": "PRODUCT", "Values": ["*"]}]}, "ApprovedPatches": ["a"], "RejectedPatches": ["b"],
        "ApprovedPatchesComplianceLevel": "LOW", "ApprovedPatchesEnableNonSecurity": True, "RejectedPatchesAction": "BLOCK",
        "Sources": [{"Name": "extra", "Products": ["*"], "Configuration": "[main]"}],
    }  # fmt: skip
    id = ssm.create_patch_baseline(**says, Tags=[{"Key": "a", "Value": "b"}])["BaselineId"]
    seen = ssm.get_patch_baseline(BaselineId=id)
    assert seen.items() >= says.items() and seen["CreatedDate"] == seen["ModifiedDate"] and seen["PatchGroups"] == []
    assert ssm.list_tags_for_resource(ResourceType="PatchBaseline", ResourceId=id)["TagList"] == [{"Key": "a", "Value": "b"}]
    changed = ssm.update_patch_baseline(BaselineId=id, Description="other", ApprovedPatches=[])
    assert (changed["Description"], changed["ApprovedPatches"], changed["RejectedPatches"]) == ("other", [], ["b"])
    replaced = ssm.update_patch_baseline(BaselineId=id, Replace=True, Name="new")
    assert (replaced["Name"], replaced["RejectedPatches"], replaced["ApprovalRules"]) == ("new", [], {"PatchRules": []})
    ssm.delete_patch_baseline(BaselineId=id)
    assert refused(ssm.get_patch_baseline, BaselineId=id) == "DoesNotExistException"
    assert ssm.delete_patch_baseline(BaselineId=id)["BaselineId"] == id, "an unknown one is no error"


@pytest.mark.parametrize("status", ["COMPLIANT", "NON_COMPLIANT"])
def test_updates_that_are_available_count_or_do_not(ssm, status):
    id = baseline(ssm, OperatingSystem="WINDOWS", AvailableSecurityUpdatesComplianceStatus=status)
    assert ssm.get_patch_baseline(BaselineId=id)["AvailableSecurityUpdatesComplianceStatus"] == status
    assert refused(baseline, ssm=ssm, AvailableSecurityUpdatesComplianceStatus=status) == "ValidationException"


def test_defaults_and_patch_groups(world, ssm, nodes):
    aws = ssm.get_default_patch_baseline(OperatingSystem=LINUX)["BaselineId"]
    assert aws.startswith("arn:aws:ssm:eu-west-1:")
    own = baseline(ssm)
    ssm.register_default_patch_baseline(BaselineId=own)
    assert ssm.get_default_patch_baseline(OperatingSystem=LINUX)["BaselineId"] == own
    assert refused(ssm.delete_patch_baseline, BaselineId=own) == "ResourceInUseException"
    ssm.register_default_patch_baseline(BaselineId=aws)
    registered = ssm.register_patch_baseline_for_patch_group(BaselineId=own, PatchGroup="web")
    assert (registered["BaselineId"], registered["PatchGroup"]) == (own, "web")
    assert ssm.get_patch_baseline_for_patch_group(PatchGroup="web", OperatingSystem=LINUX)["BaselineId"] == own
    assert ssm.get_patch_baseline_for_patch_group(PatchGroup="other", OperatingSystem=LINUX)["BaselineId"] == aws
    assert ssm.get_patch_baseline(BaselineId=own)["PatchGroups"] == ["web"]
    assert refused(ssm.register_patch_baseline_for_patch_group, BaselineId=own, PatchGroup="web") == "AlreadyExistsException"
    assert refused(ssm.delete_patch_baseline, BaselineId=own) == "ResourceInUseException"
    for number in range(24):
        ssm.register_patch_baseline_for_patch_group(BaselineId=own, PatchGroup=f"g{number}")
    assert refused(ssm.register_patch_baseline_for_patch_group, BaselineId=own, PatchGroup="more") == "ResourceLimitExceededException"
    assert len(world.walk(ssm, "describe_patch_groups", 10)) == 25
    only = [{"Key": "NAME_PREFIX", "Values": ["we"]}, {"Key": "OPERATING_SYSTEM", "Values": [LINUX]}]
    (mapping,) = ssm.describe_patch_groups(Filters=only)["Mappings"]
    assert mapping["BaselineIdentity"] == {"BaselineId": own, "BaselineName": "own", "OperatingSystem": LINUX, "DefaultBaseline": False}
    ssm.deregister_patch_baseline_for_patch_group(BaselineId=own, PatchGroup="web")
    assert ssm.get_patch_baseline_for_patch_group(PatchGroup="web", OperatingSystem=LINUX)["BaselineId"] == aws


def test_baselines_by_filters_and_pages(world, ssm):
    own = baseline(ssm, "mine")
    found = lambda **by: [one["BaselineId"] for one in ssm.describe_patch_baselines(Filters=[{"Key": key, "Values": [value]} for key, value in by.items()])["BaselineIdentities"]]  # noqa: E731
    assert found(OWNER="Self") == [own] and found(NAME_PREFIX="mi") == [own]
    assert len(found(OPERATING_SYSTEM=LINUX, OWNER="AWS")) == 1
    assert len(world.walk(ssm, "describe_patch_baselines", 5)) > 14


def test_baselines_are_checked(ssm):
    assert baseline(ssm, ClientToken="t") == baseline(ssm, ClientToken="t")
    assert refused(baseline, ssm=ssm, ClientToken="t", Description="other") == "IdempotentParameterMismatch"
    assert refused(baseline, ssm=ssm, ApprovalRules={"PatchRules": [{**RULE, "ApproveUntilDate": "2026-01-01"}]}) == "ValidationException"
    for call, further in (
        (ssm.get_patch_baseline, {}),
        (ssm.register_default_patch_baseline, {}),
        (ssm.register_patch_baseline_for_patch_group, {"PatchGroup": "g"}),
        (ssm.describe_effective_patches_for_patch_baseline, {}),
    ):
        assert refused(call, BaselineId=NO_BASELINE, **further) == "DoesNotExistException"
        assert refused(call, BaselineId=MALFORMED, **further) == "InvalidResourceId"
    assert refused(ssm.deregister_patch_baseline_for_patch_group, BaselineId=MALFORMED, PatchGroup="g") == "InvalidResourceId"
    assert refused(ssm.update_patch_baseline, BaselineId=NO_BASELINE, Name="other") == "DoesNotExistException"
    ubuntu = ssm.get_default_patch_baseline(OperatingSystem="UBUNTU")["BaselineId"]
    assert refused(ssm.describe_effective_patches_for_patch_baseline, BaselineId=ubuntu) == "UnsupportedOperatingSystem"
    for number in range(49):
        baseline(ssm, f"b-{number}")
    assert refused(baseline, ssm=ssm) == "ResourceLimitExceededException"


# Patches


def test_what_a_baseline_says_of_patches(world, ssm, nodes):
    own = baseline(ssm, ApprovedPatches=["ALAS2023-2026-0002"], RejectedPatches=["ALAS2023-2026-0001"], **rule(7))
    told = world.walk(ssm, "describe_effective_patches_for_patch_baseline", 3, BaselineId=own)
    states = {one["Patch"]["AdvisoryIds"][0]: one["PatchStatus"]["DeploymentStatus"] for one in told}
    assert (states["ALAS2023-2026-0002"], states["ALAS2023-2026-0001"]) == ("EXPLICIT_APPROVED", "EXPLICIT_REJECTED")
    ssm.update_patch_baseline(BaselineId=own, ApprovedPatches=[], RejectedPatches=[])
    told = world.walk(ssm, "describe_effective_patches_for_patch_baseline", 3, BaselineId=own)
    states = {one["Patch"]["AdvisoryIds"][0]: one["PatchStatus"] for one in told}
    pending = states["ALAS2023-2026-0002"]
    assert (pending["DeploymentStatus"], pending["ComplianceLevel"]) == ("PENDING_APPROVAL", "HIGH")
    assert pending["ApprovalDate"].isoformat() == "2026-11-29T08:00:00+00:00"
    assert states["ALAS2023-2026-0001"]["DeploymentStatus"] == "APPROVED"


def test_patches_that_there_are(world, ssm):
    only = [{"Key": "PRODUCT", "Values": ["AmazonLinux2023"]}, {"Key": "SEVERITY", "Values": ["Critical"]}, {"Key": "CVE_ID", "Values": ["CVE-2026-0002"]}]
    (found,) = ssm.describe_available_patches(Filters=only)["Patches"]
    assert (found["Name"], found["Severity"], found["CVEIds"], found["Product"]) == ("python3", "Critical", ["CVE-2026-0002"], "AmazonLinux2023")
    world.walk(ssm, "describe_available_patches", 10)
    names = lambda system, kind: [one["Name"] for one in ssm.describe_patch_properties(OperatingSystem=system, Property=kind)["Properties"]]  # noqa: E731
    assert names(LINUX, "PRODUCT") == ["AmazonLinux2023"] and "Critical" in names(LINUX, "SEVERITY")
    assert names("WINDOWS", "PRODUCT_FAMILY") == ["Windows"] and "Security" in names(LINUX, "CLASSIFICATION")
    assert names("UBUNTU", "PRIORITY") == ["Extra", "Important", "Optional", "Required", "Standard"]
    assert len(world.walk(ssm, "describe_patch_properties", 1, OperatingSystem="WINDOWS", Property="PRODUCT")) > 2
    assert refused(ssm.describe_patch_properties, OperatingSystem=LINUX, Property="PRIORITY") == "ValidationException"


# States


def test_states_follow_from_packages_baseline_and_day(world, ssm, nodes):
    node = nodes["linux-1"]
    assert ssm.describe_instance_patch_states(InstanceIds=[node])["InstancePatchStates"] == []
    own = baseline(ssm, RejectedPatchesAction="BLOCK", **rule(0))
    ssm.register_patch_baseline_for_patch_group(BaselineId=own, PatchGroup="web")
    patch(world, ssm, node)
    scanned = row(ssm, node)
    assert (scanned["BaselineId"], scanned["PatchGroup"], scanned["Operation"], scanned["RebootOption"]) == (own, "web", "Scan", "RebootIfNeeded")
    before = patches(ssm, node)
    assert scanned["MissingCount"] == sum(state == "Missing" for state in before.values()) > 1
    patch(world, ssm, node, "Install", RebootOption="NoReboot")
    states = patches(ssm, node)
    assert states["python3.x86_64"] == "InstalledPendingReboot"
    installed = row(ssm, node)
    assert (installed["MissingCount"], installed["FailedCount"], installed["Operation"]) == (0, 1, "Install")
    assert installed["InstalledPendingRebootCount"] > 0 and installed["LastNoRebootInstallOperationTime"]
    told = ssm.describe_instance_patches(InstanceId=node, Filters=[{"Key": "State", "Values": ["Failed"]}])["Patches"]
    assert [(one["KBId"], one["CVEIds"], one["Severity"], one["Classification"]) for one in told] == [("sudo.x86_64", "CVE-2026-0001,CVE-2026-31290", "Important", "Security")]
    ssm.send_command(DocumentName="AWS-RunShellScript", InstanceIds=[node], Parameters={"commands": ["shutdown -r"]})
    world.advance("1h")
    patch(world, ssm, node)
    assert patches(ssm, node)["python3.x86_64"] == "Installed" and patches(ssm, node)["sudo.x86_64"] == "Missing"
    ssm.update_patch_baseline(BaselineId=own, RejectedPatches=["python3"])
    patch(world, ssm, node)
    assert patches(ssm, node)["python3.x86_64"] == "InstalledRejected"
    assert "InstalledOther" in patches(ssm, node).values()
    summary = ssm.list_resource_compliance_summaries(Filters=[{"Key": "ResourceId", "Values": [node]}])["ResourceComplianceSummaryItems"][0]
    assert (summary["Status"], summary["ComplianceType"], summary["OverallSeverity"]) == ("NON_COMPLIANT", "Patch", "HIGH")
    items = world.walk(ssm, "list_compliance_items", 3, ResourceIds=[node])
    assert {one["Status"] for one in items} == {"COMPLIANT", "NON_COMPLIANT"}


def test_a_windows_has_updates_that_do_not_fit(world, ssm, nodes):
    own = baseline(ssm, "windows", OperatingSystem="WINDOWS", ApprovalRules={"PatchRules": [{"PatchFilterGroup": {"PatchFilters": [{"Key": "PRODUCT", "Values": ["*"]}]}, "ApproveAfterDays": 360}]})
    ssm.register_default_patch_baseline(BaselineId=own)
    patch(world, ssm, nodes["windows-1"])
    world.walk(ssm, "describe_instance_patches", 10, InstanceId=nodes["windows-1"])
    assert {"NotApplicable", "AvailableSecurityUpdate"} <= set(patches(ssm, nodes["windows-1"]).values())
    told = row(ssm, nodes["windows-1"])
    assert told["NotApplicableCount"] > 0 and told["UnreportedNotApplicableCount"] > 0


def test_states_of_a_group_and_in_pages(world, ssm, nodes):
    for name in ("linux-1", "linux-2", "linux-3"):
        patch(world, ssm, nodes[name])
    state = ssm.describe_patch_group_state(PatchGroup="web")
    assert (state["Instances"], state["InstancesWithMissingPatches"], state["InstancesWithFailedPatches"]) == (2, 2, 0)
    of_group = ssm.describe_instance_patch_states_for_patch_group(PatchGroup="web")["InstancePatchStates"]
    assert {one["InstanceId"] for one in of_group} == {nodes["linux-1"], nodes["linux-2"]}
    count = lambda kind, value: len(ssm.describe_instance_patch_states_for_patch_group(PatchGroup="web", Filters=[{"Key": "MissingCount", "Values": [value], "Type": kind}])["InstancePatchStates"])  # noqa: E731
    assert (count("GreaterThan", "0"), count("LessThan", "1"), count("Equal", "0"), count("NotEqual", "0")) == (2, 0, 0, 2)
    assert refused(ssm.describe_instance_patch_states_for_patch_group, PatchGroup="web", Filters=[{"Key": "Colour", "Values": ["1"], "Type": "Equal"}]) == "InvalidFilter"
    assert refused(ssm.describe_instance_patches, InstanceId=nodes["linux-1"], Filters=[{"Key": "Colour", "Values": ["red"]}]) == "InvalidFilter"
    assert refused(ssm.describe_instance_patches, InstanceId="mi-0123456789abcdef0") == "InvalidInstanceId"
    assert len(enumerations("ssm")["PatchComplianceDataState"]) == 8


def test_a_system_without_baselines_fails(world, ssm, nodes):
    patch(world, ssm, nodes["bottle-1"])
    command = ssm.list_commands()["Commands"][0]
    assert command["Status"] == "Failed"
    ran = ssm.get_command_invocation(CommandId=command["CommandId"], InstanceId=nodes["bottle-1"])
    assert ran["ResponseCode"] == 146


def test_the_command_lines_own_examples(world, nodes):
    """From `create-patch-baseline`, `describe-instance-patch-states`, `describe-patch-properties` of awscli's examples."""
    aws = lambda *arguments: world.aws("ssm", *arguments)  # noqa: E731
    made = aws(
        "create-patch-baseline", "--name", "Windows-Production-Baseline-AutoApproval", "--operating-system", "WINDOWS", "--approval-rules",
        "PatchRules=[{PatchFilterGroup={PatchFilters=[{Key=MSRC_SEVERITY,Values=[Critical,Important,Moderate]},{Key=CLASSIFICATION,Values=[SecurityUpdates,Updates]}]},ApproveAfterDays=7}]",
        "--description", "Baseline containing all updates approved for Windows Server production systems",
    )["BaselineId"]  # fmt: skip
    aws("register-patch-baseline-for-patch-group", "--baseline-id", made, "--patch-group", "Production")
    assert aws("get-patch-baseline-for-patch-group", "--patch-group", "Production")["BaselineId"] == made
    assert aws("describe-patch-groups", "--max-items", "1")["Mappings"][0]["PatchGroup"] == "Production"
    assert {"Name": "AmazonLinux2"} in aws("describe-patch-properties", "--operating-system", "AMAZON_LINUX_2", "--property", "PRODUCT")["Properties"]
    aws("send-command", "--document-name", "AWS-RunPatchBaseline", "--parameters", "Operation=Scan", "--instance-ids", nodes["linux-1"])
    world.advance("10m")
    assert aws("describe-instance-patch-states", "--instance-ids", nodes["linux-1"])["InstancePatchStates"][0]["Operation"] == "Scan"
    assert aws("describe-patch-group-state", "--patch-group", "web")["Instances"] == 2
    missing = aws("describe-instance-patches", "--instance-id", nodes["linux-1"], "--filters", "Key=State,Values=Missing")["Patches"]
    assert {one["State"] for one in missing} == {"Missing"}
