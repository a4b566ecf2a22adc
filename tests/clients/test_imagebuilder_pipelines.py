"""EC2 Image Builder: pipelines that start builds on their schedule, and test workflows that run at the same time."""

import pytest

from account import refused
from builder import END, LAUNCH, OWN, ROLE, WAIT, Builder

ALWAYS = {"pipelineExecutionStartCondition": "EXPRESSION_MATCH_ONLY"}


@pytest.fixture
def builder(sandbox, imagebuilder):
    return Builder(sandbox, imagebuilder)


def seen(imagebuilder, arn):
    return imagebuilder.get_image_pipeline(imagePipelineArn=arn)["imagePipeline"]


def images(imagebuilder, arn):
    return imagebuilder.list_image_pipeline_images(imagePipelineArn=arn)["imageSummaryList"]


def test_a_pipeline_runs_on_its_schedule(sandbox, builder, imagebuilder):
    schedule = {"scheduleExpression": "cron(0 2 ? * WED#4 *)", "timezone": "Europe/Berlin", **ALWAYS}
    arn = imagebuilder.create_image_pipeline(name="nightly", **builder.parts(), schedule=schedule, imageTags={"a": "b"})["imagePipelineArn"]
    pipeline = seen(imagebuilder, arn)
    assert pipeline["dateNextRun"] == "2026-11-25T01:00:00.000Z" and pipeline["consecutiveFailures"] == 0
    assert not {"dateLastRun", "lastRunStatus"} & pipeline.keys()
    sandbox.advance("17h2m")
    (image,) = images(imagebuilder, arn)
    assert image["arn"] == f"{OWN}:image/web/1.0.0/1" and image["buildType"] == "SCHEDULED" and image["tags"] == {"a": "b"}
    pipeline = seen(imagebuilder, arn)
    assert pipeline["dateNextRun"] == "2026-12-23T01:00:00.000Z" and pipeline["dateLastRun"].startswith("2026-11-25T01:00:")
    assert pipeline["lastRunStatus"] == "BUILDING"
    builder.until(image["arn"], "AVAILABLE", step="1m")
    listed = imagebuilder.list_image_pipelines(filters=[{"name": "name", "values": ["nightly"]}])["imagePipelineList"]
    assert [one["lastRunStatus"] for one in listed] == ["AVAILABLE"]


def test_a_pipeline_waits_for_something_new(sandbox, builder, imagebuilder):
    component = builder.component()
    newest = component.replace("1.0.0/1", "x.x.x")
    parts = {"imageRecipeArn": builder.recipe(components=[newest]), "infrastructureConfigurationArn": builder.infrastructure()}
    schedule = {"scheduleExpression": "rate(6 hours)"}
    arn = imagebuilder.create_image_pipeline(name="nightly", **parts, schedule=schedule)["imagePipelineArn"]
    sandbox.advance("3d")
    assert len(images(imagebuilder, arn)) == 1
    builder.component(version="1.1.0")
    sandbox.advance("3d")
    assert len(images(imagebuilder, arn)) == 2


def test_a_pipeline_that_fails_is_disabled(sandbox, builder, imagebuilder):
    schedule = {"scheduleExpression": "rate(1 day)", "autoDisablePolicy": {"failureCount": 2}, **ALWAYS}
    arn = imagebuilder.create_image_pipeline(name="nightly", **builder.parts(), schedule=schedule)["imagePipelineArn"]
    sandbox.control("faults", {"builds": [{"recipe": "web", "step": "LaunchBuildInstance", "message": "no luck"}]})
    sandbox.advance("36h")
    pipeline = seen(imagebuilder, arn)
    assert (pipeline["status"], pipeline["consecutiveFailures"], pipeline["lastRunStatus"]) == ("ENABLED", 1, "FAILED")
    sandbox.advance("4d")
    pipeline = seen(imagebuilder, arn)
    assert (pipeline["status"], pipeline["consecutiveFailures"]) == ("DISABLED", 2) and "dateNextRun" not in pipeline
    assert len(images(imagebuilder, arn)) == 2


@pytest.mark.parametrize("wrong", ["cron(0 2 ? * WED#6 *)", "cron(0 2 1 * WED *)", "at(2026-12-01T00:00:00)", "nightly"])
def test_a_schedule_that_cannot_be_read_is_refused(builder, imagebuilder, wrong):
    given = {**builder.parts(), "schedule": {"scheduleExpression": wrong}}
    assert refused(imagebuilder.create_image_pipeline, name="nightly", **given) == "InvalidParameterValueException"


BUILD = "arn:aws:imagebuilder:eu-west-1:aws:workflow/build/build-image/x.x.x"


def begun(builder, groups):
    """Begins a build with a test workflow for each group and `onFailure`, and waits until the first of them wait; its ARN."""
    own = builder.workflow("TEST", LAUNCH, WAIT, END)
    tests = [{"workflowArn": own, "parallelGroup": group, "onFailure": failure} for group, failure in groups]
    arn = builder.build(**builder.parts(), workflows=[{"workflowArn": BUILD}, *tests], executionRole=ROLE)
    builder.sandbox.until(lambda: waiting(builder), "30s")
    builder.sandbox.advance("2m")
    return arn


def waiting(builder):
    return builder.client.list_waiting_workflow_steps()["steps"]


def states(builder, arn):
    tests = [one for one in builder.executions(arn) if one["type"] == "TEST"]
    return [one["status"] for one in reversed(tests)]


def test_five_workflows_of_a_group_run_at_once(sandbox, builder):
    arn = begun(builder, [("together", "ABORT")] * 6)
    assert states(builder, arn) == ["RUNNING"] * 5 + ["PENDING"]
    assert {one["parallelGroup"] for one in builder.executions(arn) if one["type"] == "TEST"} == {"together"}
    instances = sandbox.client("ec2").describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])["Reservations"]
    assert len(instances) == 5
    for step in waiting(builder):
        builder.send(step, "RESUME")
    sandbox.until(lambda: states(builder, arn)[:5] == ["COMPLETED"] * 5 and len(waiting(builder)) == 1)
    builder.send(waiting(builder)[0], "RESUME")
    builder.until(arn, "AVAILABLE")


def test_a_failure_that_continues_and_one_that_aborts(sandbox, builder):
    arn = begun(builder, [("together", "CONTINUE"), ("together", "ABORT"), ("later", "ABORT")])
    first, second = waiting(builder)
    builder.send(first, "STOP")
    sandbox.until(lambda: states(builder, arn) == ["ROLLBACK_COMPLETED", "RUNNING", "PENDING"], "1s")
    builder.send(second, "STOP")
    builder.until(arn, "FAILED", step="1s")
    assert states(builder, arn) == ["ROLLBACK_COMPLETED", "ROLLBACK_COMPLETED", "CANCELLED"]
    assert builder.image(arn)["state"]["failureContext"]["stepExecutionId"] == second["stepExecutionId"]
