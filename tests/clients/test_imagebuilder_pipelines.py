"""EC2 Image Builder: pipelines that start builds on their schedule."""

import pytest

from account import refused
from builder import OWN, Builder

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
