"""The raw body of an answer, held against the official model.

A client drops what it does not know, so a name that AWS would never write goes unseen. Here the body itself is walked,
XML or JSON: no name may be unknown to the model, no scalar ill-formed, no value outside its enumeration.
"""

import base64
import json
import re
from xml.etree import ElementTree

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
WHOLE = re.compile(r"-?\d+")
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
BESIDE = {"requestId", "RequestId", "ResponseMetadata"}

# Enumerations whose values AWS writes otherwise than the model says, `windows` for example in the command line's own
# examples: compared without case and underscores.
LITERAL = {"PatchComplianceDataState", "PlatformValues"}

# Enumerations in whose place AWS writes an empty text for none (awscli's examples, `send-command`).
EMPTY = {"NotificationType"}


class Body:
    """The members of an answer by their model names, and the values of enumerations that it holds."""

    def __init__(self, operation, response):
        self.where = f"{operation.service_model.service_name} {operation.name}"
        self.enums = set()
        shape = operation.output_shape
        protocol = operation.service_model.resolved_protocol
        text = response["body"]
        if protocol in ("ec2", "query"):
            self.members = self.xml(operation, shape, text)
        elif shape is None:
            assert text in (b"", b"{}"), f"{self.where}: a body where there should be none: {text[:200]}"
            self.members = {}
        else:
            self.members = self.json_body(shape, text)

    # XML

    def xml(self, operation, shape, text):
        root = ElementTree.fromstring(text)
        namespace = operation.service_model.metadata["xmlNamespace"].rstrip("/")
        assert root.tag.split("}")[0].lstrip("{").rstrip("/") == namespace, f"{self.where}: {root.tag}"
        assert bare(root) == f"{operation.name}Response", f"{self.where}: {root.tag}"
        wrapper = shape.serialization.get("resultWrapper") if shape is not None else None
        if wrapper is None and operation.service_model.resolved_protocol == "query":
            wrapper = f"{operation.name}Result"
        if wrapper is not None:
            unknown = {bare(child) for child in root} - BESIDE - {wrapper}
            assert not unknown, f"{self.where}: unknown {unknown}"
            root = next((child for child in root if bare(child) == wrapper), None)
        if shape is None:
            left = [] if root is None else [bare(child) for child in root if bare(child) not in BESIDE]
            # ec2 says <return>true</return> where the model has no output at all.
            assert left in ([], ["return"]), f"{self.where}: {left}"
            return {}
        assert root is not None, f"{self.where}: no {wrapper}"
        return self.xml_structure(shape, root, "")

    def xml_structure(self, shape, node, path):
        by_name = {member.serialization.get("name", name): name for name, member in shape.members.items()}
        flat = {
            self.item_name(member): name
            for name, member in shape.members.items()
            if member.serialization.get("flattened")
        }
        found = {}
        for child in node:
            name = bare(child)
            if path == "" and name in BESIDE and name not in by_name:
                continue
            if name in flat:
                member = shape.members[flat[name]]
                found.setdefault(flat[name], []).append(self.xml_value(member.member, child, f"{path}.{name}"))
                continue
            assert name in by_name, f"{self.where}: {path}.{name} is unknown to the model"
            member = by_name[name]
            assert member not in found, f"{self.where}: {path}.{name} twice"
            found[member] = self.xml_value(shape.members[member], child, f"{path}.{name}")
        return found

    @staticmethod
    def item_name(member):
        return member.serialization.get("name") or member.member.serialization.get("name", "member")

    def xml_value(self, shape, node, path):
        kind = shape.type_name
        if kind == "structure":
            return self.xml_structure(shape, node, path)
        if kind == "list":
            item = shape.member.serialization.get("name", "member")
            for child in node:
                assert bare(child) == item, f"{self.where}: {path}.{bare(child)} where {item} belongs"
            return [self.xml_value(shape.member, child, f"{path}[]") for child in node]
        if kind == "map":
            entries = {}
            for entry in node:
                parts = {bare(child): child for child in entry}
                key = parts.pop(shape.key.serialization.get("name", "key"))
                value = parts.pop(shape.value.serialization.get("name", "value"))
                assert not parts, f"{self.where}: {path}: {parts}"
                entries[key.text or ""] = self.xml_value(shape.value, value, f"{path}{{}}")
            return entries
        assert len(node) == 0, f"{self.where}: {path} is a scalar and has children"
        text = node.text or ""
        if kind == "boolean":
            assert text in ("true", "false"), f"{self.where}: {path} = {text!r}"
            return text == "true"
        if kind in ("integer", "long"):
            assert WHOLE.fullmatch(text), f"{self.where}: {path} = {text!r}"
            return int(text)
        if kind in ("float", "double"):
            assert NUMBER.fullmatch(text), f"{self.where}: {path} = {text!r}"
            return float(text)
        if kind == "timestamp":
            assert TIME.fullmatch(text), f"{self.where}: {path} = {text!r}"
            return text
        return self.text(shape, text, path)

    # JSON

    def json_body(self, shape, text):
        document = json.loads(text) if text else {}
        payload = shape.serialization.get("payload")
        if payload:
            return {payload: self.json_value(shape.members[payload], document, payload)}
        return self.json_structure(shape, document, "")

    def json_structure(self, shape, document, path):
        assert isinstance(document, dict), f"{self.where}: {path} is no object"
        by_name = {
            member.serialization.get("name", name): name
            for name, member in shape.members.items()
            if "location" not in member.serialization
        }
        found = {}
        for name, value in document.items():
            assert name in by_name, f"{self.where}: {path}.{name} is unknown to the model"
            assert value is not None, f"{self.where}: {path}.{name} is null"
            found[by_name[name]] = self.json_value(shape.members[by_name[name]], value, f"{path}.{name}")
        return found

    def json_value(self, shape, value, path):
        kind = shape.type_name
        if kind == "structure":
            return self.json_structure(shape, value, path)
        if kind == "list":
            assert isinstance(value, list), f"{self.where}: {path} is no list"
            return [self.json_value(shape.member, item, f"{path}[]") for item in value]
        if kind == "map":
            assert isinstance(value, dict), f"{self.where}: {path} is no map"
            for key in value:
                self.text(shape.key, key, f"{path} key")
            return {key: self.json_value(shape.value, item, f"{path}{{}}") for key, item in value.items()}
        if kind == "boolean":
            assert isinstance(value, bool), f"{self.where}: {path} = {value!r}"
        elif kind in ("integer", "long"):
            assert isinstance(value, int) and not isinstance(value, bool), f"{self.where}: {path} = {value!r}"
        elif kind in ("float", "double", "timestamp"):
            assert isinstance(value, (int, float)) and not isinstance(value, bool), f"{self.where}: {path} = {value!r}"
        else:
            assert isinstance(value, str), f"{self.where}: {path} = {value!r}"
            return self.text(shape, value, path)
        return value

    # Texts

    def text(self, shape, text, path):
        if shape.type_name == "blob":
            return base64.b64decode(text, validate=True)
        if getattr(shape, "enum", None) and not (text == "" and shape.name in EMPTY):
            value = text
            if shape.name in LITERAL:
                value = next((one for one in shape.enum if plain(one) == plain(text)), text)
            assert value in shape.enum, f"{self.where}: {path} = {text!r} is none of {shape.name}: {shape.enum}"
            self.enums.add((shape.name, value))
        return text

    # What must be there

    def lacks(self, path):
        """Whether a required path is absent, and whether anything was there that could have it.

        A path is members joined by dots; `[]` after a list, `{}` after a map goes into each of its values.
        """
        return lacks(self.members, path.split("."))


def lacks(value, steps):
    if not steps:
        return False, True
    step, rest = steps[0], steps[1:]
    name = step.removesuffix("[]").removesuffix("{}")
    if not isinstance(value, dict) or name not in value:
        return True, True
    inner = value[name]
    if step.endswith(("[]", "{}")):
        items = inner if step.endswith("[]") else list(inner.values())
        told = [lacks(item, rest) for item in items]
        return any(one for one, _ in told), any(there for _, there in told)
    return lacks(inner, rest)


def bare(node):
    return node.tag.rsplit("}", 1)[-1]


def plain(text):
    return text.replace("_", "").lower()
