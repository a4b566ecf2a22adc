"""EC2 Image Builder: what people define is got and listed as it was sent, and holds together."""

import pytest

from account import Sandbox, refused
from builder import ACCOUNT, AMAZON, DATED, INSTALL, OWN, PARENT, POLICY, ROLE, WAIT, Builder, workflow

MOST = 1000


@pytest.fixture
def builder(sandbox, imagebuilder):
    return Builder(sandbox, imagebuilder)


def test_components(builder, imagebuilder):
    sent = {
        "description": "installs nginx", "changeDescription": "first", "platform": "Linux", "data": INSTALL,
        "supportedOsVersions": ["Amazon Linux 2023"], "kmsKeyId": "alias/own", "tags": {"team": "web"},
    }  # fmt: skip
    arn = builder.component("Web Server", **sent)
    assert arn == f"{OWN}:component/web-server/1.0.0/1"
    seen = imagebuilder.get_component(componentBuildVersionArn=arn)
    assert seen["component"].items() >= {**sent, "name": "Web Server", "version": "1.0.0", "owner": ACCOUNT, "type": "BUILD"}.items()
    assert seen["component"]["state"]["status"] == "ACTIVE"
    assert seen["latestVersionReferences"]["latestMinorVersionArn"] == f"{OWN}:component/web-server/1.0.x"
    assert refused(builder.component, name="web_server", **sent) == "InvalidRequestException"
    assert builder.component("web_server", **{**sent, "changeDescription": "second"}).endswith("/2")
    builder.component("Web Server", "1.1.0")
    builder.component("other", data="schemaVersion: 1.0\nphases: [{ name: test, steps: [{ name: A, action: Reboot }] }]")
    latest = imagebuilder.get_component(componentBuildVersionArn=f"{OWN}:component/web-server/1.x.x")["component"]
    assert latest["version"] == "1.1.0"
    builds = imagebuilder.list_component_build_versions(componentVersionArn=f"{OWN}:component/web-server/1.0.0")["componentSummaryList"]
    assert [one["arn"] for one in builds] == [arn, arn[:-1] + "2"] and builds[0]["changeDescription"] == "first"
    versions = imagebuilder.list_components()["componentVersionList"]
    assert [one["arn"].rsplit(":", 1)[1] for one in versions] == ["component/other/1.0.0", "component/web-server/1.0.0", "component/web-server/1.1.0"]
    names = imagebuilder.list_components(byName=True)["componentVersionList"]
    assert [one["arn"].rsplit("/", 1)[1] for one in names] == ["x.x.x", "x.x.x"]
    tests = [{"name": "type", "values": ["TEST"]}]
    assert [one["name"] for one in imagebuilder.list_components(filters=tests)["componentVersionList"]] == ["other"]
    version = [{"name": "version", "values": ["1.0.0"]}]
    assert refused(imagebuilder.list_components, byName=True, filters=version) == "InvalidRequestException"


def test_components_are_refused(builder, imagebuilder):
    assert refused(builder.component, uri="s3://bucket/key") == "InvalidParameterCombinationException"
    assert refused(builder.component, data="schemaVersion: 1.0\nphases: []") == "InvalidParameterValueException"
    assert refused(builder.component, version="1.0.1073741824") == "InvalidVersionNumberException"
    arn = builder.component()
    builder.recipe(components=[arn])
    assert refused(imagebuilder.delete_component, componentBuildVersionArn=arn) == "ResourceDependencyException"
    imagebuilder.delete_image_recipe(imageRecipeArn=f"{OWN}:image-recipe/web/1.0.0")
    assert imagebuilder.delete_component(componentBuildVersionArn=arn)["componentBuildVersionArn"] == arn
    assert refused(imagebuilder.get_component, componentBuildVersionArn=arn) == "ResourceNotFoundException"


def test_components_of_amazon(builder, imagebuilder):
    listed = imagebuilder.list_components(owner="Amazon")["componentVersionList"]
    assert {one["status"] for one in listed} == {"ACTIVE"} and f"{AMAZON}:component/update-linux/1.0.2" in {one["arn"] for one in listed}
    old = imagebuilder.list_components(owner="Amazon", filters=[{"name": "status", "values": ["DEPRECATED"]}])["componentVersionList"]
    assert len(old) == 1
    assert refused(builder.recipe, components=[old[0]["arn"]]) == "InvalidParameterValueException"
    assert imagebuilder.list_components(owner="ThirdParty")["componentVersionList"] == []


def test_image_recipes(builder, imagebuilder):
    component = builder.component(data=INSTALL.replace("schemaVersion", "parameters: [{ Port: { type: string } }]\nschemaVersion"))
    sent = {
        "description": "a web server", "parentImage": PARENT, "workingDirectory": "/tmp", "amiTags": {"team": "web"},
        "components": [{"componentArn": component, "parameters": [{"name": "Port", "value": ["80"]}]}],
        "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 20, "deleteOnTermination": True}}],
        "additionalInstanceConfiguration": {"systemsManagerAgent": {"uninstallAfterBuild": False}}, "tags": {"a": "b"},
    }  # fmt: skip
    arn = imagebuilder.create_image_recipe(name="Web", semanticVersion="1.0.x", **sent)["imageRecipeArn"]
    assert arn == f"{OWN}:image-recipe/web/1.0.0"
    assert imagebuilder.create_image_recipe(name="Web", semanticVersion="1.0.x", **sent)["imageRecipeArn"].endswith("1.0.1")
    seen = imagebuilder.get_image_recipe(imageRecipeArn=arn)["imageRecipe"]
    assert seen.items() >= {**sent, "name": "Web", "version": "1.0.0", "platform": "Linux", "owner": ACCOUNT, "type": "AMI"}.items()
    assert imagebuilder.get_image_recipe(imageRecipeArn=f"{OWN}:image-recipe/web/x.x.x")["imageRecipe"]["version"] == "1.0.1"
    listed = imagebuilder.list_image_recipes(filters=[{"name": "name", "values": ["Web"]}])["imageRecipeSummaryList"]
    assert [one["arn"] for one in listed] == [arn, arn[:-1] + "1"]
    assert refused(imagebuilder.create_image_recipe, name="web", semanticVersion="1.0.0", **sent) == "ResourceAlreadyExistsException"
    assert refused(imagebuilder.create_image_recipe, name="web", semanticVersion="1.x.0", **sent) == "InvalidVersionNumberException"
    twice = {**sent, "components": sent["components"] * 2}
    assert refused(imagebuilder.create_image_recipe, name="twice", semanticVersion="1.0.0", **twice) == "InvalidParameterValueException"
    many = [{"componentArn": builder.component(f"part{number}")} for number in range(21)]
    assert refused(imagebuilder.create_image_recipe, name="many", semanticVersion="1.0.0", **{**sent, "components": many}) == "ServiceQuotaExceededException"


def test_infrastructure_configurations(builder, imagebuilder):
    sent = {
        "description": "small", "instanceTypes": ["m7i.large"], "instanceProfileName": "profile", "keyPair": "key",
        "securityGroupIds": ["sg-0123456789abcdef0"], "subnetId": "subnet-0123456789abcdef0",
        "logging": {"s3Logs": {"s3BucketName": "logs", "s3KeyPrefix": "builds"}}, "terminateInstanceOnFailure": False,
        "snsTopicArn": "arn:aws:sns:eu-west-1:123456789012:builds", "resourceTags": {"cost": "builds"},
        "instanceMetadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 2},
        "placement": {"availabilityZone": "eu-west-1a", "tenancy": "default"},
    }  # fmt: skip
    arn = imagebuilder.create_infrastructure_configuration(name="Build", tags={"a": "b"}, **sent)["infrastructureConfigurationArn"]
    named = {"infrastructureConfigurationArn": arn}
    seen = imagebuilder.get_infrastructure_configuration(**named)["infrastructureConfiguration"]
    assert seen.items() >= {**sent, "name": "Build", "tags": {"a": "b"}, "terminateInstanceOnCompletion": True}.items()
    assert refused(builder.infrastructure, name="build") == "ResourceAlreadyExistsException"
    assert refused(builder.infrastructure, name="named", resourceTags={"Name": "x"}) == "InvalidParameterValueException"
    no_group = {"name": "bare", "subnetId": sent["subnetId"]}
    assert refused(builder.infrastructure, **no_group) == "InvalidRequestException"
    imagebuilder.update_infrastructure_configuration(**named, instanceProfileName="other")
    seen = imagebuilder.get_infrastructure_configuration(**named)["infrastructureConfiguration"]
    assert seen["instanceProfileName"] == "other" and "description" not in seen and seen["terminateInstanceOnFailure"] and seen["dateUpdated"]
    assert [one["name"] for one in imagebuilder.list_infrastructure_configurations()["infrastructureConfigurationSummaryList"]] == ["Build"]
    imagebuilder.delete_infrastructure_configuration(**named)
    assert imagebuilder.list_infrastructure_configurations()["infrastructureConfigurationSummaryList"] == []


def test_distribution_configurations(builder, imagebuilder):
    ami = {**DATED, "description": "web", "targetAccountIds": ["222222222222"], "amiTags": {"a": "b"}, "launchPermission": {"userIds": ["333333333333"]}}
    sent = [
        {
            "region": "eu-west-1", "amiDistributionConfiguration": ami,
            "launchTemplateConfigurations": [{"launchTemplateId": "lt-0123456789abcdef0", "setDefaultVersion": False}],
            "ssmParameterConfigurations": [{"parameterName": "/web/ami", "dataType": "aws:ec2:image"}],
        }
    ]  # fmt: skip
    named = {"distributionConfigurationArn": imagebuilder.create_distribution_configuration(name="Home", description="here", distributions=sent)["distributionConfigurationArn"]}
    seen = imagebuilder.get_distribution_configuration(**named)["distributionConfiguration"]
    assert seen["distributions"] == sent and seen["description"] == "here" and seen["name"] == "Home"
    twice = {"name": "twice", "regions": ["eu-west-1", "eu-west-1"]}
    assert refused(builder.distribution, **twice) == "InvalidParameterCombinationException"
    assert refused(imagebuilder.update_distribution_configuration, **named, distributions=sent * 2) == "InvalidParameterCombinationException"
    assert refused(builder.distribution, name="home") == "ResourceAlreadyExistsException"
    nothing = {"name": "nothing", "distributions": [{"region": "eu-west-1"}]}
    assert refused(imagebuilder.create_distribution_configuration, **nothing) == "InvalidParameterValueException"
    undated = {"name": "undated", "distributions": [{"region": "eu-west-1", "amiDistributionConfiguration": {"name": "web"}}]}
    assert refused(imagebuilder.create_distribution_configuration, **undated) == "InvalidParameterValueException"
    imagebuilder.update_distribution_configuration(**named, distributions=[{"region": "us-east-1", "amiDistributionConfiguration": DATED}])
    listed = imagebuilder.list_distribution_configurations()["distributionConfigurationSummaryList"]
    assert [(one["name"], one["regions"]) for one in listed] == [("Home", ["us-east-1"])]


def test_pipelines_hold_their_parts(builder, imagebuilder):
    parts = {**builder.parts(), "distributionConfigurationArn": builder.distribution()}
    own = builder.workflow("TEST", WAIT)
    sent = {
        **parts, "description": "every night", "imageTestsConfiguration": {"imageTestsEnabled": True, "timeoutMinutes": 60},
        "enhancedImageMetadataEnabled": False, "schedule": {"scheduleExpression": "cron(0 0 * * ? *)", "timezone": "Europe/Berlin"},
        "status": "DISABLED", "workflows": [{"workflowArn": own, "onFailure": "CONTINUE"}], "executionRole": ROLE, "imageTags": {"a": "b"},
    }  # fmt: skip
    named = {"imagePipelineArn": imagebuilder.create_image_pipeline(name="Nightly", tags={"team": "web"}, **sent)["imagePipelineArn"]}
    seen = imagebuilder.get_image_pipeline(**named)["imagePipeline"]
    assert seen.items() >= {**sent, "name": "Nightly", "platform": "Linux", "tags": {"team": "web"}}.items()
    assert refused(imagebuilder.create_image_pipeline, name="nightly", **parts) == "ResourceAlreadyExistsException"
    for delete, arn in (
        (imagebuilder.delete_image_recipe, {"imageRecipeArn": parts["imageRecipeArn"]}),
        (imagebuilder.delete_infrastructure_configuration, {"infrastructureConfigurationArn": parts["infrastructureConfigurationArn"]}),
        (imagebuilder.delete_distribution_configuration, {"distributionConfigurationArn": parts["distributionConfigurationArn"]}),
        (imagebuilder.delete_workflow, {"workflowBuildVersionArn": own}),
    ):
        assert refused(delete, **arn) == "ResourceDependencyException", arn
    imagebuilder.update_image_pipeline(**named, **{name: arn for name, arn in parts.items() if "distribution" not in name})
    seen = imagebuilder.get_image_pipeline(**named)["imagePipeline"]
    assert seen["status"] == "ENABLED" and "schedule" not in seen and "workflows" not in seen
    off = [{"name": "status", "values": ["DISABLED"]}]
    assert imagebuilder.list_image_pipelines(filters=off)["imagePipelineList"] == []
    image = imagebuilder.start_image_pipeline_execution(**named, tags={"by": "hand"})["imageBuildVersionArn"]
    builder.until(image, "AVAILABLE", step="1m")
    seen = builder.image(image)
    assert seen["sourcePipelineArn"] == named["imagePipelineArn"] and seen["tags"] == {"by": "hand"} and seen["buildType"] == "USER_INITIATED"
    listed = imagebuilder.list_image_pipeline_images(**named)["imageSummaryList"]
    assert [one["arn"] for one in listed] == [image]
    assert imagebuilder.get_image_pipeline(**named)["imagePipeline"]["lastRunStatus"] == "AVAILABLE"
    imagebuilder.delete_image_pipeline(**named)
    imagebuilder.delete_distribution_configuration(distributionConfigurationArn=parts["distributionConfigurationArn"])


def test_lifecycle_policies(builder, imagebuilder):
    rules = [
        {"action": {"type": "DEPRECATE", "includeResources": {"amis": True}}, "filter": {"type": "AGE", "value": 30, "unit": "DAYS"}},
        {"action": {"type": "DISABLE"}, "filter": {"type": "AGE", "value": 6, "unit": "WEEKS"}},
        {
            "action": {"type": "DELETE", "includeResources": {"amis": True, "snapshots": True}},
            "filter": {"type": "AGE", "value": 1, "unit": "YEARS", "retainAtLeast": 2},
            "exclusionRules": {"tagMap": {"keep": "yes"}, "amis": {"isPublic": True, "lastLaunched": {"value": 30, "unit": "DAYS"}}},
        },
    ]
    arn = builder.policy("Old Images", policyDetails=rules, description="what is old", tags={"a": "b"})
    seen = imagebuilder.get_lifecycle_policy(lifecyclePolicyArn=arn)["lifecyclePolicy"]
    assert seen.items() >= {**POLICY, "policyDetails": rules, "name": "Old Images", "status": "ENABLED", "description": "what is old", "tags": {"a": "b"}}.items()
    assert seen["dateCreated"].isoformat() == "2026-11-24T08:00:00+00:00"
    builder.policy("off", status="DISABLED")
    listed = imagebuilder.list_lifecycle_policies(filters=[{"name": "status", "values": ["DISABLED"]}])["lifecyclePolicySummaryList"]
    assert [one["name"] for one in listed] == ["off"]
    assert refused(builder.policy, name="old_images") == "ResourceAlreadyExistsException"
    imagebuilder.update_lifecycle_policy(lifecyclePolicyArn=arn, **POLICY)
    seen = imagebuilder.get_lifecycle_policy(lifecyclePolicyArn=arn)["lifecyclePolicy"]
    assert seen["policyDetails"] == POLICY["policyDetails"] and "description" not in seen
    other = {**POLICY, "resourceType": "CONTAINER_IMAGE"}
    assert refused(imagebuilder.update_lifecycle_policy, lifecyclePolicyArn=arn, **other) == "InvalidRequestException"
    imagebuilder.delete_lifecycle_policy(lifecyclePolicyArn=arn)
    assert refused(imagebuilder.get_lifecycle_policy, lifecyclePolicyArn=arn) == "ResourceNotFoundException"


def rule(kind, filter, **included):
    return {"policyDetails": [{"action": {"type": kind, "includeResources": included}, "filter": filter}]}


@pytest.mark.parametrize(
    "wrong",
    [
        rule("DEPRECATE", {"type": "COUNT", "value": 1}),
        rule("DELETE", {"type": "AGE", "value": 1}),
        rule("DELETE", {"type": "COUNT", "value": 1, "retainAtLeast": 1}),
        rule("DISABLE", {"type": "AGE", "value": 1, "unit": "DAYS"}, amis=True, snapshots=True),
        rule("DELETE", {"type": "COUNT", "value": 1}, snapshots=True),
        rule("DEPRECATE", {"type": "AGE", "value": 1, "unit": "DAYS", "retainAtLeast": 2}),
        {"policyDetails": POLICY["policyDetails"] * 2},
        {"resourceSelection": {**POLICY["resourceSelection"], "tagMap": {"a": "b"}}},
        {"resourceSelection": {}},
    ],
)
def test_rules_that_do_not_fit(builder, imagebuilder, wrong):
    assert refused(builder.policy, **wrong) == "InvalidRequestException"
    given = {**POLICY, **wrong, "lifecyclePolicyArn": builder.policy()}
    assert refused(imagebuilder.update_lifecycle_policy, **given) == "InvalidParameterCombinationException"


def test_workflows(builder, imagebuilder):
    parameters = "[{ name: wait, type: boolean, default: true, description: for somebody }]"
    arn = builder.workflow("TEST", WAIT, name="Wait Here", parameters=parameters, description="waits", changeDescription="first", tags={"a": "b"})
    assert arn == f"{OWN}:workflow/test/wait-here/1.0.0/1"
    seen = imagebuilder.get_workflow(workflowBuildVersionArn=arn)["workflow"]
    assert seen.items() >= {"name": "Wait Here", "type": "TEST", "version": "1.0.0", "owner": ACCOUNT, "description": "waits", "tags": {"a": "b"}}.items()
    assert seen["parameters"] == [{"name": "wait", "type": "boolean", "defaultValue": ["true"], "description": "for somebody"}]
    assert seen["data"] == workflow(WAIT, parameters=parameters)
    builder.workflow("TEST", WAIT, name="wait here")
    builder.workflow("TEST", WAIT, name="wait here", version="1.1.0")
    assert imagebuilder.get_workflow(workflowBuildVersionArn=f"{OWN}:workflow/test/wait-here/x.x.x")["workflow"]["version"] == "1.1.0"
    builds = imagebuilder.list_workflow_build_versions(workflowVersionArn=f"{OWN}:workflow/test/wait-here/1.0.0")["workflowSummaryList"]
    assert [one["arn"] for one in builds] == [arn, arn[:-1] + "2"]
    listed = imagebuilder.list_workflows()["workflowVersionList"]
    assert [one["version"] for one in listed] == ["1.0.0", "1.1.0"]
    assert len(imagebuilder.list_workflows(byName=True)["workflowVersionList"]) == 1
    kinds = {one["type"] for one in imagebuilder.list_workflows(owner="Amazon")["workflowVersionList"]}
    assert kinds == {"BUILD", "TEST", "DISTRIBUTION"}
    assert refused(imagebuilder.list_workflows, owner="Shared") == "InvalidRequestException"
    assert imagebuilder.list_workflows(owner="AWSMarketplace")["workflowVersionList"] == []
    imagebuilder.delete_workflow(workflowBuildVersionArn=arn)
    assert refused(imagebuilder.get_workflow, workflowBuildVersionArn=arn) == "ResourceNotFoundException"


def test_workflows_are_refused(imagebuilder, builder):
    given = {"name": "own", "semanticVersion": "1.0.0", "type": "TEST", "data": workflow(WAIT)}
    create = imagebuilder.create_workflow
    create(**given)
    assert refused(create, **given) == "InvalidRequestException"
    assert refused(create, **{**given, "uri": "s3://bucket/key"}) == "InvalidParameterCombinationException"
    assert refused(create, **{**given, "semanticVersion": "1073741824.0.0"}) == "InvalidVersionNumberException"
    assert refused(create, **{**given, "data": workflow("name: A, action: DistributeImage")}) == "InvalidParameterValueException"
    parts = builder.parts()
    own = {"workflowArn": f"{OWN}:workflow/test/own/1.0.0/1"}
    assert refused(imagebuilder.create_image, **parts, workflows=[own]) == "InvalidParameterValueException"
    for wrong in (
        [{"workflowArn": f"{OWN}:workflow/test/none/1.0.0/1"}],
        [{"workflowArn": f"{AMAZON}:workflow/build/build-image/x.x.x"}] * 2,
        [{"workflowArn": f"{AMAZON}:workflow/build/build-image/x.x.x", "onFailure": "CONTINUE"}],
        [{**own, "parameters": [{"name": "none", "value": ["x"]}]}],
    ):
        assert refused(imagebuilder.create_image, **parts, workflows=wrong, executionRole=ROLE) == "InvalidParameterValueException", wrong


def test_tags(builder, imagebuilder):
    policy = builder.policy(tags={"a": "1"})
    for arn in (policy, builder.component(), builder.recipe(), builder.infrastructure(), builder.distribution(), builder.workflow("TEST", WAIT)):
        imagebuilder.tag_resource(resourceArn=arn, tags={"team": "web", "a": "2"})
        assert imagebuilder.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "2", "team": "web"}
        imagebuilder.untag_resource(resourceArn=arn, tagKeys=["a"])
        assert imagebuilder.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "web"}
    assert refused(imagebuilder.tag_resource, resourceArn=policy, tags={f"k{number}": "" for number in range(50)}) == "InvalidParameterException"


def test_a_name_stays_taken_for_a_moment(tmp_path):
    world = tmp_path / "slow.toml"
    world.write_text("eventual-consistency = true\n")
    sandbox = Sandbox(world)
    imagebuilder = sandbox.client("imagebuilder")
    builder = Builder(sandbox, imagebuilder)
    made = {
        "recipe": ("delete_image_recipe", "imageRecipeArn"),
        "infrastructure": ("delete_infrastructure_configuration", "infrastructureConfigurationArn"),
        "distribution": ("delete_distribution_configuration", "distributionConfigurationArn"),
        "policy": ("delete_lifecycle_policy", "lifecyclePolicyArn"),
    }
    for kind, (delete, member) in made.items():
        getattr(imagebuilder, delete)(**{member: getattr(builder, kind)()})
        assert refused(getattr(builder, kind)) == "ResourceInUseException", kind
    sandbox.advance("31s")
    for kind in made:
        getattr(builder, kind)()
    parts = {"imageRecipeArn": f"{OWN}:image-recipe/web/1.0.0", "infrastructureConfigurationArn": f"{OWN}:infrastructure-configuration/build"}
    imagebuilder.delete_image_pipeline(imagePipelineArn=imagebuilder.create_image_pipeline(name="nightly", **parts)["imagePipelineArn"])
    assert refused(imagebuilder.create_image_pipeline, name="nightly", **parts) == "ResourceInUseException"
    sandbox.stop()


PAGED = {
    "list_components": lambda builder, name: builder.component(name),
    "list_image_recipes": lambda builder, name: builder.recipe(name),
    "list_infrastructure_configurations": lambda builder, name: builder.infrastructure(name),
    "list_distribution_configurations": lambda builder, name: builder.distribution(name),
    "list_lifecycle_policies": lambda builder, name: builder.policy(name),
    "list_workflows": lambda builder, name: builder.workflow("TEST", WAIT, name=name),
    "list_component_build_versions": lambda builder, name: builder.component("web", changeDescription=name),
    "list_workflow_build_versions": lambda builder, name: builder.workflow("TEST", WAIT, changeDescription=name),
}


@pytest.mark.parametrize("operation", PAGED)
def test_pages(sandbox, imagebuilder, builder, operation):
    for number in range(7):
        PAGED[operation](builder, f"name{number}")
    assert len(sandbox.walk(imagebuilder, operation, 3)) == 7
    first = getattr(imagebuilder, operation)(maxResults=3)
    assert refused(getattr(imagebuilder, operation), maxResults=3, nextToken=first["nextToken"][:-4]) == "InvalidPaginationTokenException"


def test_a_token_of_another_query(imagebuilder, builder):
    for number in range(3):
        builder.component(f"name{number}")
    token = imagebuilder.list_components(maxResults=1)["nextToken"]
    only = [{"name": "platform", "values": ["Linux"]}]
    assert refused(imagebuilder.list_components, maxResults=1, nextToken=token, filters=only) == "InvalidPaginationTokenException"
    assert len(imagebuilder.list_components(maxResults=2, nextToken=token)["componentVersionList"]) == 2


@pytest.mark.parametrize("kind", ["component", "recipe", "infrastructure", "distribution", "policy"])
def test_quotas(builder, kind):
    for number in range(MOST):
        getattr(builder, kind)(f"name{number}")
    assert refused(getattr(builder, kind), name="more") == "ServiceQuotaExceededException"


def test_quotas_of_pipelines_and_workflows(builder, imagebuilder):
    parts = builder.parts()
    for number in range(MOST):
        imagebuilder.create_image_pipeline(name=f"name{number}", **parts)
        builder.workflow("TEST", WAIT, name=f"name{number}")
    assert refused(imagebuilder.create_image_pipeline, name="more", **parts) == "ServiceQuotaExceededException"
    more = {"name": "more", "semanticVersion": "1.0.0", "type": "TEST", "data": workflow(WAIT)}
    assert refused(imagebuilder.create_workflow, **more) == "ServiceQuotaExceededException"
