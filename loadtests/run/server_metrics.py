"""The server's own metrics, scraped alongside: SGLang's and vLLM's under one name each."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from dataclasses import dataclass, field

import gevent

from loadtests.prompts.server_api import ApiError, ServerApi

_EVERY_SECONDS = 2.0
_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{[^}]*\})?\s+(\S+)")

# Ours: what the engines call it, and whether ranks and replicas add up (else: their mean).
NAMES = {
    "running": (("sglang:num_running_reqs", "vllm:num_requests_running"), True),
    "queued": (("sglang:num_queue_reqs", "vllm:num_requests_waiting"), True),
    "kv_usage": (("sglang:token_usage", "vllm:kv_cache_usage_perc"), False),
    "cache_hit_rate": (("sglang:cache_hit_rate",), False),
    "accepted_length": (("sglang:spec_accept_length",), False),
    "prompt_tokens": (("sglang:prompt_tokens_total", "vllm:prompt_tokens_total"), True),
    "cached_tokens": (("sglang:cached_tokens_total", "vllm:prefix_cache_hits_total"), True),
    "generated_tokens": (
        ("sglang:generation_tokens_total", "vllm:generation_tokens_total"),
        True,
    ),
}


def read(text: str) -> dict[str, float]:
    """Our metrics out of a page in Prometheus' text format."""
    found: dict[str, list[float]] = defaultdict(list)
    ours = {theirs: name for name, (names, _) in NAMES.items() for theirs in names}
    for row in text.splitlines():
        match = _SAMPLE.match(row)
        if match and match[1] in ours:
            try:
                found[ours[match[1]]].append(float(match[2]))
            except ValueError:
                continue
    return {
        name: sum(values) if NAMES[name][1] else sum(values) / len(values)
        for name, values in found.items()
    }


@dataclass
class Scraper:
    """Series of (second, value) by metric; empty where the server has no metrics."""

    api: ServerApi
    origin: float
    series: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def run(self) -> None:
        """Scrape until killed."""
        self.api.seconds = 5.0  # a server that is busy answers late, and the next look comes
        while True:
            try:
                values = read(self.api.text("GET", "/metrics"))
            except (ApiError, OSError):
                values = {}
            for name, value in values.items():
                self.series.setdefault(name, []).append((time.monotonic() - self.origin, value))
            gevent.sleep(_EVERY_SECONDS)
