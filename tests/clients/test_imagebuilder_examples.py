"""The AWS command line's own examples of Image Builder, in an order in which they build on one another."""

import json
import re
import shlex
from pathlib import Path

import awscli

from builder import INSTALL

EXAMPLES = Path(awscli.__file__).parent / "examples" / "imagebuilder"
COMPONENT = INSTALL.replace("ExecuteBash", "ExecutePowerShell")
# What the examples need and the account does not have: an object in S3, a version that is one, a quotation mark.
INSTEAD = {
    '"KeyName: "': '"KeyName": "',
    '"uri": "s3://s3-bucket-name/s3-bucket-path/component.yaml"': f'"data": {json.dumps(COMPONENT)}',
    "xxxx.x.x": "x.x.x",
}


def example(name):
    """The arguments of an example's command, with the file that it reads in its place."""
    text = (EXAMPLES / f"{name}.rst").read_text()
    command = re.search(r"^    aws (imagebuilder (?:.*\\\n)*.*)$", text, re.MULTILINE)[1].replace("\\\n", " ")
    arguments = [one for one in shlex.split(command) if not one.startswith("file:")]
    file = re.search(r"Contents of .*::\n\n((?:    .*\n|\n)*)", text)
    if file:
        contents = file[1]
        for told, here in INSTEAD.items():
            contents = contents.replace(told, here)
        arguments.append(json.dumps(json.loads(contents)))
    return arguments


def test_the_examples(sandbox):
    def run(name):
        return sandbox.aws(*example(name), "--region", "us-west-2")

    here = "arn:aws:imagebuilder:us-west-2:123456789012"
    assert run("create-component")["componentBuildVersionArn"] == f"{here}:component/myexamplecomponent/2019.12.02/1"
    sandbox.client("imagebuilder", "us-west-2").create_component(name="MyImportedComponent", semanticVersion="1.0.0", platform="Windows", data=COMPONENT)
    assert run("create-image-recipe")["imageRecipeArn"] == f"{here}:image-recipe/mybasicrecipe/2019.12.03"
    assert run("create-infrastructure-configuration")["infrastructureConfigurationArn"] == f"{here}:infrastructure-configuration/myexampleinfrastructure"
    assert run("create-distribution-configuration")["distributionConfigurationArn"] == f"{here}:distribution-configuration/myexampledistribution"
    assert run("create-image-pipeline")["imagePipelineArn"] == f"{here}:image-pipeline/mywindows2016pipeline"
    image = f"{here}:image/mybasicrecipe/2019.12.03/1"
    assert run("create-image")["imageBuildVersionArn"] == image
    assert run("get-image")["image"]["arn"] == image
    assert run("list-images")["imageVersionList"][0]["version"] == "2019.12.03"
    assert run("list-image-build-versions")["imageSummaryList"][0]["arn"] == image
    assert run("start-image-pipeline-execution")["imageBuildVersionArn"] == image[:-1] + "2"
    assert run("get-infrastructure-configuration")["infrastructureConfiguration"]["keyPair"] == "key-pair-name"
    assert run("get-distribution-configuration")["distributionConfiguration"]["name"] == "MyExampleDistribution"
    assert run("get-image-pipeline")["imagePipeline"]["schedule"]["scheduleExpression"] == "cron(0 0 * * SUN)"
    run("tag-resource")
    assert run("list-tags-for-resource")["tags"] == {"KeyName": "KeyValue"}
    run("untag-resource")
    assert run("list-tags-for-resource")["tags"] == {}
    assert [one["arn"] for one in run("list-image-pipeline-images")["imageSummaryList"]] == [image[:-1] + "2"]
    assert [one["changeDescription"] for one in run("list-component-build-versions")["componentSummaryList"]] == ["Initial version."]
    assert len(run("list-components")["componentVersionList"]) == 2
    assert [one["name"] for one in run("list-image-recipes")["imageRecipeSummaryList"]] == ["MyBasicRecipe"]
    run("update-image-pipeline")
    assert run("get-image-pipeline")["imagePipeline"]["status"] == "DISABLED"
    run("update-infrastructure-configuration")
    run("update-distribution-configuration")
    assert run("list-distribution-configurations")["distributionConfigurationSummaryList"][0]["regions"] == ["us-west-2", "eu-west-2"]
