"""What in a plan an operator must hear about, with the numbers.

An error is certain: the engine refuses to start, or a sequence that is promised or asked for can
never be served. What rests on estimates is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator

from deploy.errors import Finding
from deploy.hardware import CPU, GIB
from deploy.plan import measurements as published
from deploy.plan.capacity import Capacity
from deploy.plan.memory import Memory
from deploy.plan.serving import Serving
from deploy.plan.shapes import Heads, Model
from deploy.profile import Profile

# Below this a rank's prefill starves: InferenceX moved from 8192 over eight ranks to 32768, which
# is 4096 a rank (benchmarks/single_node/agentic/glm5.2_fp4_b300_sglang_mtp.sh).
_LEAST_RANK_CHUNK = 4096
# A tenth of the GPU that nothing is known to need is worth saying.
_MUCH_LEFT = 0.1
# SGLang leaves this much free on a host (pool_host/base.py).
_HOST_RESERVE_BYTES = 10 * GIB


def of_division(model: Model, serving: Serving) -> Iterator[Finding]:
    """Errors: the model cannot be divided so."""
    heads, experts, ep = model.attention_heads, model.experts, serving.expert_parallel
    if heads % serving.attention_ranks:
        yield _finding(
            "division",
            f"{heads} attention heads cannot be divided by {serving.attention_ranks}",
            "choose a tensor parallel size that divides them",
            error=True,
        )
    if experts % ep or serving.expert_ranks % ep:
        yield _finding(
            "division",
            f"{experts} experts on {serving.expert_ranks} ranks cannot be divided by an expert "
            f"parallel size of {ep}",
            "choose one that divides both",
            error=True,
        )


def of_gpus(profile: Profile, serving: Serving) -> Iterator[Finding]:
    """An error where the engine wants more GPUs than there are, a warning where some are idle."""
    have = profile.hardware.count * profile.hardware.nodes
    if profile.hardware.gpu != CPU and serving.gpus != have:
        yield _finding(
            "gpus",
            f"the engine uses {serving.gpus} GPUs, the profile has {have}",
            "make tensor, pipeline and data parallel sizes multiply to the number of GPUs",
            error=serving.gpus > have,
        )


def of_memory(
    model: Model, serving: Serving, plan: Memory, capacity: Capacity
) -> Iterator[Finding]:
    """Errors where nothing or no full sequence fits; warnings about the fraction and the chunk."""
    if plan.gpu_bytes is None or plan.fraction is None or plan.left_bytes is None:
        return
    sglang = serving.engine == "sglang"
    option = "mem-fraction-static" if sglang else "gpu-memory-utilization"
    free = plan.gpu_bytes - plan.runtime_bytes
    if not plan.tokens:
        yield from _nothing_fits(serving, plan, option)
        return
    if plan.left_bytes < 0:
        yield _finding(
            "fraction-high",
            f"a prefill step of {plan.prefill.tokens} tokens may want "
            f"{_gib(plan.prefill.total_bytes)}{_padding(serving, plan)}, and "
            f"{_gib(-plan.left_bytes)} of it are not there",
            f"lower {option} to {plan.fraction + plan.left_bytes / free - 0.005:.2f}, or the chunk",
        )
    elif sglang and plan.left_bytes > _MUCH_LEFT * plan.gpu_bytes:
        more = plan.left_bytes // 2
        yield _finding(
            "fraction-low",
            f"{_gib(plan.left_bytes)} are left beside graphs and a prefill step of "
            f"{plan.prefill.tokens} tokens; half of it holds "
            f"{more // plan.token.total_bytes:,} more tokens",
            f"try {option} {plan.fraction + more / free:.2f} once the server has run under load",
        )
    yield from _chunk(serving, plan, capacity)
    if model.context_tokens < capacity.context_tokens:
        yield _finding(
            "context-long",
            f"the model reads {model.context_tokens:,} tokens, not {capacity.context_tokens:,}",
            "promise at most its max_position_embeddings",
            error=True,
        )
    if plan.tokens < capacity.context_tokens:
        yield _finding(
            "context",
            f"a KV cache holds {plan.tokens:,} tokens, less than one sequence of "
            f"{capacity.context_tokens:,}",
            "use a smaller KV dtype, more GPUs, or promise a shorter context",
            error=True,
        )
    if isinstance(model.cache, Heads) and serving.attention_ranks > model.cache.count:
        yield _finding(
            "kv-heads",
            f"{model.cache.count} KV heads on {serving.attention_ranks} GPUs: each is held "
            f"{serving.attention_ranks // model.cache.count} times",
            "attention data parallelism holds each once",
        )


def of_host(plan: Memory, host_bytes: int | None) -> Iterator[Finding]:
    """A hierarchical cache that the host cannot hold; an error where its memory is given."""
    if plan.host is None:
        return
    have = host_bytes or published.HOST_BYTES.value
    said = "" if host_bytes else " (a DGX B200's; say yours with --host-memory)"
    if plan.host.node_bytes > have - _HOST_RESERVE_BYTES:
        yield _finding(
            "host-memory",
            f"the hierarchical cache pins {plan.host.node_bytes / 1e9:,.0f} GB of "
            f"{have / 1e9:,.0f} GB host memory{said}",
            "lower hicache-size or hicache-ratio",
            error=host_bytes is not None,
        )


def _nothing_fits(serving: Serving, plan: Memory, option: str) -> Iterator[Finding]:
    assert plan.gpu_bytes is not None and plan.fraction is not None
    if serving.engine == "sglang":
        least = plan.weights.total_bytes / (plan.gpu_bytes - plan.runtime_bytes)
    else:
        step = plan.graph_bytes + plan.prefill.total_bytes
        least = (plan.runtime_bytes + plan.weights.total_bytes + step) / plan.gpu_bytes
    if not serving.fraction_given:
        chunk = serving.chunk_tokens * serving.caches
        yield _finding(
            "fraction-automatic",
            f"the automatic fraction is {plan.fraction:.2f}: the engine reserves 1.5 MiB for each "
            f"of {chunk} chunk tokens",
            f"set {option}, such as 0.80, or a smaller chunked-prefill-size",
            error=True,
        )
        return
    yield _finding(
        "fraction-impossible",
        f"weights of {_gib(plan.weights.total_bytes)} leave nothing for the KV cache at "
        f"{plan.fraction:.2f} of {_gib(plan.gpu_bytes)}; the engine refuses to start",
        f"raise {option} above {least:.3f}" if least < 1 else "use more or larger GPUs",
        error=True,
    )


def _chunk(serving: Serving, plan: Memory, capacity: Capacity) -> Iterator[Finding]:
    step, sglang = plan.prefill, serving.engine == "sglang"
    # vLLM's passes are small whatever the chunk.
    if sglang and step.score_passes > 2:
        yield _finding(
            "indexer-scores",
            f"the indexer's scores of {step.tokens} by {capacity.context_tokens} tokens are "
            f"{_gib(step.all_scores_bytes)}; the engine cuts them into {step.score_passes} passes "
            f"of {_gib(step.scores_bytes)} while other requests wait",
            "a chunk of 8192 needs one or two passes",
        )
    if sglang and serving.caches > 1 and serving.chunk_tokens < _LEAST_RANK_CHUNK:
        yield _finding(
            "chunk-per-rank",
            f"the engine divides the chunk of {serving.chunk_tokens * serving.caches} by "
            f"{serving.caches}: {serving.chunk_tokens} tokens a rank starve prefill",
            f"set chunked-prefill-size to {_LEAST_RANK_CHUNK * serving.caches} or more",
        )


def _padding(serving: Serving, plan: Memory) -> str:
    if not plan.prefill.padded_bytes or serving.sparse_prefill is None:
        return ""
    backend = serving.sparse_prefill.backend
    return f", {_gib(plan.prefill.kernel_bytes)} of it for the heads that {backend} pads"


def _gib(value: float) -> str:
    return f"{value / GIB:.1f} GiB"


def _finding(code: str, message: str, fix: str, *, error: bool = False) -> Finding:
    return Finding(f"plan-{code}", "", message, fix, "error" if error else "warning")
