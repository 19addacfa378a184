"""Whose shapes a plan uses: a config.json given, the one in the model's directory, or built in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deploy import mini
from deploy.errors import Finding, Refused
from deploy.model import CHECKPOINTS
from deploy.preflight.hub import directory_of


def config_of(model: str, file: str | None) -> dict[str, Any]:
    """The config.json's map for a model path or repository; Refused where it cannot be had."""
    if file:
        return _with_quantisation(Path(file).expanduser())
    directory = directory_of(model)
    if directory:
        return _with_quantisation(directory / "config.json")
    if model in CHECKPOINTS:
        return CHECKPOINTS[model]
    if model == mini.DIRECTORY:
        return mini.config()
    message = "its shapes are not built in, and this is no directory"
    fix = f"give its config.json with --model-config FILE; built in: {', '.join(CHECKPOINTS)}"
    raise Refused([Finding("plan-model", f"model {model}", message, fix)])


def _with_quantisation(path: Path) -> dict[str, Any]:
    """ModelOpt wrote its block beside config.json before it wrote it into it."""
    value, beside = _read(path), path.with_name("hf_quant_config.json")
    if "quantization_config" not in value and beside.is_file():
        value["quantization_config"] = _read(beside)
    return value


def _read(path: Path) -> dict[str, Any]:
    fix = "give the config.json of a Hugging Face checkpoint"
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
    except ValueError as error:
        message = f"not JSON: {error}"
    else:
        if isinstance(value, dict):
            return value
        message = "this is not a map"
    raise Refused([Finding("plan-config", str(path), message, fix)])
