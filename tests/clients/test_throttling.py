"""Rates of calls, as a world asks for them: each service's own error, buckets that fill up in virtual time."""

import pytest
from botocore.exceptions import ClientError

from account import Sandbox

WORLD = """
rates = "published"

[[rate]]
calls = "ssm:GetParameter"
burst = 3
per-second = 0.5

[[rate]]
calls = "autoscaling:Describe*"
burst = 3
per-second = 0.5

[[rate]]
calls = "imagebuilder:ListComponents"
burst = 3
per-second = 0.5

[[rate]]
calls = "sts:*"
burst = 3
per-second = 0.5
"""


@pytest.fixture(scope="module")
def throttled(tmp_path_factory):
    file = tmp_path_factory.mktemp("world") / "rates.toml"
    file.write_text(WORLD)
    sandbox = Sandbox(file)
    yield sandbox
    sandbox.stop()


def refusal(call, most):
    """How many calls pass, and with what the next one is refused."""
    for number in range(most + 1):
        try:
            call()
        except ClientError as error:
            told = error.response
            return number, told["Error"]["Code"], told["ResponseMetadata"]["HTTPStatusCode"]
    return most + 1, None, None


def parameter(client):
    def call():
        try:
            client.get_parameter(Name="/none")
        except client.exceptions.ParameterNotFound:
            pass

    return call


def test_each_service_refuses_in_its_own_words(throttled):
    ec2, images = throttled.client("ec2"), throttled.client("imagebuilder")
    expected = {
        "ec2": (lambda: ec2.describe_instances(MaxResults=5), (100, "RequestLimitExceeded", 503)),
        "ssm": (parameter(throttled.client("ssm")), (3, "ThrottlingException", 400)),
        "autoscaling": (throttled.client("autoscaling").describe_account_limits, (3, "Throttling", 400)),
        "imagebuilder": (images.list_components, (3, "CallRateLimitExceededException", 429)),
        "sts": (throttled.client("sts").get_caller_identity, (3, "Throttling", 400)),
    }
    assert {service: refusal(call, 120) for service, (call, _) in expected.items()} == {
        service: seen for service, (_, seen) in expected.items()
    }
    # Two tokens in four seconds, and twenty a second for EC2.
    throttled.advance("4s")
    assert refusal(expected["ssm"][0], 5)[0] == 2
    assert refusal(expected["ec2"][0], 120)[0] == 80


def test_what_asks_for_everything_and_each_instance_have_buckets_of_their_own(throttled):
    ec2 = throttled.client("ec2", region="us-east-1")
    assert refusal(ec2.describe_instances, 120) == (50, "RequestLimitExceeded", 503)
    assert refusal(lambda: ec2.describe_instances(MaxResults=5), 120)[0] == 100
    unknown = ["i-0123456789abcdef0"] * 600

    def terminate():
        try:
            ec2.terminate_instances(InstanceIds=unknown)
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidInstanceID.NotFound":
                raise

    assert refusal(terminate, 5) == (1, "RequestLimitExceeded", 503)
