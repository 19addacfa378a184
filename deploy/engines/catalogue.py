"""The options of one engine version, and whether a profile's args are among them.

A catalogue is made from the engine's own parser by ``deploy.engines.generate`` and needs no
engine to be read.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deploy.engines import history
from deploy.engines.history import CATALOGUES
from deploy.errors import nearest, suggestion

Kind = Literal["flag", "int", "float", "str", "json", "map-or-text", "text"]

# What argparse takes for a number, and so for a value though it starts with a dash.
NUMBER = re.compile(r"-?(\d+|\d*\.\d+)")
_LISTS = ("aliases", "choices")
# A "text" is a spelling of the engine's own, such as 200k for a number of tokens.
_EXPECTED = {
    "flag": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "json": "a map, a list or a JSON text",
    "map-or-text": "a map or a text",
    "text": "a number or a text",
}


@dataclass(frozen=True)
class Option:
    """One long option: ``name`` is the engine's primary spelling without dashes.

    ``nargs`` is argparse's: None for one value, ``?``, ``*`` or ``+``; ``append`` for one value
    each time the option is given, of which a profile holds one or a list. A flag's ``negation`` is
    the spelling that turns it off, where there is one. ``plugin`` is the option that, where it is
    given, lets other values in than ``choices``.
    """

    name: str
    kind: Kind
    aliases: tuple[str, ...] = ()
    nargs: str | None = None
    choices: tuple[Any, ...] = ()
    default: Any = None
    negation: str | None = None
    plugin: str | None = None
    deprecated: bool = False

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every long spelling that sets this option."""
        return (self.name, *self.aliases, *((self.negation,) if self.negation else ()))

    @property
    def takes_list(self) -> bool:
        """Whether a profile may hold several values."""
        return self.nargs in ("*", "+", "append")

    def fault(self, value: Any) -> tuple[str, str] | None:
        """What is wrong with ``value`` and how to mend it; None where the option takes it."""
        if value is None:
            return None
        if isinstance(value, list) and self.takes_list:
            if not value:
                return "an empty list says nothing", "write null to leave the option out"
            if self.nargs != "append" and any(
                isinstance(item, str) and _reads_as_option(item) for item in value
            ):
                return "a list item that starts with a dash reads as an option", "use another text"
            return next((fault for item in value if (fault := self._item_fault(item))), None)
        if self.nargs == "?" and value is True:
            return None
        if self.negation and value is False:
            return "false only leaves the option out", f"write {self.negation}: true to turn it off"
        return self._item_fault(value)

    def _item_fault(self, value: Any) -> tuple[str, str] | None:
        if value == "--":
            return 'argparse drops the word "--"', "use another text"
        if not self._fits(value):
            return f"{_shown(value)} is not {_EXPECTED[self.kind]}", self._fix(value)
        if self.choices and value not in self.choices:
            listed = ", ".join(str(choice) for choice in self.choices)
            return (
                f"{_shown(value)} is not one of the engine's choices",
                suggestion(str(value), map(str, self.choices), f"choose one of: {listed}"),
            )
        return None

    def _fits(self, value: Any) -> bool:
        if self.kind == "flag" or isinstance(value, bool):
            return self.kind == "flag" and isinstance(value, bool)
        if self.kind == "map-or-text":
            return isinstance(value, dict | str)
        if self.kind == "json":
            return isinstance(value, dict | list | str) and _is_json(value)
        if isinstance(value, dict | list):
            return False
        if self.kind == "int":
            return isinstance(value, int)
        if self.kind == "float":
            return isinstance(value, int | float)
        return isinstance(value, str | int | float)

    def _fix(self, value: Any) -> str:
        if self.kind == "flag" and str(value).lower() in ("on", "yes", "1"):
            return "write true"
        if isinstance(value, str) and _reads_as(self.kind, value):
            return f"write {value} without quotes"
        return f"--{self.name} takes {_EXPECTED[self.kind]}"


@dataclass(frozen=True)
class Catalogue:
    """Every long option of one engine version, by primary spelling."""

    engine: str
    version: str
    options: Mapping[str, Option]

    @functools.cached_property
    def by_spelling(self) -> dict[str, Option]:
        """Every spelling, aliases and negations included, to its option."""
        return {
            spelling: option for option in self.options.values() for spelling in option.spellings
        }

    def find(self, spelling: str) -> Option | None:
        """The option that this exact long spelling sets."""
        return self.by_spelling.get(spelling)

    def faults(
        self, args: Mapping[str, Any], replaced: Mapping[str, str] | None = None
    ) -> Iterator[tuple[str, str, str, str]]:
        """(key, code, message, fix) for each of a profile's args that the engine would refuse.

        ``replaced`` is Engine.replaced: what took the place of an option that is gone.
        """
        first: dict[str, str] = {}
        for key, value in args.items():
            option = self.find(key)
            if option is None:
                yield key, "option-unknown", *self._unknown(key, replaced or {})
                continue
            if option.name in first:
                yield (
                    key,
                    "option-twice",
                    f'"{first[option.name]}" sets the same option',
                    f"keep one of {key} and {first[option.name]}",
                )
            first.setdefault(option.name, key)
            if option.plugin and args.get(option.plugin):
                option = dataclasses.replace(option, choices=())
            if fault := option.fault(value):
                yield key, "option-value", *fault

    def _unknown(self, key: str, replaced: Mapping[str, str]) -> tuple[str, str]:
        bare = key.lstrip("-").replace("_", "-")
        if became := history.explain(self.engine, self.version, bare, replaced.get(bare)):
            older = [old for old, new in replaced.items() if new == bare and self.find(old)]
            return (became[0], f"write {older[0]}") if older else became
        if instead := replaced.get(bare):
            return f"{self.engine} {self.version} has no option --{bare}", f"use {instead}"
        if bare != key and self.find(bare):
            return f'"{key}" is not how a profile spells it', f"write {bare}"
        head, dot, rest = bare.partition(".")
        if dot and self.find(head):
            return f'"{key}" is not how a profile spells it', f"write {head} as a map with {rest}"
        longer = [spelling for spelling in self.by_spelling if spelling.startswith(f"{bare}-")]
        match = longer[0] if len(longer) == 1 else nearest(bare, self.by_spelling)
        fix = f"did you mean {match}?" if match else "see the engine's --help for its options"
        return f"{self.engine} {self.version} has no option --{bare}", fix


def versions(engine: str) -> tuple[str, ...]:
    """The versions of the engine that have a catalogue, oldest first."""
    found = (path.stem.removeprefix(f"{engine}-") for path in CATALOGUES.glob(f"{engine}-*.json"))
    return tuple(sorted(found, key=_version_key))


@functools.cache
def load(engine: str, version: str) -> Catalogue | None:
    """The catalogue of this engine version, or None where there is none."""
    path = CATALOGUES / f"{engine}-{version}.json"
    if version not in versions(engine):
        return None
    entries = json.loads(path.read_text(encoding="utf-8"))["options"]
    options = {name: _option(name, entry) for name, entry in entries.items()}
    return Catalogue(engine, version, options)


def _option(name: str, entry: dict[str, Any]) -> Option:
    lists: dict[str, Any] = {key: tuple(entry[key]) for key in _LISTS if key in entry}
    return Option(name=name, **{**entry, **lists})


def _version_key(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return json.dumps(value, ensure_ascii=False)


def _reads_as_option(text: str) -> bool:
    return text.startswith("-") and not NUMBER.fullmatch(text)


def _is_json(value: Any) -> bool:
    if not isinstance(value, str):
        return True
    # A leading @ names a file; hicache-storage-backend-extra-config documents it.
    if value.startswith("@"):
        return True
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def _reads_as(kind: Kind, text: str) -> bool:
    convert = {"int": int, "float": float}.get(kind)
    try:
        return convert is not None and convert(text) is not None
    except ValueError:
        return False
