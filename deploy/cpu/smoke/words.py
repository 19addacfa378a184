"""Word material and filler text, taken from the Python standard library found at run time."""

from __future__ import annotations

import functools
import random
import re
import sysconfig
from pathlib import Path

from .held_out import mentions_held_out

MAX_FILE_BYTES = 200_000  # the few generated giants (unicode tables) would drown the rest
WORD = re.compile(r"[A-Za-z]{3,11}")


@functools.cache
def sources(limit: int | None = None) -> tuple[str, ...]:
    """Return the text of every module of the standard library, in a fixed order."""
    root = Path(sysconfig.get_paths()["stdlib"])
    paths = sorted(
        path
        for path in root.rglob("*.py")
        if not {"site-packages", "test", "tests", "lib2to3", "idlelib"} & set(path.parts)
        and 1_000 < path.stat().st_size < MAX_FILE_BYTES
    )
    random.Random(0).shuffle(paths)  # neighbours in a folder are alike; filler should vary
    texts = (path.read_text(encoding="utf-8", errors="ignore") for path in paths[:limit])
    return tuple(
        text for text in texts if "code word" not in text.casefold() and not mentions_held_out(text)
    )


@functools.cache
def vocabulary() -> tuple[str, ...]:
    """Return the lower-case words of the library that occur at least three times."""
    counts: dict[str, int] = {}
    for text in sources(400):
        for word in WORD.findall(text):
            counts[word.lower()] = counts.get(word.lower(), 0) + 1
    return tuple(sorted(word for word, count in counts.items() if count >= 3))


def excerpt(rng: random.Random, lines: int) -> str:
    """Return that many consecutive lines of source text, ending in a newline."""
    texts = sources()
    rows = texts[rng.randrange(len(texts))].splitlines()
    start = rng.randrange(max(1, len(rows) - lines))
    return "\n".join(rows[start : start + lines]) + "\n"
