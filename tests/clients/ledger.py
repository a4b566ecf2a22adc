"""What the suite has seen of the account: operations that succeeded, errors, values of status enumerations.

The hooks of `watch` sit in every client. The ledger becomes the tables of `docs/sandbox-coverage.md`. What is expected of
a service stands in `expected/SERVICE.toml`:

- `[floor]`: percents of operations and errors that a run of the whole suite must reach, and whether everything missing
  must have its reason. They only ever rise.
- `[required]`: the members that the answer of an operation must have, wherever the structure that holds them is there.
  `[]` goes into each item of a list, `{}` into each value of a map, `{a,b}` at the end stands for several.
- `[errors]`: errors of an operation that the model does not declare, each group with its source.
- `[missing.operation]`, `[missing.error]`, `[missing.enum]`, `[missing.member]`: what is not seen, and why: `Operation`,
  `Operation:Error`, `Enumeration:value`, `Operation:path`, where `*` stands for anything. A reason that is not needed any
  more is an error.

Errors are counted by operation: those that the model declares and that are no server errors, and those of `[errors]`.
"""

import fnmatch
import json
import re
import tomllib
from collections import defaultdict
from functools import cache
from pathlib import Path

import botocore.session

from raw import Body

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SERVICES = {
    "ec2": "Amazon EC2",
    "autoscaling": "EC2 Auto Scaling",
    "ssm": "Systems Manager",
    "imagebuilder": "EC2 Image Builder",
    "sts": "STS",
}
STATUS = re.compile(r"(Status|State)(Name|Code|Type)?$")


@cache
def expected(service):
    return tomllib.loads((HERE / "expected" / f"{service}.toml").read_text())


@cache
def model(service):
    return botocore.session.get_session().get_service_model(service)


@cache
def operations(service):
    table = json.loads((ROOT / "src/sandbox/wire/models.json").read_text())
    return sorted(table["services"][service]["operations"])


def code_of(shape):
    return shape.metadata.get("error", {}).get("code", shape.name)


def status_of(shape):
    # The model of Systems Manager says no status; its API reference says 500 of this one.
    usual = 500 if shape.name == "InternalServerError" else 400
    return shape.metadata.get("error", {}).get("httpStatusCode", usual)


@cache
def errors(service):
    """The errors that can be reached: (operation, code)."""
    found = set()
    for name in operations(service):
        shapes = model(service).operation_model(name).error_shapes
        found |= {(name, code_of(shape)) for shape in shapes if status_of(shape) < 500}
    for name, codes in expected(service).get("errors", {}).items():
        assert name in operations(service), f"expected/{service}.toml: there is no {name}"
        found |= {(name, code) for code in codes}
    return found


@cache
def enumerations(service):
    """The status enumerations that answers hold, with their values."""
    found = {}

    def walk(shape, above):
        if shape.name in above:
            return
        above = above | {shape.name}
        if shape.type_name == "structure":
            for member in shape.members.values():
                walk(member, above)
        elif shape.type_name == "list":
            walk(shape.member, above)
        elif shape.type_name == "map":
            walk(shape.value, above)
        elif getattr(shape, "enum", None) and STATUS.search(shape.name):
            found[shape.name] = list(shape.enum)

    for name in operations(service):
        output = model(service).operation_model(name).output_shape
        if output is not None:
            walk(output, frozenset())
    return found


def spelt_out(path):
    """`A[].{b,c.d}` stands for `A[].b` and `A[].c.d`."""
    match = re.fullmatch(r"(.*)\{([^}]+)\}", path)
    return [match[1] + name.strip() for name in match[2].split(",")] if match else [path]


@cache
def required(service):
    """The members that an answer must have: operation → paths."""
    listed = expected(service).get("required", {})
    return {name: [path for one in paths for path in spelt_out(one)] for name, paths in listed.items()}


class Ledger:
    """All that was seen."""

    def __init__(self):
        self.succeeded = defaultdict(set)
        self.errors = defaultdict(set)
        self.enums = defaultdict(set)
        self.paths = defaultdict(set)

    def watch(self, client):
        """Puts the hooks into a client."""
        service = client.meta.service_model.service_name
        client.meta.events.register(
            f"before-parse.{client.meta.service_model.service_id.hyphenize()}.*",
            lambda operation_model, response_dict, **_: self.answered(service, operation_model, response_dict),
        )
        client.meta.events.register(
            f"after-call.{client.meta.service_model.service_id.hyphenize()}.*",
            lambda model, parsed, **_: self.ended(service, model, parsed),
        )
        return client

    def answered(self, service, operation, response):
        if response["status_code"] >= 300:
            return
        body = Body(operation, response)
        for path in required(service).get(operation.name, []):
            absent, there = body.lacks(path)
            assert not absent, f"{body.where}: {path} is absent from {response['body'][:3000]!r}"
            if there:
                self.paths[service].add((operation.name, path))
        self.succeeded[service].add(operation.name)
        self.enums[service] |= body.enums

    def ended(self, service, operation, parsed):
        error = parsed.get("Error")
        if error is None:
            return
        # Systems Manager gives many of its exceptions without words.
        assert error.get("Message") or service == "ssm", f"{service} {operation.name}: {error} has no message"
        self.errors[service].add((operation.name, error["Code"]))
        status = parsed["ResponseMetadata"]["HTTPStatusCode"]
        for shape in operation.service_model.error_shapes:
            if code_of(shape) == error["Code"]:
                assert status_of(shape) == status, f"{service} {operation.name}: {error['Code']} with {status}"


# Errors that AWS gives without words.
SILENT = set()


class Account:
    """The ledger of one service as figures, and as its section of the document."""

    def __init__(self, ledger, service):
        self.service = service
        self.reasons = [
            (kind, pattern, reason)
            for kind, table in expected(service).get("missing", {}).items()
            for pattern, reason in table.items()
        ]
        self.used = set()
        self.without_reason = []
        self.left = []
        names = set(operations(service))
        values = {(name, value) for name, held in enumerations(service).items() for value in held}
        paths = {(name, path) for name, held in required(service).items() for path in held}
        self.figures = {
            "operation": self.held("operation", {(name,) for name in names}, {(name,) for name in ledger.succeeded[service]}),
            "error": self.held("error", errors(service), ledger.errors[service]),
            "enum": self.held("enum", values, ledger.enums[service]),
            "member": self.held("member", paths, ledger.paths[service]),
        }

    def held(self, kind, wanted, seen):
        lacking = defaultdict(list)
        for name in sorted(":".join(one) for one in wanted - seen):
            lacking[self.reason(kind, name)].append(name)
        for reason, held in lacking.items():
            self.left.append(f"| {WORDS[kind]} | {', '.join(f'`{name}`' for name in held)} | {reason} |")
        return len(wanted & seen), len(wanted)

    def reason(self, kind, name):
        for rule in self.reasons:
            if rule[0] == kind and fnmatch.fnmatchcase(name, rule[1].replace("[", "[[]")):
                self.used.add(rule)
                return rule[2]
        self.without_reason.append(f"{kind} {name}")
        return "no reason known yet"

    def unused(self):
        return [f"{kind}: {pattern}" for kind, pattern, reason in self.reasons if (kind, pattern, reason) not in self.used]

    def percent(self, kind):
        seen, wanted = self.figures[kind]
        return 100.0 * seen / wanted if wanted else 100.0

    def section(self):
        lines = [f"## {SERVICES[self.service]}", ""]
        lines += [f"- {WORDS[kind]}: {seen} of {wanted}" for kind, (seen, wanted) in self.figures.items()]
        if self.left:
            lines += ["", "| not seen | which | why |", "|---|---|---|", *self.left]
        return [*lines, ""]


WORDS = {
    "operation": "operations that succeeded",
    "error": "errors",
    "enum": "values of states",
    "member": "required members",
}


def document(accounts):
    """The text of `docs/sandbox-coverage.md`."""
    lines = [
        "# What independent clients have seen of the sandbox",
        "",
        "Written by `tests/clients` (`UPDATE_DOCS=1`) and held against each run of the whole suite. Errors are counted for "
        "each operation: those that the official model declares for it and that are no server errors; for EC2, whose "
        "model declares none, those that `tests/clients/expected/ec2.toml` lists with their source. Values are those of "
        "every enumeration of states that answers hold.",
        "",
    ]
    return "\n".join(lines + [line for account in accounts for line in account.section()])
