"""values.yaml as documentation: every value with its default, its comment and its constraint.

A comment stands right above its key. A line ``# @schema {...}`` in it is JSON Schema for what the
default does not say, as YAML; everything else is prose for the table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

_SCHEMA = "@schema "


@dataclass(frozen=True)
class Entry:
    """One key of values.yaml. ``children`` are the keys of a map that is a section."""

    path: tuple[str, ...]
    default: Any
    text: str
    constraint: dict[str, Any]
    children: tuple[Entry, ...]


def read(text: str) -> tuple[Entry, ...]:
    """The entries of a values.yaml, nested as they are there."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    return tuple(_entries(root, (), text.splitlines()))


def table(entries: tuple[Entry, ...]) -> str:
    """The values as a Markdown table; a section's own comment stands in a row without default."""
    rows = ["| value | default | what it is |", "|---|---|---|"]
    for entry in _walk(entries):
        default = "" if entry.children else f"`{json.dumps(entry.default)}`"
        if entry.text or default:
            rows.append(f"| `{'.'.join(entry.path)}` | {_cell(default)} | {_cell(entry.text)} |")
    return "\n".join(rows)


def _walk(entries: tuple[Entry, ...]) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        yield from _walk(entry.children)


def _entries(node: yaml.MappingNode, path: tuple[str, ...], lines: list[str]) -> Iterator[Entry]:
    for key, value in node.value:
        here = (*path, str(key.value))
        prose, constraint = _comment(lines, key.start_mark.line, key.start_mark.column)
        section = isinstance(value, yaml.MappingNode) and value.value and not constraint
        yield Entry(
            path=here,
            default=yaml.SafeLoader("").construct_object(value, deep=True),
            text=prose,
            constraint=constraint,
            children=tuple(_entries(value, here, lines)) if section else (),
        )


def _comment(lines: list[str], line: int, column: int) -> tuple[str, dict[str, Any]]:
    prose: list[str] = []
    constraint: dict[str, Any] = {}
    start = " " * column + "# "
    while line > 0 and lines[line - 1].startswith(start):
        line -= 1
        words = lines[line].removeprefix(start)
        if words.startswith(_SCHEMA):
            constraint = yaml.safe_load(words.removeprefix(_SCHEMA))
        else:
            prose.insert(0, words)
    return " ".join(prose), constraint


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
