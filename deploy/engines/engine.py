"""What the bundle knows of an engine, and the command that starts one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.engines.rules import Rules


@dataclass(frozen=True)
class Engine:
    """One serving engine.

    ``module`` is started as ``python3 -m module``. ``ready_path`` gives, for a version, the path
    that answers 200 when requests are welcome. ``secrets`` are the options that hold a secret,
    each with our option that takes it from a file. ``refused`` are options that a profile may not
    hold, each with what to do instead. ``replaced`` says, of options that newer releases lack,
    what to write in their place. ``rules`` speak of combinations. ``memory_fault`` takes the
    options by primary spelling and a GPU's bytes, and gives (option, message, fix) where they do
    not fit. ``phases`` are log patterns, each with the phase of a start that begins there.
    ``in_flight`` finds, in a draining engine's log, how many requests are left.
    """

    name: str
    distribution: str
    module: str
    default_host: str
    default_port: int
    ready_path: Callable[[str], str]
    secrets: Mapping[str, str]
    refused: Mapping[str, str]
    replaced: Mapping[str, str]
    rules: Rules
    memory_fault: Callable[[Mapping[str, Any], int], tuple[str, str, str] | None]
    phases: tuple[tuple[str, str], ...]
    in_flight: str


@dataclass(frozen=True)
class Command:
    """How to start an engine: argv, the environment it needs on top, and the image it runs in."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    image: str
