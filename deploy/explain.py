"""What a profile asks for beside what the engine will really use."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from deploy.engines.resolve import Row

# Longest value shown; the JSON form has them whole.
_WIDTH = 48


def table(rows: list[Row]) -> str:
    """For people: a star marks where the engine changes what was asked for."""
    lines = [("", "option", "profile", "engine")]
    for row in rows:
        star = "*" if row.asked is not None and row.asked != row.used else ""
        lines.append((star, row.option, _shown(row.asked), _shown(row.used)))
    widths = [max(len(line[index]) for line in lines) for index in range(3)]
    return "\n".join(
        "  ".join(
            (*(text.ljust(width) for text, width in zip(line, widths, strict=False)), line[3])
        ).rstrip()
        for line in lines
    )


def as_json(rows: list[Row]) -> str:
    """For programs."""
    return json.dumps([dataclasses.asdict(row) for row in rows], indent=2, ensure_ascii=False)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."
