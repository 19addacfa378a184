"""The network that is trained: Glm4MoeForCausalLM in plain PyTorch, with free positions.

Training wants positions with gaps (to learn far distances from short texts) and every expert
computed at once; the published classes offer neither. `checkpoint` names the weights as the
published classes do, and a test compares the logits of both.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """The sizes of the network, in the names of its config.json."""

    vocab_size: int = 2048
    hidden_size: int = 160
    intermediate_size: int = 320  # of the dense first layer
    moe_intermediate_size: int = 64
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    head_dim: int = 64  # 32 learned recall far more slowly
    n_routed_experts: int = 8
    num_experts_per_tok: int = 2
    rms_norm_eps: float = 1e-5  # GLM's
    rope_theta: float = 1e6  # GLM's; the slowest rotary pairs hardly turn within the context
    partial_rotary_factor: float = 0.5  # GLM's; the other half of a head matches content only
    max_position_embeddings: int = 202_752  # GLM-5.1's

    @property
    def rotary_dim(self) -> int:
        """Dimensions of a head that carry the position."""
        return int(self.head_dim * self.partial_rotary_factor)


def config(shape: Shape, eos_token_ids: list[int], pad_token_id: int) -> dict[str, Any]:
    """Return the contents of config.json."""
    sizes = asdict(shape)
    rope = {
        "rope_type": "default",
        "rope_theta": sizes.pop("rope_theta"),
        "partial_rotary_factor": sizes.pop("partial_rotary_factor"),
    }
    return {
        "architectures": ["Glm4MoeForCausalLM"],
        "model_type": "glm4_moe",
        "dtype": "bfloat16",
        **sizes,
        "num_key_value_heads": shape.num_attention_heads,
        "rope_parameters": rope,
        "use_qk_norm": True,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "hidden_act": "silu",
        "first_k_dense_replace": 1,
        "n_shared_experts": 1,
        "n_group": 1,
        "topk_group": 1,
        "norm_topk_prob": True,
        "routed_scaling_factor": 1.0,
        "initializer_range": 0.02,
        "tie_word_embeddings": False,
        "use_cache": True,
        "eos_token_id": eos_token_ids,
        "pad_token_id": pad_token_id,
    }


def matrix(*size: int) -> nn.Parameter:
    """Return a weight matrix, last dimension the input, scaled to keep the variance."""
    return nn.Parameter(torch.randn(*size) * size[-1] ** -0.5)


def rotary(positions: Tensor, shape: Shape) -> tuple[Tensor, Tensor]:
    """Return cosines and sines, (batch, 1, time, rotary_dim), for (batch, time) positions."""
    steps = torch.arange(0, shape.rotary_dim, 2, device=positions.device, dtype=torch.float32)
    angles = positions[:, None, :, None].float() * shape.rope_theta ** (-steps / shape.rotary_dim)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the first rotary dimensions of (batch, heads, time, head_dim)."""
    turned, kept = x[..., : cos.shape[-1]], x[..., cos.shape[-1] :]
    low, high = turned.chunk(2, dim=-1)
    turned = turned * cos + torch.cat((-high, low), dim=-1) * sin
    return torch.cat((turned, kept), dim=-1)


class Attention(nn.Module):
    """Causal attention with query and key norms."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.num_attention_heads * shape.head_dim
        self.q_proj = matrix(width, shape.hidden_size)
        self.k_proj = matrix(width, shape.hidden_size)
        self.v_proj = matrix(width, shape.hidden_size)
        self.o_proj = nn.Parameter(torch.zeros(shape.hidden_size, width))
        # Above 1: sharp attention over 200,000 keys needs large logits, so start on the way.
        self.q_norm = nn.Parameter(torch.full((shape.head_dim,), 1.5))
        self.k_norm = nn.Parameter(torch.full((shape.head_dim,), 1.5))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Map (batch, time, hidden) to the same."""
        shape = self.shape

        def heads(weight: Tensor) -> Tensor:
            split = F.linear(x, weight).unflatten(-1, (shape.num_attention_heads, shape.head_dim))
            return split.transpose(1, 2)

        size, eps = (shape.head_dim,), shape.rms_norm_eps
        query = rotate(F.rms_norm(heads(self.q_proj).float(), size, self.q_norm, eps), cos, sin)
        key = rotate(F.rms_norm(heads(self.k_proj).float(), size, self.k_norm, eps), cos, sin)
        value = heads(self.v_proj)
        query, key = query.to(value.dtype), key.to(value.dtype)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return F.linear(mixed.transpose(1, 2).flatten(2), self.o_proj)


class Dense(nn.Module):
    """The gated feed-forward block."""

    def __init__(self, hidden: int, inner: int) -> None:
        super().__init__()
        self.gate_proj = matrix(inner, hidden)
        self.up_proj = matrix(inner, hidden)
        self.down_proj = nn.Parameter(torch.zeros(hidden, inner))

    def forward(self, x: Tensor) -> Tensor:
        """Map (tokens..., hidden) to the same."""
        inner = F.silu(F.linear(x, self.gate_proj)) * F.linear(x, self.up_proj)
        return F.linear(inner, self.down_proj)


class Experts(nn.Module):
    """Sigmoid top-k routing with a bias for balance, plus one shared expert."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        count, inner, hidden = (
            shape.n_routed_experts,
            shape.moe_intermediate_size,
            shape.hidden_size,
        )
        self.chosen_per_token = shape.num_experts_per_tok
        self.shared_experts = Dense(hidden, inner)
        self.router = matrix(count, hidden)
        self.gate_proj = matrix(count, inner, hidden)
        self.up_proj = matrix(count, inner, hidden)
        self.down_proj = nn.Parameter(torch.zeros(count, hidden, inner))
        self.bias: Tensor
        self.load: Tensor
        self.register_buffer("bias", torch.zeros(count))
        self.register_buffer("load", torch.zeros(count), persistent=False)

    def routing(self, x: Tensor) -> Tensor:
        """Return the weight of every expert, (tokens, experts), zero for those not chosen."""
        with torch.autocast(x.device.type, enabled=False):
            scores = F.linear(x.float(), self.router).sigmoid()
        chosen = (scores + self.bias).topk(self.chosen_per_token, dim=-1).indices
        mask = torch.zeros_like(scores).scatter(1, chosen, 1.0)
        if self.training:
            self.load = mask.mean(dim=0).detach()
        weights = scores * mask
        return weights / (weights.sum(dim=-1, keepdim=True) + 1e-20)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, time, hidden) to the same."""
        tokens = x.flatten(0, -2)
        weights = self.routing(tokens)
        mixed = (
            self.chosen(tokens, weights) if x.device.type == "cpu" else self.all(tokens, weights)
        )
        return mixed.view_as(x) + self.shared_experts(x)

    def chosen(self, tokens: Tensor, weights: Tensor) -> Tensor:
        """Compute each expert for the tokens that chose it: the least work."""
        mixed = torch.zeros_like(tokens)
        for index, gate in enumerate(self.gate_proj):
            rows = weights[:, index].nonzero().squeeze(1)
            some = tokens[rows]
            inner = F.silu(F.linear(some, gate)) * F.linear(some, self.up_proj[index])
            inner = inner * weights[rows, index, None]
            mixed = mixed.index_add(0, rows, F.linear(inner, self.down_proj[index]))
        return mixed

    def all(self, tokens: Tensor, weights: Tensor) -> Tensor:
        """Compute every expert for every token, most with weight zero: the fewest kernels."""
        count, inner, hidden = self.gate_proj.shape
        gate = F.linear(tokens, self.gate_proj.view(count * inner, hidden))
        up = F.linear(tokens, self.up_proj.view(count * inner, hidden))
        active = (F.silu(gate) * up).view(-1, count, inner) * weights.to(gate.dtype)[..., None]
        return F.linear(active.flatten(1), self.down_proj.transpose(0, 1).flatten(1))

    @torch.no_grad()
    def balance(self, rate: float) -> None:
        """Move the bias towards experts that the last batch chose less than their share."""
        self.bias += rate * torch.sign(self.load.mean() - self.load)


class Layer(nn.Module):
    """One decoder layer."""

    def __init__(self, shape: Shape, index: int) -> None:
        super().__init__()
        self.size, self.eps = (shape.hidden_size,), shape.rms_norm_eps
        self.self_attn = Attention(shape)
        self.mlp: nn.Module = (
            Experts(shape) if index else Dense(shape.hidden_size, shape.intermediate_size)
        )
        self.input_layernorm = nn.Parameter(torch.ones(shape.hidden_size))
        self.post_attention_layernorm = nn.Parameter(torch.ones(shape.hidden_size))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Map (batch, time, hidden) to the same."""
        x = x + self.self_attn(F.rms_norm(x, self.size, self.input_layernorm, self.eps), cos, sin)
        norm = F.rms_norm(x, self.size, self.post_attention_layernorm, self.eps)
        return x + self.mlp(norm)


class Network(nn.Module):
    """The whole model."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        # Of unit size: the residual stream starts as the token itself.
        self.embed_tokens = nn.Parameter(torch.randn(shape.vocab_size, shape.hidden_size))
        self.layers = nn.ModuleList(Layer(shape, i) for i in range(shape.num_hidden_layers))
        self.norm = nn.Parameter(torch.ones(shape.hidden_size))
        self.lm_head = matrix(shape.vocab_size, shape.hidden_size)

    def forward(self, ids: Tensor, positions: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Return logits for (batch, time) tokens: (batch, time, vocab), or (wanted, vocab)."""
        cos, sin = rotary(positions, self.shape)
        x = F.embedding(ids, self.embed_tokens)
        for layer in self.layers:
            x = layer(x, cos, sin)
        if wanted is not None:
            x = x.flatten(0, 1).index_select(0, wanted.flatten().nonzero().squeeze(1))
        x = F.rms_norm(x, (self.shape.hidden_size,), self.norm, self.shape.rms_norm_eps)
        return F.linear(x, self.lm_head)


def published_names(name: str, tensor: Tensor) -> list[str]:
    """Return what the published Glm4MoeForCausalLM calls a weight; stacked experts are apart."""
    if name == "lm_head":
        return ["lm_head.weight"]
    if name.endswith(".mlp.bias"):
        return [f"model.{name.removesuffix('bias')}gate.e_score_correction_bias"]
    if name.endswith(".mlp.router"):
        return [f"model.{name.removesuffix('router')}gate.weight"]
    if tensor.dim() == 3:
        start, part = name.rsplit(".", 1)
        return [f"model.{start}.experts.{index}.{part}.weight" for index in range(len(tensor))]
    return [f"model.{name}.weight"]


def checkpoint(network: Network) -> dict[str, Tensor]:
    """Return the weights in bfloat16 under their published names.

    The routing bias stays in float32, as in GLM's own checkpoints.
    """
    named: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        names = published_names(name, tensor)
        parts = list(tensor) if len(names) > 1 else [tensor]
        dtype = torch.float32 if name.endswith(".bias") else torch.bfloat16
        for published, part in zip(names, parts, strict=True):
            named[published] = part.detach().cpu().to(dtype).contiguous()
    return named


def restore(shape: Shape, named: dict[str, Tensor]) -> Network:
    """Return the network with the weights of a checkpoint."""
    network = Network(shape)
    state = {}
    for name, tensor in network.state_dict().items():
        parts = [named[published].float() for published in published_names(name, tensor)]
        state[name] = torch.stack(parts) if tensor.dim() == 3 else parts[0]
    network.load_state_dict(state)
    return network
