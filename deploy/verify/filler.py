"""Text to fill a context with: Python's own library, which is everywhere and never repeats itself.

Prompts of repeated words or random tokens are easier, or harder, than what users send.
"""

from __future__ import annotations

import functools
import os
import random
from pathlib import Path


@functools.cache
def _library() -> str:
    directory = Path(os.__file__).parent
    files = sorted(directory.glob("*.py"))
    return "\n".join(file.read_text(encoding="utf-8", errors="ignore") for file in files)


def text(characters: int, rng: random.Random) -> str:
    """That many characters of source text, from a random place on.

    The library of 4 MB goes round where more is wanted.
    """
    library = _library()
    start = rng.randrange(len(library))
    turns = characters // len(library) + 2
    return (library * turns)[start : start + characters]


WORDS = (
    "amber anchor autumn basket beacon bridge candle canyon castle cedar copper coral crystal "
    "desert ember falcon feather forest garden glacier granite harbor hazel island ivory jasmine "
    "lantern lemon maple marble meadow mirror needle ocean olive orchid pepper pebble prairie "
    "raven river saffron silver spruce summit thunder tulip valley velvet violet walnut willow"
).split()


def code_word(rng: random.Random) -> str:
    """Something that stands nowhere else, such as copper-lantern-42."""
    first, second = rng.sample(WORDS, 2)
    return f"{first}-{second}-{rng.randrange(10, 100)}"
