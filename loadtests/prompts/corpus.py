"""Real text to fill prompts with: passages of whole lines, cut where no token can span the cut."""

from __future__ import annotations

import functools
import os
import random
import stat
import sysconfig
from collections.abc import Iterator
from pathlib import Path

# CPython's own library: on every load generator, and 1.2 million tokens at its top level alone.
_SKIPPED = {"site-packages", "test", "tests", "lib2to3", "idlelib", "ensurepip"}
_MOST_FILE_BYTES = 300_000  # the few generated tables would drown the rest
_FORBIDDEN = "code word"  # it would be a second needle


def passages(characters: int, total: int, folder: Path | None = None, seed: int = 0) -> list[str]:
    """About ``total`` characters of text in passages of about ``characters`` each.

    A passage starts with a letter and ends with a newline, so that a byte-level tokenizer never
    joins two of them.
    """
    found: list[str] = []
    size = 0
    for text in _texts(folder, seed):
        for passage in _cut(text, characters):
            found.append(passage)
            size += len(passage)
        if size >= total:
            break
    if not found:
        raise ValueError(f"no text to build prompts from in {folder}")
    return found


@functools.cache
def _paths(folder: Path | None) -> tuple[Path, ...]:
    """The files to take text from, in a fixed order."""
    found: list[Path] = []
    for root, folders, names in os.walk(folder or sysconfig.get_paths()["stdlib"]):
        if not folder:
            folders[:] = [name for name in folders if name not in _SKIPPED]
            names = [name for name in names if name.endswith(".py")]
        found += [path for name in names if _fits(path := Path(root, name))]
    return tuple(sorted(found))


def _fits(path: Path) -> bool:
    status = path.stat()
    return stat.S_ISREG(status.st_mode) and 0 < status.st_size < _MOST_FILE_BYTES


def _texts(folder: Path | None, seed: int) -> Iterator[str]:
    paths = list(_paths(folder))
    random.Random(seed).shuffle(paths)  # neighbours in a folder are alike
    for path in paths:
        text = path.read_text(encoding="utf-8", errors="ignore")
        if _FORBIDDEN not in text.casefold():
            yield text


def _cut(text: str, characters: int) -> Iterator[str]:
    lines: list[str] = []
    size = 0
    for line in text.splitlines():
        # Only a line that starts with a letter may start a passage.
        if size >= characters and line[:1].isalpha():
            yield "\n".join(lines) + "\n"
            lines, size = [], 0
        if lines or line[:1].isalpha():
            lines.append(line.rstrip())
            size += len(line) + 1
    if lines:  # what is left of a file is shorter, and good for filling up
        yield "\n".join(lines) + "\n"
