"""The inventory as a script with boto3: all sites at once, the largest pages, ids in batches, details where a row shows a need.

    python with_boto3.py SITES OUT      SITES: lines of account, access key, region; OUT: a JSON file
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

OPEN = ["Missing", "Failed", "InstalledPendingReboot", "InstalledRejected"]
COUNTS = ["MissingCount", "FailedCount", "InstalledPendingRebootCount", "InstalledRejectedCount"]


def chunks(items, size):
    return (items[start : start + size] for start in range(0, len(items), size))


def paged(client, operation, member, size, **request):
    pager = client.get_paginator(operation).paginate(**request, PaginationConfig={"PageSize": size})
    return [item for page in pager for item in page[member]]


def tags(listed):
    return {tag["Key"]: tag.get("Value", "") for tag in listed or []}


def instances(ec2):
    alive = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
    for reservation in paged(ec2, "describe_instances", "Reservations", 1000, Filters=alive):
        for one in reservation["Instances"]:
            yield one["InstanceId"], {
                "state": one["State"]["Name"],
                "stopped": one.get("StateTransitionReason"),
                "image": one["ImageId"],
                "type": one["InstanceType"],
                "zone": one["Placement"]["AvailabilityZone"],
                "launched": one["LaunchTime"],
                "tags": tags(one.get("Tags")),
                "volumes": [disk["Ebs"]["VolumeId"] for disk in one["BlockDeviceMappings"]],
            }


def managed(ssm):
    token = {}
    while True:
        page = ssm.describe_instance_properties(MaxResults=1000, **token)
        for one in page["InstanceProperties"]:
            if one.get("InstanceState") not in ("terminated", "shutting-down"):
                yield one["InstanceId"], {
                    "agent": one.get("PingStatus"),
                    "pinged": one.get("LastPingDateTime"),
                    "system": (one.get("PlatformName"), one.get("PlatformVersion")),
                }
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def groups(autoscaling):
    found = {one["AutoScalingGroupName"]: one
             for one in paged(autoscaling, "describe_auto_scaling_groups", "AutoScalingGroups", 100)}
    policies = paged(autoscaling, "describe_policies", "ScalingPolicies", 100)
    for name, group in found.items():
        group["Policies"] = [one["PolicyName"] for one in policies if one["AutoScalingGroupName"] == name]
        group["Hooks"] = autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
        newest = autoscaling.describe_instance_refreshes(AutoScalingGroupName=name, MaxRecords=1)
        group["Refreshes"] = newest["InstanceRefreshes"]
    return found


def templates(ec2, found):
    paged(ec2, "describe_launch_templates", "LaunchTemplates", 200)
    told = paged(ec2, "describe_launch_template_versions", "LaunchTemplateVersions", 200, Versions=["$Latest", "$Default"])
    known = {(one["LaunchTemplateId"], one["VersionNumber"]): one["LaunchTemplateData"].get("ImageId") for one in told}
    for group in found.values():
        used = group["LaunchTemplate"]
        key = used["LaunchTemplateId"], int(used["Version"])
        if key not in known:
            told = ec2.describe_launch_template_versions(LaunchTemplateId=key[0], Versions=[used["Version"]])
            known[key] = told["LaunchTemplateVersions"][0]["LaunchTemplateData"].get("ImageId")
    return known


def images(ec2, wanted):
    def by_id(ids):
        for batch in chunks(sorted(ids), 200):
            for one in paged(ec2, "describe_images", "Images", 1000, IncludeDeprecated=True,
                             Filters=[{"Name": "image-id", "Values": batch}]):
                yield one["ImageId"], {"name": one["Name"], "created": one["CreationDate"], "owner": one["OwnerId"],
                                       "parent": one.get("SourceImageId"), "tags": tags(one.get("Tags"))}

    known = dict(by_id(wanted))
    parents = dict(by_id({one["parent"] for one in known.values() if one["parent"]}))
    for name in wanted:
        if name not in known or known[name]["parent"] not in parents:
            try:
                entries = ec2.get_image_ancestry(ImageId=name)["ImageAncestryEntries"]
            except ClientError:
                continue
            known.setdefault(name, {})["ancestors"] = [entry["ImageId"] for entry in entries]
    return {**parents, **known}


def patched(ssm, ids):
    rows, open_patches, cves = {}, {}, set()
    for batch in chunks(ids, 50):
        for row in ssm.describe_instance_patch_states(InstanceIds=batch, MaxResults=100)["InstancePatchStates"]:
            rows[row["InstanceId"]] = {name: row.get(name) for name in [*COUNTS, "BaselineId", "OperationEndTime"]}
    for node, row in rows.items():
        if any(row[name] for name in COUNTS):
            told = paged(ssm, "describe_instance_patches", "Patches", 100, InstanceId=node,
                         Filters=[{"Key": "State", "Values": OPEN}])
            open_patches[node] = [(one["KBId"], one["Severity"], one["State"], one.get("CVEIds")) for one in told]
            cves.update(cve for one in told for cve in one.get("CVEIds", "").split(",") if cve)
    released = {}
    for batch in chunks(sorted(cves), 20):
        for one in paged(ssm, "describe_available_patches", "Patches", 100, Filters=[{"Key": "CVE_ID", "Values": batch}]):
            released[one["Name"]] = one["ReleaseDate"]
    return rows, open_patches, released


def look(site):
    region, ec2, autoscaling, ssm = site
    nodes = dict(instances(ec2))
    for node, told in managed(ssm):
        if node in nodes or node.startswith("mi-"):
            nodes.setdefault(node, {}).update(told)
    found = groups(autoscaling)
    versions = templates(ec2, found)
    for name, group in found.items():
        for member in group["Instances"]:
            nodes.get(member["InstanceId"], {})["group"] = name
    for node in nodes:
        if node.startswith("mi-"):
            told = ssm.list_tags_for_resource(ResourceType="ManagedInstance", ResourceId=node)
            nodes[node]["tags"] = tags(told["TagList"])
    wanted = {one["image"] for one in nodes.values() if "image" in one} | set(versions.values())
    rows, open_patches, released = patched(ssm, [node for node, told in nodes.items() if told.get("agent")])
    for node, row in rows.items():
        nodes[node].update(row=row, patches=open_patches.get(node, []))
    baselines = paged(ssm, "describe_patch_baselines", "BaselineIdentities", 100)
    patch_groups = paged(ssm, "describe_patch_groups", "Mappings", 100)
    return {"region": region, "nodes": nodes, "groups": found, "images": images(ec2, wanted), "released": released,
            "baselines": baselines, "patch groups": patch_groups}


def main():
    sites, sessions = [], {}
    settings = Config(retries={"mode": "standard", "max_attempts": 10}, max_pool_connections=10)
    with open(sys.argv[1]) as listed:
        for account, key, region in map(str.split, listed):
            secret = os.environ["AWS_SECRET_ACCESS_KEY"]
            session = sessions.setdefault(account, boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret))
            clients = [session.client(name, region, config=settings) for name in ("ec2", "autoscaling", "ssm")]
            sites.append((region, *clients))
    with ThreadPoolExecutor(len(sites)) as pool:
        found = list(pool.map(look, sites))
    with open(sys.argv[2], "w") as out:
        json.dump(found, out, default=str)
    print(sum(len(site["nodes"]) for site in found))


if __name__ == "__main__":
    main()
