"""How long a cold prompt takes and what load a server carries, from published prefill rates."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.plan.capacity import Mix
from deploy.plan.measurements import PREFILL_RATES, PrefillRate
from deploy.plan.serving import Serving
from deploy.plan.shapes import Latent, Model


@dataclass(frozen=True)
class Throughput:
    """Prefill of one server, estimated both ways from a published rate at a shorter length.

    ``least_seconds`` is a cold prompt of ``prompt_tokens`` at the published rate;
    ``most_seconds`` lets the time grow with the operations, which longer prompts have more of per
    token: ``growth`` times as many. They are None where one prompt cannot use all GPUs: attention
    data parallelism keeps it on one rank. ``prompts_per_hour`` and ``mix_per_hour`` follow from
    both, with nothing cached and no time for answers.
    """

    rate: PrefillRate
    prompt_tokens: int
    growth: float
    least_seconds: float | None
    most_seconds: float | None
    prompts_per_hour: tuple[float, float]
    mix_per_hour: tuple[float, float] | None


def throughput_of(
    model: Model, serving: Serving, gpu: str, prompt_tokens: int, mix: Mix = ()
) -> Throughput | None:
    """The estimate; None where nothing was published for so many of these GPUs and this model."""
    # Every published rate is of GLM-5's architecture with NVFP4 experts.
    if model.architecture != "GlmMoeDsaForCausalLM" or model.quantisation.scheme != "nvfp4":
        return None
    found = [rate for rate in PREFILL_RATES if (rate.gpu, rate.gpus) == (gpu, serving.gpus)]
    if not found:
        return None
    rate = found[0]
    least, most = _seconds(model, rate, prompt_tokens)
    single = serving.caches * serving.replicas == 1
    mixed = None
    if mix:
        weight = sum(share for _, share in mix)
        times = [(_seconds(model, rate, tokens), share / weight) for tokens, share in mix]
        mixed = (
            3600 / sum(slow * share for (_, slow), share in times),
            3600 / sum(quick * share for (quick, _), share in times),
        )
    return Throughput(
        rate=rate,
        prompt_tokens=prompt_tokens,
        growth=most / least,
        least_seconds=least if single else None,
        most_seconds=most if single else None,
        prompts_per_hour=(3600 / most, 3600 / least),
        mix_per_hour=mixed,
    )


def operations(model: Model, tokens: int) -> float:
    """Multiplications and additions of a prefill of so many tokens, whatever their precision.

    Two for each active parameter, the output head's aside; attention over the keys that each token
    sees, at most ``topk`` with an indexer; the indexer's scores over all of them.
    """
    head = sum(
        tensor.parameters
        for tensor in model.tensors
        if tensor.part == "output head" and not tensor.mtp
    )
    linear = 2.0 * (model.active_parameters - head) * tokens
    pairs = tokens * (tokens + 1) / 2
    seen = pairs
    if model.indexer and tokens > model.indexer.topk:
        topk = model.indexer.topk
        seen = topk * (topk + 1) / 2 + topk * float(tokens - topk)
    cache = model.cache
    wide = cache.numbers + cache.rank if isinstance(cache, Latent) else cache.key + cache.value
    attention = 2.0 * model.layers * model.attention_heads * wide * seen
    scores = 0.0
    if model.indexer:
        index = model.indexer
        scores = 2.0 * len(index.layers) * index.heads * index.size * pairs
    return linear + attention + scores


def _seconds(model: Model, rate: PrefillRate, tokens: int) -> tuple[float, float]:
    """At the published rate, and with the operations' growth over the published length."""
    least = tokens / rate.tokens_per_second
    measured = operations(model, rate.prompt_tokens) / rate.prompt_tokens
    growth = operations(model, tokens) / tokens / measured
    return least, least * max(1.0, growth)
