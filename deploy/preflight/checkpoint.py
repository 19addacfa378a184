"""Reads a checkpoint's config.json, index and safetensors headers; never the weights."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

INDEX = "model.safetensors.index.json"
# How a Git LFS pointer begins, and what it is smaller than (its specification).
_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_BYTES = 1024
# The format's own bound on a header, and the one entry of it that is no tensor (safetensors'
# documentation).
_MAX_HEADER = 100_000_000
_METADATA = "__metadata__"


@dataclass(frozen=True)
class Shard:
    """One file of weights: what became of it, its bytes on disk, and the tensors it holds."""

    name: str
    state: Literal["whole", "missing", "truncated", "unreadable", "pointer"]
    detail: str = ""
    size: int = 0
    tensors: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Checkpoint:
    """What a directory holds of a model.

    ``faults`` says what is wrong with config.json and the index, by file. ``weight_map`` gives
    each tensor's shard, empty without an index; ``total_bytes`` is the index's own sum.
    ``pointers`` are the small files that stand for others in a Git LFS checkout.
    ``other_weights`` are in formats without a header to read.
    """

    config: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    weight_map: dict[str, str] = field(default_factory=dict)
    total_bytes: int | None = None
    shards: tuple[Shard, ...] = ()
    pointers: tuple[str, ...] = ()
    other_weights: tuple[str, ...] = ()

    @property
    def present_bytes(self) -> int:
        """The bytes of weights that are there."""
        return sum(shard.size for shard in self.shards)

    @property
    def tensors(self) -> set[str]:
        """Every tensor that the index names, or that the shards hold where there is no index."""
        return set(self.weight_map) or {name for shard in self.shards for name in shard.tensors}


def read(directory: Path) -> Checkpoint:
    """The checkpoint in a directory; what cannot be read is told, not raised."""
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        return Checkpoint(faults={"the listing": f"cannot be read ({error.strerror})"})
    pointers = [name for name in names if _is_pointer(directory / name)]
    faults: dict[str, str] = {}
    config = _json(directory / "config.json", faults)
    index = _json(directory / INDEX, faults) if INDEX in names else {}
    weight_map = index.get("weight_map") or {}
    total = (index.get("metadata") or {}).get("total_size")
    shards = sorted(set(weight_map.values())) or _numbered(names)
    return Checkpoint(
        config=config,
        faults={name: fault for name, fault in faults.items() if name not in pointers},
        weight_map=weight_map,
        total_bytes=int(total) if total else None,
        shards=tuple(_shard(directory / name) for name in shards),
        pointers=tuple(name for name in pointers if not name.endswith(".safetensors")),
        other_weights=tuple(n for n in names if n.endswith((".bin", ".gguf", ".pt", ".pth"))),
    )


def _numbered(names: list[str]) -> list[str]:
    """The safetensors files that are there, and those that their numbering says should be."""
    found = {name for name in names if name.endswith(".safetensors")}
    for name in tuple(found):
        if parts := re.fullmatch(r"(.*-)(\d+)-of-(\d+)\.safetensors", name):
            stem, width, count = parts[1], len(parts[2]), parts[3]
            found |= {
                f"{stem}{number:0{width}}-of-{count}.safetensors"
                for number in range(1, int(count) + 1)
            }
    return sorted(found)


def _shard(path: Path) -> Shard:
    """By the header alone: 8 bytes hold its length; behind it is data to the last offset."""
    if not os.path.isfile(
        path
    ):  # a link into the hub's cache leads nowhere where the blob is missing
        return Shard(path.name, "missing")
    if _is_pointer(path):
        return Shard(path.name, "pointer")
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > _MAX_HEADER:
                return Shard(path.name, "unreadable", "this is not a safetensors file", size)
            data = file.read(length)
        if len(data) < length or size < 8:
            return Shard(path.name, "truncated", f"{size} bytes, less than its header", size)
        header = {name: value for name, value in json.loads(data).items() if name != _METADATA}
        end = 8 + length + max((value["data_offsets"][1] for value in header.values()), default=0)
    except (OSError, ValueError, AttributeError, KeyError, TypeError, IndexError) as error:
        return Shard(path.name, "unreadable", f"its header cannot be read ({error})", size)
    if size != end:
        return Shard(path.name, "truncated", f"{size} of {end} bytes", size, frozenset(header))
    return Shard(path.name, "whole", "", size, frozenset(header))


def _json(path: Path, faults: dict[str, str]) -> dict[str, Any]:
    """The map in a file; where there is none, an empty one and a fault."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        faults[path.name] = "is missing"
        return {}
    except (OSError, ValueError) as error:
        faults[path.name] = f"cannot be read ({error})"
        return {}
    if not isinstance(value, dict):
        faults[path.name] = "is not a map"
        return {}
    return value


def _is_pointer(path: Path) -> bool:
    try:
        if not os.path.isfile(path) or path.stat().st_size >= _POINTER_BYTES:
            return False
        return path.read_bytes().startswith(_POINTER)
    except OSError:
        return False
