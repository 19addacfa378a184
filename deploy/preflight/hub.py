"""Where a model's files are: in a directory, or in the Hugging Face cache."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.profile import Profile

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Place:
    """Where a model's files are.

    ``directory`` is None where nothing is there yet. ``repository`` is the hub's id, None for a
    path. ``unfinished`` counts downloads that were cut off. ``offline``: the hub must not be
    asked.
    """

    model: str
    directory: Path | None
    repository: str | None
    unfinished: int
    offline: bool


def locate(profile: Profile, environ: Mapping[str, str]) -> Place:
    """The place of the profile's model, as the engine will look for it."""
    model = profile.model
    offline = any(
        environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE")
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    )
    local = directory_of(model)
    # A hub's repository is ORGANISATION/NAME or NAME; everything else is a path.
    if local or model.startswith(("/", ".", "~")) or model.count("/") > 1:
        parts = _unfinished(local / ".cache/huggingface/download") if local else 0
        return Place(model, local, None, parts, offline)
    # The cache's layout is documented by huggingface_hub: refs/ name commits, snapshots/ hold
    # links into blobs/, and a download in progress is a blob named *.incomplete.
    home = cache(profile, environ) / ("models--" + model.replace("/", "--"))
    revision = str(profile.argument("revision") or "main")
    commit = revision
    with contextlib.suppress(OSError):
        commit = (home / "refs" / revision).read_text(encoding="utf-8").strip()
    snapshot = home / "snapshots" / commit
    directory = snapshot if os.path.isdir(snapshot) else None
    return Place(model, directory, model, _unfinished(home / "blobs"), offline)


def _unfinished(directory: Path) -> int:
    """How many files of downloads that were cut off; none where nobody may look."""
    return sum(name.endswith(".incomplete") for _, _, names in os.walk(directory) for name in names)


def directory_of(model: str) -> Path | None:
    """The directory a model path names, against the working directory and then this repository."""
    # os.path takes what must not be looked at for absent, and an unknown ~user as it is.
    candidates = (Path(os.path.expanduser(model)), ROOT / model)
    return next((path.resolve() for path in candidates if os.path.isdir(path)), None)


def cache(profile: Profile, environ: Mapping[str, str]) -> Path:
    """The hub's cache directory: the engine's option, or huggingface_hub's variables."""
    home = environ.get("XDG_CACHE_HOME") or "~/.cache"
    named = (
        profile.argument("download-dir"),
        environ.get("HF_HUB_CACHE"),
        environ.get("HUGGINGFACE_HUB_CACHE"),
        f"{environ.get('HF_HOME') or f'{home}/huggingface'}/hub",
    )
    return Path(os.path.expanduser(str(next(name for name in named if name))))
