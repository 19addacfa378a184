"""Known trouble of engine versions, read from trouble.yaml and matched against a profile."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion
from pydantic import BaseModel, ConfigDict

from deploy.errors import Severity

TABLE = Path(__file__).parent / "trouble.yaml"


class Trouble(BaseModel):
    """One entry; the head of trouble.yaml says what each key means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str
    severity: Severity
    engine: str
    versions: str = ""
    gpus: tuple[str, ...] = ()
    image: str = ""
    args: dict[str, list[Any]] = {}
    at_least: dict[str, float] = {}
    without: dict[str, list[Any]] = {}
    what: str
    link: str
    fix: str

    def concerns(self, engine: str, version: str, gpu: str, image: str) -> bool:
        """Whether the entry speaks of this engine, GPU and image at all."""
        try:
            versions = SpecifierSet(self.versions).contains(version, prereleases=True)
        except InvalidVersion:
            return False
        return (
            engine == self.engine
            and versions
            and (not self.gpus or gpu in self.gpus)
            and re.search(self.image, image) is not None
        )

    def matches(self, args: Mapping[str, Any]) -> bool:
        """Whether options, by every spelling, bring the trouble about."""
        return (
            all(_has(args, name, values) for name, values in self.args.items())
            and all(_number(args.get(name)) >= least for name, least in self.at_least.items())
            and not any(_has(args, name, values) for name, values in self.without.items())
        )

    def option(self) -> str | None:
        """The option that the finding is shown at: the first that the entry names."""
        return next(iter([*self.args, *self.at_least]), None)


@functools.cache
def table() -> tuple[Trouble, ...]:
    """Every entry."""
    entries = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return tuple(Trouble.model_validate(entry) for entry in entries)


def known(
    engine: str, version: str, gpu: str, image: str, args: Mapping[str, Any]
) -> Iterator[Trouble]:
    """The entries that this engine, hardware, image and options run into."""
    for entry in table():
        if entry.concerns(engine, version, gpu, image) and entry.matches(args):
            yield entry


def _has(args: Mapping[str, Any], name: str, values: list[Any]) -> bool:
    given = args.get(name)
    return given not in (None, False) and (not values or given in values)


def _number(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else float("-inf")
