"""values.schema.json: strict types of every value, and the engine's own options by version."""

from __future__ import annotations

import json
from typing import Any

from deploy import loader
from deploy.chart import profiles
from deploy.chart.values import Entry
from deploy.engines import ENGINES, catalogue
from deploy.evaluate.suites import card
from deploy.generate import kinds, option_schema
from deploy.verify import suite

_TYPES = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
# Lists of what launch.py knows by name.
_CHOICES = {"checks": (*suite.TOPICS, *suite.NAMES), "benchmarks": tuple(card().benchmarks)}
_LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
_SELECTOR = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "matchLabels": _LABELS,
        "matchExpressions": {"type": "array", "items": {"type": "object"}},
    },
}
_NAME = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$"
_DEFINITIONS: dict[str, Any] = {
    "quantity": {"type": "string", "pattern": r"^([1-9][0-9]*(\.[0-9]+)?([KMGTP]i?)?)?$"},
    "name": {"type": "string", "pattern": _NAME},
    "host": {"type": "string", "pattern": r"^((\*\.)?[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$"},
    "toleration": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "key": {"type": "string"},
            "operator": {"enum": ["Exists", "Equal"]},
            "value": {"type": "string"},
            "effect": {"enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
            "tolerationSeconds": {"type": "integer"},
        },
    },
    "peer": {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {
            "podSelector": _SELECTOR,
            "namespaceSelector": _SELECTOR,
            "ipBlock": {
                "type": "object",
                "additionalProperties": False,
                "required": ["cidr"],
                "properties": {
                    "cidr": {"type": "string"},
                    "except": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
    },
    "parent": {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {
            "group": {"type": "string"},
            "kind": {"type": "string"},
            "namespace": {"type": "string"},
            "name": {"type": "string", "minLength": 1},
            "sectionName": {"type": "string"},
            "port": {"type": "integer", "minimum": 1, "maximum": 65535},
        },
    },
}


def schema(entries: tuple[Entry, ...]) -> str:
    """The JSON Schema of the values, one option a line so that a diff can be read."""
    value = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Values of glm-serving",
        **_section(entries),
        "$defs": {**_DEFINITIONS, **_option_kinds(), **_catalogues()},
        "allOf": list(_conditions()),
    }
    value["properties"]["profile"] = {"enum": profiles.names()}
    # Helm hands a chart's values on to the charts below it in here.
    value["properties"]["global"] = {"type": "object"}
    return json.dumps(value, ensure_ascii=False).replace('}, "', '},\n"') + "\n"


def _section(entries: tuple[Entry, ...]) -> dict[str, Any]:
    properties = {entry.path[-1]: _value(entry) for entry in entries}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _value(entry: Entry) -> dict[str, Any]:
    if entry.children:
        return _section(entry.children)
    constraint = dict(entry.constraint)
    if constraint.pop("engineArgs", False):
        return {"type": "object"}
    if constraint.pop("engineVersions", False):
        known = [version for engine in ENGINES for version in catalogue.versions(engine)]
        return {"enum": ["", *known]}
    for key, names in _CHOICES.items():
        if constraint.pop(key, False):
            return {"type": "array", "items": {"enum": list(names)}, "uniqueItems": True}
    if "enum" in constraint or "$ref" in constraint:
        return constraint
    return {"type": _TYPES[type(entry.default)], **constraint}


def _option_kinds() -> dict[str, Any]:
    """As in a profile; but helm's --set makes a text of a number with a point."""
    number = {"type": "string", "pattern": r"^-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$"}
    return {
        name: {"anyOf": [kind, number]} if name == "float" else kind
        for name, kind in kinds().items()
    }


def _catalogues() -> dict[str, Any]:
    """The options of each engine version; those that hold secrets are not among them."""
    found: dict[str, Any] = {}
    for name, engine in ENGINES.items():
        for version in catalogue.versions(name):
            known = catalogue.load(name, version)
            assert known is not None
            refused = {*engine.secrets, *engine.refused}
            options = {
                spelling: option_schema(option)
                for spelling, option in known.by_spelling.items()
                if option.name not in refused
            }
            found[f"{name}-{version}"] = {"properties": options, "additionalProperties": False}
    return found


def _conditions() -> list[dict[str, Any]]:
    """Which catalogue judges engine.args: the version given, or else the profile's own."""
    conditions = []
    engines = {name: loader.load(name)[0].engine for name in profiles.names()}
    for name in ENGINES:
        of_engine = [key for key, engine in engines.items() if engine.name == name]
        for version in catalogue.versions(name):
            own = [key for key in of_engine if engines[key].version == version]
            cases = [_when(of_engine, version), *([_when(own, "")] if own else [])]
            args = {"$ref": f"#/$defs/{name}-{version}"}
            then = {"properties": {"engine": {"properties": {"args": args}}}}
            conditions.append({"if": {"anyOf": cases}, "then": then})
        others = [
            version for other in ENGINES if other != name for version in catalogue.versions(other)
        ]
        allowed = {"version": {"not": {"enum": others}}}
        conditions.append(
            {
                "if": {
                    "properties": {"profile": {"enum": of_engine}, "customProfile": {"const": ""}}
                },
                "then": {"properties": {"engine": {"properties": allowed}}},
            }
        )
    return conditions


def _when(profiles: list[str], version: str) -> dict[str, Any]:
    return {
        "properties": {
            "profile": {"enum": profiles},
            "customProfile": {"const": ""},
            "engine": {"properties": {"version": {"const": version}}},
        }
    }
