"""What one prefill step needs on a GPU while it runs: an upper estimate, buffer by buffer."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.plan.serving import Serving
from deploy.plan.shapes import Latent, Model
from deploy.plan.tensors import DTYPE_BYTES

# SGLang's dsa_indexer.py: a pass of scores gets a fifth of what the fraction leaves, and at most
# 0.3 of the GPU. vLLM's envs.py: 512 MiB (VLLM_SPARSE_INDEXER_MAX_LOGITS_MB).
_SCORE_SHARE, _SCORE_MOST, _SCORE_VLLM_BYTES = 0.2, 0.3, 512 * 2**20
_SCORE_BYTES, _INDEX_BYTES = 4, 4  # FP32 scores, 32-bit token numbers
# Hidden state, residual and the normed copy are alive at once in a layer.
_HIDDEN_COPIES = 3
_PARTIAL_BYTES = 4  # FP32, FlashMLA's csrc/api/sparse_decode.h: o_accum


@dataclass(frozen=True)
class Workspace:
    """Bytes of one prefill step of ``tokens``.

    ``query_bytes`` are the queries as projected, as absorbed, and as joined for the kernel.
    ``chosen_bytes`` are the tokens that the indexer chose. ``index_bytes`` are the indexer's
    queries, ``scores_bytes`` is one pass of its scores, ``all_scores_bytes`` what they would be at
    once for a prompt of the full context, in ``score_passes``. ``padded_bytes`` are queries whose
    heads the kernel wants padded, ``output_bytes`` what it returns, padding and partial results
    included. ``experts_bytes`` is the experts' input and output for every token and expert, which
    fused kernels may not hold at once.
    """

    tokens: int = 0
    hidden_bytes: int = 0
    query_bytes: int = 0
    chosen_bytes: int = 0
    index_bytes: int = 0
    scores_bytes: int = 0
    all_scores_bytes: int = 0
    score_passes: int = 0
    padded_bytes: int = 0
    output_bytes: int = 0
    experts_bytes: int = 0

    @property
    def kernel_bytes(self) -> int:
        """What the attention kernel takes and returns, beside the queries as they are."""
        return self.padded_bytes + self.output_bytes

    @property
    def total_bytes(self) -> int:
        """All that may be alive at once: indexer, attention and experts follow one another."""
        indexer = self.index_bytes + self.scores_bytes
        sparse = self.query_bytes + self.chosen_bytes + max(indexer, self.kernel_bytes)
        return self.hidden_bytes + max(sparse, self.experts_bytes)


def prefill_workspace(
    model: Model, serving: Serving, gpu_bytes: int, context_tokens: int
) -> Workspace:
    """The workspace of the longest prefill step at the end of a prompt of ``context_tokens``."""
    size = DTYPE_BYTES[serving.dtype]
    tokens = min(serving.chunk_tokens, context_tokens)
    chosen = index = every = scores = passes = 0
    if model.indexer:
        chosen = tokens * model.indexer.topk * _INDEX_BYTES
        index = tokens * model.indexer.heads * model.indexer.size * size
        every = tokens * context_tokens * _SCORE_BYTES
        scores = min(every, _score_budget(serving, gpu_bytes))
        passes = -(-every // max(scores, 1))
    # Ranks with attention of their own bring their tokens together for the experts.
    gathered = tokens * serving.caches
    split = max(1, serving.expert_ranks // serving.expert_parallel)
    width = model.hidden + model.expert_size // split
    queries, padded, output = _attention(model, serving, size)
    return Workspace(
        tokens=tokens,
        hidden_bytes=_HIDDEN_COPIES * gathered * model.hidden * size,
        query_bytes=tokens * queries,
        chosen_bytes=chosen,
        index_bytes=index,
        scores_bytes=scores,
        all_scores_bytes=every,
        score_passes=passes,
        padded_bytes=tokens * padded,
        output_bytes=tokens * output,
        experts_bytes=gathered * model.experts_per_token * width * size,
    )


def _score_budget(serving: Serving, gpu_bytes: int) -> int:
    if serving.engine == "vllm":
        return _SCORE_VLLM_BYTES
    rest = 1 - (serving.fraction or 0)
    return int(gpu_bytes * max(0.0, min(rest * _SCORE_SHARE, _SCORE_MOST)))


def _attention(model: Model, serving: Serving, size: int) -> tuple[int, int, int]:
    """Bytes of a token in queries, padded queries and output of attention."""
    heads = -(-model.attention_heads // serving.attention_ranks)
    cache, kernel = model.cache, serving.sparse_prefill
    if not isinstance(cache, Latent):
        return heads * cache.key * size, 0, heads * cache.value * size
    # Absorbed queries are as wide as the cache, the output as wide as the latent.
    joined = cache.numbers * (kernel.query_bytes if kernel else size)
    queries = heads * ((cache.query + cache.rank) * size + joined)
    if kernel is None or heads % kernel.head_multiple == 0:
        wide, padded = heads, 0
    else:
        wide = -(-heads // kernel.head_multiple) * kernel.head_multiple
        padded = wide * joined
    partial = _PARTIAL_BYTES if kernel and kernel.partial_results else 0
    return queries, padded, wide * cache.rank * (size + partial)
