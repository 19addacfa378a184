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


@dataclass(frozen=True)
class Workspace:
    """Bytes of one prefill step of ``tokens``.

    ``scores_bytes`` is one pass of the indexer's scores, ``all_scores_bytes`` what they would be
    at once for a prompt of the full context, in ``score_passes``. ``experts_bytes`` is the
    experts' input and output for every token and expert, which fused kernels may not hold at once.
    """

    tokens: int = 0
    hidden_bytes: int = 0
    attention_bytes: int = 0
    chosen_bytes: int = 0
    scores_bytes: int = 0
    all_scores_bytes: int = 0
    score_passes: int = 0
    experts_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        """All that may be alive at once: attention and experts follow one another."""
        attention = self.attention_bytes + self.chosen_bytes + self.scores_bytes
        return self.hidden_bytes + max(attention, self.experts_bytes)


def prefill_workspace(
    model: Model, serving: Serving, gpu_bytes: int, context_tokens: int
) -> Workspace:
    """The workspace of the longest prefill step at the end of a prompt of ``context_tokens``."""
    size = DTYPE_BYTES[serving.dtype]
    tokens = min(serving.chunk_tokens, context_tokens)
    chosen = every = scores = passes = 0
    if model.indexer:
        chosen = tokens * model.indexer.topk * _INDEX_BYTES
        every = tokens * context_tokens * _SCORE_BYTES
        scores = min(every, _score_budget(serving, gpu_bytes))
        passes = -(-every // max(scores, 1))
    # Ranks with attention of their own bring their tokens together for the experts.
    gathered = tokens * serving.caches
    split = max(1, serving.expert_ranks // serving.expert_parallel)
    width = model.hidden + model.expert_size // split
    return Workspace(
        tokens=tokens,
        hidden_bytes=_HIDDEN_COPIES * gathered * model.hidden * size,
        attention_bytes=tokens * _query_numbers(model, serving) * size,
        chosen_bytes=chosen,
        scores_bytes=scores,
        all_scores_bytes=every,
        score_passes=passes,
        experts_bytes=gathered * model.experts_per_token * width * size,
    )


def _score_budget(serving: Serving, gpu_bytes: int) -> int:
    if serving.engine == "vllm":
        return _SCORE_VLLM_BYTES
    rest = 1 - (serving.fraction or 0)
    return int(gpu_bytes * max(0.0, min(rest * _SCORE_SHARE, _SCORE_MOST)))


def _query_numbers(model: Model, serving: Serving) -> int:
    """Numbers a token has in queries and attention output, the indexer's queries included."""
    heads = -(-model.attention_heads // serving.attention_ranks)
    index = model.indexer.heads * model.indexer.size if model.indexer else 0
    cache = model.cache
    if isinstance(cache, Latent):
        # Absorbed queries are as wide as the cache, the output as wide as the latent.
        return heads * (cache.numbers + cache.rank) + index
    return heads * (cache.key + cache.value)
