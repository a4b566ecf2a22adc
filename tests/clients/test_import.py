"""`--import`: what the AWS command line prints shows the same fleet as the account itself, and nothing makes it fail."""

import json
import os
import re
import subprocess
import time
from pathlib import Path

import awscli
import pytest

from account import KEY, SECRET, Sandbox
from ledger import ROOT

REBAKE = os.environ.get("REBAKE", str(ROOT / "target" / "debug" / "rebake"))
EXAMPLES = Path(awscli.__file__).parent / "examples"
REGIONS = ("eu-west-1", "us-east-1")

# What recordings can show. Ages, and with them needs, count from today in the one and from the world's day in the other.
SAME = ("lane", "owner", "name", "kind", "system", "image", "group", "instance_type", "launched_at", "patch_state", "tags")


@pytest.fixture(scope="module")
def demo():
    sandbox = Sandbox("demo")
    yield sandbox
    sandbox.stop()


def rebake(*arguments, cwd, env=None, input=None):
    base = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    # Without an account, nobody may be asked.
    base |= {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(cwd)}
    return subprocess.run(
        [REBAKE, *arguments], cwd=cwd, env=base | (env or {}), input=input, capture_output=True, timeout=120
    )


def fleet(*arguments, cwd, env=None):
    done = rebake("inventory", *arguments, "--format", "json", cwd=cwd, env=env)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def dump(demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    for region in REGIONS:
        record(demo, folder / region, region)
    return folder


def record(demo, folder, region):
    """What somebody would record: the lists with the AWS command line, what is asked node by node with boto3."""
    folder.mkdir(parents=True)

    def write(name, told):
        told.pop("ResponseMetadata", None)
        (folder / f"{name}.json").write_text(json.dumps(told, indent=4, default=lambda it: it.isoformat()))
        return told

    def aws(name, *arguments):
        return write(name, demo.aws(*arguments, "--region", region))

    aws("a", "ec2", "describe-instances")
    groups = aws("b", "autoscaling", "describe-auto-scaling-groups")["AutoScalingGroups"]
    managed = aws("c", "ssm", "describe-instance-information")["InstanceInformationList"]
    aws("d", "autoscaling", "describe-policies")
    aws("e", "ec2", "describe-launch-templates")
    aws("f", "ec2", "describe-launch-template-versions", "--versions", "$Latest", "$Default")
    aws("g", "ec2", "describe-images", "--owners", "self", "amazon", "--include-deprecated")
    ssm, autoscaling, ec2 = (demo.client(name, region) for name in ("ssm", "autoscaling", "ec2"))
    ids = [node["InstanceId"] for node in managed]
    for start in range(0, len(ids), 50):
        states = write(f"h{start}", ssm.describe_instance_patch_states(InstanceIds=ids[start : start + 50]))
        for state in states["InstancePatchStates"]:
            node = state["InstanceId"]
            if state["MissingCount"] + state["FailedCount"]:
                write(f"patches-{node}", ssm.describe_instance_patches(InstanceId=node, MaxResults=100))
    for number, group in enumerate(groups):
        name = {"AutoScalingGroupName": group["AutoScalingGroupName"]}
        write(f"i{number}", autoscaling.describe_instance_refreshes(**name))
        write(f"j{number}", autoscaling.describe_lifecycle_hooks(**name))
    write("k", ec2.describe_instance_image_metadata(MaxResults=1000))


def test_recordings_show_what_the_account_shows(demo, dump, tmp_path):
    keys = {"AWS_ENDPOINT_URL": demo.url, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    asked = fleet("--region", ",".join(REGIONS), cwd=tmp_path, env=keys)
    shown = fleet("--import", str(dump), cwd=tmp_path)
    assert len(asked["nodes"]) == len(shown["nodes"]) > 90
    for there, here in zip(asked["nodes"], shown["nodes"], strict=True):
        assert there["id"] == here["id"]
        differing = {member: (there[member], here[member]) for member in SAME if there[member] != here[member]}
        # The tags of nodes on-premises take a call of their own, which nobody recorded.
        if here["kind"] == "on-premises":
            assert differing.keys() <= {"tags", "name"}, differing
        else:
            assert not differing, f"{here['id']}: {differing}"
    facts = {gap["fact"] for gap in shown["gaps"]}
    assert facts <= {"patch-releases", "patches", "patch-states", "images", "templates"}, shown["gaps"]
    # The same as a file each, and from standard input.
    files = sorted(str(path) for path in (dump / REGIONS[0]).iterdir())
    one = fleet(*[word for path in files for word in ("--import", path)], cwd=tmp_path)
    assert [node["id"] for node in one["nodes"]] == [n["id"] for n in shown["nodes"] if n["site"]["region"] == REGIONS[0]]
    piped = rebake(
        "inventory", "--import", "-", "--format", "json", cwd=tmp_path, input=b"".join(Path(path).read_bytes() for path in files)
    )
    assert {node["id"] for node in json.loads(piped.stdout)["nodes"]} == {node["id"] for node in one["nodes"]}


def test_the_commands_that_look_work_on_recordings_and_no_other(dump, tmp_path):
    for words in (
        ["explain", "wiki"],
        ["explain", "web-prod"],
        ["plan"],
        ["plan", "--format", "json"],
        ["images"],
        ["channels"],
        ["report", "--format", "html"],
        ["inventory", "lane:immutable", "--group-by", "os"],
    ):
        done = rebake("--import", str(dump), *words, cwd=tmp_path)
        assert done.returncode == 0 and done.stdout, (words, done.stderr.decode())
    for words in (["apply", "--yes"], ["patch", "--ring", "x"], ["doctor"], ["plan", "-o", "plan.json"], ["status"]):
        done = rebake("--import", str(dump), *words, cwd=tmp_path)
        assert done.returncode == 2 and b"recordings" in done.stderr, (words, done.stderr.decode())


def test_what_is_missing_is_a_gap_and_hides_the_lane(dump, tmp_path):
    only = tmp_path / "only"
    only.mkdir()
    (only / "instances.json").write_bytes((dump / "eu-west-1/a.json").read_bytes())
    shown = fleet("--import", "only", cwd=tmp_path)
    assert {node["lane"] for node in shown["nodes"]} == {"unreachable", "excluded"}
    assert {gap["fact"] for gap in shown["gaps"]} >= {"groups", "managed-nodes", "images"}
    assert shown["totals"]["cannot_judge"] > 0
    screen = rebake("--import", "only", "inventory", cwd=tmp_path).stdout.decode()
    assert "aws autoscaling describe-auto-scaling-groups --region eu-west-1" in " ".join(screen.split())


def documents():
    """Every document of JSON in AWS's own examples, by service, file and position."""
    for path in sorted(EXAMPLES.rglob("*.rst")):
        blocks = re.split(r"\n(?=\S)", path.read_text(errors="replace"))
        found = (re.search(r"^ +[{\[].*", block, re.DOTALL | re.MULTILINE) for block in blocks)
        for number, block in enumerate(match.group() for match in found if match):
            yield path.relative_to(EXAMPLES), number, block


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    for path, number, text in documents():
        file = folder / path.parent / f"{path.stem}-{number}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def mended(text):
    """An example without what the documentation leaves out, and with the commas and quotes that it forgot."""
    text = re.sub(r"^\s*<?\.\.\..*$", "", text, flags=re.MULTILINE)
    text = re.sub(r'(": "[^"\n]*),$', r'\1",', text, flags=re.MULTILINE)
    text = re.sub(r"\}(\s*\{)", r"},\1", text)
    return re.sub(r",(\s*[\]}])", r"\1", text)


# The calls whose recordings are read, and whether their examples show nodes.
READ = {
    "ec2/describe-instances": True,
    "ec2/describe-images": False,
    "ec2/describe-instance-image-metadata": False,
    "ec2/describe-launch-templates": False,
    "ec2/describe-launch-template-versions": False,
    "ec2/describe-volumes": False,
    "ec2/describe-snapshots": False,
    # A group tells which instances are in service.
    "autoscaling/describe-auto-scaling-groups": True,
    "autoscaling/describe-launch-configurations": False,
    "autoscaling/describe-policies": False,
    "autoscaling/describe-lifecycle-hooks": False,
    "autoscaling/describe-instance-refreshes": False,
    "ssm/describe-instance-information": True,
    "ssm/describe-instance-patch-states": False,
    "ssm/describe-instance-patches": False,
    "ssm/describe-patch-baselines": False,
    "ssm/describe-patch-groups": False,
    "ssm/list-commands": False,
    "ssm/get-inventory": False,
}


@pytest.mark.parametrize("call", READ)
def test_the_examples_of_each_call_are_recognised(examples, tmp_path, call):
    service, name = call.split("/")
    files = sorted((examples / service).glob(f"{name}-[0-9]*.json"))
    assert files, call
    recognised, nodes = 0, 0
    for file in files:
        try:
            document = json.loads(mended(file.read_text()))
        except json.JSONDecodeError:
            continue
        # A request, or what a `--query` made of an answer.
        if isinstance(document, list) or not any(isinstance(value, list) for value in document.values()):
            continue
        whole = tmp_path / file.name
        whole.write_text(json.dumps(document))
        done = rebake("--import", str(whole), "inventory", "--format", "json", cwd=tmp_path)
        assert done.returncode == 0, f"{file.name}: {done.stderr.decode()}"
        recognised += 1
        nodes += len(json.loads(done.stdout)["nodes"])
    assert recognised, f"no example of {call} was recognised"
    assert bool(nodes) == READ[call]


def test_all_examples_at_once_do_no_harm(examples, tmp_path):
    count = sum(1 for _ in examples.rglob("*.json"))
    assert count > 5000
    done = rebake("--import", str(examples), "inventory", cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert b"nodes in" in done.stdout and b"more could not be used" in done.stderr


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_recording_cut_anywhere_is_named(dump, tmp_path, cut):
    text = (dump / "eu-west-1/a.json").read_text()
    (tmp_path / "cut.json").write_text(text[: len(text) * cut // 60])
    (tmp_path / "groups.json").write_text('{"AutoScalingGroups": []}')
    done = rebake("--import", ".", "inventory", cwd=tmp_path)
    assert done.returncode == 0 and b"cut.json: it is cut off at line" in done.stderr


STATE = {
    "InstanceId": "i-0123456789abcdef0", "PatchGroup": "", "BaselineId": "pb-0123456789abcdef0", "Operation": "Scan",
    "OperationEndTime": time.time() - 3600, "InstalledCount": 9, "MissingCount": 0, "FailedCount": 0,
}


@pytest.mark.parametrize("change", [
    {"MissingCount": None}, {"MissingCount": "many"}, {"MissingCount": -3}, {"FailedCount": None},
    {"InstalledRejectedCount": "x"}, {"OperationEndTime": time.time() + 86_400}, {},
])
def test_a_state_without_its_counts_or_of_tomorrow_proves_nothing(tmp_path, change):
    state = {name: value for name, value in {**STATE, **change}.items() if value is not None}
    agent = {"InstanceId": STATE["InstanceId"], "PingStatus": "Online", "LastPingDateTime": time.time(),
             "PlatformName": "Amazon Linux", "PlatformVersion": "2023"}
    instance = {"InstanceId": STATE["InstanceId"], "State": {"Name": "running"}, "Tags": []}
    (tmp_path / "all").mkdir()
    for name, told in (
        ("states", {"InstancePatchStates": [state]}),
        ("agents", {"InstanceInformationList": [agent]}),
        ("instances", {"Reservations": [{"OwnerId": "111111111111", "Instances": [instance]}]}),
    ):
        (tmp_path / "all" / f"{name}.json").write_text(json.dumps(told))
    [node] = fleet("--import", "all", cwd=tmp_path)["nodes"]
    assert node["blind"] == ("unread" if change else None) and not node["needs_patching"]


def test_recordings_of_no_node_are_told_to_be_so(tmp_path):
    (tmp_path / "images.json").write_text(json.dumps({"Images": [{"ImageId": "ami-0123456789abcdef0"}]}))
    looked = rebake("--import", "images.json", "inventory", cwd=tmp_path)
    assert looked.returncode == 0 and b"aws ec2 describe-instances" in looked.stderr and b"plan" not in looked.stdout
    planned = rebake("--import", "images.json", "plan", cwd=tmp_path)
    assert planned.returncode == 2 and b"nothing to plan" in planned.stderr and b"internal" not in planned.stderr


def test_foreign_and_hostile_files_are_named(tmp_path):
    files = {
        "empty.json": b"",
        "picture.png": b"\x89PNG\r\n\x1a\n\x00\xff\xfe",
        "table.txt": b"RESERVATIONS\tr-1",
        "foreign.json": b'{"Buckets": [{"Name": "x"}]}',
        "number.json": b"[1, 2]",
        "deep.json": b"[" * 100_000,
        "evil\x1b[2J.json": b'{"Reservations": [{"Instances": [{"InstanceId": "i-0123456789abcdef0"}, 3, null]}]}',
        "types.json": b'{"Reservations": {"a": 1}, "Images": [null, 1, {"ImageId": 5}]}',
    }
    folder = tmp_path / "dump"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    done = rebake("--import", "dump", "inventory", cwd=tmp_path)
    told = done.stderr.decode()
    for name in files:
        assert name.replace("\x1b", "\\u{1b}") in told
    assert "\x1b" not in told
    assert b"No nodes" in done.stdout or done.returncode == 2
    none = rebake("--import", "nowhere", "inventory", cwd=tmp_path)
    assert none.returncode == 2 and b"cannot read nowhere" in none.stderr
