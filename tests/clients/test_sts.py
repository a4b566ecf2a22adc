"""STS: who calls, and roles that lead into another account of the same sandbox."""

import pytest

from account import Sandbox, refused

WORLD = """
[[account]]
id = "111111111111"
name = "ops"
access-keys = ["AKIAOPS"]

[[account]]
id = "222222222222"
name = "prod"

[[role]]
name = "rebake"
account = "222222222222"
"""


@pytest.fixture
def two_accounts(tmp_path):
    world = tmp_path / "two.toml"
    world.write_text(WORLD)
    sandbox = Sandbox(world)
    yield sandbox
    sandbox.stop()


def test_a_role_leads_into_its_account(two_accounts):
    sts = two_accounts.client("sts", key="AKIAOPS")
    assert sts.get_caller_identity()["Account"] == "111111111111"
    role = {"RoleArn": "arn:aws:iam::222222222222:role/rebake", "RoleSessionName": "run-1"}
    made = sts.assume_role(**role, DurationSeconds=900)
    assert made["AssumedRoleUser"]["Arn"] == "arn:aws:sts::222222222222:assumed-role/rebake/run-1"
    key = made["Credentials"]
    there = two_accounts.client("sts", key=key["AccessKeyId"], token=key["SessionToken"])
    assert there.get_caller_identity()["Account"] == "222222222222"
    two_accounts.client("ssm", key=key["AccessKeyId"], token=key["SessionToken"]).put_parameter(Name="/a", Value="1", Type="String")
    assert refused(two_accounts.client("ssm", key="AKIAOPS").get_parameter, Name="/a") == "ParameterNotFound"
    assert refused(sts.assume_role, RoleArn="arn:aws:iam::222222222222:role/none", RoleSessionName="run-1") == "AccessDenied"


def test_members_have_bounds(sandbox):
    loose = sandbox.client("sts", checked=False)
    role = {"RoleArn": "arn:aws:iam::222222222222:role/rebake", "RoleSessionName": "run-1"}
    assert refused(loose.assume_role, RoleSessionName="run-1") == "ValidationError"
    assert refused(loose.assume_role, **role, DurationSeconds=1) == "ValidationError"
    assert refused(loose.assume_role, **{**role, "RoleSessionName": "not a name"}) == "ValidationError"
