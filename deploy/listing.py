"""The profiles as a table: what each is for, and what it was verified on."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict, dataclass

from deploy import loader

NOT_VERIFIED = "nobody has run it on this hardware"


@dataclass(frozen=True)
class Row:
    """One profile; ``verified_on`` is empty where nobody ran it."""

    name: str
    hardware: str
    engine: str
    purpose: str
    verified_on: tuple[str, ...]


def rows() -> list[Row]:
    """Every profile of configs/."""
    found = []
    for name in loader.names():
        profile, _ = loader.load(name)
        hardware = profile.hardware
        gpus = f"{hardware.count} x {hardware.gpu}" if hardware.count else hardware.gpu
        nodes = f", {hardware.nodes} nodes" if hardware.nodes > 1 else ""
        engine = f"{profile.engine.name} {profile.engine.version}"
        found.append(
            Row(name, gpus + nodes, engine, profile.summary, tuple(profile.evidence.verified_on))
        )
    return found


def table(found: list[Row]) -> str:
    """For people: one profile a paragraph of at most 100 columns."""
    widths = [
        max(len(getattr(row, key)) for row in found) for key in ("name", "hardware", "engine")
    ]
    lines = []
    for row in found:
        head = "  ".join(
            text.ljust(width)
            for text, width in zip((row.name, row.hardware, row.engine), widths, strict=True)
        )
        indent = " " * (len(head) + 2)
        verified = "; ".join(row.verified_on) or NOT_VERIFIED
        text = "\n".join([row.purpose, *textwrap.wrap(f"verified: {verified}", 98 - len(indent))])
        lines.append(f"{head}  " + text.replace("\n", f"\n{indent}"))
    return "\n".join(lines)


def markdown(found: list[Row]) -> str:
    """The table in the README."""
    lines = ["| profile | hardware | engine | purpose | verified on |", "|---|---|---|---|---|"]
    for row in found:
        verified = "; ".join(row.verified_on) or NOT_VERIFIED
        lines.append(
            f"| `{row.name}` | {row.hardware} | {row.engine} | {row.purpose} | {verified} |"
        )
    return "\n".join(lines)


def as_json(found: list[Row]) -> str:
    """For programs."""
    return json.dumps([asdict(row) for row in found], indent=2, ensure_ascii=False)
