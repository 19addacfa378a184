"""Where one GPU's memory goes: weights, KV cache, workspaces, and what is left."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deploy.plan import measurements as published
from deploy.plan.cache import TokenBytes, host_token_bytes, token_bytes
from deploy.plan.serving import Serving
from deploy.plan.shapes import Latent, Model
from deploy.plan.tensors import DTYPE_BYTES, Piece, pieces
from deploy.plan.workspace import Workspace, prefill_workspace


@dataclass(frozen=True)
class Weights:
    """Weight bytes of one GPU.

    ``divided_bytes`` are this GPU's share, ``whole_bytes`` are on every GPU, ``draft_bytes`` is the
    multi-token prediction layer where it is used. ``copy_bytes`` are weights that engines keep a
    second time in another order: the up-projection of latent attention, and with Marlin the
    experts' scales. ``rotary_bytes`` is SGLang's table of latent attention's rotary embedding,
    which no checkpoint has.
    """

    divided_bytes: int
    whole_bytes: int
    draft_bytes: int
    copy_bytes: int
    rotary_bytes: int

    @property
    def total_bytes(self) -> int:
        """All of them."""
        tensors = self.divided_bytes + self.whole_bytes + self.draft_bytes
        return tensors + self.copy_bytes + self.rotary_bytes


@dataclass(frozen=True)
class HostMemory:
    """Host memory that a hierarchical cache pins: tokens of a rank, bytes of it and of the node."""

    tokens: int
    rank_bytes: int
    node_bytes: int


@dataclass(frozen=True)
class Memory:
    """One GPU, all in bytes; docs/capacity.md says which of them are estimates.

    ``runtime_bytes`` is gone before weights are loaded. ``reserve_bytes`` is what the fraction
    leaves outside weights and KV cache: request table, attention workspace, graphs and prefill
    come out of it, and ``left_bytes`` remain. ``kv_bytes`` is the pool as allocated, one page of
    padding included. ``tokens`` are those of one KV cache; None where nothing bounds it.
    """

    gpu_bytes: int | None
    runtime_bytes: int
    weights: Weights
    token: TokenBytes
    tokens: int | None
    kv_bytes: int
    fraction: float | None
    reserve_bytes: int
    table_bytes: int
    attention_bytes: int
    graph_bytes: int
    prefill: Workspace
    left_bytes: int | None
    host: HostMemory | None


def memory_of(
    model: Model, serving: Serving, gpu_bytes: int | None, context_tokens: int, per_node: int
) -> Memory:
    """The memory of one GPU; ``gpu_bytes`` None is a CPU, whose KV cache only an option bounds.

    ``context_tokens`` is the longest prompt that workspaces must serve, ``per_node`` how many
    ranks share a host.
    """
    weights, token = weights_of(model, serving), token_bytes(model, serving)
    total, runtime, attention, graphs = gpu_bytes or 0, 0, 0, 0
    prefill = Workspace()
    tokens, reserve = serving.most_tokens, 0
    if serving.cache_bytes is not None:
        tokens = fit(serving.cache_bytes, token, serving)
    if gpu_bytes is not None:
        runtime = round(published.RUNTIME_BYTES.value)
        # Read in SGLang; vLLM's is inside its profiled peak.
        sglang = serving.engine == "sglang"
        attention = round(published.ATTENTION_WORKSPACE_BYTES.value) if sglang else 0
        graphs = _graphs(model, serving)
        prefill = prefill_workspace(model, serving, total, context_tokens)
        reserve = _reserve(serving, total, runtime, graphs + prefill.total_bytes)
        if serving.cache_bytes is None:
            tokens = fit(total - runtime - weights.total_bytes - reserve, token, serving)
    kv = pool_bytes(tokens, token, serving) if tokens else 0
    table = _table_bytes(model, serving, tokens)
    used = runtime + weights.total_bytes + kv + table + attention + graphs + prefill.total_bytes
    return Memory(
        gpu_bytes=gpu_bytes,
        runtime_bytes=runtime,
        weights=weights,
        token=token,
        tokens=tokens,
        kv_bytes=kv,
        fraction=serving.fraction,
        reserve_bytes=reserve,
        table_bytes=table,
        attention_bytes=attention,
        graph_bytes=graphs,
        prefill=prefill,
        left_bytes=total - used if gpu_bytes is not None else None,
        host=_host(model, serving, tokens, per_node),
    )


def fit(budget_bytes: float, token: TokenBytes, serving: Serving) -> int:
    """Tokens that a budget holds, in whole pages, at most as many as the profile allows.

    SGLang's pool_configurator.py: calculate_pool_sizes.
    """
    tokens = max(0, int(budget_bytes)) // token.total_bytes
    if serving.most_tokens is not None:
        tokens = min(tokens, serving.most_tokens)
    return tokens // serving.page_tokens * serving.page_tokens


def pool_bytes(tokens: int, token: TokenBytes, serving: Serving) -> int:
    """What the pool for so many tokens takes: SGLang pads it by one page (memory_pool.py)."""
    padding = serving.page_tokens if serving.engine == "sglang" else 0
    return (tokens + padding) * token.total_bytes


def loaded(model: Model, serving: Serving, drafts: bool = False) -> list[Piece]:
    """The tensors that one GPU holds of the model, or of its draft layers.

    A draft layer shares the embedding and the head with its target once it is loaded.
    """
    shared = ("embedding", "output head")
    tensors = [
        tensor
        for tensor in model.tensors
        if tensor.mtp == drafts and not (drafts and tensor.part in shared)
    ]
    return list(pieces(tensors, serving.division(model), serving.dtype))


def weights_of(model: Model, serving: Serving) -> Weights:
    """Weight bytes of one GPU."""
    target = loaded(model, serving)
    several = serving.gpus // serving.replicas > 1
    whole = sum(piece.bytes for piece in target if several and piece.whole)
    drafts = loaded(model, serving, drafts=True) if serving.draft else []
    copies = 0
    for piece in (*target, *drafts):
        if piece.tensor.name.endswith("kv_b_proj.weight"):
            copies += piece.count * math.prod(piece.shape) * DTYPE_BYTES[serving.dtype]
        expert = piece.tensor.part == "routed experts"
        if serving.scales_twice and expert and piece.tensor.name.endswith("weight_scale"):
            copies += piece.bytes
    return Weights(
        divided_bytes=sum(piece.bytes for piece in target) - whole,
        whole_bytes=whole,
        draft_bytes=sum(piece.bytes for piece in drafts),
        copy_bytes=copies,
        rotary_bytes=_rotary_bytes(model, serving),
    )


def running_requests(model: Model, serving: Serving, tokens: int | None) -> int:
    """Requests that one KV cache may serve at once (SGLang's resolve_max_num_reqs)."""
    if serving.engine == "vllm" or tokens is None:
        return serving.most_running or 0
    context = serving.context_tokens or model.context_tokens
    estimated = max(min(int(tokens / context * 512), 4096), 2048)
    return min(serving.most_running or estimated, tokens // 2)


def _rotary_bytes(model: Model, serving: Serving) -> int:
    """One FP32 table for attention, indexer and draft (rotary_embedding/base.py, factory.py)."""
    if serving.engine == "vllm" or not isinstance(model.cache, Latent):
        return 0
    return model.context_tokens * model.cache.rope * 4


def _reserve(serving: Serving, total: int, runtime: int, peak: int) -> int:
    fraction = serving.fraction or 0.0
    if serving.fraction_of == "all memory":
        # vLLM takes its measured peak out of the fraction itself.
        return round(total * (1 - fraction)) + peak
    return round((total - runtime) * (1 - fraction))


def _table_bytes(model: Model, serving: Serving, tokens: int | None) -> int:
    """SGLang's table from requests to tokens: a row of 32-bit numbers each (ReqToTokenPool)."""
    if serving.engine == "vllm":
        return 0
    rows = running_requests(model, serving, tokens) + 1
    return rows * ((serving.context_tokens or model.context_tokens) + 4) * 4


def _graphs(model: Model, serving: Serving) -> int:
    if not serving.graph_batch:
        return 0
    graphs = published.GRAPH_BYTES.value * serving.graph_batch / published.GRAPH_BATCH
    if serving.engine == "sglang" and isinstance(model.cache, Latent):
        graphs += published.PREFILL_GRAPH_BYTES.value
    return round(graphs)


def _host(model: Model, serving: Serving, tokens: int | None, per_node: int) -> HostMemory | None:
    cache = serving.host_cache
    if cache is None:
        return None
    token = host_token_bytes(model, serving)
    # pool_host/base.py: the size buys tokens of keys and values, the indexer's come on top.
    if cache.size_bytes:
        held = cache.size_bytes // token.kv_bytes
    else:
        held = int((tokens or 0) * cache.ratio)
    held = (held // serving.page_tokens + 1) * serving.page_tokens
    rank = held * token.total_bytes
    return HostMemory(held, rank, rank * per_node)
