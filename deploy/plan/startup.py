"""How long a start takes, and how long a startup probe must wait for it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deploy.errors import Finding, Refused
from deploy.plan import measurements as published
from deploy.plan.serving import Serving
from deploy.plan.shapes import Model


@dataclass(frozen=True)
class Startup:
    """Seconds of a start, every one an estimate.

    ``read_bytes`` is what a node reads from storage. ``compile_seconds`` falls away when the kernel
    caches of an earlier start are still there. ``warm_seconds`` and ``cold_seconds`` are the whole
    start with and without them, weights on disk already. ``probe_seconds`` is the budget of a
    startup probe, in whole minutes: the cold start, with everything before kernels and graphs as
    slow against the usual as was seen. Too short kills a healthy server, too long costs minutes.
    """

    read_bytes: int
    bytes_per_second: float
    process_seconds: float
    load_seconds: float
    compile_seconds: float
    capture_seconds: float
    warm_seconds: float
    cold_seconds: float
    probe_seconds: int


def startup_of(model: Model, serving: Serving, on_gpu: bool, bytes_per_second: float) -> Startup:
    """The start of one node; its ranks share the page cache, so each byte is read once."""
    read = sum(
        tensor.checkpoint_bytes for tensor in model.tensors if serving.draft or not tensor.mtp
    )
    if on_gpu:
        process, slow = published.PROCESS_SECONDS.value, published.LOAD_SPREAD.value
        compiled = published.COMPILE_SECONDS.value
    else:
        process, slow = published.CPU_SECONDS[serving.engine].value, published.CPU_BUSY.value
        compiled = 0.0
    load = read / bytes_per_second
    capture = published.GRAPH_SECONDS.value if serving.graph_batch else 0.0
    warm = process + load + capture
    return Startup(
        read_bytes=read,
        bytes_per_second=bytes_per_second,
        process_seconds=process,
        load_seconds=load,
        compile_seconds=compiled,
        capture_seconds=capture,
        warm_seconds=warm,
        cold_seconds=warm + compiled,
        probe_seconds=60 * math.ceil((slow * (process + load) + compiled + capture) / 60),
    )


def parse_storage(text: str) -> float:
    """Bytes per second of ``local``, ``network`` or a number of GB/s; Refused for anything else."""
    named = {
        "local": published.LOCAL_BYTES_PER_SECOND.value,
        "network": published.NETWORK_BYTES_PER_SECOND.value,
    }
    if text in named:
        return named[text]
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        fix = "write local, network, or GB/s as a number such as 6.5"
        raise Refused([Finding("plan-storage", f"--storage {text}", "this is no speed", fix)])
    return value * 1e9
