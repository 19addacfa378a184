"""One trial of a profile on this GPU: start it, ask it, and note every figure."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from deploy import loader
from deploy.hardware import GIB
from deploy.overrides import Setting
from deploy.plan import plan
from deploy.plan.source import config_of
from tests.gpu import asking
from tests.gpu.watch import allocations, gpu_used_bytes, telling_lines
from tests.launching import launched

# The first start compiles kernels.
_READY_SECONDS = float(os.environ.get("GPU_READY_SECONDS", "1800"))
# A chat, a document, and nearly the whole context: two chunks of the card's size.
PROMPTS = (8192, 65_536, 200_000)
_MTP = (
    "engine.args.speculative-algorithm=EAGLE",
    "engine.args.speculative-num-steps=3",
    "engine.args.speculative-eagle-topk=1",
    "engine.args.speculative-num-draft-tokens=4",
)
_FP8 = ("engine.args.kv-cache-dtype=fp8_e4m3",)
VARIANTS: dict[str, tuple[str, ...]] = {
    "as the profile is": (),
    "MTP": _MTP,
    "FP8 KV cache": _FP8,
    "MTP and FP8 KV cache": (*_MTP, *_FP8),
}
# Hopper's FP8 kernel wants 33 GiB for the card's chunk, which mini-hopper does not leave: the plan
# says so, and one H200 ran out (docs/capacity.md).
_HOPPER_FP8 = ("engine.args.chunked-prefill-size=32768",)
_SHOWN = (
    "attention_backend",
    "chunked_prefill_size",
    "cuda_graph_max_bs",
    "dsa_decode_backend",
    "dsa_prefill_backend",
    "kv_cache_dtype",
    "max_running_requests",
    "mem_fraction_static",
    "moe_runner_backend",
    "page_size",
    "quantization",
    "sampling_backend",
    "speculative_algorithm",
)


def profile_here(gpus: Sequence[str]) -> str | None:
    """The mini profile for these GPUs; None where there is none."""
    for name in ("mini-b300", "mini-b200", "mini-hopper"):
        wanted = loader.load(name)[0].hardware.gpu
        if any(re.search(rf"\b{wanted}\b", gpu) for gpu in gpus):
            return name
    return None


def settings_of(variant: str, profile: str) -> list[str]:
    """KEY=VALUE words of a variant of this profile."""
    settings = VARIANTS[variant]
    hopper = loader.load(profile)[0].hardware.gpu == "H200"
    more = _HOPPER_FP8 if hopper and set(_FP8) <= set(settings) else ()
    return [*settings, *more]


def run(
    name: str, profile: str, model: Path, settings: Sequence[str], directory: Path
) -> dict[str, Any]:
    """Every figure of one variant; what fails is noted, and the rest goes on."""
    words = [word for setting in settings for word in ("--set", setting)]
    figures: dict[str, Any] = {
        "name": name,
        "command": shlex.join(["python", "launch.py", "--profile", profile, *words]),
        "settings": list(settings),
    }
    log = directory / "engine.log"
    try:
        with launched(directory, "--model", str(model), *words, profile=profile) as server:
            start = time.monotonic()
            server.wait_ready(_READY_SECONDS)
            figures["ready_seconds"] = time.monotonic() - start
            ask(figures, asking.Server(server.base, _model(profile)), profile, words, directory)
            figures["stopped"] = server.end()
    except Exception as error:
        figures["failure"] = _said(error)
    if log.is_file():
        figures["log"] = telling_lines(log.read_text(errors="replace"))
        tokens = figures.get("token_capacity")
        figures["plan"] = against_plan(figures["log"], tokens, profile, str(model), settings)
    return figures


def failures(figures: dict[str, Any]) -> list[str]:
    """What of a run did not work."""
    found = [figures["failure"]] if "failure" in figures else []
    checks = figures.get("checks", ())
    return [*found, *(f"{c['name']}: {c['said']}" for c in checks if c["passed"] is False)]


def ask(
    figures: dict[str, Any],
    server: asking.Server,
    profile: str,
    words: Sequence[str],
    directory: Path,
    *,
    prompts: Sequence[int] = PROMPTS,
    used_bytes: Callable[[], int] = gpu_used_bytes,
    load: Sequence[str] = (),
) -> None:
    """Check the contract, send the prompts, put the server under load; everything is noted.

    ``words`` are those behind the profile's name, which verify takes, too. The rest stops where a
    prompt fails, since the engine is gone then.
    """
    said = _server_info(server)
    figures["used"] = {key: said[key] for key in _SHOWN if said.get(key) is not None}
    states = said.get("internal_states") or [{}]
    figures["token_capacity"] = (states[0].get("memory_usage") or {}).get("token_capacity")
    figures["left_out"] = asking.UNTRAINED
    checks: list[dict[str, Any]] = asking.verified(server.base, profile, *words)
    figures["checks"] = checks
    figures["prompts"] = []

    def prompt(tokens: int) -> str:
        figures["prompts"].append(asking.measured(server, tokens, used_bytes))
        return "answered"

    def put_under_load() -> str:
        figures["load"] = asking.loaded(server.base, directory / "load", load)
        return f"{figures['load']['requests']} requests"

    for tokens in prompts:
        noted = _noted(f"prompt of {tokens} tokens", partial(prompt, tokens))
        checks.append(noted)
        if not noted["passed"]:
            return
    checks.append(_noted("load", put_under_load))
    state = _server_info(server).get("internal_states", [{}])[0]
    figures["accepted_tokens"] = state.get("avg_spec_accept_length")


def _model(profile: str) -> str:
    return loader.load(profile)[0].served_model_name


def _noted(name: str, check: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"name": name, "passed": True, "said": check()}
    except Exception as error:
        return {"name": name, "passed": False, "said": _said(error)}


def _said(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.name}: {error}"[:2000]


def _server_info(server: asking.Server) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(server.get("/server_info"))
    return value


def against_plan(
    log: list[str], tokens: int | None, profile: str, model: str, settings: Sequence[str]
) -> dict[str, tuple[float, float | None]]:
    """The plan's figures beside the engine's own, in bytes and tokens."""
    wanted, _ = loader.load(profile, [Setting.of(text) for text in settings])
    memory = plan(wanted, config_of(model, None)).memory
    said = {name: None if size is None else size * GIB for name, size in allocations(log).items()}
    gone = None if said["free"] is None else (memory.gpu_bytes or 0) - said["free"]
    return {
        "gone before loading, bytes": (memory.runtime_bytes, gone),
        "weights, bytes": (memory.weights.total_bytes, said["weights"]),
        "KV cache, bytes": (memory.kv_bytes, said["kv_cache"]),
        "KV cache, tokens": (memory.tokens or 0, tokens),
        "CUDA graphs, bytes": (memory.graph_bytes, said["graphs"]),
    }
