"""The layers that models are built of, as tensors, under the names of Hugging Face checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deploy.plan.quantisation import Quantisation
from deploy.plan.tensors import Group, Part, Tensor

_PREFIX = "model.layers.{layer}."
# transformers' configuration classes, where config.json does not say.
_HEAD_SIZE = {"Glm4MoeForCausalLM": 128, "Qwen3ForCausalLM": 128}


@dataclass(frozen=True)
class Config:
    """A config.json with the names that differ between families straightened out."""

    architecture: str
    values: Mapping[str, Any]
    quantisation: Quantisation

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def get(self, key: str, otherwise: Any = None) -> Any:
        """The value, or ``otherwise`` where it is missing or null."""
        value = self.values.get(key)
        return otherwise if value is None else value

    @property
    def hidden(self) -> int:
        return int(self["hidden_size"])

    @property
    def layers(self) -> int:
        return int(self["num_hidden_layers"])

    @property
    def draft_layers(self) -> int:
        return int(self.get("num_nextn_predict_layers", 0))

    @property
    def experts(self) -> int:
        return int(self.get("n_routed_experts", 0))

    @property
    def dense_layers(self) -> int:
        """How many layers at the start have no experts."""
        return int(self.get("first_k_dense_replace", 0)) if self.experts else self.layers

    @property
    def head_size(self) -> int:
        derived = self.hidden // self["num_attention_heads"]
        return int(self.get("head_dim", _HEAD_SIZE.get(self.architecture, derived)))

    @property
    def kv_heads(self) -> int:
        return int(self.get("num_key_value_heads", self["num_attention_heads"]))

    @property
    def dtype(self) -> str:
        return str(self.get("dtype", self.get("torch_dtype", "float32")))


@dataclass
class Layers:
    """Collects a model's tensors layer kind by layer kind."""

    config: Config
    tensors: list[Tensor] = field(default_factory=list)

    def stacks(self) -> list[range]:
        """The model's own layers, then its multi-token prediction layers if it has any."""
        own, drafts = self.config.layers, self.config.draft_layers
        return [range(own), range(own, own + drafts)][: 2 if drafts else 1]

    def latent_attention(self, at: Sequence[int]) -> None:
        """Multi-head latent attention: projections down are whole on every rank, up are divided."""
        config, hidden = self.config, self.config.hidden
        heads, rank, rope = (
            config["num_attention_heads"],
            config["kv_lora_rank"],
            config["qk_rope_head_dim"],
        )
        whole = Tensor("", "attention", (), config.dtype)
        up = replace(whole, group="attention", blocks=heads)
        query = heads * (config["qk_nope_head_dim"] + rope)
        if low := config.get("q_lora_rank"):
            self._linear(whole, "self_attn.q_a_proj", (low, hidden), at)
            self._norm("self_attn.q_a_layernorm", low, at)
            self._linear(up, "self_attn.q_b_proj", (query, low), at)
        else:
            self._linear(up, "self_attn.q_proj", (query, hidden), at)
        self._linear(whole, "self_attn.kv_a_proj_with_mqa", (rank + rope, hidden), at)
        self._norm("self_attn.kv_a_layernorm", rank, at)
        both = heads * (config["qk_nope_head_dim"] + config["v_head_dim"])
        self._linear(up, "self_attn.kv_b_proj", (both, rank), at)
        out = (hidden, heads * config["v_head_dim"])
        self._linear(replace(up, axis=1), "self_attn.o_proj", out, at)

    def indexer(self, at: Sequence[int]) -> None:
        """Sparse attention's indexer, whole on every rank."""
        config, name = self.config, "self_attn.indexer"
        heads, size = config["index_n_heads"], config["index_head_dim"]
        whole = Tensor("", "indexer", (), config.dtype)
        self._linear(whole, f"{name}.wq_b", (heads * size, config["q_lora_rank"]), at)
        self._linear(whole, f"{name}.wk", (size, config.hidden), at)
        # Engines keep this one in 16 bits (dsa_indexer.py: params_dtype=torch.bfloat16).
        weights = replace(whole, shape=(heads, config.hidden))
        self._add(weights, f"{name}.weights_proj.weight", at)
        norm = replace(whole, shape=(size,), loaded="float32")
        self._add(norm, f"{name}.k_norm.weight", at)
        self._add(norm, f"{name}.k_norm.bias", at)

    def grouped_attention(
        self, at: Sequence[int], bias: bool, output_bias: bool, norms: bool
    ) -> None:
        """Grouped-query attention: heads are divided, a KV head is whole on at least one rank."""
        config, size = self.config, self.config.head_size
        heads = config["num_attention_heads"]
        for name, count in (("q", heads), ("k", config.kv_heads), ("v", config.kv_heads)):
            tensor = Tensor("", "attention", (), config.dtype, group="attention", blocks=count)
            shape = (count * size, config.hidden)
            self._linear(tensor, f"self_attn.{name}_proj", shape, at, bias)
        out = Tensor("", "attention", (), config.dtype, group="attention", axis=1, blocks=heads)
        self._linear(out, "self_attn.o_proj", (config.hidden, heads * size), at, output_bias)
        for name in ("q_norm", "k_norm") if norms else ():
            self._norm(f"self_attn.{name}", size, at)

    def mlp(self, at: Sequence[int]) -> None:
        """Feed-forward layers, dense or with experts, and the norms around attention."""
        config = self.config
        dense = [layer for layer in at if layer < min(config.dense_layers, config.layers)]
        sparse = [layer for layer in at if layer not in dense]
        for name in ("input_layernorm", "post_attention_layernorm"):
            self._norm(name, config.hidden, at)
        bias = bool(config.get("mlp_bias", False))
        self._gated("mlp", "dense MLP", "mlp", config.get("intermediate_size", 0), dense, bias=bias)
        if not sparse:
            return
        # Glm4Moe computes its router in FP32 whatever the model's dtype (glm4_moe.py).
        loaded = "float32" if config.architecture == "Glm4MoeForCausalLM" else None
        router = Tensor("", "router", (config.experts, config.hidden), config.dtype, loaded=loaded)
        self._add(router, "mlp.gate.weight", sparse)
        correction = Tensor("", "router", (config.experts,), "float32", kept=True)
        self._add(correction, "mlp.gate.e_score_correction_bias", sparse)
        size, each = config["moe_intermediate_size"], config.experts
        self._gated("mlp.experts.{expert}", "routed experts", "experts", size, sparse, each=each)
        if shared := config.get("n_shared_experts", 0):
            self._gated("mlp.shared_experts", "shared experts", "mlp", shared * size, sparse)

    def ends(self, draft_copies: bool) -> None:
        """Embedding, last norm and output head, and what ties draft layers to them.

        ``draft_copies``: a draft layer's checkpoint repeats the embedding and the head.
        """
        config, hidden = self.config, self.config.hidden
        table = (config["vocab_size"], hidden)
        embedding = Tensor("", "embedding", table, config.dtype, group="embedding")
        head = Tensor("", "output head", table, config.dtype, group="head")
        norm = Tensor("model.norm.weight", "norms", (hidden,), config.dtype)
        self.tensors += [replace(embedding, name="model.embed_tokens.weight"), norm]
        if not config.get("tie_word_embeddings", False):
            self.tensors.append(replace(head, name="lm_head.weight"))
        for at in self.stacks()[1:]:
            projection = Tensor("", "MTP projection", (hidden, 2 * hidden), config.dtype)
            self._add(projection, "eh_proj.weight", at)
            for name in ("enorm", "hnorm", "shared_head.norm"):
                self._norm(name, hidden, at)
            if draft_copies:
                self._add(embedding, "embed_tokens.weight", at)
                self._add(head, "shared_head.head.weight", at)

    def _gated(
        self,
        name: str,
        part: Part,
        group: Group,
        size: int,
        at: Sequence[int],
        each: int = 1,
        bias: bool = False,
    ) -> None:
        hidden = self.config.hidden
        up = Tensor("", part, (), self.config.dtype, each=each, group=group)
        for way in ("gate_proj", "up_proj"):
            self._linear(up, f"{name}.{way}", (size, hidden), at, bias)
        self._linear(replace(up, axis=1), f"{name}.down_proj", (hidden, size), at, bias)

    def _linear(
        self,
        tensor: Tensor,
        name: str,
        shape: tuple[int, int],
        at: Sequence[int],
        bias: bool = False,
    ) -> None:
        """A linear layer like ``tensor``, stored as the quantisation has it."""
        stored = self.config.quantisation

        def module(layer: int) -> str:
            return _PREFIX.format(layer=layer) + name.format(expert=0)

        for covered in (True, False):
            layers = [layer for layer in at if stored.covers(module(layer)) == covered]
            for kind in stored.stored(module(layers[0]), *shape, tensor.dtype) if layers else ():
                like = replace(
                    tensor,
                    shape=kind.shape,
                    dtype=kind.dtype,
                    values=kind.values,
                    kept=covered,
                    # Scales have fewer rows than there are heads.
                    blocks=tensor.blocks if kind.values else None,
                )
                self._add(like, f"{name}.{kind.suffix}", layers)
        if bias:
            group: Group = tensor.group if tensor.axis == 0 else "none"
            like = replace(tensor, shape=shape[:1], axis=0, group=group)
            self._add(like, f"{name}.bias", at)

    def _norm(self, name: str, size: int, at: Sequence[int]) -> None:
        self._add(Tensor("", "norms", (size,), self.config.dtype), f"{name}.weight", at)

    def _add(self, tensor: Tensor, name: str, at: Sequence[int]) -> None:
        """The tensor in these layers: one entry for each run of neighbours."""
        runs: list[tuple[int, int]] = []
        for layer in at:
            if runs and runs[-1][1] == layer:
                runs[-1] = (runs[-1][0], layer + 1)
            else:
                runs.append((layer, layer + 1))
        for run in runs:
            mtp = run[0] >= self.config.layers
            self.tensors.append(replace(tensor, name=_PREFIX + name, layers=run, mtp=mtp))
