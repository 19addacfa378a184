"""What the chart has to know of engines, GPUs and profiles, as JSON that Helm can read."""

from __future__ import annotations

import json
import math
from typing import Any

from deploy import loader
from deploy.chart import profiles
from deploy.engines import ENGINES, catalogue
from deploy.engines.engine import Engine
from deploy.hardware import GIB
from deploy.plan import Plan, plan
from deploy.plan.source import config_of
from deploy.profile import Profile
from deploy.render.container import SHM_BYTES

# The value of the node label nvidia.com/gpu.product that NVIDIA's GPU feature discovery derives
# from the driver's product name. B300: seen on nodes of eight in public cluster tests; B200: NVIDIA
# Dynamo's recipes; H200: the product name with its blanks replaced.
_PRODUCTS = {
    "B300": ("NVIDIA-B300-SXM6-AC", "NVIDIA-B300"),
    "B200": ("NVIDIA-B200",),
    "H200": ("NVIDIA-H200",),
}

# Beside weights in the page cache: host memory of one GPU's process. CUDA, NCCL and torch take a
# few GiB; the rest is for staging buffers while loading. Nobody has measured it for this model.
_PROCESS_BYTES = 16 * GIB
# One process with torch, tokeniser and HTTP on a CPU.
_CPU_PROCESS_BYTES = 4 * GIB
_CPU_SHM_BYTES = 1 * GIB
# Room for a second revision's changed files and for compiled kernels.
_STORAGE_MARGIN = 1.25


def engines() -> dict[str, Any]:
    """Each engine, by name: how it is started, its defaults, and its options per version."""
    return {name: _engine(engine) for name, engine in ENGINES.items()}


def gpus() -> dict[str, list[str]]:
    """GPU names with the values of their node label."""
    return {name: list(labels) for name, labels in _PRODUCTS.items()}


def plans() -> dict[str, Any]:
    """Each profile, by name: what a pod of it is given."""
    loaded = {name: loader.load(name)[0] for name in profiles.names()}
    return {
        name: sizes(profile, plan(profile, config_of(profile.model, None)))
        for name, profile in loaded.items()
    }


def sizes(profile: Profile, planned: Plan) -> dict[str, Any]:
    """Probe budget in seconds, cores, and memory, shared memory and storage as quantities."""
    memory, checkpoint = planned.memory, planned.model.checkpoint_bytes
    if profile.hardware.count:
        shm = SHM_BYTES
        pinned = memory.host.node_bytes if memory.host else 0
        total = checkpoint + profile.hardware.count * _PROCESS_BYTES + shm + pinned
        cores = 8 * profile.hardware.count
    else:
        shm, cores = _CPU_SHM_BYTES, 2
        own = memory.weights.total_bytes + memory.kv_bytes + memory.table_bytes
        total = own + _CPU_PROCESS_BYTES + shm
    return {
        "startupSeconds": planned.startup.probe_seconds,
        "cpu": str(cores),
        "memory": _gibibytes(total),
        "sharedMemory": _gibibytes(shm),
        "storage": _gibibytes(checkpoint * _STORAGE_MARGIN),
    }


def text(value: Any) -> str:
    """The JSON text of a generated file: one entry of the second level a line."""
    rows = [f" {json.dumps(name)}: {_entry(entry, '  ')}" for name, entry in sorted(value.items())]
    return "{\n" + ",\n".join(rows) + "\n}\n"


def _entry(value: Any, indent: str) -> str:
    if not isinstance(value, dict) or not any(isinstance(item, dict) for item in value.values()):
        return json.dumps(value, sort_keys=True)
    rows = [
        f"{indent}{json.dumps(key)}: {_entry(item, indent + ' ')}" for key, item in value.items()
    ]
    return "{\n" + ",\n".join(rows) + "}"


def _engine(engine: Engine) -> dict[str, Any]:
    versions = catalogue.versions(engine.name)
    return {
        "module": engine.module,
        "subcommand": list(engine.subcommand),
        "modelOption": _primary(engine),
        "modelFirst": engine.model_first,
        "host": engine.default_host,
        "port": engine.default_port,
        "keys": sorted(engine.secrets),
        "cacheDirs": dict(engine.cache_dirs),
        "versions": {version: _version(engine, version) for version in versions},
    }


def _primary(engine: Engine) -> str:
    """The model option as every catalogue spells it first."""
    names = set()
    for version in catalogue.versions(engine.name):
        known = catalogue.load(engine.name, version)
        option = known.find(engine.model_option) if known else None
        names.add(option.name if option else engine.model_option)
    (name,) = names
    return name


def _version(engine: Engine, version: str) -> dict[str, Any]:
    known = catalogue.load(engine.name, version)
    assert known is not None
    options = {option.name: option for option in known.by_spelling.values()}.values()
    return {
        "readyPath": engine.ready_path(version),
        # Every spelling of the options that have several, with the first.
        "spellings": {
            spelling: option.name
            for option in options
            if len(option.spellings) > 1
            for spelling in option.spellings
        },
        "floats": sorted(option.name for option in options if option.kind == "float"),
        "negations": sorted(option.negation for option in options if option.negation),
    }


def _gibibytes(size: float) -> str:
    return f"{math.ceil(size / GIB)}Gi"
