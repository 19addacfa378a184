"""A checkpoint that is GLM-5.1 in everything but size: architecture, sparse attention, MTP, NVFP4.

Random weights, with the smoke model's tokenizer and chat template: it answers nonsense through the
same kernels, parsers and options as GLM-5.1. Needs torch and safetensors, and no GPU.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from deploy.errors import Finding, Refused
from deploy.model import GLM_5_1, NVFP4
from deploy.plan import shapes
from deploy.plan.tensors import Tensor

# Where the mini profiles look for it, and where the command writes it by default.
DIRECTORY = "./build/mini"
_SMOKE_MODEL = Path(__file__).parent / "cpu" / "model"
_COPIED = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
_LAYERS, _DENSE = 4, 1

# What kernels are compiled for stays: the sizes of heads, latent, indexer and groups, top-k of
# experts and of tokens. The rest shrinks.
_SMALLER: dict[str, Any] = {
    "num_hidden_layers": _LAYERS,
    "first_k_dense_replace": _DENSE,
    "hidden_size": 1024,
    "intermediate_size": 2048,
    "moe_intermediate_size": 512,
    "n_routed_experts": 16,
    "q_lora_rank": 512,
    # What one GPU of eight computes of GLM-5.1's 64.
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
}
# initializer_range of the GLM-5 family.
_SPREAD = 0.02
# NVFP4 numbers reach 6 and are 2.4 on average: this brings experts to the spread of the others.
_EXPERT_SCALE = _SPREAD / 2.4
# ModelOpt: the greatest activation over 6 x 448, the greatest of FP4 and of FP8; 10 is generous.
_INPUT_SCALE = 10 / (6 * 448)


def config() -> dict[str, Any]:
    """The mini checkpoint's config.json."""
    smoke = json.loads((_SMOKE_MODEL / "config.json").read_text(encoding="utf-8"))
    tokens = {key: smoke[key] for key in ("vocab_size", "eos_token_id", "pad_token_id")}
    dense = [f"model.layers.{layer}.mlp*" for layer in range(_DENSE)]
    kept = [name for name in NVFP4["ignore"] if not name.startswith("model.layers.")]
    ignored = [*kept, *dense, f"model.layers.{_LAYERS}*"]
    quantised = {"quantization_config": {**NVFP4, "ignore": ignored}}
    return {**GLM_5_1, **_SMALLER, **tokens, **quantised}


def make(directory: Path, progress: Callable[[str], None]) -> int:
    """Write the checkpoint into an empty or new directory; the bytes of its weights.

    ``progress`` takes a line for each file. The same weights come out every time. Refused where
    the directory holds something already, or where torch is missing.
    """
    try:
        import safetensors.torch
        import torch
    except ImportError as error:
        fix = "use an environment that has the engine (make install builds .venv)"
        raise Refused([Finding("mini-torch", str(error.name), "not installed", fix)]) from None
    if directory.exists() and any(directory.iterdir()):
        fix = "name another directory, or empty this one"
        raise Refused([Finding("mini-out", f"--out {directory}", "there is something in it", fix)])
    directory.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    shards = _shards(shapes.read(config()).tensors)
    names: dict[str, str] = {}
    total = 0
    for number, (place, tensors) in enumerate(shards.items(), 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        values = {name: _values(name, tensor, generator) for name, tensor in _named(place, tensors)}
        safetensors.torch.save_file(values, directory / file, metadata={"format": "pt"})
        names |= dict.fromkeys(values, file)
        total += sum(value.nbytes for value in values.values())
        progress(f"{file}: {len(values)} tensors")
    index = {"metadata": {"total_size": total}, "weight_map": names}
    _write(directory / "model.safetensors.index.json", index)
    _write(directory / "config.json", config())
    _write(directory / "generation_config.json", {"eos_token_id": config()["eos_token_id"]})
    for name in _COPIED:
        shutil.copyfile(_SMOKE_MODEL / name, directory / name)
    return total


def run(parser: argparse.ArgumentParser, words: Sequence[str]) -> int:
    """The verb ``make-mini``: write it, and say what to do next; the exit status."""
    parser.add_argument(
        "--out", metavar="DIR", default=DIRECTORY, help=f"an empty or new directory ({DIRECTORY})"
    )
    directory = Path(parser.parse_args(words).out).expanduser()
    total = make(directory, print)
    print(f"{total / 1e6:.0f} MB of weights in {directory}")
    command = "python launch.py --profile mini-hopper"
    same = directory.resolve() == Path(DIRECTORY).resolve()
    print(f"next: {command}" if same else f"next: {command} --model {directory}")
    return 0


def _shards(tensors: tuple[Tensor, ...]) -> dict[int, list[Tensor]]:
    """The tensors by layer, -1 for those outside the layers."""
    shards: dict[int, list[Tensor]] = defaultdict(list)
    for tensor in tensors:
        for layer in range(*tensor.layers) if tensor.layers else [-1]:
            shards[layer].append(tensor)
    return dict(sorted(shards.items()))


def _named(layer: int, tensors: list[Tensor]) -> Iterator[tuple[str, Tensor]]:
    for tensor in tensors:
        for expert in range(tensor.each):
            yield tensor.name.format(layer=layer, expert=expert), tensor


def _values(name: str, tensor: Tensor, generator: Any) -> Any:
    import torch

    shape, dtype = tensor.shape, getattr(torch, tensor.dtype)
    if tensor.dtype == "uint8":
        return torch.randint(0, 256, shape, dtype=dtype, generator=generator)
    if name.endswith(("weight_scale_2", "input_scale")):
        scale = _INPUT_SCALE if name.endswith("input_scale") else _EXPERT_SCALE
        return torch.full(shape, scale, dtype=dtype)
    if ("norm" in name and name.endswith("weight")) or name.endswith("weight_scale"):
        return torch.ones(shape, dtype=dtype)
    if name.endswith("bias"):
        return torch.zeros(shape, dtype=dtype)
    return (torch.randn(shape, generator=generator) * _SPREAD).to(dtype)


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
