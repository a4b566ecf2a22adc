#!/usr/bin/env python3
"""Draws the sandbox's table of the wire from the official API models.

Run with a Python that has botocore >= 1.44.5:

    python src/sandbox/wire/extract.py            # writes models.json
    python src/sandbox/wire/extract.py --check    # exit 1 if the installed models say something else

The table holds, of each operation that the sandbox emulates, what the codecs need: method and URI, input, output and
declared errors; of each shape that these reach: type, members with their names on the wire, required members,
enumerations, bounds, patterns, sensitivity, error codes and statuses. One line a shape, so that a diff can be read.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import botocore.loaders

TABLE = Path(__file__).with_name("models.json")

OPERATIONS = {
    "ec2": """
        RunInstances DescribeInstances DescribeInstanceStatus StartInstances StopInstances RebootInstances
        TerminateInstances ModifyInstanceAttribute DescribeInstanceAttribute DescribeInstanceImageMetadata
        GetConsoleOutput
        DescribeImages DescribeImageAttribute CreateImage CopyImage RegisterImage DeregisterImage ModifyImageAttribute
        ResetImageAttribute EnableImage DisableImage EnableImageDeprecation DisableImageDeprecation
        EnableImageDeregistrationProtection DisableImageDeregistrationProtection DescribeImageReferences
        CreateImageUsageReport DescribeImageUsageReports DescribeImageUsageReportEntries GetImageAncestry
        CreateSnapshot CreateSnapshots DescribeSnapshots DeleteSnapshot DescribeSnapshotAttribute
        ModifySnapshotAttribute DescribeVolumes
        CreateLaunchTemplate CreateLaunchTemplateVersion DescribeLaunchTemplates DescribeLaunchTemplateVersions
        ModifyLaunchTemplate DeleteLaunchTemplate DeleteLaunchTemplateVersions GetLaunchTemplateData
        CreateVpc DescribeVpcs DeleteVpc CreateSubnet DescribeSubnets DeleteSubnet CreateSecurityGroup
        DescribeSecurityGroups DeleteSecurityGroup CreateKeyPair DescribeKeyPairs DeleteKeyPair CreateVolume
        DescribeNetworkInterfaces
        CreateTags DeleteTags DescribeTags
        DescribeRegions DescribeAvailabilityZones DescribeInstanceTypes DescribeInstanceTypeOfferings
        CreateReplaceRootVolumeTask DescribeReplaceRootVolumeTasks
        """,
    "autoscaling": """
        CreateAutoScalingGroup UpdateAutoScalingGroup DeleteAutoScalingGroup DescribeAutoScalingGroups
        DescribeAutoScalingInstances SetDesiredCapacity SetInstanceHealth SetInstanceProtection
        TerminateInstanceInAutoScalingGroup AttachInstances DetachInstances EnterStandby ExitStandby SuspendProcesses
        ResumeProcesses DescribeScalingActivities
        CreateLaunchConfiguration DescribeLaunchConfigurations DeleteLaunchConfiguration
        PutLifecycleHook DescribeLifecycleHooks DeleteLifecycleHook CompleteLifecycleAction
        RecordLifecycleActionHeartbeat
        PutWarmPool DescribeWarmPool DeleteWarmPool
        CreateOrUpdateTags DescribeTags DeleteTags
        StartInstanceRefresh CancelInstanceRefresh RollbackInstanceRefresh DescribeInstanceRefreshes
        PutScalingPolicy DescribePolicies DeletePolicy
        DescribeAccountLimits DescribeTerminationPolicyTypes DescribeScalingProcessTypes
        """,
    "ssm": """
        PutParameter GetParameter GetParameters GetParametersByPath GetParameterHistory DescribeParameters
        LabelParameterVersion UnlabelParameterVersion DeleteParameter DeleteParameters AddTagsToResource
        RemoveTagsFromResource ListTagsForResource
        DescribeInstanceInformation DescribeInstanceProperties CreateActivation DescribeActivations DeleteActivation
        DeregisterManagedInstance UpdateManagedInstanceRole
        CreatePatchBaseline UpdatePatchBaseline GetPatchBaseline DeletePatchBaseline DescribePatchBaselines
        GetDefaultPatchBaseline RegisterDefaultPatchBaseline RegisterPatchBaselineForPatchGroup
        DeregisterPatchBaselineForPatchGroup GetPatchBaselineForPatchGroup DescribePatchGroups DescribePatchGroupState
        DescribeInstancePatchStates DescribeInstancePatchStatesForPatchGroup DescribeInstancePatches
        DescribeAvailablePatches DescribeEffectivePatchesForPatchBaseline DescribePatchProperties
        SendCommand CancelCommand ListCommands ListCommandInvocations GetCommandInvocation
        CreateMaintenanceWindow UpdateMaintenanceWindow DeleteMaintenanceWindow GetMaintenanceWindow
        DescribeMaintenanceWindows RegisterTargetWithMaintenanceWindow RegisterTaskWithMaintenanceWindow
        DeregisterTargetFromMaintenanceWindow DeregisterTaskFromMaintenanceWindow DescribeMaintenanceWindowTargets
        DescribeMaintenanceWindowTasks DescribeMaintenanceWindowExecutions DescribeMaintenanceWindowExecutionTasks
        DescribeMaintenanceWindowExecutionTaskInvocations GetMaintenanceWindowExecution
        DescribeMaintenanceWindowSchedule DescribeMaintenanceWindowsForTarget GetCalendarState
        CreateAssociation ListAssociations DescribeAssociation DeleteAssociation DescribeEffectiveInstanceAssociations
        DescribeInstanceAssociationsStatus
        GetInventory ListInventoryEntries PutInventory
        PutComplianceItems ListComplianceItems ListComplianceSummaries ListResourceComplianceSummaries
        DescribeDocument GetDocument ListDocuments CreateDocument
        """,
    "imagebuilder": """
        CreateComponent GetComponent ListComponents DeleteComponent ListComponentBuildVersions
        CreateImageRecipe GetImageRecipe ListImageRecipes DeleteImageRecipe
        CreateInfrastructureConfiguration GetInfrastructureConfiguration ListInfrastructureConfigurations
        DeleteInfrastructureConfiguration UpdateInfrastructureConfiguration
        CreateDistributionConfiguration GetDistributionConfiguration ListDistributionConfigurations
        DeleteDistributionConfiguration UpdateDistributionConfiguration
        CreateImagePipeline GetImagePipeline ListImagePipelines DeleteImagePipeline UpdateImagePipeline
        CreateLifecyclePolicy GetLifecyclePolicy ListLifecyclePolicies DeleteLifecyclePolicy UpdateLifecyclePolicy
        StartImagePipelineExecution ListImagePipelineImages
        CreateImage GetImage ListImages ListImageBuildVersions CancelImageCreation RetryImage DistributeImage
        DeleteImage StartResourceStateUpdate
        ListWorkflowExecutions GetWorkflowExecution ListWorkflowStepExecutions GetWorkflowStepExecution
        CreateWorkflow GetWorkflow ListWorkflows ListWorkflowBuildVersions DeleteWorkflow
        ListWaitingWorkflowSteps SendWorkflowStepAction
        ListImageScanFindings ListImageScanFindingAggregations ListImagePackages
        TagResource UntagResource ListTagsForResource
        """,
    "sts": "GetCallerIdentity AssumeRole",
}

# What a shape, a member and an operation may say. Anything else would need a codec that knows it.
SHAPE_TRAITS = {
    "type", "members", "required", "member", "key", "value", "enum", "min", "max", "pattern", "sensitive", "error",
    "exception", "fault", "documentation", "deprecated", "box", "union", "locationName",
}
MEMBER_TRAITS = {
    "shape", "locationName", "queryName", "location", "documentation", "deprecated", "deprecatedMessage",
    "deprecatedSince", "idempotencyToken", "box",
}
OPERATION_TRAITS = {"name", "http", "input", "output", "errors", "documentation", "idempotent", "readonly", "auth", "authtype"}


def only(traits, known, where):
    """Refuses traits that no codec knows."""
    unknown = set(traits) - known
    if unknown:
        sys.exit(f"{where}: unknown traits {sorted(unknown)}")


def member(described, where):
    only(described, MEMBER_TRAITS, where)
    drawn = {"shape": described["shape"]}
    for trait, name in (("locationName", "name"), ("queryName", "query"), ("location", "in")):
        if trait in described:
            drawn[name] = described[trait]
    return drawn


def shape(name, described):
    only(described, SHAPE_TRAITS, name)
    kind = described["type"]
    drawn = {"type": kind}
    if kind == "structure":
        drawn["members"] = {key: member(value, f"{name}.{key}") for key, value in described["members"].items()}
    elif kind == "list":
        drawn["item"] = described["member"]["shape"]
        if "locationName" in described["member"]:
            drawn["name"] = described["member"]["locationName"]
    elif kind == "map":
        drawn["key"], drawn["value"] = described["key"]["shape"], described["value"]["shape"]
        if {"locationName"} & (set(described["key"]) | set(described["value"])):
            sys.exit(f"{name}: a map with names of its own")
    for trait in ("required", "enum", "min", "max", "pattern", "sensitive"):
        # What must be empty has a greatest length of zero.
        if described.get(trait) or (trait == "max" and trait in described):
            drawn[trait] = described[trait]
    # A text and a list are never shorter than nothing; a number may be less.
    if kind in ("integer", "long", "float", "double") and described.get("min") == 0:
        drawn["min"] = 0
    if described.get("exception"):
        error = described.get("error", {})
        drawn["error"] = {"status": error.get("httpStatusCode", 500 if described.get("fault") else 400)}
        if "code" in error:
            drawn["error"]["code"] = error["code"]
        if not error.get("senderFault", True) or described.get("fault"):
            drawn["error"]["fault"] = True
    return drawn


def reached(described):
    """The shapes that a shape names."""
    if described["type"] == "structure":
        return [value["shape"] for value in described["members"].values()]
    return [described[part]["shape"] for part in ("member", "key", "value") if part in described]


def operation(name, described):
    only(described, OPERATION_TRAITS, name)
    drawn = {"method": described["http"]["method"], "uri": described["http"]["requestUri"]}
    for part in ("input", "output"):
        if part in described:
            drawn[part] = described[part]["shape"]
            if described[part].get("resultWrapper", f"{name}Result") != f"{name}Result":
                sys.exit(f"{name}: a wrapper with a name of its own")
    if described.get("errors"):
        drawn["errors"] = [error["shape"] for error in described["errors"]]
    return drawn


def service(model, names):
    metadata = model["metadata"]
    operations = {name: operation(name, model["operations"][name]) for name in names}
    waiting = [
        shape_name
        for drawn in operations.values()
        for shape_name in [drawn.get("input"), drawn.get("output"), *drawn.get("errors", [])]
        if shape_name
    ]
    shapes = {}
    while waiting:
        name = waiting.pop()
        if name not in shapes:
            shapes[name] = shape(name, model["shapes"][name])
            waiting += reached(model["shapes"][name])
    facts = {"protocol": metadata["protocol"], "version": metadata["apiVersion"]}
    for trait, name in (("xmlNamespace", "namespace"), ("targetPrefix", "target")):
        if trait in metadata:
            facts[name] = metadata[trait]
    return facts, operations, dict(sorted(shapes.items()))


def line(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def block(entries, indent):
    """An object with one entry a line."""
    inner = ",\n".join(f"{indent} {line(name)}:{line(value)}" for name, value in entries.items())
    return "{\n" + inner + "\n" + indent + "}"


def table():
    loader = botocore.loaders.create_loader()
    partition = next(p for p in loader.load_data("endpoints")["partitions"] if p["partition"] == "aws")
    parts = []
    for name, listed in OPERATIONS.items():
        facts, operations, shapes = service(loader.load_service_model(name, "service-2"), listed.split())
        parts.append(
            f' {line(name)}:{{\n  "facts":{line(facts)},\n  "operations":{block(operations, "  ")},\n'
            f'  "shapes":{block(shapes, "  ")}\n }}'
        )
    regions = line(sorted(partition["regions"]))
    return f'{{\n"regions":{regions},\n"services":{{\n' + ",\n".join(parts) + "\n}}\n"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true", help="compare, write nothing")
    check = arguments.parse_args().check
    version = tuple(int(part) for part in re.findall(r"\d+", botocore.__version__)[:3])
    if version < (1, 44, 5):
        sys.exit(f"botocore {botocore.__version__} is too old: the table is drawn from 1.44.5 or newer")
    drawn = table()
    if not check:
        TABLE.write_text(drawn, encoding="utf-8")
        return
    kept = TABLE.read_text(encoding="utf-8").splitlines()
    differing = sorted(set(drawn.splitlines()) ^ set(kept))
    for text in differing[:20]:
        print(("- " if text in kept else "+ ") + text[:200])
    if differing:
        sys.exit(f"{len(differing)} lines of {TABLE.name} are not what botocore {botocore.__version__} says")


if __name__ == "__main__":
    main()
