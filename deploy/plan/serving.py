"""How an engine is told to divide and hold a model: one meaning whatever the options are called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deploy.hardware import GPUS
from deploy.plan.shapes import Model
from deploy.plan.tensors import Division
from deploy.profile import Profile


@dataclass(frozen=True)
class HostCache:
    """A hierarchical KV cache in host memory: bytes per rank, or tokens as a multiple of the GPU's.

    ``size_bytes`` is what the option asks for; 0 leaves it to ``ratio``.
    """

    size_bytes: int
    ratio: float


@dataclass(frozen=True)
class SparsePrefill:
    """The kernel of sparse attention in prefill: the bytes that it makes the engine allocate.

    Heads are padded to a multiple of ``head_multiple``. ``query_bytes`` is a number in its
    queries. ``partial_results``: they are kept in FP32 beside the output.
    """

    backend: str
    head_multiple: int
    query_bytes: int
    partial_results: bool = False


@dataclass(frozen=True)
class Serving:
    """How an engine is told to divide and hold a model.

    ``attention_ranks`` is over how many GPUs one copy of attention is divided; each of ``caches``
    such copies has a KV cache of its own. ``fraction`` is the engine's own choice unless
    ``fraction_given``, None on a CPU; ``fraction_of`` is what it is a fraction of.
    ``most_tokens`` and ``cache_bytes`` bound one KV cache where the profile does.
    ``kv_scaled``: FP8 latents carry scales. ``scales_twice``: the experts' NVFP4 scales stay in
    memory in a second order. ``chunk_tokens`` is the longest prefill step of one copy of
    attention. ``draft``: multi-token prediction is on. ``graph_batch`` is the largest batch with
    a CUDA graph, 0 without graphs. ``sparse_prefill`` is None where attention is not sparse, and
    with vLLM, whose short steps need little.
    """

    engine: Literal["sglang", "vllm"]
    gpus: int
    pipeline_parallel: int
    expert_parallel: int
    caches: int
    replicas: int
    attention_ranks: int
    mlp_ranks: int
    expert_ranks: int
    embedding_ranks: int
    head_ranks: int
    dtype: str
    kv_dtype: str
    kv_scaled: bool
    scales_twice: bool
    page_tokens: int
    fraction: float | None
    fraction_given: bool
    fraction_of: Literal["free memory before loading", "all memory"]
    context_tokens: int | None
    chunk_tokens: int
    most_running: int | None
    most_tokens: int | None
    cache_bytes: int | None
    draft: bool
    graph_batch: int
    host_cache: HostCache | None
    sparse_prefill: SparsePrefill | None = None

    def division(self, model: Model) -> Division:
        """How tensors are divided, for the pipeline stage with the most layers."""
        layers = -(-model.layers // self.pipeline_parallel)
        first = model.layers - layers if self.pipeline_parallel > 1 else 0
        return Division(
            attention=self.attention_ranks,
            mlp=self.mlp_ranks,
            expert_ranks=self.expert_parallel,
            expert_split=max(1, self.expert_ranks // self.expert_parallel),
            embedding=self.embedding_ranks,
            head=self.head_ranks,
            stage=(first, model.layers + model.draft_layers),
        )


def model_dtype(asked: str, model: Model) -> str:
    """The dtype an engine computes in: auto takes the checkpoint's, FP32 rounded to 16 bits."""
    if asked != "auto":
        return {"half": "float16", "float": "float32"}.get(asked, asked)
    return "float16" if model.dtype == "float32" else model.dtype


@dataclass(frozen=True)
class Options:
    """A profile's engine options by any spelling, and the GPU they are for.

    ``units`` are the suffixes that the engine accepts behind a number of tokens.
    """

    profile: Profile
    units: Mapping[str, int]

    def get(self, name: str) -> Any:
        """The value as the profile has it; None where it is not given."""
        return self.profile.argument(name)

    def default(self, name: str) -> Any:
        """The value as the profile has it, or the engine version's own default."""
        value = self.get(name)
        option = self.profile.catalogue.find(name) if self.profile.catalogue else None
        return option.default if value is None and option else value

    def named(self) -> dict[str, Any]:
        """Every option that the profile has, by its primary spelling."""
        catalogue, args = self.profile.catalogue, self.profile.engine.args
        found = {key: catalogue.find(key) if catalogue else None for key in args}
        return {option.name: args[key] for key, option in found.items() if option}

    def number(self, name: str) -> int | None:
        """A whole number, with a suffix perhaps; None where none is given."""
        text = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)", str(self.get(name)).strip())
        if text is None or (text[2] and text[2] not in self.units):
            return None
        return round(float(text[1]) * self.units.get(text[2], 1))

    def count(self, name: str) -> int:
        """A number of ranks, 1 where none is given."""
        return self.number(name) or 1

    def text(self, name: str, otherwise: str) -> str:
        """A text, or ``otherwise``."""
        return str(self.get(name) or otherwise)

    def flag(self, name: str) -> bool:
        """Whether a bare flag is set."""
        return self.get(name) is True

    @property
    def gpu_bytes(self) -> int:
        """Memory of the profile's GPU; 0 on a CPU."""
        gpu = GPUS.get(self.profile.hardware.gpu)
        return gpu.memory_bytes if gpu else 0

    @property
    def blackwell(self) -> bool:
        """Whether the GPU is of compute capability 10: B200 or B300."""
        gpu = GPUS.get(self.profile.hardware.gpu)
        return gpu is not None and gpu.compute_capability[0] == 10
