"""Maintenance windows, change calendars and associations as boto3 and the AWS command line see them."""

import pytest

from account import refused

UUID = "01234567-89ab-4cde-8f01-23456789abcd"
NO_WINDOW = "mw-0123456789abcdef0"
WINDOW = {"Name": "nightly", "Schedule": "cron(0 9 * * ? *)", "Duration": 3, "Cutoff": 1, "AllowUnassociatedTargets": False}


@pytest.fixture
def ssm(world):
    return world.client("ssm")


def window(ssm, **further):
    return ssm.create_maintenance_window(**{**WINDOW, **further})["WindowId"]


def target(ssm, id, *nodes, **further):
    targets = [{"Key": "InstanceIds", "Values": list(nodes)}]
    return ssm.register_target_with_maintenance_window(**{"WindowId": id, "ResourceType": "INSTANCE", "Targets": targets, **further})["WindowTargetId"]


def task(ssm, id, targets, lines=("df",), **further):
    given = {
        "WindowId": id, "TaskArn": "AWS-RunShellScript", "TaskType": "RUN_COMMAND", "MaxConcurrency": "1", "MaxErrors": "0",
        "Targets": [{"Key": "WindowTargetIds", "Values": list(targets)}],
        "TaskInvocationParameters": {"RunCommand": {"Parameters": {"commands": list(lines), "executionTimeout": ["90000"]}}},
    }  # fmt: skip
    return ssm.register_task_with_maintenance_window(**{**given, **further})["WindowTaskId"]


def executions(ssm, id):
    return ssm.describe_maintenance_window_executions(WindowId=id)["WindowExecutions"]


def tasks(ssm, execution):
    return ssm.describe_maintenance_window_execution_tasks(WindowExecutionId=execution["WindowExecutionId"])["WindowExecutionTaskIdentities"]


def invocations(ssm, execution, of):
    given = {"WindowExecutionId": execution["WindowExecutionId"], "TaskId": of["TaskExecutionId"]}
    return ssm.describe_maintenance_window_execution_task_invocations(**given)["WindowExecutionTaskInvocationIdentities"]


# Definitions


def test_a_window_is_what_was_made(world, ssm, nodes):
    made = window(ssm, Description="by night", ScheduleTimezone="Europe/Berlin", ScheduleOffset=1, StartDate="2026-11-25T00:00:00Z", EndDate="2027-01-01T00:00:00Z", Tags=[{"Key": "a", "Value": "b"}])
    seen = ssm.get_maintenance_window(WindowId=made)
    for member, value in {**WINDOW, "Description": "by night", "ScheduleTimezone": "Europe/Berlin", "ScheduleOffset": 1, "Enabled": True}.items():
        assert seen[member] == value
    assert (seen["StartDate"], seen["NextExecutionTime"], seen["CreatedDate"]) == ("2026-11-25T00:00:00Z", "2026-11-25T08:00Z", seen["ModifiedDate"])
    assert ssm.list_tags_for_resource(ResourceType="MaintenanceWindow", ResourceId=made)["TagList"] == [{"Key": "a", "Value": "b"}]
    changed = ssm.update_maintenance_window(WindowId=made, Duration=5, Enabled=False)
    assert (changed["Duration"], changed["Enabled"], changed["Description"]) == (5, False, "by night")
    assert "NextExecutionTime" not in ssm.get_maintenance_window(WindowId=made)
    replaced = ssm.update_maintenance_window(WindowId=made, Replace=True, **{**WINDOW, "Name": "daily"})
    assert replaced["Name"] == "daily" and "Description" not in replaced
    assert refused(ssm.update_maintenance_window, WindowId=made, Replace=True, Name="daily") == "ValidationException"
    assert ssm.delete_maintenance_window(WindowId=made)["WindowId"] == made
    assert ssm.delete_maintenance_window(WindowId=made)["WindowId"] == made, "an unknown window is no error"
    assert refused(ssm.get_maintenance_window, WindowId=made) == "DoesNotExistException"


def test_windows_in_pages_and_by_filters(world, ssm, nodes):
    made = [window(ssm, Name=f"w-{number}") for number in range(12)]
    ssm.update_maintenance_window(WindowId=made[3], Enabled=False)
    assert len(world.walk(ssm, "describe_maintenance_windows", 10)) == 12
    found = lambda key, value: [one["WindowId"] for one in ssm.describe_maintenance_windows(Filters=[{"Key": key, "Values": [value]}])["WindowIdentities"]]  # noqa: E731
    assert found("Name", "w-7") == [made[7]] and found("Enabled", "false") == [made[3]]
    for number in range(11):
        target(ssm, made[0], nodes["linux-1"], OwnerInformation=f"o{number}", Name=f"t-{number}", Description="d")
    first = target(ssm, made[1], nodes["linux-1"])
    for number in range(11):
        task(ssm, made[1], [first], Priority=number, Name=f"t-{number}", Description="d")
    assert len(world.walk(ssm, "describe_maintenance_window_targets", 10, WindowId=made[0])) == 11
    assert [one["Priority"] for one in world.walk(ssm, "describe_maintenance_window_tasks", 10, WindowId=made[1])] == list(range(11))
    mine = [{"Key": "OwnerInformation", "Values": ["o4"]}]
    told = ssm.describe_maintenance_window_targets(WindowId=made[0], Filters=mine)["Targets"]
    assert [(one["Name"], one["ResourceType"], one["Targets"][0]["Values"]) for one in told] == [("t-4", "INSTANCE", [nodes["linux-1"]])]
    urgent = [{"Key": "Priority", "Values": ["3"]}, {"Key": "TaskType", "Values": ["RUN_COMMAND"]}]
    told = ssm.describe_maintenance_window_tasks(WindowId=made[1], Filters=urgent)["Tasks"]
    assert [(one["Name"], one["Type"], one["TaskArn"], one["MaxErrors"]) for one in told] == [("t-3", "RUN_COMMAND", "AWS-RunShellScript", "0")]
    windows = world.walk(ssm, "describe_maintenance_windows_for_target", 1, Targets=[{"Key": "InstanceIds", "Values": [nodes["linux-1"]]}], ResourceType="INSTANCE")
    assert {one["WindowId"] for one in windows} == set(made[:2])
    assert len(world.walk(ssm, "describe_maintenance_window_schedule", 50, Filters=[{"Key": "ScheduledBefore", "Values": ["2026-12-04T00:00:00Z"]}])) == 110
    one = ssm.describe_maintenance_window_schedule(WindowId=made[0], Filters=[{"Key": "ScheduledAfter", "Values": ["2026-12-01T12:00:00Z"]}], MaxResults=2)
    assert [told["ExecutionTime"] for told in one["ScheduledWindowExecutions"]] == ["2026-12-02T09:00Z", "2026-12-03T09:00Z"]
    by_node = ssm.describe_maintenance_window_schedule(Targets=[{"Key": "InstanceIds", "Values": [nodes["linux-1"]]}], ResourceType="INSTANCE", MaxResults=2)
    assert {told["WindowId"] for told in by_node["ScheduledWindowExecutions"]} == set(made[:2])


def test_definitions_are_checked(ssm, nodes):
    code = lambda **given: refused(window, ssm=ssm, **given)  # noqa: E731
    assert code(Schedule="every night") == code(Cutoff=3) == code(ScheduleTimezone="Mars/Phobos") == "ValidationException"
    assert code(EndDate="2026-01-01T00:00:00Z") == code(StartDate="soon") == code(Schedule="rate(1 day)", ScheduleOffset=1) == "ValidationException"
    assert window(ssm, ClientToken="t") == window(ssm, ClientToken="t")
    assert code(ClientToken="t", Name="other") == "IdempotentParameterMismatch"
    id = window(ssm)
    one = target(ssm, id, nodes["linux-1"], ClientToken="t")
    assert target(ssm, id, nodes["linux-1"], ClientToken="t") == one
    assert refused(target, ssm=ssm, id=id, ClientToken="t") == "IdempotentParameterMismatch"
    first = task(ssm, id, [one], ClientToken="t")
    assert task(ssm, id, [one], ClientToken="t") == first
    assert refused(task, ssm=ssm, id=id, targets=[one], ClientToken="t", Priority=7) == "IdempotentParameterMismatch"
    assert refused(task, ssm=ssm, id=id, targets=[UUID]) == "DoesNotExistException"
    unassociated = [{"Key": "InstanceIds", "Values": [nodes["linux-2"]]}]
    assert refused(task, ssm=ssm, id=id, targets=[], Targets=unassociated) == "ValidationException"
    task(ssm, id, [], Targets=[{"Key": "InstanceIds", "Values": [nodes["linux-1"]]}])
    assert refused(ssm.register_task_with_maintenance_window, WindowId=id, TaskArn="AWS-RunShellScript", TaskType="RUN_COMMAND") == "ValidationException"
    assert refused(ssm.register_target_with_maintenance_window, WindowId=id, ResourceType="RESOURCE_GROUP", Targets=unassociated) == "ValidationException"
    assert refused(ssm.deregister_target_from_maintenance_window, WindowId=id, WindowTargetId=one, Safe=True) == "TargetInUseException"
    assert ssm.deregister_task_from_maintenance_window(WindowId=id, WindowTaskId=first)["WindowTaskId"] == first
    assert ssm.deregister_target_from_maintenance_window(WindowId=id, WindowTargetId=one)["WindowTargetId"] == one


def test_what_is_not_there(ssm, nodes):
    id = window(ssm)
    for call, given in (
        (ssm.get_maintenance_window, {}),
        (ssm.update_maintenance_window, {"Name": "other"}),
        (ssm.describe_maintenance_window_targets, {}),
        (ssm.describe_maintenance_window_tasks, {}),
        (ssm.describe_maintenance_window_schedule, {}),
        (ssm.deregister_target_from_maintenance_window, {"WindowTargetId": UUID}),
        (ssm.deregister_task_from_maintenance_window, {"WindowTaskId": UUID}),
        (ssm.register_target_with_maintenance_window, {"ResourceType": "INSTANCE", "Targets": [{"Key": "InstanceIds", "Values": [nodes["linux-1"]]}]}),
    ):
        assert refused(call, WindowId=NO_WINDOW, **given) == "DoesNotExistException"
    assert refused(task, ssm=ssm, id=NO_WINDOW, targets=[UUID]) == "DoesNotExistException"
    assert refused(ssm.deregister_target_from_maintenance_window, WindowId=id, WindowTargetId=UUID) == "DoesNotExistException"
    assert refused(ssm.get_maintenance_window_execution, WindowExecutionId=UUID) == "DoesNotExistException"
    assert refused(ssm.describe_maintenance_window_execution_tasks, WindowExecutionId=UUID) == "DoesNotExistException"
    assert refused(ssm.describe_maintenance_window_execution_task_invocations, WindowExecutionId=UUID, TaskId=UUID) == "DoesNotExistException"
    assert executions(ssm, NO_WINDOW) == []


def test_there_are_quotas(ssm, nodes):
    id = window(ssm)
    for number in range(49):
        window(ssm, Name=f"w-{number}")
    assert refused(window, ssm=ssm) == "ResourceLimitExceededException"
    first = target(ssm, id, nodes["linux-1"])
    for _ in range(99):
        target(ssm, id, nodes["linux-1"])
    assert refused(ssm.register_target_with_maintenance_window, WindowId=id, ResourceType="INSTANCE", Targets=[{"Key": "tag-key", "Values": ["a"]}]) == "ResourceLimitExceededException"
    for _ in range(20):
        task(ssm, id, [first])
    assert refused(task, ssm=ssm, id=id, targets=[first]) == "ResourceLimitExceededException"


# What windows do


def test_a_window_runs_its_tasks(world, ssm, nodes):
    id = window(ssm)
    both = target(ssm, id, nodes["linux-1"], nodes["linux-2"], OwnerInformation="us")
    tagged = ssm.register_target_with_maintenance_window(WindowId=id, ResourceType="INSTANCE", Targets=[{"Key": "tag:env", "Values": ["prod"]}])["WindowTargetId"]
    task(ssm, id, [both, tagged], ["echo {{WINDOW_EXECUTION_ID}}", "sleep 300"], Priority=1)
    task(ssm, id, [tagged], Priority=2)
    old = {"commands": {"Values": ["df"]}}
    task(ssm, id, [tagged], TaskInvocationParameters={}, TaskParameters=old, Priority=2)
    world.advance("60m")
    assert [one["Status"] for one in executions(ssm, id)] == ["PENDING"]
    world.advance("1m")
    (execution,) = executions(ssm, id)
    assert execution["Status"] == "IN_PROGRESS" and execution["StartTime"].isoformat() == "2026-11-24T09:00:00+00:00"
    assert [one["Status"] for one in tasks(ssm, execution)] == ["IN_PROGRESS", "PENDING", "PENDING"]
    world.advance("30m")
    (execution,) = executions(ssm, id)
    assert execution["Status"] == "SUCCESS" and execution["EndTime"]
    done = tasks(ssm, execution)
    assert [(one["Status"], one["TaskType"], one["TaskArn"]) for one in done] == [("SUCCESS", "RUN_COMMAND", "AWS-RunShellScript")] * 3
    first, second = invocations(ssm, execution, done[0])
    assert (first["Status"], first["OwnerInformation"], first["WindowTargetId"], second["WindowTargetId"]) == ("SUCCESS", "us", both, tagged)
    assert second["StartTime"] >= first["EndTime"], "the second target waits, so that MaxConcurrency holds"
    command = ssm.get_command_invocation(CommandId=first["ExecutionId"], InstanceId=nodes["linux-2"])
    assert command["StandardOutputContent"].strip() == execution["WindowExecutionId"]
    got = ssm.get_maintenance_window_execution(WindowExecutionId=execution["WindowExecutionId"])
    assert (got["Status"], got["TaskIds"]) == ("SUCCESS", [one["TaskExecutionId"] for one in done])
    for number in range(11):
        world.advance("24h")
    assert len(world.walk(ssm, "describe_maintenance_window_executions", 10, WindowId=id)) == 12
    before = [{"Key": "ExecutedBefore", "Values": ["2026-11-26T00:00:00Z"]}]
    assert len(ssm.describe_maintenance_window_executions(WindowId=id, Filters=before)["WindowExecutions"]) == 2
    after = [{"Key": "ExecutedAfter", "Values": ["2026-12-04T00:00:00Z"]}]
    assert len(ssm.describe_maintenance_window_executions(WindowId=id, Filters=after)["WindowExecutions"]) == 2
    assert refused(ssm.describe_maintenance_window_execution_task_invocations, WindowExecutionId=execution["WindowExecutionId"], TaskId=UUID) == "DoesNotExistException"


def test_tasks_and_invocations_in_pages(world, ssm, nodes):
    id = window(ssm)
    one = target(ssm, id, nodes["linux-1"])
    many = [target(ssm, id, nodes["linux-2"]) for _ in range(11)]
    task(ssm, id, many)
    for _ in range(10):
        task(ssm, id, [one])
    world.advance("3h")
    (execution,) = executions(ssm, id)
    walked = world.walk(ssm, "describe_maintenance_window_execution_tasks", 10, WindowExecutionId=execution["WindowExecutionId"])
    assert len(walked) == 11
    counts = {}
    for told in walked:
        counts[told["TaskExecutionId"]] = len(invocations(ssm, execution, told))
    busy = max(counts, key=counts.get)
    given = {"WindowExecutionId": execution["WindowExecutionId"], "TaskId": busy}
    assert len(world.walk(ssm, "describe_maintenance_window_execution_task_invocations", 10, **given)) == 11
    done = [{"Key": "STATUS", "Values": ["SUCCESS"]}]
    assert len(ssm.describe_maintenance_window_execution_tasks(WindowExecutionId=execution["WindowExecutionId"], Filters=done)["WindowExecutionTaskIdentities"]) == 11


def test_the_cut_off_a_cancelled_command_and_an_overlap(world, ssm, nodes):
    id = window(ssm, Schedule="rate(3 hours)")
    one, two = target(ssm, id, nodes["linux-1"]), target(ssm, id, nodes["linux-2"])
    task(ssm, id, [one], ["sleep 20000"])
    task(ssm, id, [two], ["sleep 20000"], CutoffBehavior="CANCEL_TASK")
    task(ssm, id, [two], Priority=9)
    world.advance("3h5m")
    world.advance("2h")
    (execution,) = executions(ssm, id)
    assert sorted(one["Status"] for one in tasks(ssm, execution)) == ["IN_PROGRESS", "TIMED_OUT", "TIMED_OUT"]
    world.advance("1h")
    assert [one["Status"] for one in executions(ssm, id)] == ["SKIPPED_OVERLAPPING", "IN_PROGRESS"]
    running = next(one for one in tasks(ssm, execution) if one["Status"] == "IN_PROGRESS")
    (invocation,) = invocations(ssm, execution, running)
    ssm.cancel_command(CommandId=invocation["ExecutionId"])
    assert invocations(ssm, execution, running)[0]["Status"] == "CANCELLING"
    world.advance("1m")
    assert invocations(ssm, execution, running)[0]["Status"] == "CANCELLED"
    assert [one["Status"] for one in executions(ssm, id)] == ["SKIPPED_OVERLAPPING", "TIMED_OUT"]


def test_what_fails_in_a_window(world, ssm, nodes):
    id = window(ssm)
    one = target(ssm, id, nodes["linux-1"])
    task(ssm, id, [one], ["exit 1"])
    task(ssm, id, [one], TaskArn="Nothing")
    role = "arn:aws:iam::123456789012:role/windows"
    task(ssm, id, [one], TaskArn="arn:aws:lambda:eu-west-1:123456789012:function:f", TaskType="LAMBDA", TaskInvocationParameters={"Lambda": {"Payload": b"{}"}}, ServiceRoleArn=role)
    world.advance("2h")
    (execution,) = executions(ssm, id)
    assert (execution["Status"], execution["StatusDetails"]) == ("FAILED", "One or more tasks in the orchestration failed.")
    details = {one["TaskType"] + one["TaskArn"][:7]: one["StatusDetails"] for one in tasks(ssm, execution)}
    assert details["RUN_COMMANDNothing"].startswith("InvalidDocument") and "not emulated" in details["LAMBDAarn:aws"]


def test_an_alarm_stops_a_task(world, ssm, nodes):
    id = window(ssm)
    one = target(ssm, id, nodes["linux-1"])
    task(ssm, id, [one], AlarmConfiguration={"Alarms": [{"Name": "web"}]})
    world.control("faults", {"alarms": [{"name": "web", "state": "ALARM"}]})
    world.advance("2h")
    (execution,) = executions(ssm, id)
    (told,) = tasks(ssm, execution)
    assert (told["Status"], told["TriggeredAlarms"]) == ("CANCELLED", [{"Name": "web", "State": "ALARM"}])


# Calendars


def calendar(*events, kind="DEFAULT_OPEN"):
    lines = ["BEGIN:VCALENDAR", "PRODID:-//AWS//Change Calendar 1.0//EN", "VERSION:2.0", f"X-CALENDAR-TYPE:{kind}"]
    for event in events:
        lines += ["BEGIN:VEVENT", *event, "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


MORNING = ["DTSTART:20261124T090000Z", "DTEND:20261124T110000Z"]


def make_calendar(ssm, name, *events, **further):
    ssm.create_document(Name=name, Content=calendar(*events, **further), DocumentType="ChangeCalendar", DocumentFormat="TEXT")


def test_a_calendar_opens_and_closes(world, ssm, nodes):
    make_calendar(ssm, "Freeze", MORNING)
    make_calendar(ssm, "Night", ["DTSTART;TZID=Europe/Berlin:20261124T080000", "DTEND;TZID=Europe/Berlin:20261124T230000"], kind="DEFAULT_CLOSED")
    state = ssm.get_calendar_state(CalendarNames=["Freeze"])
    assert (state["State"], state["AtTime"], state["NextTransitionTime"]) == ("OPEN", "2026-11-24T08:00:00Z", "2026-11-24T09:00:00Z")
    state = ssm.get_calendar_state(CalendarNames=["Freeze"], AtTime="2026-11-24T10:00:00Z")
    assert (state["State"], state["NextTransitionTime"]) == ("CLOSED", "2026-11-24T11:00:00Z")
    both = ssm.get_calendar_state(CalendarNames=["Freeze", "arn:aws:ssm:eu-west-1:123456789012:document/Night"], AtTime="2026-11-24T22:30:00Z")
    assert both["State"] == "CLOSED" and "NextTransitionTime" not in both
    make_calendar(ssm, "Weekly", [*MORNING, "RRULE:FREQ=WEEKLY"])
    assert refused(ssm.get_calendar_state, CalendarNames=["Weekly"]) == "UnsupportedCalendarException"
    assert refused(ssm.get_calendar_state, CalendarNames=["Nothing"]) == "InvalidDocument"
    assert refused(ssm.get_calendar_state, CalendarNames=["AWS-RunShellScript"]) == "InvalidDocumentType"
    assert refused(ssm.get_calendar_state, CalendarNames=["Freeze"], AtTime="soon") == "ValidationException"


def test_a_closed_calendar_holds_an_association_up(world, ssm, nodes):
    make_calendar(ssm, "Freeze", ["DTSTART:20261124T070000Z", "DTEND:20261124T083000Z"])
    one = [{"Key": "InstanceIds", "Values": [nodes["linux-1"]]}]
    made = ssm.create_association(Name="AWS-UpdateSSMAgent", Targets=one, ScheduleExpression="rate(1 hour)", CalendarNames=["Freeze"])
    id = made["AssociationDescription"]["AssociationId"]
    world.advance("30m")
    assert "LastExecutionDate" not in ssm.describe_association(AssociationId=id)["AssociationDescription"]
    world.advance("1h")
    assert ssm.describe_association(AssociationId=id)["AssociationDescription"]["LastExecutionDate"]


# Associations


def associate(ssm, **given):
    return ssm.create_association(**{"Name": "AWS-RunShellScript", "Parameters": {"commands": ["df"]}, **given})["AssociationDescription"]


def test_an_association_is_what_was_made(world, ssm, nodes):
    tags = [{"Key": "a", "Value": "b"}]
    bucket = {"S3Location": {"OutputS3BucketName": "a-bucket", "OutputS3Region": "eu-west-1"}}
    made = associate(
        ssm, AssociationName="daily", Targets=[{"Key": "tag:env", "Values": ["test"]}], ScheduleExpression="rate(1 day)", MaxErrors="1", MaxConcurrency="2",
        ComplianceSeverity="HIGH", SyncCompliance="MANUAL", ApplyOnlyAtCronInterval=True, OutputLocation=bucket, Tags=tags,
    )  # fmt: skip
    seen = ssm.describe_association(AssociationId=made["AssociationId"])["AssociationDescription"]
    assert seen == made and seen["Overview"]["Status"] == "Pending" and seen["OutputLocation"] == bucket
    assert (seen["MaxErrors"], seen["MaxConcurrency"], seen["ComplianceSeverity"], seen["SyncCompliance"]) == ("1", "2", "HIGH", "MANUAL")
    assert ssm.list_tags_for_resource(ResourceType="Association", ResourceId=made["AssociationId"])["TagList"] == tags
    world.advance("25h")
    listed = ssm.list_associations(AssociationFilterList=[{"key": "AssociationName", "value": "daily"}])["Associations"][0]
    assert listed["Overview"] == {"Status": "Failed", "DetailedStatus": "Failed", "AssociationStatusAggregatedCount": {"Success": 3, "Failed": 1}}
    status = ssm.describe_instance_associations_status(InstanceId=nodes["windows-1"])["InstanceAssociationStatusInfos"][0]
    assert (status["Status"], status["Name"], status["AssociationName"]) == ("Failed", "AWS-RunShellScript", "daily")
    effective = ssm.describe_effective_instance_associations(InstanceId=nodes["linux-1"])["Associations"][0]
    assert effective["AssociationId"] == made["AssociationId"] and "mainSteps" in effective["Content"]
    information = ssm.describe_instance_information(Filters=[{"Key": "AssociationStatus", "Values": ["Failed"]}])
    assert [one["InstanceId"] for one in information["InstanceInformationList"]] == [nodes["windows-1"]]
    ssm.delete_association(AssociationId=made["AssociationId"])
    assert ssm.list_associations()["Associations"] == []
    assert refused(ssm.describe_association, AssociationId=made["AssociationId"]) == "AssociationDoesNotExist"


def test_an_association_keeps_to_its_limits(world, ssm, nodes):
    test = [{"Key": "tag:env", "Values": ["test", "prod"]}]
    ran = lambda id: [one for one in nodes.values() if state(id, one).get("ExecutionDate")]  # noqa: E731

    def state(id, node):
        told = ssm.describe_instance_associations_status(InstanceId=node)["InstanceAssociationStatusInfos"]
        return next((one for one in told if one["AssociationId"] == id), {})

    stopped = associate(ssm, Targets=test, Parameters={"commands": ["exit 1"]}, MaxConcurrency="1", MaxErrors="1")["AssociationId"]
    world.advance("1h")
    assert len(ran(stopped)) == 2, "nothing more is begun after the second error"
    through = associate(ssm, Targets=test, Parameters={"commands": ["exit 1"]}, MaxConcurrency="50%", MaxErrors="100%")["AssociationId"]
    world.advance("1h")
    assert len(ran(through)) == 5
    overview = ssm.describe_association(AssociationId=through)["AssociationDescription"]["Overview"]
    assert overview["AssociationStatusAggregatedCount"] == {"Failed": 5}


def test_an_association_keeps_to_its_offset(world, ssm, nodes):
    one = [{"Key": "InstanceIds", "Values": [nodes["linux-1"]]}]
    made = associate(ssm, Targets=one, ScheduleExpression="cron(0 10 ? * TUE#4 *)", ScheduleOffset=2, ApplyOnlyAtCronInterval=True)
    ran = lambda: ssm.describe_association(AssociationId=made["AssociationId"])["AssociationDescription"].get("LastExecutionDate")  # noqa: E731
    world.advance("49h")
    assert ran() is None, "the fourth Tuesday is today, and two days later it runs at ten"
    world.advance("2h")
    assert ran().isoformat() == "2026-11-26T10:00:00+00:00"
    assert refused(associate, ssm=ssm, Targets=one, ScheduleExpression="rate(1 day)", ScheduleOffset=2) == "InvalidSchedule"


def test_a_rate_counts_on_when_a_window_is_renamed(world, ssm, nodes):
    id = window(ssm, Schedule="rate(2 hours)")
    world.advance("1h")
    ssm.update_maintenance_window(WindowId=id, Name="renamed")
    assert ssm.get_maintenance_window(WindowId=id)["NextExecutionTime"] == "2026-11-24T10:00Z"
    ssm.update_maintenance_window(WindowId=id, Schedule="rate(3 hours)")
    assert ssm.get_maintenance_window(WindowId=id)["NextExecutionTime"] == "2026-11-24T12:00Z"


def test_an_association_of_one_instance_has_a_status(world, ssm, nodes):
    for name, lines, ends in (("linux-1", ["df"], "Success"), ("linux-2", ["exit 1"], "Failed")):
        made = associate(ssm, InstanceId=nodes[name], Parameters={"commands": lines})
        assert (made["Status"]["Name"], made["InstanceId"]) == ("Pending", nodes[name])
        world.advance("5m")
        by_name = {"Name": "AWS-RunShellScript", "InstanceId": nodes[name]}
        assert ssm.describe_association(**by_name)["AssociationDescription"]["Status"]["Name"] == ends
        ssm.delete_association(**by_name)
        assert refused(ssm.delete_association, **by_name) == "AssociationDoesNotExist"


def test_associations_in_pages(world, ssm, nodes):
    everywhere = [{"Key": "InstanceIds", "Values": ["*"]}]
    for number in range(7):
        associate(ssm, AssociationName=f"a-{number}", Targets=everywhere)
    world.advance("5m")
    assert len(world.walk(ssm, "list_associations", 3)) == 7
    assert len(world.walk(ssm, "describe_instance_associations_status", 3, InstanceId=nodes["linux-1"])) == 7
    assert len(world.walk(ssm, "describe_effective_instance_associations", 2, InstanceId=nodes["linux-1"])) == 7
    found = lambda key, value: len(ssm.list_associations(AssociationFilterList=[{"key": key, "value": value}])["Associations"])  # noqa: E731
    assert found("InstanceId", nodes["linux-1"]) == 7 and found("Name", "AWS-UpdateSSMAgent") == 0
    assert found("LastExecutedAfter", "2026-11-24T07:00:00Z") == 7 and found("LastExecutedBefore", "2026-11-24T07:00:00Z") == 0


def test_associations_are_checked(world, ssm, nodes):
    one = nodes["linux-1"]
    code = lambda **given: refused(associate, ssm=ssm, **{"InstanceId": one, **given})  # noqa: E731
    associate(ssm, InstanceId=one)
    assert code() == "AssociationAlreadyExists"
    assert code(Name="Nothing") == "InvalidDocument"
    assert code(DocumentVersion="9") == "InvalidDocumentVersion"
    assert code(InstanceId="mi-0123456789abcdef0") == "InvalidInstanceId"
    assert code(InstanceId=nodes["windows-1"]) == "UnsupportedPlatformType"
    assert code(Parameters={"nothing": ["x"]}) == "InvalidParameters"
    assert code(ScheduleExpression="daily") == "InvalidSchedule"
    assert code(OutputLocation={"S3Location": {"OutputS3BucketName": "No_Bucket"}}) == "InvalidOutputLocation"
    assert code(Tags=[{"Key": "aws:x", "Value": "y"}]) == "InvalidTag"
    assert code(TargetMaps=[{"commands": ["df"]}]) == "InvalidTargetMaps"
    assert code(Targets=[{"Key": "InstanceIds", "Values": [one]}]) == "InvalidTarget"
    assert refused(ssm.create_association, Name="AWS-UpdateSSMAgent") == "InvalidTarget"
    for call in (ssm.describe_association, ssm.delete_association):
        assert refused(call, Name="Nothing", InstanceId=one) == "InvalidDocument"
        assert refused(call, Name="AWS-UpdateSSMAgent", InstanceId="mi-0123456789abcdef0") == "InvalidInstanceId"
        assert refused(call, Name="AWS-UpdateSSMAgent", InstanceId=one) == "AssociationDoesNotExist"
        assert refused(call, AssociationId=UUID) == "AssociationDoesNotExist"
    id = ssm.list_associations()["Associations"][0]["AssociationId"]
    assert refused(ssm.describe_association, AssociationId=id, AssociationVersion="9") == "InvalidAssociationVersion"
    for call in (ssm.describe_instance_associations_status, ssm.describe_effective_instance_associations):
        assert refused(call, InstanceId="mi-0123456789abcdef0") == "InvalidInstanceId"


def test_two_thousand_associations(ssm, nodes):
    nowhere = [{"Key": "tag:none", "Values": ["x"]}]
    later = {"Targets": nowhere, "ScheduleExpression": "rate(30 days)", "ApplyOnlyAtCronInterval": True}
    for _ in range(2000):
        associate(ssm, **later)
    assert refused(associate, ssm=ssm, **later) == "AssociationLimitExceeded"


def test_the_command_lines_own_examples(world, nodes):
    """From the examples of awscli for maintenance windows and associations."""
    aws = lambda *arguments: world.aws("ssm", *arguments)  # noqa: E731
    id = aws(
        "create-maintenance-window", "--name", "My-First-Maintenance-Window", "--schedule", "cron(0 9 ? * * *)", "--duration", "2", "--cutoff", "1",
        "--allow-unassociated-targets",
    )["WindowId"]  # fmt: skip
    one = aws(
        "register-target-with-maintenance-window", "--window-id", id, "--target", f"Key=InstanceIds,Values={nodes['linux-1']}", "--owner-information",
        "Single instance", "--resource-type", "INSTANCE",
    )["WindowTargetId"]  # fmt: skip
    aws(
        "register-task-with-maintenance-window", "--targets", f"Key=WindowTargetIds,Values={one}", "--task-arn", "AWS-RunShellScript", "--service-role-arn",
        "arn:aws:iam::111222333444:role/MaintenanceWindowsRole", "--window-id", id, "--task-type", "RUN_COMMAND", "--task-parameters",
        '{"commands":{"Values":["df"]}}', "--max-concurrency", "1", "--max-errors", "1", "--priority", "10",
    )  # fmt: skip
    aws(
        "register-task-with-maintenance-window", "--window-id", id, "--targets", f"Key=InstanceIds,Values={nodes['linux-2']}", "--task-arn",
        "AWS-RestartEC2Instance", "--service-role-arn", "arn:aws:iam::111222333444:role/SSM", "--task-type", "AUTOMATION", "--task-invocation-parameters",
        '{"Automation":{"DocumentVersion":"$LATEST","Parameters":{"InstanceId":["{{RESOURCE_ID}}"]}}}', "--priority", "0", "--max-concurrency", "1",
        "--max-errors", "1", "--name", "AutomationExample", "--description", "Restarting EC2 Instance for maintenance",
    )  # fmt: skip
    assert [one["Priority"] for one in aws("describe-maintenance-window-tasks", "--window-id", id)["Tasks"]] == [0, 10]
    assert aws("describe-maintenance-window-targets", "--window-id", id)["Targets"][0]["OwnerInformation"] == "Single instance"
    schedule = aws("describe-maintenance-window-schedule", "--window-id", id, "--filters", "Key=ScheduledBefore,Values=2026-11-27T06:00:00Z")
    assert [one["ExecutionTime"] for one in schedule["ScheduledWindowExecutions"]] == ["2026-11-24T09:00Z", "2026-11-25T09:00Z", "2026-11-26T09:00Z"]
    of_node = aws("describe-maintenance-windows-for-target", "--targets", f"Key=InstanceIds,Values={nodes['linux-1']}", "--resource-type", "INSTANCE")
    assert of_node["WindowIdentities"] == [{"WindowId": id, "Name": "My-First-Maintenance-Window"}]
    world.advance("2h")
    execution = aws("describe-maintenance-window-executions", "--window-id", id)["WindowExecutions"][0]
    told = aws("describe-maintenance-window-execution-tasks", "--window-execution-id", execution["WindowExecutionId"])["WindowExecutionTaskIdentities"]
    ran = next(one for one in told if one["TaskArn"] == "AWS-RunShellScript")
    assert ran["Status"] == "SUCCESS"
    invocation = aws(
        "describe-maintenance-window-execution-task-invocations", "--window-execution-id", execution["WindowExecutionId"], "--task-id", ran["TaskExecutionId"]
    )["WindowExecutionTaskInvocationIdentities"][0]
    assert '"documentName":"AWS-RunShellScript"' in invocation["Parameters"]
    assert aws("get-maintenance-window-execution", "--window-execution-id", execution["WindowExecutionId"])["Status"] == "FAILED"
    aws("update-maintenance-window", "--window-id", id, "--name", "My-Renamed-MW")
    aws("delete-maintenance-window", "--window-id", id)
    made = aws("create-association", "--name", "AWS-UpdateSSMAgent", "--targets", f"Key=instanceids,Values={nodes['linux-1']}")["AssociationDescription"]
    world.advance("5m")
    assert aws("list-associations")["Associations"][0]["Overview"]["Status"] == "Success"
    aws("delete-association", "--association-id", made["AssociationId"])
