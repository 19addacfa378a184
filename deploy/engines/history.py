"""When an engine's options came and went, so that a wrong one is explained and not only refused."""

from __future__ import annotations

import functools
import itertools
import json
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

CATALOGUES = Path(__file__).parent / "catalogues"


@dataclass(frozen=True)
class Span:
    """The releases that know a spelling: the first and the last, of those that were read.

    ``since`` is None where the oldest release read knows it already, ``gone`` is None where the
    newest still does; otherwise ``gone`` is the first release without it.
    """

    since: str | None
    gone: str | None


@functools.cache
def spans(engine: str) -> dict[str, Span]:
    """Every spelling that came or went, empty where no history was read for the engine."""
    path = CATALOGUES / f"history-{engine}.json"
    if not path.is_file():
        return {}
    value = json.loads(path.read_text(encoding="utf-8"))
    releases = value["releases"]
    after = dict(itertools.pairwise(releases))
    return {
        spelling: Span(None if first == releases[0] else first, after.get(last))
        for spelling, (first, last) in value["spellings"].items()
    }


def explain(
    engine: str, version: str, spelling: str, instead: str | None
) -> tuple[str, str] | None:
    """What became of an option that ``version`` lacks, and the mend; None where history is silent.

    ``instead`` is what replaced it, where something did.
    """
    span = spans(engine).get(spelling)
    if span is None:
        return None
    if span.gone and Version(version) >= Version(span.gone):
        renamed = spans(engine).get(instead or "")
        if renamed and renamed.since:
            message = f"--{spelling} was renamed to --{instead} in {engine} {renamed.since}"
            return f"{message} and is gone since {span.gone}", f"write {instead}"
        fix = f"use {instead}" if instead else "leave it out: nothing took its place"
        return f"--{spelling} was removed in {engine} {span.gone}", fix
    if span.since and Version(version) < Version(span.since):
        message = f"--{spelling} came with {engine} {span.since}; {version} has no such option"
        return message, f"leave it out, or use {engine} {span.since} or newer"
    return None
