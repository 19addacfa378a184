"""A plugin for SGLang that writes down what the engine loaded and what it had for the KV cache.

It is copied into a directory of its own with an entry point of sglang.srt.plugins, the engine's
published way to hook its functions. It changes nothing that the engine computes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_DIRECTORY = "OBSERVED"


def observe() -> None:
    """Register the hooks; the engine calls this in every process."""
    from sglang.srt.plugins.hook_registry import HookRegistry, HookType

    runner = "sglang.srt.model_executor.model_runner.ModelRunner.load_model"
    budget = "sglang.srt.mem_cache.kv_cache_configurator.KVCacheConfigurator"
    HookRegistry.register(runner, _loaded, HookType.AFTER)
    HookRegistry.register(f"{budget}._profile_available_bytes", _profiled, HookType.AFTER)


def _loaded(result: Any, runner: Any, *_: Any, **__: Any) -> None:
    parameters = {
        name: parameter.numel() * parameter.element_size()
        for name, parameter in runner.model.named_parameters()
    }
    _write("loaded", parameters)


def _profiled(result: Any, *_: Any, **__: Any) -> None:
    _write("profiled", {"budget_bytes": result})


def _write(what: str, value: dict[str, int]) -> None:
    path = Path(os.environ[_DIRECTORY], f"{what}-{os.getpid()}.json")
    path.write_text(json.dumps(value), encoding="utf-8")
