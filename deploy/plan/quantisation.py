"""The quantisation block of a config.json: which weights are stored how."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deploy.errors import Finding, Refused

Scheme = Literal["none", "nvfp4", "fp8", "fp8-block"]

_KNOWN = "modelopt (NVFP4, FP8) and fp8 with weight_block_size"


@dataclass(frozen=True)
class Stored:
    """One tensor that a linear layer's weight becomes: name suffix, shape, dtype, values each."""

    suffix: str
    shape: tuple[int, ...]
    dtype: str
    values: int


@dataclass(frozen=True)
class Quantisation:
    """How linear layers are stored, and which of them are left alone.

    ``ignored`` are ModelOpt's patterns: ``*`` stands for anything, and one matches the whole name
    of a module or any part of it between dots. ``fp8_kv_cache`` says that the checkpoint asks for
    an FP8 KV cache.
    """

    scheme: Scheme = "none"
    group: int = 16
    block: tuple[int, int] = (128, 128)
    ignored: tuple[str, ...] = ()
    fp8_kv_cache: bool = False

    def covers(self, module: str) -> bool:
        """Whether this module's weight is quantised (modelopt_quant.py: is_layer_excluded)."""
        if self.scheme == "none":
            return False
        names = [module, *module.split(".")]
        expressions = [re.escape(pattern).replace(r"\*", ".*") for pattern in self.ignored]
        return not any(re.fullmatch(text, name) for text in expressions for name in names)

    def stored(self, module: str, out: int, inner: int, dtype: str) -> Iterator[Stored]:
        """The tensors that hold a weight of shape (out, inner)."""
        if not self.covers(module):
            yield Stored("weight", (out, inner), dtype, 1)
        elif self.scheme == "nvfp4":
            # Two 4-bit numbers a byte, an FP8 scale per group, a scale each for weight and input.
            yield Stored("weight", (out, inner // 2), "uint8", 2)
            yield Stored("weight_scale", (out, inner // self.group), "float8_e4m3fn", 0)
            yield Stored("weight_scale_2", (), "float32", 0)
            yield Stored("input_scale", (), "float32", 0)
        elif self.scheme == "fp8-block":
            rows, columns = self.block
            yield Stored("weight", (out, inner), "float8_e4m3fn", 1)
            scales = (-(-out // rows), -(-inner // columns))
            yield Stored("weight_scale_inv", scales, "float32", 0)
        else:
            yield Stored("weight", (out, inner), "float8_e4m3fn", 1)
            yield Stored("weight_scale", (), "float32", 0)
            yield Stored("input_scale", (), "float32", 0)


def read(config: Mapping[str, Any]) -> Quantisation:
    """The quantisation of a config.json; Refused where the plan does not know the method."""
    block = config.get("quantization_config")
    if not block:
        return Quantisation()
    # hf_quant_config.json nests what config.json has flat.
    block = {**block, **block.get("quantization", {})}
    method = str(block.get("quant_method", "modelopt")).lower()
    algorithm = str(block.get("quant_algo", "")).upper()
    names = ("ignore", "exclude_modules", "modules_to_not_convert")
    ignored = next((tuple(block[name]) for name in names if block.get(name)), ())
    if method == "fp8" and block.get("weight_block_size"):
        rows, columns = block["weight_block_size"]
        return Quantisation("fp8-block", block=(rows, columns), ignored=ignored)
    if method.startswith("modelopt") and algorithm in ("NVFP4", "FP8"):
        scheme: Scheme = "nvfp4" if algorithm == "NVFP4" else "fp8"
        return Quantisation(scheme, _group(block), ignored=ignored, fp8_kv_cache=_fp8_kv(block))
    raise Refused(
        [
            Finding(
                "plan-quantisation",
                "quantization_config",
                f"the plan does not know the method {method} {algorithm}".rstrip(),
                f"it knows {_KNOWN}; plan with the config.json of such a checkpoint",
            )
        ]
    )


def _group(block: Mapping[str, Any]) -> int:
    groups = block.get("config_groups") or {}
    sizes = (group.get("weights", {}).get("group_size") for group in groups.values())
    return int(block.get("group_size") or next(sizes, None) or 16)


def _fp8_kv(block: Mapping[str, Any]) -> bool:
    scheme = block.get("kv_cache_scheme")
    if isinstance(scheme, Mapping):
        return scheme.get("type") == "float" and scheme.get("num_bits") == 8
    return str(scheme or block.get("kv_cache_quant_algo")).upper() == "FP8"
