"""YAML that means the same to every reader, with the place of each value.

A profile is read by PyYAML here, by Go's YAML inside Helm and by an editor's YAML 1.2. Whatever
they would read differently (``on``, ``010``, ``1_000``, ``1e3``, dates, merge keys, duplicate
keys) is refused with its line and column instead of being guessed at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from deploy.errors import Finding, Refused

Path = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_KINDS = {"bool", "int", "float", "null", "str", "timestamp", "map", "seq"}
# Plain scalars that YAML 1.1 and 1.2 resolve to different values, by what 1.1 calls them.
_BOOL_IN_BOTH = re.compile(r"true|True|TRUE|false|False|FALSE")
_BOOL_IN_11 = re.compile(r"y|Y|n|N")
_INT_IN_BOTH = re.compile(r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+")
_FLOAT_IN_BOTH = re.compile(
    r"[-+]?[0-9]+\.[0-9]*([eE][-+][0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_NUMBER_IN_12 = re.compile(r"0o[0-7]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass
class Document:
    """A YAML document: its plain value, where each path stands, and what is wrong with it."""

    source: str
    value: Any = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    # What was set from outside the file, by the words that set it.
    origins: dict[Path, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def where(self, path: Path) -> str:
        """``file:line:column: key.path`` of the path, or of its nearest parent that exists."""
        known = path
        while known and known not in self.places and known not in self.origins:
            known = known[:-1]
        if known in self.origins:
            return self.origins[known]
        line, column = self.places.get(known, (1, 1))
        return ": ".join(filter(None, (f"{self.source}:{line}:{column}", dotted(path))))


def dotted(path: Path) -> str:
    """The path as people write it: ``engine.args.port``."""
    return ".".join(str(part) for part in path)


def parse(text: str, source: str) -> Document:
    """Read one YAML document; Refused where it is not YAML at all, findings for the rest."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        what = ", ".join(filter(None, (error.context, error.problem)))
        raise Refused(
            [Finding("yaml-syntax", place, f"not valid YAML: {what}", "mend the YAML there")]
        ) from None
    except yaml.YAMLError as error:
        what = " ".join(str(error).split())
        fix = "save the file as plain UTF-8 text"
        raise Refused([Finding("yaml-syntax", source, f"not valid YAML: {what}", fix)]) from None
    document = Document(source)
    if root is not None:
        document.value = _Builder(document).build(root, ())
    return document


def parse_scalar(text: str) -> tuple[Any, str | None]:
    """The value of ``text`` as one YAML value, and what is wrong with it, if anything."""
    try:
        document = parse(text, "value")
    except Refused as refused:
        return None, refused.findings[0].message
    return document.value, document.findings[0].message if document.findings else None


class _Builder:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._seen: set[int] = set()

    def build(self, node: yaml.Node, path: Path) -> Any:
        self._document.places.setdefault(path, _place(node))
        if node.tag.removeprefix(_TAG) not in _KINDS:
            self._fault("yaml-tag", path, f"the tag {node.tag} is not allowed", "remove the tag")
            return None
        if not isinstance(node, yaml.ScalarNode):
            if id(node) in self._seen:
                self._fault(
                    "yaml-alias",
                    path,
                    "an alias repeats another part of the file",
                    "write the values out: a profile has no anchors or aliases",
                )
                return None
            self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*path, index)) for index, child in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            child = (*path, key)
            if key in result:
                line, _ = self._document.places[child]
                self._document.places[child] = _place(key_node)
                self._fault(
                    "yaml-duplicate-key",
                    child,
                    f'the key "{key}" stands twice',
                    f"keep one; the first is in line {line}",
                )
                continue
            self._document.places[child] = _place(key_node)
            if key_node.tag != f"{_TAG}str":
                fix = f'write "{key}" in quotes if this name is meant'
                self._fault("yaml-key", child, "the key is not a plain name", fix)
            result[key] = self.build(value_node, child)
        return result

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if node.style is None and (meaning := _trap(kind, node.value)):
            self._document.places[path] = _place(node)
            self._fault(
                "yaml-ambiguous",
                path,
                f"{node.value} is {meaning}",
                f'write true, false or a plain decimal number, or "{node.value}" in '
                "quotes for the text",
            )
            return node.value
        return yaml.SafeLoader("").construct_object(node)

    def _fault(self, code: str, path: Path, message: str, fix: str) -> None:
        self._document.findings.append(Finding(code, self._document.where(path), message, fix))


def _trap(kind: str, text: str) -> str | None:
    """What two YAML readers would take a plain scalar for, where they differ."""
    if (kind == "bool" and not _BOOL_IN_BOTH.fullmatch(text)) or _BOOL_IN_11.fullmatch(text):
        return "a truth value in YAML 1.1 and a text in YAML 1.2"
    if kind == "int" and not _INT_IN_BOTH.fullmatch(text):
        return f"the number {yaml.safe_load(text)} in YAML 1.1 and something else in YAML 1.2"
    if kind == "float" and not _FLOAT_IN_BOTH.fullmatch(text):
        return "a number in YAML 1.1 and something else in YAML 1.2"
    if kind == "str" and _NUMBER_IN_12.fullmatch(text):
        return "a text in YAML 1.1 and a number in YAML 1.2"
    if kind == "timestamp":
        return "a date to some readers and a text to others"
    return None


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
