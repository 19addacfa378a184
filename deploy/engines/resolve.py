"""What SGLang would really use: its own resolution, with the platform presented as a GPU.

Run as ``python -m deploy.engines.resolve`` with a request on stdin, in a process of its own, since
presenting a GPU replaces functions of torch. Nothing is computed on a GPU and none is needed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.errors import FAILED, Finding, Refused
from deploy.hardware import CPU, GPUS
from deploy.plan.source import config_of
from deploy.profile import Profile

_RESULT = "resolved: "
# Stands for the directory with the model's config.json.
_MODEL_HERE = "{model}"


@dataclass(frozen=True)
class Row:
    """One option: what the profile asks for (None: nothing) and what the engine will use."""

    option: str
    asked: Any
    used: Any


def resolve(profile: Profile, model_config: str | None = None) -> list[Row]:
    """Every option that the profile asks for or the engine decides by itself.

    The model's shapes are those of the file ``model_config``, of the model's own directory, or
    built in; Refused where none of them is there.
    """
    if profile.engine.name != "sglang":
        fix = "read what it logs at its start; for a profile of SGLang this shows all of it"
        message = f"{profile.engine.name} has no resolution that runs without its hardware"
        raise Refused([Finding("resolve-unknown", "engine.name", message, fix)], FAILED)
    args = dict(profile.engine.args)
    gpu = profile.hardware.gpu
    config = None if gpu == CPU else config_of(profile.model, model_config)
    request = {"argv": list(profile.command().options), "gpu": gpu, "config": config}
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps(request),
        env={**os.environ, "HF_HUB_OFFLINE": "1", "SGLANG_USE_CPU_ENGINE": "0"}
        | dict(profile.engine.env),
        capture_output=True,
        text=True,
    )
    line = next((text for text in done.stdout.splitlines() if text.startswith(_RESULT)), None)
    if line is None:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        fix = "use an environment that has the engine (make install builds .venv), and read above"
        raise Refused([Finding("resolve-failed", profile.engine.name, last, fix)], FAILED)
    answer = json.loads(line.removeprefix(_RESULT).replace(_MODEL_HERE, profile.model))
    asked = {}
    for key, value in args.items():
        option = profile.catalogue.find(key) if profile.catalogue else None
        asked[answer["names"].get(key, option.name if option else key)] = value
    rows = [Row(name, asked[name], answer["used"].get(name)) for name in asked]
    decided = [
        Row(name, None, used)
        for name, used in answer["used"].items()
        if name not in asked and used != answer["defaults"].get(name)
    ]
    return [*rows, *sorted(decided, key=lambda row: row.option)]


def main() -> None:
    """Answer one request: the resolved options, their defaults, and our names for spellings."""
    request = json.load(sys.stdin)
    argv, gpu = request["argv"], request["gpu"]
    with tempfile.TemporaryDirectory() as directory:
        if gpu != CPU:
            # The weights are not needed.
            text = json.dumps(request["config"])
            Path(directory, "config.json").write_text(text, encoding="utf-8")
            argv = _with_model(argv, directory)
        answer = json.dumps(_resolved(argv, gpu), default=str)
        print(_RESULT + answer.replace(directory, _MODEL_HERE))


def _with_model(argv: list[str], directory: str) -> list[str]:
    argv = list(argv)
    for index, word in enumerate(argv):
        if word in ("--model-path", "--model"):
            argv[index + 1] = directory
    return argv


def _resolved(argv: list[str], gpu: str) -> dict[str, Any]:
    # Imported before a GPU is presented: with one, these modules want its kernels.
    for module in ("arg_groups.pipeline", "layers.quantization.modelopt_quant"):
        importlib.import_module(f"sglang.srt.{module}")
    from sglang.srt.runtime_context import override_platform
    from sglang.srt.server_args import ServerArgs, prepare_server_args

    parser = argparse.ArgumentParser()
    ServerArgs.add_cli_args(parser)
    names = {action.dest: action.option_strings[0][2:] for action in parser._actions}
    record = prepare_server_args(argv)
    if gpu == CPU:
        record.resolve_once()
        used = record.resolved_dict()
    else:
        with override_platform(**_present(gpu)):
            record.resolve_once()
            used = record.resolved_dict()
    spellings = {
        text[2:]: names[action.dest]
        for action in parser._actions
        for text in action.option_strings
        if text.startswith("--")
    }
    defaults = {action.dest: action.default for action in parser._actions}
    return {
        "names": spellings,
        "used": {names[dest]: value for dest, value in used.items() if dest in names},
        "defaults": {names[dest]: value for dest, value in defaults.items()},
    }


def _present(gpu: str) -> dict[str, Any]:
    """Make torch and SGLang see eight of this GPU; the facts for ``override_platform``."""
    import torch
    from sglang.srt.utils import common

    capability = GPUS[gpu].compute_capability
    blackwell, hopper = capability[0] == 10, capability[0] == 9
    torch.version.cuda = "13.0"
    torch.cuda.is_available = lambda: True
    torch.cuda.device_count = lambda: 8
    torch.cuda.current_device = lambda: 0
    torch.cuda.get_device_capability = lambda *_: capability
    torch.cuda.get_device_name = lambda *_: f"NVIDIA {gpu}"
    common.is_cuda = lambda: True
    common.get_device_memory_capacity = lambda *_: GPUS[gpu].memory_bytes // 2**20
    return {
        "is_cuda": True,
        "is_sm90": hopper,
        "is_sm100": blackwell,
        "is_sm100_or_sm110": blackwell,
        "is_sm120": False,
        "is_blackwell": blackwell,
        "is_hopper_with_cuda_12_3": hopper,
        "has_flashinfer": True,
        "device_capability": capability,
        "device_sm": capability[0] * 10 + capability[1],
    }


if __name__ == "__main__":
    main()
