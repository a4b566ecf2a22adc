#!/usr/bin/env python3
"""Draws the facts of the emulated operations from the official API models into models.json.

    python extract.py            writes models.json beside this file
    python extract.py --check    says whether it equals what the installed models say

Needs botocore >= 1.44.5. Only facts go in (names, encodings, types, bounds), no documentation.
"""

import json
import pathlib
import sys

import botocore.loaders

HERE = pathlib.Path(__file__).parent
OPERATIONS = HERE / "operations.txt"
TARGET = HERE / "models.json"


def wanted():
    """Service -> operations, from operations.txt: `service: Operation Operation ...`."""
    services = {}
    for line in OPERATIONS.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            service, _, names = line.partition(":")
            services.setdefault(service.strip(), []).extend(names.split())
    return services


def member(name, spec):
    fact = {"shape": spec["shape"]}
    for key in ("locationName", "queryName", "location", "flattened", "timestampFormat"):
        if key in spec:
            fact[key] = spec[key]
    return fact


def shape(spec):
    fact = {"type": spec["type"]}
    for key in ("enum", "min", "max", "required", "timestampFormat", "sensitive", "flattened", "payload"):
        if key in spec and spec[key] not in (None, [], False):
            fact[key] = spec[key]
    if "members" in spec:
        fact["members"] = {name: member(name, inner) for name, inner in spec["members"].items()}
    for key in ("member", "key", "value"):
        if key in spec:
            fact[key] = member(key, spec[key])
    if spec.get("exception") or "error" in spec:
        error = spec.get("error", {})
        fact["error"] = {
            "code": error.get("code"),
            "status": error.get("httpStatusCode", 500 if spec.get("fault") else 400),
        }
    return fact


def reach(shapes, name, seen):
    if name in seen:
        return
    seen.add(name)
    spec = shapes[name]
    for inner in list(spec.get("members", {}).values()) + [spec[k] for k in ("member", "key", "value") if k in spec]:
        reach(shapes, inner["shape"], seen)


def extract():
    loader = botocore.loaders.create_loader()
    services = {}
    for service, names in sorted(wanted().items()):
        model = loader.load_service_model(service, "service-2")
        meta, shapes, seen, operations = model["metadata"], model["shapes"], set(), {}
        for name in sorted(names):
            spec = model["operations"][name]
            fact = {"method": spec["http"]["method"], "uri": spec["http"]["requestUri"]}
            for key in ("input", "output"):
                if key in spec:
                    fact[key] = spec[key]["shape"]
                    if "resultWrapper" in spec[key]:
                        fact["resultWrapper"] = spec[key]["resultWrapper"]
                    reach(shapes, spec[key]["shape"], seen)
            fact["errors"] = [error["shape"] for error in spec.get("errors", [])]
            for error in fact["errors"]:
                reach(shapes, error, seen)
            operations[name] = fact
        services[service] = {
            "protocol": meta["protocol"],
            "version": meta["apiVersion"],
            "namespace": meta.get("xmlNamespace", ""),
            "target": meta.get("targetPrefix", ""),
            "operations": operations,
            "shapes": {name: shape(shapes[name]) for name in sorted(seen)},
        }
    endpoints = loader.load_data("endpoints")
    aws = next(part for part in endpoints["partitions"] if part["partition"] == "aws")
    return {"regions": sorted(aws["regions"]), "services": services}


def dump(facts):
    """One line an operation and a shape, so that a change is readable."""
    line = lambda value: json.dumps(value, separators=(",", ":"), sort_keys=False)
    out = ['{"regions":' + line(facts["regions"]) + ',"services":{']
    for at, (name, service) in enumerate(facts["services"].items()):
        head = {key: service[key] for key in ("protocol", "version", "namespace", "target")}
        out.append(("," if at else "") + line(name) + ":" + line(head)[:-1] + ',"operations":{')
        out.append(",\n".join(line(key) + ":" + line(value) for key, value in service["operations"].items()))
        out.append('},"shapes":{')
        out.append(",\n".join(line(key) + ":" + line(value) for key, value in service["shapes"].items()))
        out.append("}}")
    out.append("}}")
    return "\n".join(out) + "\n"


def main():
    text = dump(extract())
    if "--check" in sys.argv:
        if TARGET.read_text() != text:
            sys.exit(f"{TARGET} differs from the installed models: run {sys.argv[0]}")
        return
    TARGET.write_text(text)


main()
