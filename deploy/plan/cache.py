"""What a token leaves in the KV cache of one GPU, and in host memory."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.errors import Finding, Refused
from deploy.plan.serving import Serving
from deploy.plan.shapes import Latent, Model
from deploy.plan.tensors import DTYPE_BYTES

# SGLang's memory_pool.py, DSATokenToKVPool: an FP8 key of the indexer, an FP32 scale per 128
# numbers; in the layout with scales the latent has the same scales and the rotary part 16 bits.
_SCALE_BLOCK, _SCALE_BYTES, _ROPE_BYTES = 128, 4, 2
_KV_BYTES = {**DTYPE_BYTES, "fp8_e4m3": 1, "fp8_e5m2": 1}


@dataclass(frozen=True)
class TokenBytes:
    """Bytes of one token on one GPU: the target's keys and values, its indexer, the draft's."""

    kv_bytes: int
    indexer_bytes: int
    draft_bytes: int

    @property
    def total_bytes(self) -> int:
        """All that is allocated for a token."""
        return self.kv_bytes + self.indexer_bytes + self.draft_bytes


@dataclass(frozen=True)
class HostTokenBytes:
    """Bytes of one token in the host memory of one rank."""

    kv_bytes: int
    indexer_bytes: int

    @property
    def total_bytes(self) -> int:
        """All that is allocated for a token."""
        return self.kv_bytes + self.indexer_bytes


def token_bytes(model: Model, serving: Serving) -> TokenBytes:
    """Bytes per token on the GPU with the most layers.

    With latent attention every rank of one copy of attention holds the same.
    """
    layers = -(-model.layers // serving.pipeline_parallel)
    layer, key = _layer_bytes(model, serving), _index_bytes(model)
    indexed = 0
    if model.indexer:
        # kv_cache_configurator.py: a hierarchical cache wants an indexer in every layer.
        first = model.layers - layers
        every = serving.host_cache is not None
        indexed = layers if every else sum(at >= first for at in model.indexer.layers)
    drafts = model.draft_layers if serving.draft else 0
    return TokenBytes(layers * layer, indexed * key, drafts * (layer + key))


def host_token_bytes(model: Model, serving: Serving) -> HostTokenBytes:
    """SGLang 0.5.20 keeps the draft layer in the same pools as the target's layers.

    pool_host/mla.py and dsa.py: layer_num is the target's layers and the draft's.
    """
    layers = -(-model.layers // serving.pipeline_parallel)
    layers += model.draft_layers if serving.draft else 0
    return HostTokenBytes(layers * _layer_bytes(model, serving), layers * _index_bytes(model))


def _layer_bytes(model: Model, serving: Serving) -> int:
    size = _KV_BYTES.get(serving.kv_dtype)
    if size is None:
        known = ", ".join(_KV_BYTES)
        message = f"the plan does not know how {serving.kv_dtype} is laid out"
        raise Refused([Finding("plan-kv-dtype", "kv-cache-dtype", message, f"it knows {known}")])
    cache = model.cache
    if isinstance(cache, Latent):
        if serving.kv_scaled:
            scales = cache.rank // _SCALE_BLOCK * _SCALE_BYTES
            return cache.rank + scales + cache.rope * _ROPE_BYTES
        return cache.numbers * size
    heads = max(1, cache.count // serving.attention_ranks)
    return heads * (cache.key + cache.value) * size


def _index_bytes(model: Model) -> int:
    if model.indexer is None:
        return 0
    return model.indexer.size + model.indexer.size // _SCALE_BLOCK * _SCALE_BYTES
