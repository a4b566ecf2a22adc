"""STS: who calls, and roles that lead into another account of the same sandbox."""

import json

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


ROLE = {"RoleArn": "arn:aws:iam::222222222222:role/rebake", "RoleSessionName": "run-1"}
ALLOWS = {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}


def policy(*statements, **further):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **further})


def test_session_policies(two_accounts):
    sts = two_accounts.client("sts", key="AKIAOPS")
    assert "PackedPolicySize" not in sts.assume_role(**ROLE)
    assert sts.assume_role(**ROLE, SourceIdentity="alice")["SourceIdentity"] == "alice"
    made = sts.assume_role(**ROLE, Policy=policy(ALLOWS), Tags=[{"Key": "team", "Value": "web"}])
    assert 0 < made["PackedPolicySize"] < 10
    for malformed in (
        "{",
        policy(),
        policy(ALLOWS, Version="2024-01-01"),
        policy({**ALLOWS, "Effect": "Maybe"}),
        policy({**ALLOWS, "Principal": "*"}),
        policy({"Effect": "Allow", "Resource": "*"}),
        policy({**ALLOWS, "NotResource": "*"}),
    ):
        assert refused(sts.assume_role, **ROLE, Policy=malformed) == "MalformedPolicyDocument", malformed
    long = policy(*[{**ALLOWS, "Sid": f"Statement{number}"} for number in range(40)])
    assert refused(sts.assume_role, **ROLE, Policy=long) == "PackedPolicyTooLarge"
    tags = [{"Key": f"key{number}", "Value": "v" * 250} for number in range(40)]
    assert refused(sts.assume_role, **ROLE, Tags=tags) == "PackedPolicyTooLarge"


def test_a_context_that_nobody_asserted(two_accounts):
    asserted = [{"ProviderArn": "arn:aws:iam::aws:contextProvider/IdentityCenter", "ContextAssertion": "asserted"}]
    sts = two_accounts.client("sts", key="AKIAOPS")
    assert refused(sts.assume_role, **ROLE, ProvidedContexts=asserted) == "ExpiredTokenException"


def test_a_region_that_the_account_has_not(two_accounts):
    there = two_accounts.client("sts", "af-south-1", key="AKIAOPS")
    assert refused(there.assume_role, **ROLE) == "RegionDisabledException"


def test_a_session_ends(two_accounts):
    made = two_accounts.client("sts", key="AKIAOPS").assume_role(**ROLE, DurationSeconds=900)["Credentials"]
    session = {"key": made["AccessKeyId"], "token": made["SessionToken"]}
    two_accounts.advance("899s")
    assert two_accounts.client("sts", **session).get_caller_identity()["Account"] == "222222222222"
    two_accounts.advance("1s")
    assert refused(two_accounts.client("sts", **session).get_caller_identity) == "ExpiredToken"
    assert refused(two_accounts.client("ec2", **session).describe_vpcs) == "RequestExpired"
    assert refused(two_accounts.client("ssm", **session).describe_parameters) == "ExpiredTokenException"
    assert refused(two_accounts.client("imagebuilder", **session).list_images) == "ExpiredTokenException"
    two_accounts.client("sts", key="AKIAOPS").assume_role(**ROLE)
    assert two_accounts.client("ec2", **session).describe_vpcs()["Vpcs"]


def test_members_have_bounds(sandbox):
    loose = sandbox.client("sts", checked=False)
    role = {"RoleArn": "arn:aws:iam::222222222222:role/rebake", "RoleSessionName": "run-1"}
    assert refused(loose.assume_role, RoleSessionName="run-1") == "ValidationError"
    assert refused(loose.assume_role, **role, DurationSeconds=1) == "ValidationError"
    assert refused(loose.assume_role, **{**role, "RoleSessionName": "not a name"}) == "ValidationError"
