"""From a config.json to the model's shapes: every parameter tensor, and what attention caches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.errors import Finding, Refused, suggestion
from deploy.plan import quantisation
from deploy.plan.layers import Config, Layers
from deploy.plan.quantisation import Quantisation
from deploy.plan.tensors import Tensor


@dataclass(frozen=True)
class Latent:
    """Multi-head latent attention: what a token leaves in the cache, in numbers a layer.

    ``query`` are the numbers of one head's query before it is absorbed.
    """

    rank: int
    rope: int
    query: int

    @property
    def numbers(self) -> int:
        """Latent and rotary part, shared by all heads."""
        return self.rank + self.rope


@dataclass(frozen=True)
class Heads:
    """Multi-head or grouped-query attention: heads with keys and values of their own."""

    count: int
    key: int
    value: int


@dataclass(frozen=True)
class Indexer:
    """Sparse attention's indexer; ``layers`` have one, the others reuse the choice before them."""

    heads: int
    size: int
    topk: int
    layers: tuple[int, ...]


@dataclass(frozen=True)
class Model:
    """What the plan needs of a model; ``draft_layers`` are its multi-token prediction layers."""

    architecture: str
    dtype: str
    layers: int
    draft_layers: int
    hidden: int
    attention_heads: int
    cache: Latent | Heads
    indexer: Indexer | None
    experts: int
    experts_per_token: int
    expert_size: int
    context_tokens: int
    quantisation: Quantisation
    tensors: tuple[Tensor, ...]

    @property
    def parameters(self) -> int:
        """Parameters without the multi-token prediction layers."""
        return sum(tensor.parameters for tensor in self.tensors if not tensor.mtp)

    @property
    def draft_parameters(self) -> int:
        """Parameters of the multi-token prediction layers."""
        return sum(tensor.parameters for tensor in self.tensors if tensor.mtp)

    @property
    def active_parameters(self) -> int:
        """Parameters that one token goes through, the embedding apart."""
        active = 0
        for tensor in self.tensors:
            if tensor.mtp or tensor.part == "embedding":
                continue
            if tensor.part == "routed experts":
                active += tensor.parameters * self.experts_per_token // self.experts
            else:
                active += tensor.parameters
        return active

    @property
    def checkpoint_bytes(self) -> int:
        """Bytes of all tensors on disk; safetensors headers add some hundredths of a percent."""
        return sum(tensor.checkpoint_bytes for tensor in self.tensors)


def read(config: Mapping[str, Any]) -> Model:
    """The model of a config.json's map; Refused for an architecture the plan does not know."""
    architecture = str((config.get("architectures") or ["none"])[0])
    build = _FAMILIES.get(architecture)
    if build is None:
        message = f"the plan does not know the shapes of {architecture}"
        fix = suggestion(architecture, _FAMILIES, f"it knows {', '.join(_FAMILIES)}")
        raise Refused([Finding("plan-architecture", "architectures", message, fix)])
    try:
        return build(Config(architecture, config, quantisation.read(config)))
    except KeyError as error:
        message = f"config.json has no {error}"
        fix = f"give the config.json of a {architecture} checkpoint"
        raise Refused([Finding("plan-config", "config.json", message, fix)]) from None


def _model(config: Config, cache: Latent | Heads, indexer: Indexer | None, build: Layers) -> Model:
    return Model(
        architecture=config.architecture,
        dtype=config.dtype,
        layers=config.layers,
        draft_layers=config.draft_layers,
        hidden=config.hidden,
        attention_heads=config["num_attention_heads"],
        cache=cache,
        indexer=indexer,
        experts=config.experts,
        experts_per_token=config.get("num_experts_per_tok", 0),
        expert_size=config.get("moe_intermediate_size", 0),
        context_tokens=config["max_position_embeddings"],
        quantisation=config.quantisation,
        tensors=tuple(build.tensors),
    )


def _latent(config: Config) -> Model:
    """DeepSeek V3 and its kin: latent attention, with an indexer where ``index_topk`` is given."""
    build = Layers(config)
    indexer = None
    if config.get("index_topk"):
        full = tuple(layer for layer in range(config.layers) if not _skips_index(config, layer))
        heads, size = config["index_n_heads"], config["index_head_dim"]
        indexer = Indexer(heads, size, config["index_topk"], full)
    for at in build.stacks():
        build.latent_attention(at)
        if indexer:
            # A draft layer has an indexer of its own whatever the pattern says (deepseek_v2.py).
            drafts = at.start >= config.layers
            build.indexer(at if drafts else indexer.layers)
        build.mlp(at)
    build.ends(draft_copies=not indexer)
    rope = config["qk_rope_head_dim"]
    cache = Latent(config["kv_lora_rank"], rope, config["qk_nope_head_dim"] + rope)
    return _model(config, cache, indexer, build)


def _grouped(
    *, bias: bool | None = None, output_bias: bool = False, norms: bool | None = None
) -> Callable[[Config], Model]:
    """Grouped-query attention; None leaves it to the config whether there is a bias or a norm."""

    def build_model(config: Config) -> Model:
        build = Layers(config)
        biased = bool(config.get("attention_bias", False)) if bias is None else bias
        normed = bool(config.get("use_qk_norm", False)) if norms is None else norms
        for at in build.stacks():
            build.grouped_attention(at, biased, biased and output_bias, normed)
            build.mlp(at)
        build.ends(draft_copies=True)
        size = config.head_size
        return _model(config, Heads(config.kv_heads, size, size), None, build)

    return build_model


def _skips_index(config: Config, layer: int) -> bool:
    """Whether a layer reuses the choice before it (model_config.py: dsa_layer_skips_topk)."""
    types = config.get("indexer_types")
    if types:
        return bool(types[layer] == "shared")
    pattern = config.get("index_topk_pattern")
    if pattern:
        return bool(layer < len(pattern) and pattern[layer] == "S")
    every = config.get("index_topk_freq", 1)
    offset = config.get("index_skip_topk_offset", 2)
    return bool(max(layer - offset + 1, 0) % every != 0)


# Which architecture has biases and norms where: transformers' and SGLang's model classes.
_FAMILIES: dict[str, Callable[[Config], Model]] = {
    "GlmMoeDsaForCausalLM": _latent,
    "DeepseekV3ForCausalLM": _latent,
    "DeepseekV32ForCausalLM": _latent,
    "Glm4MoeForCausalLM": _grouped(),
    "LlamaForCausalLM": _grouped(output_bias=True, norms=False),
    "Qwen2ForCausalLM": _grouped(bias=True, norms=False),
    "Qwen3ForCausalLM": _grouped(norms=True),
}
