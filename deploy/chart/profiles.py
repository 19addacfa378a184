"""The profiles that a cluster can serve."""

from __future__ import annotations

from deploy import loader


def names() -> list[str]:
    """By name; left out are those whose model is a directory of one's own host, ./build/mini."""
    return [
        name for name in loader.names() if not loader.load(name)[0].model.startswith((".", "~"))
    ]
