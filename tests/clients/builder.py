"""What the tests of Image Builder make, and requests drawn from its model."""

import re
from functools import cache

from botocore import xform_name

from account import REGION
from ledger import model

ACCOUNT = "123456789012"
OWN = f"arn:aws:imagebuilder:{REGION}:{ACCOUNT}"
AMAZON = f"arn:aws:imagebuilder:{REGION}:aws"
PARENT = f"{AMAZON}:image/amazon-linux-2023-x86/x.x.x"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/builder"
INSTALL = """
schemaVersion: 1.0
phases:
  - name: build
    steps: [{ name: Install, action: ExecuteBash, inputs: { commands: [dnf -y install nginx] } }]
"""
DATED = {"name": "web {{ imagebuilder:buildDate }}"}


def workflow(*steps, parameters="[]"):
    """The YAML of a workflow of these steps."""
    return "\n".join(["schemaVersion: 1.0", f"parameters: {parameters}", "steps:", *(f"  - {{ {step} }}" for step in steps)])


LAUNCH = "name: Launch, action: LaunchInstance, inputs: { waitFor: ssmAgent }"
IMAGE = "name: Image, action: CreateImage, inputs: { instanceId.$: $.stepOutputs.Launch.instanceId }"
WAIT = "name: Wait, action: WaitForAction"
END = "name: End, action: TerminateInstance, onFailure: Continue, inputs: { instanceId.$: $.stepOutputs.Launch.instanceId }"


class Builder:
    """Image Builder of one account, with short words for what a build needs."""

    def __init__(self, sandbox, client):
        self.sandbox, self.client = sandbox, client

    def component(self, name="web", version="1.0.0", **further):
        given = {"platform": "Linux", "data": INSTALL, **further}
        return self.client.create_component(name=name, semanticVersion=version, **given)["componentBuildVersionArn"]

    def recipe(self, name="web", version="1.0.0", components=(), **further):
        listed = {"components": [{"componentArn": arn} for arn in components]} if components else {}
        made = self.client.create_image_recipe(name=name, semanticVersion=version, parentImage=PARENT, **listed, **further)
        return made["imageRecipeArn"]

    def infrastructure(self, name="build", **further):
        made = self.client.create_infrastructure_configuration(name=name, instanceProfileName="profile", **further)
        return made["infrastructureConfigurationArn"]

    def distribution(self, name="home", regions=(REGION,), **further):
        listed = [{"region": region, "amiDistributionConfiguration": DATED, **further} for region in regions]
        return self.client.create_distribution_configuration(name=name, distributions=listed)["distributionConfigurationArn"]

    def workflow(self, kind, *steps, name="own", version="1.0.0", parameters="[]", **further):
        data = workflow(*steps, parameters=parameters)
        made = self.client.create_workflow(name=name, semanticVersion=version, type=kind, data=data, **further)
        return made["workflowBuildVersionArn"]

    def parts(self, **further):
        """What a build and a pipeline name."""
        return {"imageRecipeArn": self.recipe(), "infrastructureConfigurationArn": self.infrastructure(), **further}

    def build(self, **further):
        given = further if "imageRecipeArn" in further else {**self.parts(), **further}
        return self.client.create_image(**given)["imageBuildVersionArn"]

    def running(self, *workflows, **further):
        """A build that runs workflows of its own."""
        listed = [one if isinstance(one, dict) else {"workflowArn": one} for one in workflows]
        return self.build(workflows=listed, executionRole=ROLE, **further)

    def image(self, arn):
        return self.client.get_image(imageBuildVersionArn=arn)["image"]

    def status(self, arn):
        return self.image(arn)["state"]["status"]

    def until(self, arn, *statuses, step="15s"):
        return self.sandbox.until(lambda: self.status(arn) in statuses and self.image(arn), step)

    def made(self, **further):
        """A build that is available."""
        arn = self.build(**further)
        self.until(arn, "AVAILABLE", step="1m")
        return arn

    def executions(self, arn):
        return self.client.list_workflow_executions(imageBuildVersionArn=arn)["workflowExecutions"]

    def steps(self, execution):
        return self.client.list_workflow_step_executions(workflowExecutionId=execution["workflowExecutionId"])["steps"]

    def waiting(self):
        return self.sandbox.until(lambda: self.client.list_waiting_workflow_steps()["steps"])[0]

    def send(self, step, action, **further):
        named = {"stepExecutionId": step["stepExecutionId"], "imageBuildVersionArn": step["imageBuildVersionArn"]}
        return self.client.send_workflow_step_action(**{**named, "action": action, **further})

    def policy(self, name="old", **further):
        return self.client.create_lifecycle_policy(**{"name": name, **POLICY, **further})["lifecyclePolicyArn"]


POLICY = {
    "executionRole": ROLE,
    "resourceType": "AMI_IMAGE",
    "policyDetails": [{"action": {"type": "DELETE", "includeResources": {"amis": True, "snapshots": True}}, "filter": {"type": "COUNT", "value": 3}}],
    "resourceSelection": {"recipes": [{"name": "web", "semanticVersion": "1.x.x"}]},
}


# Requests drawn from the model


def call(client, name):
    return getattr(client, xform_name(name))


TEXTS = [
    "web", "1.0.0", "x.x.x", ACCOUNT, "lt-0123456789abcdef0", "string", "Etc/UTC", "a@b", "s3://bucket/key",
    "wf-a1b2c3d4-5678-90ab-cdef-a1b2c3d4e5f6", "step-a1b2c3d4-5678-90ab-cdef-a1b2c3d4e5f6", f"{OWN}:image/none/1.0.0/1",
    f"{OWN}:image/none/1.0.0", f"{OWN}:component/none/1.0.0/1", f"{OWN}:component/none/1.0.0", f"{OWN}:image-recipe/none/1.0.0",
    f"{OWN}:container-recipe/none/1.0.0", f"{OWN}:infrastructure-configuration/none",
    f"{OWN}:distribution-configuration/none", f"{OWN}:image-pipeline/none", f"{OWN}:lifecycle-policy/none",
    f"{OWN}:workflow/build/none/1.0.0/1", f"{OWN}:workflow/build/none/1.0.0", "arn:aws:sns:eu-west-1:123456789012:topic",
    "arn:aws:license-manager:eu-west-1:123456789012:license-configuration:lic-0123456789abcdef0123456789abcdef",
    "arn:aws:organizations::123456789012:organization/o-0123456789", "h-0123456789abcdef0", "{{ imagebuilder:buildDate }} web",
    "arn:aws:organizations::123456789012:ou/o-0123456789/ou-0123-01234567", "rg-1", "arn:aws:autoscaling:x",
    "arn:aws:resource-groups:eu-west-1:123456789012:group/hosts",
]  # fmt: skip


@cache
def pattern(text):
    return re.compile(text.replace("\\p{L}\\p{Z}\\p{N}", "\\w "))


def text(shape):
    """A text that a shape allows."""
    held = shape.metadata.get("pattern")
    return next(one for one in TEXTS if held is None or pattern(held).search(one))


def least(shape):
    """The least value that a shape allows."""
    kind = shape.type_name
    if kind == "structure":
        return {name: least(shape.members[name]) for name in shape.required_members}
    if kind == "list":
        return [least(shape.member)]
    if kind == "map":
        return {text(shape.key): text(shape.value)}
    if kind in ("integer", "long"):
        return max(1, shape.metadata.get("min", 1))
    if kind in ("boolean", "double", "timestamp"):
        return {"boolean": True, "double": 1.0, "timestamp": 1_900_000_000}[kind]
    return shape.enum[0] if getattr(shape, "enum", None) else text(shape)


def request(name):
    """The least request of an operation."""
    return least(model("imagebuilder").operation_model(name).input_shape)


def unfit(shape):
    """Values of which each breaks one constraint of a shape, anywhere inside."""
    bounds = shape.metadata
    kind = shape.type_name
    if kind == "structure":
        for name, member in shape.members.items():
            for wrong in unfit(member):
                yield {**least(shape), name: wrong}
    elif kind == "list":
        if "max" in bounds:
            yield [least(shape.member)] * (bounds["max"] + 1)
        if bounds.get("min"):
            yield []
        yield from ([wrong] for wrong in unfit(shape.member))
    elif kind == "map":
        if "max" in bounds:
            yield {f"{text(shape.key)}{number}": text(shape.value) for number in range(bounds["max"] + 1)}
        if bounds.get("min"):
            yield {}
        yield from ({text(shape.key): wrong} for wrong in unfit(shape.value))
    elif kind in ("integer", "long"):
        yield from (bounds[end] + by for end, by in (("min", -1), ("max", 1)) if end in bounds)
    elif kind == "string":
        if getattr(shape, "enum", None):
            yield "NONE"
        if "max" in bounds:
            yield "a" * (bounds["max"] + 1)
        if bounds.get("min"):
            yield ""
        if "pattern" in bounds and not pattern(bounds["pattern"]).search("\x00"):
            yield "\x00"
