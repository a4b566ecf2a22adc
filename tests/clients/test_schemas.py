"""What rebake prints as JSON is what its published schemas say, member by member."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "docs" / "schemas"


def strict(schema):
    """A schema that allows no member which it does not describe."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if "properties" in schema and isinstance(schema["properties"], dict):
        closed.setdefault("additionalProperties", False)
    return closed


@cache
def validator(name):
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(strict(schema))


def validate(name, document):
    validator(name).validate(document)


class Account:
    """The demo in a folder."""

    def __init__(self, folder):
        self.folder = folder

    def rebake(self, *arguments):
        binary = os.environ.get("REBAKE", str(ROOT / "target" / "debug" / "rebake"))
        command = [binary, "--sandbox", *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=300)
        assert done.returncode in (0, 8), done.stderr
        return done

    def document(self, *arguments):
        document = json.loads(self.rebake(*arguments, "--format", "json").stdout)
        validate(document["schema"].removeprefix("rebake/"), document)
        return document


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    return Account(tmp_path_factory.mktemp("schemas"))


def test_every_document_is_as_its_schema_says(account):
    seen = set()

    def look(*arguments):
        document = account.document(*arguments)
        seen.add(document["schema"].removeprefix("rebake/"))
        return document

    assert look("status")["exit"] is None
    look("report")
    fleet = look("inventory", "--save")
    look("inventory", "--group-by", "os")
    look("doctor")
    look("plan")
    for node in fleet["nodes"]:
        validate("node", {"schema": "rebake/node", "version": 1, **node})
    done = account.rebake("apply", "--yes", "--wait", "--progress", "json", "--verbose", "--format", "json")
    first, *lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert (first.pop("schema"), first.pop("version")) == ("rebake/events", 1)
    for event in [first, *lines]:
        validate("events", event)
    kinds = {event["kind"]["event"] for event in lines}
    assert kinds >= {"task-started", "task-progress", "task-ended", "node-patched", "intended", "effected", "ended"}
    seen.add("events")
    validate("run", json.loads(done.stdout))
    for command in (["explain", "wiki"], ["explain", "web@2.4.17"], ["images"], ["channels"], ["status"], ["history"], ["report"], ["inventory"], ["plan"], ["diff"]):
        look(*command)
    groups = {node["group"] for node in fleet["nodes"] if node["group"]}
    for group in sorted(groups):
        look("explain", f"group:{group}")
    look("sandbox", "show")
    run = next((account.folder / ".rebake/sandbox/runs").iterdir())
    validate("run", json.loads((run / "report.json").read_text()))
    validate("plan", json.loads((run / "plan.json").read_text()))
    for line in (run / "journal.ndjson").read_text().splitlines():
        validate("events", json.loads(line))
    published = {path.stem for path in SCHEMAS.glob("*.json")} - {"rebake", "recipe"}
    assert seen == published, "a schema of which no document was seen"
