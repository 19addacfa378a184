"""The parameter tensors of a model: what a checkpoint holds and what one GPU holds of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Part = Literal[
    "embedding",
    "attention",
    "indexer",
    "dense MLP",
    "routed experts",
    "shared experts",
    "router",
    "norms",
    "MTP projection",
    "output head",
]
# Over which ranks a tensor is divided; "none" is a copy on every GPU.
Group = Literal["none", "attention", "mlp", "experts", "embedding", "head"]

DTYPE_BYTES = {
    "float32": 4,
    "bfloat16": 2,
    "float16": 2,
    "float8_e4m3fn": 1,
    "uint8": 1,
}
# Engines pad the vocabulary to a multiple of this (vocab_parallel_embedding.py in SGLang, vLLM).
VOCABULARY_PADDING = 64


@dataclass(frozen=True)
class Tensor:
    """Tensors of one name and shape, one or more in each layer that has them.

    ``name`` is the checkpoint's, with {layer} and {expert}. ``layers`` is a half-open range, None
    outside the layers. ``each`` is how many a layer holds: the experts. ``axis`` of ``shape`` is
    divided over ``group``, in ``blocks`` that stay whole (heads). ``dtype`` is the checkpoint's;
    ``kept`` says that an engine keeps it whatever dtype it is told to compute in, ``loaded`` the
    dtype it converts to always. ``values`` is how many of the model's parameters one element
    stands for: 2 where two 4-bit numbers share a byte, 0 for scales. ``mtp`` is the multi-token
    prediction layer's.
    """

    name: str
    part: Part
    shape: tuple[int, ...]
    dtype: str
    layers: tuple[int, int] | None = None
    each: int = 1
    group: Group = "none"
    axis: int = 0
    blocks: int | None = None
    kept: bool = False
    loaded: str | None = None
    values: int = 1
    mtp: bool = False

    @property
    def count(self) -> int:
        """How many such tensors the checkpoint holds."""
        return self.each * (self.layers[1] - self.layers[0] if self.layers else 1)

    @property
    def parameters(self) -> int:
        """Parameters of the model in all of them."""
        return self.count * self.values * math.prod(self.shape)

    @property
    def checkpoint_bytes(self) -> int:
        """Bytes of all of them on disk."""
        return self.count * math.prod(self.shape) * DTYPE_BYTES[self.dtype]


@dataclass(frozen=True)
class Division:
    """Over how many ranks each group is divided, and the pipeline stage in question.

    ``expert_ranks`` hold whole experts; ``expert_split`` divides each of them. ``stage`` is a
    half-open range of layers.
    """

    attention: int
    mlp: int
    expert_ranks: int
    expert_split: int
    embedding: int
    head: int
    stage: tuple[int, int]

    def ranks(self, group: Group) -> int:
        """Over how many ranks one tensor of the group is divided."""
        return {
            "none": 1,
            "attention": self.attention,
            "mlp": self.mlp,
            "experts": self.expert_split,
            "embedding": self.embedding,
            "head": self.head,
        }[group]


@dataclass(frozen=True)
class Piece:
    """A tensor as one rank holds it: ``count`` of ``shape``."""

    tensor: Tensor
    shape: tuple[int, ...]
    count: int
    dtype: str

    @property
    def bytes(self) -> int:
        """Bytes of all of them on this rank."""
        return self.count * math.prod(self.shape) * DTYPE_BYTES[self.dtype]

    @property
    def whole(self) -> bool:
        """Whether every rank of the stage holds the same."""
        return self.shape == self.tensor.shape and self.tensor.group != "experts"


def pieces(tensors: Iterable[Tensor], division: Division, dtype: str) -> Iterator[Piece]:
    """What one rank of the stage holds; ``dtype`` is the one that the engine computes in."""
    for tensor in tensors:
        count = tensor.each
        if tensor.layers:
            start, stop = division.stage
            count *= max(0, min(stop, tensor.layers[1]) - max(start, tensor.layers[0]))
        if tensor.group == "experts":
            count = -(-count // division.expert_ranks)
        if count:
            held = tensor.loaded or (tensor.dtype if tensor.kept else dtype)
            yield Piece(tensor, _local(tensor, division), count, held)


def _local(tensor: Tensor, division: Division) -> tuple[int, ...]:
    ranks = division.ranks(tensor.group)
    if not tensor.shape:
        return ()
    size = tensor.shape[tensor.axis]
    if tensor.part in ("embedding", "output head"):
        step = VOCABULARY_PADDING * (1 if VOCABULARY_PADDING % ranks == 0 else ranks)
        size = -(-size // step) * step
    blocks = tensor.blocks or size
    local = -(-blocks // ranks) * (size // blocks)
    return (*tensor.shape[: tensor.axis], local, *tensor.shape[tensor.axis + 1 :])
