"""Parameter Store as boto3 and the AWS command line see it."""

import json

import pytest

from account import Sandbox, refused


def put(ssm, name="/app/port", value="80", **further):
    return ssm.put_parameter(**{"Name": name, "Value": value, "Type": "String", **further})


def expiration(at):
    return {"Type": "Expiration", "Version": "1.0", "Attributes": {"Timestamp": at}}


NOTICE = {"Type": "ExpirationNotification", "Version": "1.0", "Attributes": {"Before": "15", "Unit": "Days"}}
QUIET = {"Type": "NoChangeNotification", "Version": "1.0", "Attributes": {"After": "20", "Unit": "Hours"}}


def test_a_parameter_is_what_was_put(ssm):
    tags = [{"Key": "team", "Value": "web"}]
    made = put(ssm, Description="where it listens", AllowedPattern="^\\d+$", Tags=tags, DataType="text", Tier="Advanced")
    assert (made["Version"], made["Tier"]) == (1, "Advanced")
    seen = ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": ["/app/port"]}])["Parameters"][0]
    assert (seen["Description"], seen["AllowedPattern"], seen["Tier"]) == ("where it listens", "^\\d+$", "Advanced")
    assert (seen["Type"], seen["DataType"], seen["Version"]) == ("String", "text", 1)
    assert ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/app/port")["TagList"] == tags
    got = ssm.get_parameter(Name="/app/port")["Parameter"]
    assert (got["Value"], got["ARN"]) == ("80", "arn:aws:ssm:eu-west-1:123456789012:parameter/app/port")
    assert ssm.get_parameter(Name=got["ARN"])["Parameter"]["Value"] == "80"
    assert put(ssm, value="81", Overwrite=True)["Version"] == 2
    ssm.label_parameter_version(Name="/app/port", ParameterVersion=1, Labels=["old", "aws-no", "1st"])
    assert ssm.get_parameter(Name="/app/port:old")["Parameter"]["Value"] == "80"
    assert ssm.get_parameter(Name="/app/port:2")["Parameter"]["Selector"] == ":2"
    history = ssm.get_parameter_history(Name="/app/port")["Parameters"]
    assert [(one["Value"], one["Labels"]) for one in history] == [("80", ["old"]), ("81", [])]
    gone = ssm.unlabel_parameter_version(Name="/app/port", ParameterVersion=1, Labels=["old", "other"])
    assert (gone["RemovedLabels"], gone["InvalidLabels"]) == (["old"], ["other"])
    both = ssm.get_parameters(Names=["/app/port", "/app/none"])
    assert ([one["Name"] for one in both["Parameters"]], both["InvalidParameters"]) == (["/app/port"], ["/app/none"])
    put(ssm, "/app/name")
    deleted = ssm.delete_parameters(Names=["/app/name", "/app/none"])
    assert (deleted["DeletedParameters"], deleted["InvalidParameters"]) == (["/app/name"], ["/app/none"])
    ssm.delete_parameter(Name="/app/port")
    assert refused(ssm.get_parameter, Name="/app/port") == "ParameterNotFound"


def test_secrets_are_sealed(ssm):
    put(ssm, "secret", "s3cret", Type="SecureString", KeyId="alias/mine")
    assert ssm.get_parameter(Name="secret")["Parameter"]["Value"] != "s3cret"
    assert ssm.get_parameter(Name="secret", WithDecryption=True)["Parameter"]["Value"] == "s3cret"
    key = [{"Key": "KeyId", "Values": ["alias/mine"]}]
    assert [one["Name"] for one in ssm.describe_parameters(ParameterFilters=key)["Parameters"]] == ["secret"]


def test_paths_filters_and_pages(sandbox, ssm):
    for number in range(12):
        put(ssm, f"/fleet/{'a' if number % 2 else 'b'}/p{number}", str(number), Tags=[{"Key": "n", "Value": str(number)}])
    put(ssm, "/fleet/top")
    assert [one["Name"] for one in ssm.get_parameters_by_path(Path="/fleet")["Parameters"]] == ["/fleet/top"]
    assert len(sandbox.walk(ssm, "get_parameters_by_path", 3, Path="/fleet", Recursive=True)) == 13
    assert len(sandbox.walk(ssm, "describe_parameters", 4)) == 13
    one = lambda *filters: [found["Name"] for found in ssm.describe_parameters(ParameterFilters=list(filters), MaxResults=50)["Parameters"]]  # noqa: E731
    assert one({"Key": "tag:n", "Values": ["7"]}) == ["/fleet/a/p7"]
    assert len(one({"Key": "Name", "Option": "BeginsWith", "Values": ["/fleet/b"]})) == 6
    assert one({"Key": "Name", "Option": "Contains", "Values": ["p11"]}) == ["/fleet/a/p11"]
    assert len(one({"Key": "Path", "Option": "Recursive", "Values": ["/fleet/a"]}, {"Key": "Type", "Values": ["String"]})) == 6
    ssm.label_parameter_version(Name="/fleet/a/p1", Labels=["live"])
    labelled = ssm.get_parameters_by_path(Path="/fleet/a", ParameterFilters=[{"Key": "Label", "Values": ["live"]}])
    assert [found["Name"] for found in labelled["Parameters"]] == ["/fleet/a/p1"]
    for _ in range(4):
        put(ssm, "/fleet/top", Overwrite=True)
    assert len(sandbox.walk(ssm, "get_parameter_history", 2, Name="/fleet/top")) == 5


def test_filters_are_checked(sandbox, ssm):
    described, by_path = ssm.describe_parameters, ssm.get_parameters_by_path
    for call, given in ((described, {}), (by_path, {"Path": "/a"})):
        key, other = ("KeyId", "Name") if given else ("Name", "Label")
        assert refused(call, **given, ParameterFilters=[{"Key": other, "Values": ["red"]}]) == "InvalidFilterKey"
        assert refused(call, **given, ParameterFilters=[{"Key": key, "Option": "Near", "Values": ["x"]}]) == "InvalidFilterOption"
        assert refused(call, **given, ParameterFilters=[{"Key": "Type", "Values": ["Number"]}]) == "InvalidFilterValue"


def test_a_put_is_checked(ssm):
    put(ssm)
    code = lambda **given: refused(put, ssm=ssm, **given)  # noqa: E731
    assert code() == "ParameterAlreadyExists"
    assert code(Overwrite=True, Type="StringList") == "HierarchyTypeMismatchException"
    assert code(name="/" + "/".join("x" * 16)) == "HierarchyLevelLimitExceededException"
    assert code(name="/n", value="x", AllowedPattern="^\\d+$") == "ParameterPatternMismatchException"
    assert code(name="/n", value="x", AllowedPattern="(") == "InvalidAllowedPatternException"
    assert code(name="/n", DataType="aws:ec2:image", Type="SecureString") == "UnsupportedParameterType"
    assert code(name="/n", Type="SecureString", KeyId="nonsense") == "InvalidKeyId"
    assert code(name="/n", Policies="[]") == "ValidationException"
    policies = lambda *held: code(name="/n", Tier="Advanced", Policies=json.dumps(held))  # noqa: E731
    assert policies({"Type": "Backup", "Version": "1.0"}) == "InvalidPolicyTypeException"
    assert policies(expiration("soon")) == "InvalidPolicyAttributeException"
    assert policies({**NOTICE, "Attributes": {"Before": "15", "Unit": "Moons"}}) == "InvalidPolicyAttributeException"
    assert policies(expiration("2027-01-01T00:00:00Z"), expiration("2027-01-02T00:00:00Z")) == "IncompatiblePolicyException"
    assert policies(*[QUIET] * 11) == "PoliciesLimitExceededException"


def test_a_hundred_versions_and_ten_labels(ssm):
    put(ssm)
    ssm.label_parameter_version(Name="/app/port", Labels=["first"])
    for _ in range(99):
        put(ssm, Overwrite=True)
    assert refused(put, ssm=ssm, Overwrite=True) == "ParameterMaxVersionLimitExceeded"
    assert refused(ssm.label_parameter_version, Name="/app/port", Labels=[f"l{n}" for n in range(10)], ParameterVersion=200) == "ParameterVersionNotFound"
    ssm.label_parameter_version(Name="/app/port", Labels=[f"l{number}" for number in range(10)])
    assert refused(ssm.label_parameter_version, Name="/app/port", Labels=["more"]) == "ParameterVersionLabelLimitExceeded"
    assert refused(ssm.unlabel_parameter_version, Name="/app/port", Labels=["x"], ParameterVersion=200) == "ParameterVersionNotFound"
    assert refused(ssm.get_parameter, Name="/app/port:200") == "ParameterVersionNotFound"


def test_a_parameter_that_is_not_there(ssm):
    for call, further in (
        (ssm.get_parameter, {}),
        (ssm.get_parameter_history, {}),
        (ssm.delete_parameter, {}),
        (ssm.label_parameter_version, {"Labels": ["a"]}),
        (ssm.unlabel_parameter_version, {"Labels": ["a"], "ParameterVersion": 1}),
    ):
        assert refused(call, Name="/none", **further) == "ParameterNotFound"


def test_a_policy_lets_a_parameter_expire(sandbox, ssm):
    put(ssm, Tier="Advanced", Policies=json.dumps([expiration("2026-11-24T09:00:00Z"), NOTICE, QUIET]))
    seen = ssm.describe_parameters()["Parameters"][0]["Policies"]
    assert [one["PolicyType"] for one in seen] == ["Expiration", "ExpirationNotification", "NoChangeNotification"]
    put(ssm, "/stays", Tier="Advanced", Policies=json.dumps([expiration("2026-11-24T09:00:00Z")]))
    put(ssm, "/stays", Tier="Advanced", Policies=json.dumps([expiration("2026-11-24T11:00:00Z")]), Overwrite=True)
    sandbox.advance("61m")
    assert [one["Name"] for one in ssm.describe_parameters()["Parameters"]] == ["/stays"]


def test_ten_thousand_parameters(tmp_path):
    world = tmp_path / "many.toml"
    one = '[[parameter]]\nname = "/many/{}"\nregions = ["eu-west-1"]\nvalue = [{{ age = "1d", text = "x" }}]\n'
    world.write_text("".join(one.format(number) for number in range(10_000)))
    sandbox = Sandbox(world)
    try:
        assert refused(put, ssm=sandbox.client("ssm")) == "ParameterLimitExceeded"
    finally:
        sandbox.stop()


@pytest.mark.parametrize("available", [True, False])
def test_an_image_is_checked_after_the_answer(sandbox, ssm, available):
    only = [{"Name": "architecture", "Values": ["x86_64"]}]
    image = sandbox.client("ec2").describe_images(Owners=["amazon"], Filters=only)["Images"][0]["ImageId"]
    value = image if available else "ami-0123456789abcdef0"
    assert put(ssm, "/image", value, DataType="aws:ec2:image")["Version"] == 1
    sandbox.advance("10s")
    assert ssm.get_parameters(Names=["/image"])["InvalidParameters"] == ([] if available else ["/image"])


def test_tags(ssm):
    put(ssm)
    resource = {"ResourceType": "Parameter", "ResourceId": "/app/port"}
    ssm.add_tags_to_resource(**resource, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    ssm.remove_tags_from_resource(**resource, TagKeys=["a"])
    assert ssm.list_tags_for_resource(**resource)["TagList"] == [{"Key": "b", "Value": "2"}]
    many = [{"Key": f"k{number}", "Value": ""} for number in range(51)]
    assert refused(ssm.add_tags_to_resource, **resource, Tags=many) == "TooManyTagsError"
    for call, further in (
        (ssm.add_tags_to_resource, {"Tags": [{"Key": "a", "Value": "1"}]}),
        (ssm.remove_tags_from_resource, {"TagKeys": ["a"]}),
        (ssm.list_tags_for_resource, {}),
    ):
        assert refused(call, ResourceType="Parameter", ResourceId="/none", **further) == "InvalidResourceId"
        assert refused(call, ResourceType="ManagedInstance", ResourceId="i-0123456789abcdef0", **further) == "InvalidResourceType"


def test_the_command_lines_own_examples(sandbox):
    """From `put-parameter`, `label-parameter-version`, `get-parameter-history` and others of awscli's examples."""
    sandbox.aws("ssm", "put-parameter", "--name", "MyStringParameter", "--value", "Vici", "--type", "String")
    sandbox.aws("ssm", "put-parameter", "--name", "MyStringParameter", "--value", "Veni", "--overwrite")
    sandbox.aws("ssm", "put-parameter", "--name", "a-list", "--value", "a,b", "--type", "StringList", "--tags", "Key=Env,Value=Test")
    sandbox.aws("ssm", "label-parameter-version", "--name", "MyStringParameter", "--labels", "DEV", "Prod")
    history = sandbox.aws("ssm", "get-parameter-history", "--name", "MyStringParameter")["Parameters"]
    assert [(one["Version"], one["Labels"]) for one in history] == [(1, []), (2, ["DEV", "Prod"])]
    assert sandbox.aws("ssm", "get-parameter", "--name", "MyStringParameter:DEV")["Parameter"]["Value"] == "Veni"
    listed = sandbox.aws("ssm", "describe-parameters", "--parameter-filters", "Key=Type,Values=StringList")["Parameters"]
    assert [one["Name"] for one in listed] == ["a-list"]
    assert sandbox.aws("ssm", "list-tags-for-resource", "--resource-type", "Parameter", "--resource-id", "a-list")["TagList"] == [
        {"Key": "Env", "Value": "Test"}
    ]
    assert sandbox.aws("ssm", "delete-parameters", "--names", "a-list", "none")["InvalidParameters"] == ["none"]


def test_a_key_that_is_disabled_opens_nothing(sandbox, ssm):
    put(ssm, "/team/secret", "s3cret", Type="SecureString", KeyId="alias/team")
    put(ssm, "/team/other", "s3cret", Type="SecureString")
    sandbox.control("faults", {"unusable-keys": ["alias/team*"]})
    one = {"Name": "/team/secret", "WithDecryption": True}
    assert refused(ssm.get_parameter, **one) == refused(ssm.get_parameter_history, **one) == "InvalidKeyId"
    assert refused(ssm.get_parameters, Names=["/team/other", "/team/secret"], WithDecryption=True) == "InvalidKeyId"
    assert refused(ssm.get_parameters_by_path, Path="/team", WithDecryption=True) == "InvalidKeyId"
    assert refused(put, ssm=ssm, name="/team/new", value="v", Type="SecureString", KeyId="alias/team") == "InvalidKeyId"
    assert ssm.get_parameter(Name="/team/secret")["Parameter"]["Value"] != "s3cret"
    assert ssm.get_parameter(Name="/team/other", WithDecryption=True)["Parameter"]["Value"] == "s3cret"
    sandbox.control("faults", {})
    assert ssm.get_parameter(**one)["Parameter"]["Value"] == "s3cret"
