"""EC2 Image Builder, every operation: what it must have, what it refuses, and with which of its declared errors."""

import pytest

from account import refused
from builder import INSTALL, OWN, PARENT, POLICY, ROLE, Builder, call, request, unfit, workflow
from ledger import code_of, model, operations

OPERATIONS = operations("imagebuilder")
TAGS = {"TagResource", "UntagResource", "ListTagsForResource"}


def shape(name):
    return model("imagebuilder").operation_model(name).input_shape


def declares(name, *codes):
    """The first of some errors that the model declares for an operation."""
    declared = {code_of(error) for error in model("imagebuilder").operation_model(name).error_shapes}
    return next(code for code in codes if code in declared)


def with_member(member):
    return [name for name in OPERATIONS if member in shape(name).members]


@pytest.fixture
def loose(sandbox):
    """A client that sends what the model forbids."""
    return sandbox.client("imagebuilder", checked=False)


@pytest.fixture
def builder(sandbox, imagebuilder):
    return Builder(sandbox, imagebuilder)


@pytest.mark.parametrize("name", OPERATIONS)
def test_required_members_are_required(loose, name):
    for member in shape(name).required_members:
        # A client fills tokens in, and cannot leave a part of the path out.
        if member in ("clientToken", "resourceArn"):
            continue
        given = {key: value for key, value in request(name).items() if key != member}
        assert refused(call(loose, name), **given) == declares(name, "InvalidRequestException", "InvalidParameterException"), member


WITH_BODY = [name for name in OPERATIONS if model("imagebuilder").operation_model(name).http["method"] in ("PUT", "POST")]


@pytest.mark.parametrize("name", sorted({*WITH_BODY} - TAGS))
def test_what_cannot_be_read_is_malformed(loose, name):
    member = next(name for name, held in shape(name).members.items() if held.type_name == "string")
    assert refused(call(loose, name), **{**request(name), member: ["no", "text"]}) == "InvalidRequestException"


@pytest.mark.parametrize("name", OPERATIONS)
def test_constraints_are_enforced(loose, name):
    wanted = declares(name, "ClientException", "InvalidParameterException")
    wrong = [one for one in unfit(shape(name)) if one.get("resourceArn") != ""]
    assert wrong
    for given in wrong:
        assert refused(call(loose, name), **{**request(name), **given}) == wanted, {key: value for key, value in given.items() if value != request(name).get(key)}


@pytest.mark.parametrize("name", OPERATIONS)
def test_who_may_not_is_refused(sandbox, imagebuilder, name):
    sandbox.control("faults", {"wire": [{"calls": f"imagebuilder:{name}", "kind": "deny"}]})
    given = request(name)
    wanted = "AccessDeniedException" if name in TAGS else "ForbiddenException"
    assert refused(call(imagebuilder, name), **given) == wanted


@pytest.mark.parametrize("name", OPERATIONS)
def test_too_many_calls_are_refused(sandbox, imagebuilder, name):
    sandbox.control("faults", {"wire": [{"calls": f"imagebuilder:{name}", "kind": "throttle"}]})
    wanted = "TooManyRequestsException" if name in TAGS else "CallRateLimitExceededException"
    assert refused(call(imagebuilder, name), **request(name)) == wanted


@pytest.mark.parametrize("name", sorted({*with_member("nextToken")} - {"ListImagePackages", "ListWorkflowExecutions", "ListWorkflowStepExecutions"}))
def test_a_token_that_is_none(imagebuilder, name):
    assert refused(call(imagebuilder, name), **request(name), nextToken="stolen") == "InvalidPaginationTokenException"


NOT_THERE = [
    name
    for name in OPERATIONS
    if any(member.endswith(("Arn", "Id")) for member in shape(name).required_members)
]
# These name several things, or say nothing of what is not there.
NOT_THERE = sorted({*NOT_THERE} - {"CreateImage", "CreateImagePipeline", "ListImagePipelineImages", "UpdateLifecyclePolicy", "DistributeImage", "UpdateImagePipeline"})


@pytest.mark.parametrize("name", NOT_THERE)
def test_what_is_not_there(imagebuilder, name):
    further = {"state": {"status": "DEPRECATED"}} if name == "StartResourceStateUpdate" else {}
    assert refused(call(imagebuilder, name), **{**request(name), **further}) == "ResourceNotFoundException"


def test_what_is_not_there_among_several_things(imagebuilder, builder):
    unknown = f"{OWN}:distribution-configuration/none"
    named = {"sourceImage": PARENT, "executionRole": ROLE}
    assert refused(imagebuilder.distribute_image, **named, distributionConfigurationArn=unknown) == "ResourceNotFoundException"
    home = builder.distribution()
    elsewhere = {**named, "sourceImage": "ami-0123456789abcdef0", "distributionConfigurationArn": home}
    assert refused(imagebuilder.distribute_image, **elsewhere) == "ResourceNotFoundException"
    pipeline = {"imagePipelineArn": f"{OWN}:image-pipeline/none"}
    assert refused(imagebuilder.update_image_pipeline, **pipeline, **builder.parts()) == "ResourceNotFoundException"
    policy = {**POLICY, "lifecyclePolicyArn": f"{OWN}:lifecycle-policy/none"}
    assert refused(imagebuilder.update_lifecycle_policy, **policy) == "ResourceNotFoundException"
    assert imagebuilder.list_image_pipeline_images(**pipeline)["imageSummaryList"] == []


@pytest.mark.parametrize("name", sorted(set(with_member("filters"))))
def test_filters_are_known(imagebuilder, name):
    given = {**request(name), "filters": [{"name": "colour", "values": ["red"]}]}
    assert refused(call(imagebuilder, name), **given) == "InvalidRequestException"


def creations(builder):
    """Of each operation with a client token: a request that succeeds, and what another one says."""
    parts = builder.parts()
    home = builder.distribution()
    built = builder.made(**parts)
    builder.sandbox.control("faults", {"builds": [{"recipe": "web", "step": "LaunchTestInstance", "message": "no", "times": 1}]})
    broken = builder.build(**parts)
    builder.until(broken, "FAILED", step="1m")
    going = builder.build(**parts)
    waits = builder.running(builder.workflow("TEST", "name: Wait, action: WaitForAction"), **parts)
    step = builder.waiting()
    assert step["imageBuildVersionArn"] == waits
    pipeline = builder.client.create_image_pipeline(name="nightly", **parts)["imagePipelineArn"]
    policy = builder.policy()
    return {
        "CreateComponent": ({"name": "one", "semanticVersion": "1.0.0", "platform": "Linux", "data": INSTALL}, {"name": "two"}),
        "CreateWorkflow": ({"name": "one", "semanticVersion": "1.0.0", "type": "TEST", "data": workflow("name: Wait, action: WaitForAction")}, {"name": "two"}),
        "CreateImageRecipe": ({"name": "one", "semanticVersion": "1.0.0", "parentImage": PARENT}, {"name": "two"}),
        "CreateInfrastructureConfiguration": ({"name": "one", "instanceProfileName": "profile"}, {"name": "two"}),
        "CreateDistributionConfiguration": ({"name": "one", "distributions": [{"region": "eu-west-1", "amiDistributionConfiguration": {}}]}, {"name": "two"}),
        "CreateImagePipeline": ({"name": "one", **parts}, {"name": "two"}),
        "CreateLifecyclePolicy": ({"name": "one", **POLICY}, {"name": "two"}),
        "CreateImage": (parts, {"tags": {"a": "b"}}),
        "DistributeImage": ({"sourceImage": built, "distributionConfigurationArn": home, "executionRole": ROLE}, {"tags": {"a": "b"}}),
        "UpdateInfrastructureConfiguration": ({"infrastructureConfigurationArn": parts["infrastructureConfigurationArn"], "instanceProfileName": "profile"}, {"instanceProfileName": "other"}),
        "UpdateDistributionConfiguration": ({"distributionConfigurationArn": home, "distributions": [{"region": "eu-west-1", "amiDistributionConfiguration": {}}]}, {"description": "other"}),
        "UpdateImagePipeline": ({"imagePipelineArn": pipeline, **parts}, {"description": "other"}),
        "UpdateLifecyclePolicy": ({"lifecyclePolicyArn": policy, **POLICY}, {"description": "other"}),
        "StartImagePipelineExecution": ({"imagePipelineArn": pipeline}, {"tags": {"a": "b"}}),
        "StartResourceStateUpdate": ({"resourceArn": built, "state": {"status": "DEPRECATED"}}, {"state": {"status": "DISABLED"}}),
        "SendWorkflowStepAction": ({"stepExecutionId": step["stepExecutionId"], "imageBuildVersionArn": waits, "action": "RESUME"}, {"action": "STOP"}),
        "RetryImage": ({"imageBuildVersionArn": broken}, {"imageBuildVersionArn": built}),
        "CancelImageCreation": ({"imageBuildVersionArn": going}, {"imageBuildVersionArn": built}),
    }


def test_a_client_token_stands_for_one_request(builder):
    cases = creations(builder)
    assert set(cases) == set(with_member("clientToken"))
    for name, (given, other) in cases.items():
        again = [call(builder.client, name)(**given, clientToken="once") for _ in range(2)]
        told = [{key: value for key, value in one.items() if key not in ("ResponseMetadata", "requestId")} for one in again]
        assert told[0] == told[1], name
        assert refused(call(builder.client, name), **{**given, **other}, clientToken="once") == "IdempotentParameterMismatchException", name


DRY = [name for name in OPERATIONS if "dryRun" in shape(name).members]


def test_a_dry_run_judges_the_request_and_does_nothing(builder):
    cases = creations(builder)
    for name in DRY:
        given, _ = cases[name]
        assert refused(call(builder.client, name), **given, dryRun=True) == "DryRunOperationException", name
        call(builder.client, name)(**given)
    wrong = {"name": "one", "semanticVersion": "1.0.0", "parentImage": "ami-0123456789abcdef0"}
    assert refused(builder.client.create_image_recipe, **wrong, dryRun=True) == "InvalidParameterValueException"


def test_an_operation_that_is_not_emulated(sandbox):
    status, text = sandbox.send("imagebuilder", "PUT", "/ImportVmImage", "{}", {"content-type": "application/json"})
    assert status == 404 and "ImportVmImage" in text
