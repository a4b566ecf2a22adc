"""Systems Manager: what the model asks of a request is asked, of every operation and every member."""

import urllib.error

import pytest
from botocore import xform_name

from account import refusal, refused
from ledger import operations

UUID = "01234567-89ab-4cde-8f01-23456789abcd"
WINDOW = "mw-0123456789abcdef0"
PLAIN = {
    "WindowId": WINDOW, "WindowTargetId": UUID, "WindowTaskId": UUID, "WindowExecutionId": UUID, "TaskId": UUID,
    "BaselineId": "pb-0123456789abcdef0", "InstanceId": "mi-0123456789abcdef0", "ActivationId": UUID, "CommandId": UUID,
    "Schedule": "rate(1 day)", "TypeName": "Custom:One", "ComplianceType": "Custom:One", "CaptureTime": "2026-11-24T08:00:00Z",
    "SchemaVersion": "1.0", "Name": "abc", "DocumentName": "AWS-RunShellScript", "Path": "/a", "ResourceId": "mi-0123456789abcdef0",
}  # fmt: skip


def shape_of(client, name):
    return client.meta.service_model.operation_model(name).input_shape


def value(shape, name=""):
    """A value that the model allows."""
    if shape.type_name == "structure":
        return {one: value(shape.members[one], one) for one in shape.required_members}
    if shape.type_name == "list":
        return [value(shape.member, name.removesuffix("s"))]
    if shape.type_name == "map":
        return {}
    if shape.type_name in ("integer", "long"):
        return shape.metadata.get("min", 1)
    if shape.type_name == "boolean":
        return True
    if shape.type_name == "timestamp":
        return "2026-11-25T00:00:00Z"
    return shape.enum[0] if getattr(shape, "enum", None) else PLAIN.get(name, "abc")


def least(client, name):
    """The least that the model lets a request of an operation have."""
    shape = shape_of(client, name)
    return {member: value(shape.members[member], member) for member in shape.required_members}


def call(client, name, **given):
    return refusal(getattr(client, xform_name(name)), **given)


def lower(name):
    return name[0].lower() + name[1:]


@pytest.mark.parametrize("name", operations("ssm"))
def test_required_members_are_required(sandbox, name):
    loose = sandbox.client("ssm", checked=False)
    given = least(loose, name)
    for member in given:
        code, message = call(loose, name, **{key: held for key, held in given.items() if key != member})
        assert code == "ValidationException"
        assert f"Value null at '{lower(member)}' failed to satisfy constraint: Member must not be null" in message


def beyond(shape):
    """Values that a member must not have, and what is said of them."""
    kind, metadata = shape.type_name, shape.metadata
    if getattr(shape, "enum", None):
        yield "Mauve", "Member must satisfy enum value set"
    if kind in ("integer", "long"):
        if "min" in metadata:
            yield metadata["min"] - 1, f"greater than or equal to {metadata['min']}"
        if "max" in metadata:
            yield metadata["max"] + 1, f"less than or equal to {metadata['max']}"
    if kind == "string":
        if metadata.get("min", 0) > 0:
            yield "", f"length greater than or equal to {metadata['min']}"
        if "max" in metadata:
            yield "x" * (metadata["max"] + 1), f"length less than or equal to {metadata['max']}"
        if "pattern" in metadata and not getattr(shape, "enum", None):
            yield "\0", "Member must satisfy regular expression pattern"
    if kind == "list":
        if metadata.get("min", 0) > 0:
            yield [], f"length greater than or equal to {metadata['min']}"
        if metadata.get("max", 2000) < 2000:
            yield [value(shape.member)] * (metadata["max"] + 1), f"length less than or equal to {metadata['max']}"


@pytest.mark.parametrize("name", operations("ssm"))
def test_members_have_bounds(sandbox, name):
    loose = sandbox.client("ssm", checked=False)
    given = least(loose, name)
    for member, shape in shape_of(loose, name).members.items():
        for bad, words in beyond(shape):
            code, message = call(loose, name, **{**given, member: bad})
            assert code == "ValidationException", f"{member} = {bad!r}"
            assert f"'{lower(member)}' failed to satisfy constraint: " in message and words in message, message


@pytest.mark.parametrize("name", operations("ssm"))
def test_unknown_members_are_passed_over(sandbox, name):
    target = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"AmazonSSM.{name}"}
    status, text = sandbox.send("ssm", "POST", "/", '{"NoSuchThing": 1}', target)
    assert "NoSuchThing" not in text
    assert status in (200, 400)
    status, text = sandbox.send("ssm", "POST", "/", '{"MaxResults": "many"', target)
    assert status == 400 and "SerializationException" in text


def test_an_operation_that_is_not_emulated_is_named(sandbox):
    target = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AmazonSSM.StartSession"}
    status, text = sandbox.send("ssm", "POST", "/", "{}", target)
    assert status == 400 and "UnknownOperationException" in text and "StartSession" in text


def paged(client):
    return [name for name in operations("ssm") if "NextToken" in (shape_of(client, name).members)]


def test_tokens_belong_to_their_query(world, nodes):
    """Every list refuses what is no token, and the token of another list."""
    ssm = world.client("ssm")
    window = ssm.create_maintenance_window(Name="abc", Schedule="rate(1 hour)", Duration=1, Cutoff=0, AllowUnassociatedTargets=True)["WindowId"]
    target = [{"Key": "InstanceIds", "Values": [nodes["linux-1"]]}]
    ssm.register_task_with_maintenance_window(
        WindowId=window, TaskArn="AWS-RunShellScript", TaskType="RUN_COMMAND", Targets=target, MaxConcurrency="1", MaxErrors="1",
        TaskInvocationParameters={"RunCommand": {"Parameters": {"commands": ["df"]}}},
    )  # fmt: skip
    world.advance("65m")
    execution = ssm.describe_maintenance_window_executions(WindowId=window)["WindowExecutions"][0]["WindowExecutionId"]
    task = ssm.describe_maintenance_window_execution_tasks(WindowExecutionId=execution)["WindowExecutionTaskIdentities"][0]["TaskExecutionId"]
    ssm.put_parameter(Name="/a", Value="1", Type="String")
    real = {
        "WindowId": window, "WindowExecutionId": execution, "TaskId": task, "InstanceId": nodes["linux-1"], "Name": "/a",
        "BaselineId": ssm.get_default_patch_baseline(OperatingSystem="AMAZON_LINUX_2023")["BaselineId"], "InstanceIds": [nodes["linux-1"]],
        "TypeName": "AWS:Application", "Property": "PRODUCT", "OperatingSystem": "AMAZON_LINUX_2023", "Targets": target, "PatchGroup": "web",
    }  # fmt: skip
    stolen = ssm.describe_parameters(MaxResults=1).get("NextToken") or ssm.list_documents(MaxResults=1)["NextToken"]
    loose = world.client("ssm", checked=False)
    names = paged(ssm)
    assert len(names) > 30
    for name in names:
        given = {member: real.get(member, held) for member, held in least(loose, name).items()}
        assert refused(getattr(loose, xform_name(name)), **given, NextToken="nonsense") == "InvalidNextToken", name
        if name != "ListDocuments":
            assert refused(getattr(loose, xform_name(name)), **given, NextToken=stolen) == "InvalidNextToken", name


@pytest.mark.parametrize("name", [
    "AddTagsToResource", "CreateDocument", "DeleteActivation", "DeleteAssociation", "LabelParameterVersion", "PutParameter",
    "RemoveTagsFromResource", "UnlabelParameterVersion",
])  # fmt: skip
def test_a_fault_stands_for_an_update_at_the_same_time(sandbox, name):
    """One request is answered after the other: that two meet is a fault, with the error that the operation declares."""
    client = sandbox.client("ssm", checked=False)
    sandbox.control("faults", {"wire": [{"calls": "ssm:*", "kind": {"error": "TooManyUpdates"}, "times": 1}]})
    # Operations that do not declare the error are let pass.
    assert client.describe_parameters()["Parameters"] == []
    assert call(client, name, **least(client, name))[0] == "TooManyUpdates"


def test_an_error_that_no_call_declares_is_no_fault(sandbox):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        sandbox.control("faults", {"wire": [{"calls": "ssm:Get*", "kind": {"error": "TooManyUpdates"}}]})
    assert refusal.value.code == 400 and b"none of the calls `ssm:Get*` declares an error `TooManyUpdates`" in refusal.value.read()
