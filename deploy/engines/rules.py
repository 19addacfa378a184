"""Options that go together, need each other or exclude each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rules:
    """What an engine demands of combinations; names are any spelling of an option.

    ``together``: all of a group or none. ``needs``: an option, and those of which it needs one.
    ``excludes``: pairs of which only one may stand.
    """

    together: tuple[tuple[str, ...], ...]
    needs: Mapping[str, Sequence[str]]
    excludes: tuple[tuple[str, str], ...]


def broken(rules: Rules, args: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """(option, code, message, fix) for each rule that the options, by every spelling, break."""
    given = {name for name, value in args.items() if value not in (None, False)}
    for group in rules.together:
        missing = [name for name in group if name not in given]
        present = [name for name in group if name in given]
        if missing and present:
            listed = ", ".join(missing)
            yield (
                present[0],
                "option-group",
                f"--{present[0]} goes with {listed}",
                f"add {listed}, or leave out {', '.join(present)}",
            )
    for name, needed in rules.needs.items():
        if name in given and not given.intersection(needed):
            listed = " or ".join(needed)
            yield (
                name,
                "option-needs",
                f"--{name} does nothing without --{listed}",
                f"add {listed}, or leave out {name}",
            )
    for first, second in rules.excludes:
        if first in given and second in given:
            yield (
                second,
                "option-excludes",
                f"--{second} and --{first} exclude each other",
                f"keep one of {first} and {second}",
            )
