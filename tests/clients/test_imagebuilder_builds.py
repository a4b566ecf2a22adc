"""EC2 Image Builder: builds from beginning to end, what stops them, and what becomes of their images."""

import json

import pytest

from account import refused
from builder import AMAZON, END, IMAGE, LAUNCH, OWN, PARENT, ROLE, WAIT, Builder

BUILD = f"{AMAZON}:workflow/build/build-image/x.x.x"
UPDATE = f"{AMAZON}:component/update-linux/x.x.x"


@pytest.fixture
def builder(sandbox, imagebuilder):
    return Builder(sandbox, imagebuilder)


def fails(sandbox, step, recipe="web", **further):
    sandbox.control("faults", {"builds": [{"recipe": recipe, "step": step, "message": "no luck", **further}]})


def test_a_build_goes_through_its_states(sandbox, builder, imagebuilder):
    own = builder.component()
    parts = {
        "imageRecipeArn": builder.recipe(components=[UPDATE, own], amiTags={"team": "web"}),
        "infrastructureConfigurationArn": builder.infrastructure(),
        "distributionConfigurationArn": builder.distribution(regions=("eu-west-1", "us-east-1")),
    }
    arn = builder.build(**parts, tags={"a": "b"})
    assert arn == f"{OWN}:image/web/1.0.0/1"
    seen = []
    sandbox.until(lambda: seen.append(builder.status(arn)) or seen[-1] == "AVAILABLE", "1s", 4000)
    assert list(dict.fromkeys(seen)) == ["PENDING", "CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING", "AVAILABLE"]
    image = builder.image(arn)
    assert (image["name"], image["version"], image["platform"], image["type"], image["buildType"]) == ("web", "1.0.0/1", "Linux", "AMI", "USER_INITIATED")
    assert image["osVersion"] == "Amazon Linux 2023" and image["imageSource"] == "AMAZON_MANAGED" and image["tags"] == {"a": "b"}
    assert image["imageRecipe"]["arn"] == parts["imageRecipeArn"]
    amis = {ami["region"]: ami for ami in image["outputResources"]["amis"]}
    assert set(amis) == {"eu-west-1", "us-east-1"} and amis["us-east-1"]["state"]["status"] == "AVAILABLE"
    there = sandbox.client("ec2", "us-east-1").describe_images(ImageIds=[amis["us-east-1"]["image"]])["Images"][0]
    assert there["State"] == "available" and there["Name"].startswith("web 2026-11-24T08-")
    tags = {tag["Key"]: tag["Value"] for tag in sandbox.client("ec2").describe_images(ImageIds=[amis["eu-west-1"]["image"]])["Images"][0]["Tags"]}
    assert tags == {"CreatedBy": "EC2 Image Builder", "Ec2ImageBuilderArn": arn, "team": "web"}
    packages = imagebuilder.list_image_packages(imageBuildVersionArn=arn)["imagePackageList"]
    assert {"kernel", "openssh"} <= {one["packageName"] for one in packages}
    distribution, test, build = builder.executions(arn)
    assert [one["type"] for one in (build, test, distribution)] == ["BUILD", "TEST", "DISTRIBUTION"]
    assert {one["status"] for one in (build, test, distribution)} == {"COMPLETED"}
    names = [(one["name"], one["action"], one["status"]) for one in builder.steps(build)]
    assert names[0] == ("LaunchBuildInstance", "LaunchInstance", "COMPLETED") and names[4] == ("RunSysPrepScript", "RunSysPrep", "SKIPPED")
    launched = json.loads(builder.steps(build)[0]["outputs"])["instanceId"]
    assert json.loads(builder.steps(build)[1]["inputs"]) == {"instanceId": launched}
    one = imagebuilder.get_workflow_execution(workflowExecutionId=build["workflowExecutionId"])
    assert (one["totalStepCount"], one["totalStepsSucceeded"], one["totalStepsSkipped"], one["imageBuildVersionArn"]) == (7, 6, 1, arn)
    step = imagebuilder.get_workflow_step_execution(stepExecutionId=builder.steps(build)[0]["stepExecutionId"])
    assert (step["timeoutSeconds"], step["onFailure"], step["workflowExecutionId"]) == (4500, "Abort", build["workflowExecutionId"])


def test_images_are_listed(sandbox, builder, imagebuilder):
    parts = builder.parts()
    arns = [builder.build(**parts) for _ in range(5)]
    sandbox.wait(imagebuilder, "image_available", imageBuildVersionArn=arns[-1])
    builder.until(arns[0], "AVAILABLE")
    other = builder.build(**{**parts, "imageRecipeArn": builder.recipe("web", "2.0.0")})
    builder.until(other, "AVAILABLE", step="1m")
    assert [one["version"] for one in imagebuilder.list_images()["imageVersionList"]] == ["1.0.0", "2.0.0"]
    assert [one["arn"] for one in imagebuilder.list_images(byName=True)["imageVersionList"]] == [f"{OWN}:image/web/x.x.x"]
    assert imagebuilder.list_images(owner="ThirdParty")["imageVersionList"] == []
    version = {"imageVersionArn": f"{OWN}:image/web/1.0.0"}
    assert len(sandbox.walk(imagebuilder, "list_image_build_versions", 2, **version)) == 5
    newer = imagebuilder.list_image_build_versions(filters=[{"name": "version", "values": ["2.0.0"]}])["imageSummaryList"]
    assert [one["arn"] for one in newer] == [other]
    assert builder.image(f"{OWN}:image/web/1.x.x")["arn"] == arns[-1]
    assert builder.image(f"{OWN}:image/web/x.x.x")["arn"] == other
    assert len(sandbox.walk(imagebuilder, "list_image_packages", 4, imageBuildVersionArn=other)) > 4
    assert len(sandbox.walk(imagebuilder, "list_workflow_executions", 2, imageBuildVersionArn=other)) == 3
    build = builder.executions(other)[-1]
    assert len(sandbox.walk(imagebuilder, "list_workflow_step_executions", 3, workflowExecutionId=build["workflowExecutionId"])) == 7
    for name, given in (
        ("list_image_packages", {"imageBuildVersionArn": other}),
        ("list_workflow_executions", {"imageBuildVersionArn": other}),
        ("list_workflow_step_executions", {"workflowExecutionId": build["workflowExecutionId"]}),
    ):
        assert refused(getattr(imagebuilder, name), **given, nextToken="stolen") == "InvalidPaginationTokenException"


def test_pipelines_in_pages(sandbox, builder, imagebuilder):
    parts = builder.parts()
    for number in range(5):
        named = {"imagePipelineArn": imagebuilder.create_image_pipeline(name=f"name{number}", **parts)["imagePipelineArn"]}
    assert len(sandbox.walk(imagebuilder, "list_image_pipelines", 2)) == 5
    for _ in range(5):
        imagebuilder.start_image_pipeline_execution(**named)
    assert len(sandbox.walk(imagebuilder, "list_image_pipeline_images", 2, **named)) == 5


def test_a_component_that_fails(sandbox, builder):
    own = builder.component()
    fails(sandbox, "ApplyBuildComponents")
    arn = builder.build(imageRecipeArn=builder.recipe(components=[own]), infrastructureConfigurationArn=builder.infrastructure())
    sandbox.until(lambda: builder.executions(arn) and builder.executions(arn)[0]["status"] == "ROLLBACK_IN_PROGRESS", "1s", 3000)
    rolling = builder.steps(builder.executions(arn)[0])
    assert [(one["status"], one.get("rollbackStatus")) for one in rolling[:3]] == [("COMPLETED", "RUNNING"), ("FAILED", None), ("PENDING", None)]
    assert builder.status(arn) == "BUILDING"
    image = builder.until(arn, "FAILED", step="1s")
    failed = image["state"]["failureContext"]
    assert failed["failedStep"] == "ApplyBuildComponents" and failed["imageStatus"] == "BUILDING"
    assert failed["componentFailure"] == {"componentArn": own, "phaseName": "build", "stepName": "Install", "action": "ExecuteBash", "errorMessage": "no luck"}
    assert builder.executions(arn)[0]["status"] == "ROLLBACK_COMPLETED"
    assert [one.get("rollbackStatus") for one in builder.steps(builder.executions(arn)[0])][:2] == ["COMPLETED", None]
    running = sandbox.client("ec2").describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running", "pending"]}])
    assert running["Reservations"] == []
    assert refused(builder.client.retry_image, imageBuildVersionArn=arn) == "InvalidRequestException"


def test_an_instance_that_is_to_be_kept(sandbox, builder):
    fails(sandbox, "RunSanitizeScript")
    infrastructure = builder.infrastructure(terminateInstanceOnFailure=False)
    arn = builder.build(imageRecipeArn=builder.recipe(), infrastructureConfigurationArn=infrastructure)
    builder.until(arn, "FAILED")
    first = builder.steps(builder.executions(arn)[0])[0]
    assert first["rollbackStatus"] == "SKIPPED"
    kept = sandbox.client("ec2").describe_instances(InstanceIds=[json.loads(first["outputs"])["instanceId"]])
    assert kept["Reservations"][0]["Instances"][0]["State"]["Name"] == "running"


def test_a_launch_that_fails_has_nothing_to_undo(sandbox, builder):
    fails(sandbox, "LaunchBuildInstance")
    arn = builder.build()
    builder.until(arn, "FAILED")
    assert builder.executions(arn)[0]["status"] == "FAILED"


def test_a_cancelled_build(builder, imagebuilder):
    arn = builder.build()
    builder.until(arn, "BUILDING", step="1s")
    assert refused(imagebuilder.retry_image, imageBuildVersionArn=arn) == "ResourceInUseException"
    assert refused(imagebuilder.delete_image, imageBuildVersionArn=arn) == "ResourceDependencyException"
    assert imagebuilder.cancel_image_creation(imageBuildVersionArn=arn)["imageBuildVersionArn"] == arn
    assert refused(imagebuilder.cancel_image_creation, imageBuildVersionArn=arn) == "ResourceInUseException"
    image = builder.until(arn, "CANCELLED", step="1s")
    assert image["state"]["reason"]
    execution = builder.executions(arn)[0]
    assert execution["status"] == "CANCELLED" and builder.steps(execution)[0]["status"] == "CANCELLED"
    assert refused(imagebuilder.cancel_image_creation, imageBuildVersionArn=arn) == "InvalidRequestException"
    imagebuilder.delete_image(imageBuildVersionArn=arn)
    assert refused(imagebuilder.get_image, imageBuildVersionArn=arn) == "ResourceNotFoundException"


def test_a_distribution_that_fails_is_tried_again(sandbox, builder, imagebuilder):
    fails(sandbox, "DistributeImage", times=1)
    arn = builder.build(**builder.parts(), distributionConfigurationArn=builder.distribution(regions=("eu-west-1", "us-east-1")))
    image = builder.until(arn, "FAILED", step="1m")
    failure = image["state"]["failureContext"]["distributionFailure"]
    assert [(one["region"], one["status"]) for one in failure["regionFailures"]] == [("us-east-1", "FAILED")]
    assert imagebuilder.retry_image(imageBuildVersionArn=arn)["imageBuildVersionArn"] == arn
    assert builder.status(arn) == "DISTRIBUTING"
    builder.until(arn, "AVAILABLE", step="1m")
    assert [(one["type"], one.get("retried")) for one in builder.executions(arn)] == [
        ("DISTRIBUTION", False), ("DISTRIBUTION", True), ("TEST", False), ("BUILD", False),
    ]  # fmt: skip


def test_a_distribution_that_takes_too_long(builder):
    own = builder.workflow("DISTRIBUTION", "name: Copy, action: DistributeImage, timeoutSeconds: 60")
    parts = builder.parts(distributionConfigurationArn=builder.distribution(regions=("eu-west-1", "us-east-1")))
    arn = builder.running(BUILD, own, **parts)
    failure = builder.until(arn, "FAILED", step="1m")["state"]["failureContext"]["distributionFailure"]
    assert [(one["region"], one["status"]) for one in failure["regionFailures"]] == [("us-east-1", "TIMED_OUT")]


def test_distribute_an_image(sandbox, builder, imagebuilder):
    source = builder.made()
    home = builder.distribution(regions=("us-east-1",))
    given = {"sourceImage": f"{OWN}:image/web/x.x.x", "distributionConfigurationArn": home, "executionRole": ROLE}
    arn = imagebuilder.distribute_image(**given, tags={"a": "b"})["imageBuildVersionArn"]
    assert arn == f"{OWN}:image/web/1.0.0/2"
    seen = []
    sandbox.until(lambda: seen.append(builder.status(arn)) or seen[-1] == "AVAILABLE", "1s", 3000)
    assert list(dict.fromkeys(seen)) == ["PENDING", "CREATING", "DISTRIBUTING", "INTEGRATING", "AVAILABLE"]
    image = builder.image(arn)
    assert "imageRecipe" not in image and image["tags"] == {"a": "b"}
    assert [ami["region"] for ami in image["outputResources"]["amis"]] == ["us-east-1"]
    ami = builder.image(source)["outputResources"]["amis"][0]["image"]
    assert imagebuilder.distribute_image(**{**given, "sourceImage": ami})["imageBuildVersionArn"] == f"{OWN}:image/web/1.0.0/3"
    amazon = imagebuilder.distribute_image(**{**given, "sourceImage": PARENT})["imageBuildVersionArn"]
    assert amazon.startswith(f"{OWN}:image/al2023-ami-")
    foreign = {**given, "executionRole": "arn:aws:iam::999999999999:role/theirs"}
    assert refused(imagebuilder.distribute_image, **foreign) == "AccessDeniedException"
    for _ in range(98):
        imagebuilder.distribute_image(**{**given, "sourceImage": ami})
    assert refused(imagebuilder.distribute_image, **{**given, "sourceImage": ami}) == "ServiceQuotaExceededException"
    more = {"imageRecipeArn": f"{OWN}:image-recipe/web/1.0.0", "infrastructureConfigurationArn": f"{OWN}:infrastructure-configuration/build"}
    assert refused(imagebuilder.create_image, **more) == "ServiceQuotaExceededException"


# Workflows of one's own


def test_a_step_waits_for_somebody(sandbox, builder, imagebuilder):
    build = builder.workflow("BUILD", LAUNCH, WAIT, IMAGE, END)
    arn = builder.running(build)
    step = builder.waiting()
    assert (step["name"], step["action"], step["imageBuildVersionArn"], step["workflowBuildVersionArn"]) == ("Wait", "WaitForAction", arn, build)
    sandbox.advance("1h")
    assert imagebuilder.list_waiting_workflow_steps()["steps"] == [step] and builder.status(arn) == "BUILDING"
    assert imagebuilder.get_workflow_step_execution(stepExecutionId=step["stepExecutionId"])["status"] == "RUNNING"
    other = builder.build(imageRecipeArn=builder.recipe("other"), infrastructureConfigurationArn=f"{OWN}:infrastructure-configuration/build")
    wrong = {"imageBuildVersionArn": other}
    assert refused(builder.send, step=step, action="RESUME", **wrong) == "InvalidParameterValueException"
    builder.send(step, "RESUME", reason="looks good")
    assert refused(builder.send, step=step, action="STOP") == "ResourceInUseException"
    sandbox.advance("2s")
    assert imagebuilder.list_waiting_workflow_steps()["steps"] == []
    assert refused(builder.send, step=step, action="STOP") == "InvalidRequestException"
    done = imagebuilder.get_workflow_step_execution(stepExecutionId=step["stepExecutionId"])
    assert done["status"] == "COMPLETED" and json.loads(done["outputs"]) == {"action": "RESUME", "reason": "looks good"}
    builder.until(arn, "AVAILABLE", step="1m")
    assert [one["type"] for one in builder.executions(arn)] == ["DISTRIBUTION", "BUILD"]


def test_a_step_is_stopped(builder):
    arn = builder.running(builder.workflow("BUILD", LAUNCH, WAIT, IMAGE, END))
    builder.send(builder.waiting(), "STOP", reason="not today")
    image = builder.until(arn, "FAILED", step="1s")
    assert "not today" in image["state"]["reason"] and image["state"]["failureContext"]["failedStep"] == "Wait"
    assert builder.executions(arn)[0]["status"] == "ROLLBACK_COMPLETED"


def test_a_stop_that_does_not_matter(builder):
    arn = builder.running(builder.workflow("BUILD", LAUNCH, f"{WAIT}, onFailure: Continue", IMAGE, END))
    builder.send(builder.waiting(), "STOP")
    builder.until(arn, "AVAILABLE", step="1m")
    build = builder.executions(arn)[-1]
    assert build["status"] == "COMPLETED" and build["totalStepsFailed"] == 1


def test_nobody_answers(builder):
    arn = builder.running(builder.workflow("BUILD", LAUNCH, f"{WAIT}, timeoutSeconds: 600", IMAGE))
    builder.waiting()
    image = builder.until(arn, "FAILED", step="1m")
    assert "timed out" in image["state"]["reason"]


def test_waiting_steps_in_pages(sandbox, builder, imagebuilder):
    own = builder.workflow("TEST", WAIT)
    parts = builder.parts()
    for _ in range(5):
        builder.running(own, **parts)
    sandbox.advance("1m")
    assert len(sandbox.walk(imagebuilder, "list_waiting_workflow_steps", 2)) == 5


def test_parameters_and_conditions(builder, imagebuilder):
    parameters = "[{ name: wait, type: boolean, default: true }, { name: who, type: string }]"
    own = builder.workflow("TEST", f'{WAIT}, if: {{ booleanEquals: true, value: $.parameters.wait }}', parameters=parameters)
    given = [{"name": "wait", "value": ["false"]}, {"name": "who", "value": ["me"]}]
    arn = builder.running({"workflowArn": own, "parameters": given})
    builder.until(arn, "AVAILABLE", step="1m")
    test = builder.executions(arn)[1]
    assert test["type"] == "TEST" and builder.steps(test)[0]["status"] == "SKIPPED"
    short = {"workflows": [{"workflowArn": own}], "executionRole": ROLE}
    named = {"imageRecipeArn": f"{OWN}:image-recipe/web/1.0.0", "infrastructureConfigurationArn": f"{OWN}:infrastructure-configuration/build"}
    assert refused(imagebuilder.create_image, **named, **short) == "InvalidParameterValueException"


def test_tests_one_after_another(builder, imagebuilder):
    own = builder.workflow("TEST", WAIT)
    group = {"workflowArn": own, "parallelGroup": "smoke", "onFailure": "CONTINUE"}
    arn = builder.running(BUILD, group, {"workflowArn": own})
    step = builder.waiting()
    second, first, _ = builder.executions(arn)
    assert (first["status"], second["status"], first["parallelGroup"]) == ("RUNNING", "PENDING", "smoke")
    builder.send(step, "STOP")
    builder.sandbox.advance("10s")
    assert builder.executions(arn)[1]["status"] == "FAILED"
    builder.send(builder.waiting(), "RESUME")
    image = builder.until(arn, "AVAILABLE", step="1m")
    assert "reason" not in image["state"]


def test_tests_that_are_switched_off(builder):
    own = builder.workflow("TEST", WAIT)
    arn = builder.running(BUILD, own, imageTestsConfiguration={"imageTestsEnabled": False})
    builder.until(arn, "AVAILABLE", step="1m")
    assert [(one["type"], one["status"]) for one in builder.executions(arn)] == [
        ("DISTRIBUTION", "COMPLETED"), ("TEST", "SKIPPED"), ("BUILD", "COMPLETED"),
    ]  # fmt: skip


# Scans


SCANS = {"imageScanningConfiguration": {"imageScanningEnabled": True}}


def test_a_scan_finds_what_patches_would_close(sandbox, builder, imagebuilder):
    parts = builder.parts()
    named = {"imagePipelineArn": imagebuilder.create_image_pipeline(name="nightly", **parts, **SCANS)["imagePipelineArn"]}
    sandbox.advance("3000h")
    old = imagebuilder.start_image_pipeline_execution(**named)["imageBuildVersionArn"]
    seen = []
    sandbox.until(lambda: seen.append(builder.image(old)["scanState"]["status"]) or builder.status(old) == "AVAILABLE", "10s")
    assert list(dict.fromkeys(seen)) == ["PENDING", "SCANNING", "COLLECTING", "COMPLETED"]
    findings = imagebuilder.list_image_scan_findings()["findings"]
    assert findings and {one["imageBuildVersionArn"] for one in findings} == {old}
    first = findings[0]
    assert first["type"] == "PACKAGE_VULNERABILITY" and first["fixAvailable"] == "YES" and first["imagePipelineArn"] == named["imagePipelineArn"]
    package = first["packageVulnerabilityDetails"]["vulnerablePackages"][0]
    held = {one["packageName"]: one["packageVersion"] for one in imagebuilder.list_image_packages(imageBuildVersionArn=old)["imagePackageList"]}
    assert held[package["name"]] == package["version"] != package["fixedInVersion"]
    updated = builder.recipe("fresh", components=[UPDATE])
    fresh = builder.made(**{**parts, "imageRecipeArn": updated}, **SCANS)
    by = lambda name, value: imagebuilder.list_image_scan_findings(filters=[{"name": name, "values": [value]}])["findings"]
    assert len(by("imageBuildVersionArn", old)) == len(by("imagePipelineArn", named["imagePipelineArn"])) > len(by("imageBuildVersionArn", fresh))
    identifier = first["packageVulnerabilityDetails"]["vulnerabilityId"]
    assert {one["packageVulnerabilityDetails"]["vulnerabilityId"] for one in by("vulnerabilityId", identifier)} == {identifier}
    assert {one["severity"] for one in by("severity", first["severity"])} == {first["severity"]}
    aggregates = imagebuilder.list_image_scan_finding_aggregations()
    counts = aggregates["responses"][0]["accountAggregation"]["severityCounts"]
    everything = imagebuilder.list_image_scan_findings(maxResults=100)["findings"]
    assert aggregates["aggregationType"] == "accountId" and counts["all"] == len(everything)
    assert counts["critical"] == sum(one["severity"] == "CRITICAL" for one in everything)
    for name, value, member in (
        ("imageBuildVersionArn", old, "imageAggregation"),
        ("imagePipelineArn", named["imagePipelineArn"], "imagePipelineAggregation"),
        ("vulnerabilityId", identifier, "vulnerabilityIdAggregation"),
    ):
        told = imagebuilder.list_image_scan_finding_aggregations(filter={"name": name, "values": [value]})
        assert told["aggregationType"] == name and told["responses"][0][member][name] == value
    assert refused(imagebuilder.list_image_scan_finding_aggregations, filter={"name": "severity", "values": ["HIGH"]}) == "InvalidRequestException"
    assert len(sandbox.walk(imagebuilder, "list_image_scan_findings", 1)) == len(everything)


def test_scans_that_come_to_nothing(sandbox, builder, imagebuilder):
    fails(sandbox, "CollectImageScanFindings")
    parts = builder.parts()
    arn = builder.build(**parts, **SCANS)
    assert builder.until(arn, "FAILED", step="1m")["scanState"] == {"status": "FAILED", "reason": "no luck"}
    fails(sandbox, "RunSanitizeScript")
    arn = builder.build(**parts, **SCANS)
    assert builder.until(arn, "FAILED", step="1m")["scanState"]["status"] == "ABANDONED"
    sandbox.control("faults", {})
    hasty = builder.workflow("TEST", LAUNCH, "name: Scan, action: CollectImageScanFindings, timeoutSeconds: 30", END)
    arn = builder.running(BUILD, hasty, **parts, **SCANS)
    assert builder.until(arn, "FAILED", step="1m")["scanState"]["status"] == "TIMED_OUT"
    untested = {**SCANS, "imageTestsConfiguration": {"imageTestsEnabled": False}}
    assert refused(imagebuilder.create_image, **parts, **untested) == "InvalidParameterValueException"


def test_a_scan_that_must_not_find_much(sandbox, builder):
    sandbox.advance("3000h")
    strict = {"imageScanningTypes": ["ON_DEMAND_AMI_CVE"], "scanResultCondition": {"maximumSeverityLabel": "LOW"}}
    arn = builder.build(**builder.parts(), imageScanningConfiguration={"imageScanningEnabled": True, **strict})
    image = builder.until(arn, "FAILED", step="1m")
    assert image["scanState"]["status"] == "COMPLETED" and "severity" in image["state"]["reason"]


# What becomes of images


def update(builder, arn, status, **further):
    return builder.client.start_resource_state_update(resourceArn=arn, state={"status": status}, **further)


def test_an_image_without_its_amis(builder):
    arn = builder.made()
    for status in ("DEPRECATED", "DISABLED", "AVAILABLE"):
        told = update(builder, arn, status)
        assert told["resourceArn"] == arn and "lifecycleExecutionId" not in told
        assert builder.status(arn) == status
    update(builder, arn, "DEPRECATED")
    assert builder.image(arn)["deprecationTime"]
    assert refused(builder.client.get_image, imageBuildVersionArn=f"{OWN}:image/web/x.x.x") == "ResourceNotFoundException"


def test_an_image_with_its_amis(sandbox, builder):
    arn = builder.made()
    ec2 = sandbox.client("ec2")
    ami = builder.image(arn)["outputResources"]["amis"][0]["image"]
    told = lambda: ec2.describe_images(ImageIds=[ami], IncludeDisabled=True)["Images"][0]
    amis = {"includeResources": {"amis": True}, "executionRole": ROLE}
    execution = update(builder, arn, "DISABLED", **amis)["lifecycleExecutionId"]
    assert refused(update, builder=builder, arn=arn, status="DEPRECATED", **amis) == "ResourceInUseException"
    builder.until(arn, "DISABLED", step="5s")
    assert told()["State"] == "disabled" and builder.image(arn)["lifecycleExecutionId"] == execution
    update(builder, arn, "AVAILABLE", **amis)
    builder.until(arn, "AVAILABLE", step="5s")
    assert told()["State"] == "available"
    update(builder, arn, "DEPRECATED", **amis)
    builder.until(arn, "DEPRECATED", step="5s")
    assert "DeprecationTime" in told()
    keep = {"exclusionRules": {"amis": {"tagMap": {"CreatedBy": "EC2 Image Builder"}}}}
    everything = {"includeResources": {"amis": True, "snapshots": True}, "executionRole": ROLE}
    update(builder, arn, "DELETED", **everything, **keep)
    sandbox.advance("1m")
    assert builder.status(arn) == "DEPRECATED" and told()["State"] == "available"
    snapshot = told()["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    update(builder, arn, "DELETED", **everything)
    builder.until(arn, "DELETED", step="5s")
    assert refused(ec2.describe_snapshots, SnapshotIds=[snapshot]) == "InvalidSnapshot.NotFound"
    assert refused(update, builder=builder, arn=arn, status="AVAILABLE") == "InvalidRequestException"


def test_a_deprecation_at_its_time(sandbox, builder):
    arn = builder.made()
    ami = builder.image(arn)["outputResources"]["amis"][0]["image"]
    update(builder, arn, "DEPRECATED", updateAt="2026-12-24T08:00:00Z", includeResources={"amis": True}, executionRole=ROLE)
    assert builder.status(arn) == "AVAILABLE" and builder.image(arn)["deprecationTime"].isoformat() == "2026-12-24T08:00:00+00:00"
    assert sandbox.client("ec2").describe_images(ImageIds=[ami])["Images"][0]["DeprecationTime"].startswith("2026-12-24T08:00")
    sandbox.advance("720h")
    assert builder.status(arn) == "DEPRECATED"


@pytest.mark.parametrize(
    ("status", "further"),
    [
        ("DELETED", {}),
        ("DELETED", {"includeResources": {"snapshots": True}, "executionRole": ROLE}),
        ("DISABLED", {"includeResources": {"amis": True}}),
        ("DISABLED", {"executionRole": ROLE}),
        ("DISABLED", {"includeResources": {"amis": True, "snapshots": True}, "executionRole": ROLE}),
        ("DISABLED", {"includeResources": {"containers": True}, "executionRole": ROLE}),
        ("DISABLED", {"updateAt": "2027-01-01T00:00:00Z"}),
        ("DEPRECATED", {"updateAt": "2026-01-01T00:00:00Z"}),
    ],
)
def test_updates_that_do_not_fit(builder, status, further):
    arn = builder.made()
    assert refused(update, builder=builder, arn=arn, status=status, **further) == "InvalidRequestException"


def test_only_a_deletion_is_left_to_a_failed_image(sandbox, builder):
    fails(sandbox, "LaunchBuildInstance")
    arn = builder.build()
    assert refused(update, builder=builder, arn=arn, status="DEPRECATED") == "InvalidRequestException"
    builder.until(arn, "FAILED")
    assert refused(update, builder=builder, arn=arn, status="DEPRECATED") == "InvalidRequestException"
    update(builder, arn, "DELETED", includeResources={"amis": True}, executionRole=ROLE)
    builder.until(arn, "DELETED", step="5s")


# What policies do


def rule(kind, filter, **further):
    return {"action": {"type": kind, "includeResources": {"amis": True}}, "filter": filter, **further}


def test_a_policy_deletes_what_is_old(sandbox, builder, imagebuilder):
    parts = builder.parts()
    keep = {"exclusionRules": {"tagMap": {"keep": "yes"}}}
    kept = builder.made(**parts, tags={"keep": "yes"})
    oldest, older, newest = (builder.made(**parts) for _ in range(3))
    policy = builder.policy(policyDetails=[rule("DELETE", {"type": "COUNT", "value": 2}, **keep)])
    other = builder.policy("others", resourceSelection={"tagMap": {"team": "none"}})
    sandbox.advance("23h")
    assert "dateLastRun" not in imagebuilder.get_lifecycle_policy(lifecyclePolicyArn=policy)["lifecyclePolicy"]
    sandbox.advance("2h")
    assert [builder.status(arn) for arn in (kept, oldest, older, newest)] == ["AVAILABLE", "DELETED", "AVAILABLE", "AVAILABLE"]
    ami = builder.image(oldest)["outputResources"]["amis"][0]["image"]
    assert sandbox.client("ec2").describe_images(Filters=[{"Name": "image-id", "Values": [ami]}])["Images"] == []
    assert builder.image(oldest)["lifecycleExecutionId"].startswith("lce-")
    for arn in (policy, other):
        ran = imagebuilder.get_lifecycle_policy(lifecyclePolicyArn=arn)["lifecyclePolicy"]["dateLastRun"]
        assert ran.isoformat() > "2026-11-25T08:00"


def test_a_policy_lets_images_grow_old(sandbox, builder, imagebuilder):
    arn = builder.made(tags={"team": "web"})
    days = lambda value: {"type": "AGE", "value": value, "unit": "DAYS"}
    rules = [rule("DEPRECATE", days(2)), rule("DISABLE", days(4)), rule("DELETE", {**days(6), "retainAtLeast": 1})]
    policy = {"policyDetails": rules, "resourceSelection": {"tagMap": {"team": "web"}}}
    off = builder.policy("off", **policy, status="DISABLED")
    sandbox.advance("60h")
    assert builder.status(arn) == "AVAILABLE"
    named = {"lifecyclePolicyArn": off, "executionRole": ROLE, "resourceType": "AMI_IMAGE"}
    imagebuilder.update_lifecycle_policy(**named, **policy)
    sandbox.advance("24h")
    assert builder.status(arn) == "DEPRECATED"
    sandbox.advance("48h")
    assert builder.status(arn) == "DISABLED"
    sandbox.advance("96h")
    assert builder.status(arn) == "DISABLED"
    imagebuilder.delete_lifecycle_policy(lifecyclePolicyArn=off)
