"""What the bundle knows of an engine, and the command that starts one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.engines.rules import Rules


@dataclass(frozen=True)
class Engine:
    """One serving engine.

    ``module`` is started as ``python3 -m module``, with ``subcommand`` behind it; ``model_option``
    names the model, and goes first and bare where ``model_first`` says so. ``ready_path`` gives,
    for a version, the path that answers 200 when requests are welcome. ``secrets`` are the options
    that hold a secret, each with our option that takes it from a file. ``refused`` are options
    that a profile may not hold, each with what to do instead. ``replaced`` says, of options that
    newer releases lack, what to write in their place. ``rules`` speak of combinations.
    ``memory_fault`` takes the options by every spelling and a GPU's bytes, and gives (option,
    message, fix) where they do not fit. ``phases`` are log patterns, each with the phase of a
    start that begins there. ``in_flight`` finds, in a draining engine's log, how many requests are
    left. ``drain_option`` is the option with the seconds that requests in flight get after
    SIGTERM; None where the engine waits for them without end. ``cache_dirs`` are the environment
    variables that say where compiled kernels are kept, each with the name of its directory in a
    cache volume.
    """

    name: str
    distribution: str
    module: str
    subcommand: tuple[str, ...]
    model_option: str
    model_first: bool
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
    drain_option: str | None
    cache_dirs: Mapping[str, str]


@dataclass(frozen=True)
class Command:
    """How to start an engine, the environment it needs on top, and the image it runs in.

    ``start`` is what comes before the options: the interpreter, the engine, and perhaps the model.
    """

    start: tuple[str, ...]
    options: tuple[str, ...]
    env: Mapping[str, str]
    image: str

    @property
    def argv(self) -> tuple[str, ...]:
        """The whole command line."""
        return (*self.start, *self.options)
