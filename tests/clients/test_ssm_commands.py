"""Run Command and documents as boto3 and the AWS command line see them."""

import json

import pytest

from account import refused

NOWHERE = "mi-0123456789abcdef0"
MALFORMED = "i-zzzzzzzzzzzzzzzzz"
UUID = "01234567-89ab-4cde-8f01-23456789abcd"
TEST = [{"Key": "tag:env", "Values": ["test"]}]


@pytest.fixture
def ssm(world):
    return world.client("ssm")


def send(ssm, node=None, lines=("df",), document="AWS-RunShellScript", **further):
    given = {"Parameters": {"commands": list(lines)}} if document == "AWS-RunShellScript" else {}
    if node is not None:
        given["InstanceIds"] = [node] if isinstance(node, str) else list(node)
    return ssm.send_command(DocumentName=document, **{**given, **further})["Command"]


def invocation(ssm, command, node, **further):
    return ssm.get_command_invocation(CommandId=command["CommandId"], InstanceId=node, **further)


def listed(ssm, command):
    return ssm.list_commands(CommandId=command["CommandId"])["Commands"][0]


def document(*steps, schema="2.2", **further):
    return json.dumps({"schemaVersion": schema, "description": "greets", "mainSteps": list(steps), **further})


def step(name, *lines, action="aws:runShellScript", **further):
    return {"action": action, "name": name, "inputs": {"runCommand": list(lines)}, **further}


# Commands


def test_a_command_is_what_was_sent(world, ssm, nodes):
    sent = send(ssm, nodes["linux-1"], ["echo hello"], Comment="mine", TimeoutSeconds=600, MaxConcurrency="2", MaxErrors="1")
    assert (sent["Status"], sent["Comment"], sent["TargetCount"], sent["TimeoutSeconds"]) == ("Pending", "mine", 1, 600)
    assert (sent["MaxConcurrency"], sent["MaxErrors"], sent["Parameters"]) == ("2", "1", {"commands": ["echo hello"]})
    assert (sent["ExpiresAfter"] - sent["RequestedDateTime"]).total_seconds() == 600 + 3600
    assert refused(invocation, ssm=ssm, command=sent, node=nodes["linux-1"]) == "InvocationDoesNotExist"
    world.wait(ssm, "command_executed", CommandId=sent["CommandId"], InstanceId=nodes["linux-1"])
    ran = invocation(ssm, sent, nodes["linux-1"])
    assert (ran["Status"], ran["ResponseCode"], ran["StandardOutputContent"]) == ("Success", 0, "hello\n")
    assert (ran["PluginName"], ran["DocumentName"]) == ("aws:runShellScript", "AWS-RunShellScript")
    told = ssm.list_command_invocations(CommandId=sent["CommandId"], Details=True)["CommandInvocations"][0]
    assert (told["InstanceId"], told["Status"]) == (nodes["linux-1"], "Success")
    assert (told["CommandPlugins"][0]["Output"], told["CommandPlugins"][0]["Status"]) == ("hello\n", "Success")
    assert (listed(ssm, sent)["Status"], listed(ssm, sent)["CompletedCount"]) == ("Success", 1)


def test_output_is_cut(world, ssm, nodes):
    sent = send(ssm, nodes["linux-1"], ["echo " + "x" * 9000] * 4)
    world.advance("1m")
    assert len(invocation(ssm, sent, nodes["linux-1"])["StandardOutputContent"]) == 24_000
    plugins = ssm.list_command_invocations(CommandId=sent["CommandId"], Details=True)["CommandInvocations"][0]["CommandPlugins"]
    assert len(plugins[0]["Output"]) == 2500


def test_a_failure_an_overrun_and_a_silent_agent(world, ssm, nodes):
    failed = send(ssm, nodes["linux-1"], ["exit 7"])
    slow = send(ssm, nodes["linux-2"], Parameters={"commands": ["sleep 4000"], "executionTimeout": ["60"]})
    lost = send(ssm, nodes["silent-1"], TimeoutSeconds=60)
    world.advance("30s")
    states = {name: invocation(ssm, command, nodes[name])["Status"] for name, command in (("linux-1", failed), ("linux-2", slow), ("silent-1", lost))}
    assert states == {"linux-1": "Failed", "linux-2": "InProgress", "silent-1": "Delayed"}
    world.advance("2h")
    assert invocation(ssm, failed, nodes["linux-1"])["ResponseCode"] == 7
    assert "exit status 7" in invocation(ssm, failed, nodes["linux-1"])["StandardErrorContent"]
    assert (invocation(ssm, slow, nodes["linux-2"])["Status"], invocation(ssm, slow, nodes["linux-2"])["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")
    assert invocation(ssm, lost, nodes["silent-1"])["StatusDetails"] == "DeliveryTimedOut"
    assert (listed(ssm, failed)["Status"], listed(ssm, slow)["Status"], listed(ssm, lost)["Status"]) == ("Failed", "Failed", "TimedOut")
    for command in (failed, slow, lost):
        ssm.list_command_invocations(CommandId=command["CommandId"], Details=True)


def test_a_command_is_cancelled(world, ssm, nodes):
    both = [nodes["linux-1"], nodes["linux-2"]]
    sent = send(ssm, both, ["sleep 600"], MaxConcurrency="1")
    ssm.list_command_invocations(CommandId=sent["CommandId"], Details=True)
    world.advance("30s")
    assert listed(ssm, sent)["Status"] == "InProgress"
    ssm.cancel_command(CommandId=sent["CommandId"])
    assert listed(ssm, sent)["Status"] == "Cancelling"
    assert [invocation(ssm, sent, node)["Status"] for node in both] == ["Cancelling", "Cancelled"]
    ssm.list_command_invocations(CommandId=sent["CommandId"], Details=True)
    world.advance("10s")
    assert listed(ssm, sent)["Status"] == "Cancelled"
    assert [invocation(ssm, sent, node)["Status"] for node in both] == ["Cancelled", "Cancelled"]
    ssm.list_command_invocations(CommandId=sent["CommandId"], Details=True)
    one = send(ssm, both, ["sleep 60"])
    world.advance("30s")
    ssm.cancel_command(CommandId=one["CommandId"], InstanceIds=both[:1])
    world.advance("5m")
    assert [invocation(ssm, one, node)["Status"] for node in both] == ["Cancelled", "Success"]


def test_concurrency_and_errors(world, ssm, nodes):
    sent = send(ssm, None, ["exit 1"], Targets=TEST, MaxConcurrency="1", MaxErrors="1")
    assert sent["TargetCount"] == 4
    world.advance("10m")
    told = ssm.list_command_invocations(CommandId=sent["CommandId"])["CommandInvocations"]
    assert sorted(one["StatusDetails"] for one in told) == ["Failed", "Failed", "InvalidPlatform", "Terminated"]
    assert (listed(ssm, sent)["Status"], listed(ssm, sent)["ErrorCount"]) == ("Failed", 2)
    none = send(ssm, None, Targets=[{"Key": "tag:env", "Values": ["moon"]}])
    assert (listed(ssm, none)["Status"], listed(ssm, none)["StatusDetails"]) == ("Failed", "NoInstancesInTag")


@pytest.mark.parametrize("state", ["ALARM", "UNKNOWN"])
def test_an_alarm_stops_a_command(world, ssm, nodes, state):
    alarm = {"Alarms": [{"Name": "web"}], "IgnorePollAlarmFailure": False}
    sent = send(ssm, None, ["sleep 60"], Targets=[{"Key": "tag-key", "Values": ["Patch Group"]}], MaxConcurrency="1", AlarmConfiguration=alarm)
    world.advance("20s")
    world.control("faults", {"alarms": [{"name": "web", "state": state}]})
    world.advance("5m")
    told = listed(ssm, sent)
    assert (told["Status"], told["TriggeredAlarms"]) == ("Cancelled", [{"Name": "web", "State": state}])
    assert told["AlarmConfiguration"] == alarm
    states = [one["Status"] for one in ssm.list_command_invocations(CommandId=sent["CommandId"])["CommandInvocations"]]
    assert sorted(states) == ["Cancelled", "Success"]


def test_commands_by_filters_and_pages(world, ssm, nodes):
    for number in range(5):
        send(ssm, nodes["linux-1"], ["exit 1"] if number == 3 else ["df"], Comment=str(number))
        world.advance("5m")
    assert [one["Comment"] for one in world.walk(ssm, "list_commands", 2)] == ["4", "3", "2", "1", "0"]
    assert len(world.walk(ssm, "list_command_invocations", 2)) == 5
    found = lambda key, value: [one["Comment"] for one in ssm.list_commands(Filters=[{"key": key, "value": value}])["Commands"]]  # noqa: E731
    assert found("Status", "Failed") == ["3"]
    assert found("InvokedAfter", "2026-11-24T08:12:00Z") == ["4", "3"]
    assert found("InvokedBefore", "2026-11-24T08:02:00Z") == ["0"]
    assert found("DocumentName", "AWS-RunPatchBaseline") == []
    assert len(found("ExecutionStage", "Complete")) == 5
    by_node = ssm.list_commands(InstanceId=nodes["linux-2"])["Commands"]
    assert by_node == []
    only = [{"key": "Status", "value": "Failed"}]
    assert len(ssm.list_command_invocations(Filters=only, InstanceId=nodes["linux-1"])["CommandInvocations"]) == 1
    world.advance("31d")
    assert ssm.list_commands()["Commands"] == []


def test_sending_is_checked(world, ssm, nodes):
    one = nodes["linux-1"]
    code = lambda node=one, **given: refused(send, ssm=ssm, node=node, **given)  # noqa: E731
    assert code(node=[one, one]) == "DuplicateInstanceId"
    assert code(node=NOWHERE) == "InvalidInstanceId"
    assert code(document="Nothing") == "InvalidDocument"
    assert code(DocumentVersion="7") == "InvalidDocumentVersion"
    assert code(Parameters={"nothing": ["x"]}) == "InvalidParameters"
    assert code(node=nodes["windows-1"]) == "UnsupportedPlatformType"
    assert code(lines=["x" * 70_000]) == "MaxDocumentSizeExceeded"
    assert code(OutputS3BucketName="No_Bucket") == "InvalidOutputFolder"
    assert code(ServiceRoleArn="nobody") == "InvalidRole"
    notify = {"NotificationArn": "arn:aws:sns:eu-west-1:123456789012:t", "NotificationEvents": ["All"], "NotificationType": "Command"}
    assert code(NotificationConfig=notify) == "InvalidNotificationConfig"
    assert code(NotificationConfig={**notify, "NotificationArn": "topic"}, ServiceRoleArn="arn:aws:iam::123456789012:role/sns") == "InvalidNotificationConfig"
    send(ssm, one, NotificationConfig=notify, ServiceRoleArn="arn:aws:iam::123456789012:role/sns", OutputS3BucketName="a-bucket", OutputS3KeyPrefix="k")
    assert refused(ssm.send_command, DocumentName="AWS-RunShellScript", Parameters={"commands": ["df"]}) == "ValidationException"
    assert code(Targets=TEST) == "ValidationException"
    assert code(node=None, Targets=[{"Key": "colour", "Values": ["red"]}]) == "ValidationException"


def test_asking_is_checked(world, ssm, nodes):
    one = nodes["linux-1"]
    command = send(ssm, one)
    world.advance("1m")
    bad = "g" * 36
    assert refused(ssm.get_command_invocation, CommandId=bad, InstanceId=one) == "InvalidCommandId"
    assert refused(ssm.get_command_invocation, CommandId=UUID, InstanceId=one) == "InvocationDoesNotExist"
    assert refused(ssm.get_command_invocation, CommandId=command["CommandId"], InstanceId=MALFORMED) == "InvalidInstanceId"
    assert refused(ssm.get_command_invocation, CommandId=command["CommandId"], InstanceId=one, PluginName="nothing") == "InvalidPluginName"
    for call in (ssm.list_commands, ssm.list_command_invocations):
        assert refused(call, CommandId=UUID) == "InvalidCommandId"
        assert refused(call, InstanceId=MALFORMED) == "InvalidInstanceId"
    stage = [{"key": "ExecutionStage", "value": "Complete"}]
    assert refused(ssm.list_command_invocations, Filters=stage) == "InvalidFilterKey"
    assert refused(ssm.cancel_command, CommandId=UUID) == "InvalidCommandId"
    assert refused(ssm.cancel_command, CommandId=command["CommandId"], InstanceIds=[one, one]) == "DuplicateInstanceId"
    assert refused(ssm.cancel_command, CommandId=command["CommandId"], InstanceIds=[nodes["linux-2"]]) == "InvalidInstanceId"


# Documents


def test_a_document_is_what_was_made(world, ssm):
    text = document(
        step("greet", "echo hello {{ who }}"), step("here", "{{ lines }}", precondition={"StringEquals": ["platformType", "Linux"]}),
        parameters={"who": {"type": "String", "default": "world", "description": "whom"}, "lines": {"type": "StringList", "default": ["df"]}},
    )  # fmt: skip
    tags = [{"Key": "team", "Value": "web"}]
    made = ssm.create_document(Name="Greet", Content=text, DocumentType="Command", DisplayName="Greeter", VersionName="v1", Tags=tags)["DocumentDescription"]
    assert (made["Status"], made["Owner"], made["DocumentVersion"], made["SchemaVersion"]) == ("Creating", "123456789012", "1", "2.2")
    seen = ssm.describe_document(Name="Greet")["Document"]
    assert (seen["Status"], seen["DisplayName"], seen["VersionName"], seen["Hash"]) == ("Active", "Greeter", "v1", made["Hash"])
    assert seen["Parameters"] == [
        {"Name": "who", "Type": "String", "Description": "whom", "DefaultValue": "world"},
        {"Name": "lines", "Type": "StringList", "DefaultValue": '["df"]'},
    ]
    assert seen["PlatformTypes"] == ["Linux", "MacOS"] and seen["Tags"] == tags
    got = ssm.get_document(Name="Greet")
    assert (got["Content"], got["DocumentFormat"], got["DocumentType"]) == (text, "JSON", "Command")
    own = ssm.list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])["DocumentIdentifiers"]
    assert [one["Name"] for one in own] == ["Greet"]
    assert len(world.walk(ssm, "list_documents", 2)) == 7
    assert [one["Name"] for one in ssm.list_documents(Filters=[{"Key": "tag:team", "Values": ["web"]}])["DocumentIdentifiers"]] == ["Greet"]
    old = ssm.list_documents(DocumentFilterList=[{"key": "PlatformTypes", "value": "Windows"}, {"key": "Name", "value": "AWS-RunP"}])
    assert [one["Name"] for one in old["DocumentIdentifiers"]] == ["AWS-RunPatchBaseline", "AWS-RunPatchBaselineAssociation", "AWS-RunPowerShellScript"]
    ssm.add_tags_to_resource(ResourceType="Document", ResourceId="Greet", Tags=[{"Key": "a", "Value": "b"}])
    assert len(ssm.list_tags_for_resource(ResourceType="Document", ResourceId="Greet")["TagList"]) == 2


def test_an_own_document_runs(world, ssm, nodes):
    yaml = """
schemaVersion: "2.2"
description: greets
parameters:
  who: {type: String, default: world, allowedPattern: "^[a-z]+$"}
mainSteps:
- action: aws:runShellScript
  name: greet
  inputs: {runCommand: ["echo hello {{ who }}"]}
- action: aws:runShellScript
  name: fail
  inputs: {runCommand: ["exit 2"]}
- action: aws:runPowerShellScript
  name: windows
  precondition: {StringEquals: [platformType, Windows]}
  inputs: {runCommand: ["Write-Output hi"]}
"""
    made = ssm.create_document(Name="Greet", Content=yaml, DocumentFormat="YAML")["DocumentDescription"]
    assert made["PlatformTypes"] == ["Windows", "Linux", "MacOS"]
    sent = send(ssm, nodes["linux-1"], document="Greet", Parameters={"who": ["moon"]})
    world.advance("1m")
    plugins = {name: invocation(ssm, sent, nodes["linux-1"], PluginName=name) for name in ("greet", "fail", "windows")}
    assert {name: (one["Status"], one["ResponseCode"]) for name, one in plugins.items()} == {"greet": ("Success", 0), "fail": ("Failed", 2), "windows": ("Success", 0)}
    assert plugins["greet"]["StandardOutputContent"] == "hello moon\n"
    assert listed(ssm, sent)["Status"] == "Failed"
    assert refused(send, ssm=ssm, node=nodes["linux-1"], document="Greet", Parameters={"who": ["MOON"]}) == "InvalidParameters"
    windows = send(ssm, nodes["windows-1"], document="Greet")
    world.advance("1m")
    assert invocation(ssm, windows, nodes["windows-1"], PluginName="windows")["StandardOutputContent"] == "hi\n"


def test_documents_are_checked(ssm):
    good = document(step("one", "df"))
    ssm.create_document(Name="Greet", Content=good)
    code = lambda name="Other", content=good, **given: refused(ssm.create_document, Name=name, Content=content, **given)  # noqa: E731
    assert code("Greet") == "DocumentAlreadyExists"
    assert code("AWS-Greet") == "ValidationException"
    assert code(content="{") == "InvalidDocumentContent"
    assert code(content=document()) == "InvalidDocumentContent"
    assert code(content=document(step("one", "{{ nothing }}"))) == "InvalidDocumentContent"
    assert code(content=document(step("one"), step("one"))) == "InvalidDocumentContent"
    assert code(content=document(step("one"), schema="3.0")) == "InvalidDocumentSchemaVersion"
    assert code(content=document(step("one", "x" * 70_000))) == "MaxDocumentSizeExceeded"
    assert code(DocumentType="Automation.ChangeTemplate") == "NoLongerSupportedException"
    assert refused(ssm.describe_document, Name="Nothing") == "InvalidDocument"
    assert refused(ssm.describe_document, Name="Greet", DocumentVersion="9") == "InvalidDocumentVersion"
    assert refused(ssm.get_document, Name="Nothing") == "InvalidDocument"
    assert refused(ssm.get_document, Name="Greet", VersionName="v9") == "InvalidDocumentVersion"
    assert refused(ssm.list_documents, Filters=[{"Key": "Colour", "Values": ["red"]}]) == "InvalidFilterKey"


def test_attachments_that_are_nowhere(ssm):
    attached = [{"Key": "SourceUrl", "Values": ["https://s3.amazonaws.com/bucket/key"], "Name": "file.zip"}]
    ssm.create_document(Name="Pack", Content=document(step("one", "df")), Attachments=attached)
    seen = ssm.describe_document(Name="Pack")["Document"]
    assert seen["Status"] == "Failed" and seen["StatusInformation"] and seen["AttachmentsInformation"] == [{"Name": "file.zip"}]


def test_five_hundred_documents(ssm):
    text = document(step("one", "df"))
    for number in range(500):
        ssm.create_document(Name=f"D-{number}", Content=text)
    assert refused(ssm.create_document, Name="More", Content=text) == "DocumentLimitExceeded"


def test_the_command_lines_own_examples(world, nodes, tmp_path):
    """From `send-command`, `list-command-invocations`, `cancel-command`, `create-document` of awscli's examples."""
    sent = world.aws(
        "ssm", "send-command", "--document-name", "AWS-RunShellScript", "--parameters", "commands=echo helloWorld", "--targets",
        f"Key=instanceids,Values={nodes['linux-1']}", "--comment", "echo HelloWorld",
    )["Command"]  # fmt: skip
    world.advance("1m")
    told = world.aws("ssm", "list-command-invocations", "--command-id", sent["CommandId"], "--details")["CommandInvocations"][0]
    assert told["CommandPlugins"][0]["Output"] == "helloWorld\n"
    got = world.aws("ssm", "get-command-invocation", "--command-id", sent["CommandId"], "--instance-id", nodes["linux-1"])
    assert got["StatusDetails"] == "Success"
    slow = world.aws("ssm", "send-command", "--document-name", "AWS-RunShellScript", "--parameters", "commands=sleep 600", "--instance-ids", nodes["linux-1"])
    world.aws("ssm", "cancel-command", "--command-id", slow["Command"]["CommandId"])
    assert world.aws("ssm", "list-commands", "--command-id", slow["Command"]["CommandId"])["Commands"][0]["Status"] == "Cancelled"
    example = tmp_path / "exampleDocument.json"
    example.write_text(json.dumps({"schemaVersion": "0.3", "description": "Document Example", "parameters": {"InstanceId": {"type": "String"}}, "mainSteps": []}))
    made = world.aws("ssm", "create-document", "--content", f"file://{example}", "--name", "Example", "--document-type", "Automation", "--document-format", "JSON")
    assert made["DocumentDescription"]["Status"] == "Creating"
    assert world.aws("ssm", "describe-document", "--name", "Example")["Document"]["SchemaVersion"] == "0.3"
    assert "mainSteps" in world.aws("ssm", "get-document", "--name", "Example")["Content"]
    assert "Example" in [one["Name"] for one in world.aws("ssm", "list-documents", "--filters", "Key=Owner,Values=Self")["DocumentIdentifiers"]]
