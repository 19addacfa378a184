"""How many sequences a server holds at once: of one length, and of a mix of lengths."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.errors import Finding, Refused
from deploy.plan.memory import Memory, running_requests
from deploy.plan.serving import Serving
from deploy.plan.shapes import Model

# Tokens of a sequence, and how often it comes up beside the others.
Mix = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Capacity:
    """Sequences held at once by the whole server.

    ``tokens`` is over all KV caches. ``whole_sequences`` are sequences of ``context_tokens``, each
    in one cache; ``sequences`` is the same as a fraction. ``mix_sequences`` are sequences of the
    mix in its proportions, None without one. None of them is more than ``running_requests``.
    """

    context_tokens: int
    caches: int
    tokens: int | None
    sequences: float | None
    whole_sequences: int | None
    mix: Mix
    mix_sequences: int | None
    running_requests: int


def capacity_of(
    model: Model, serving: Serving, memory: Memory, context_tokens: int, mix: Mix = ()
) -> Capacity:
    """What the KV caches hold. A sequence takes whole pages."""
    caches = serving.caches * serving.replicas
    running = running_requests(model, serving, memory.tokens) * caches
    if memory.tokens is None:
        return Capacity(context_tokens, caches, None, None, None, mix, None, running)
    length = _paged(context_tokens, serving)
    mixed = None
    if mix:
        weight = sum(share for _, share in mix)
        mean = sum(_paged(tokens, serving) * share for tokens, share in mix) / weight
        mixed = min(running, caches * int(memory.tokens / mean))
    return Capacity(
        context_tokens=context_tokens,
        caches=caches,
        tokens=caches * memory.tokens,
        sequences=min(running, caches * memory.tokens / length),
        whole_sequences=min(running, caches * (memory.tokens // length)),
        mix=mix,
        mix_sequences=mixed,
        running_requests=running,
    )


def parse_mix(text: str) -> Mix:
    """One sequence of 200,000 tokens to twenty of 8,000 from ``200000:1,8000:20``, or Refused."""
    mix = []
    for item in text.split(","):
        tokens, _, share = item.strip().partition(":")
        try:
            pair = int(tokens), float(share or 1)
        except ValueError:
            pair = 0, 0.0
        if pair[0] <= 0 or not 0 < pair[1] < float("inf"):
            message = f'"{item.strip()}" is not a length with a weight'
            fix = "write tokens:weight, such as 200000:1,8000:20"
            raise Refused([Finding("plan-lengths", f"--lengths {text}", message, fix)])
        mix.append(pair)
    return tuple(mix)


def _paged(tokens: int, serving: Serving) -> int:
    return -(-tokens // serving.page_tokens) * serving.page_tokens
