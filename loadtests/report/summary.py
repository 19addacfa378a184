"""What the records of one traffic at one level of load say."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from loadtests.client.record import Record
from loadtests.report.quantiles import OfTokens, Quantile, of_requests, share
from loadtests.schema.plan import Segment
from loadtests.schema.scenario import Slo

QUANTILES = (0.5, 0.9, 0.95, 0.99)
# Cached tokens match within one page, or within the few that any two prompts share by chance.
_CACHE_TOLERANCE = 16
PER_REQUEST: dict[str, Callable[[Record], float | None]] = {
    "ttft": lambda record: record.ttft,
    "ttft_from_sent": lambda record: record.ttft_from_sent,
    "tpot": lambda record: record.tpot,
    "e2e": lambda record: record.e2e,
    "longest_gap": lambda record: max(record.gaps(), default=None),
    "schedule_delay": lambda record: record.schedule_delay,
}
# Of a request in flight at the end: how long it had lasted without the first token, or the end.
_LASTED: dict[str, Callable[[Record], float | None]] = {
    "ttft": lambda record: record.e2e if record.first_token is None else None,
    "e2e": lambda record: record.e2e,
}


@dataclass(frozen=True)
class Cache:
    """Cached tokens as the server counted them, and of ``compared`` requests as expected, too."""

    cached_tokens: int = 0
    prompt_tokens: int = 0
    expected_tokens: int = 0
    compared: int = 0
    compared_cached_tokens: int = 0
    compared_prompt_tokens: int = 0
    fewer: int = 0  # requests with fewer cached tokens than expected, by more than the tolerance
    more: int = 0
    untold: int = 0  # right answers of which cached tokens were expected and the server told none

    @property
    def matched(self) -> int:
        """Requests with the cached tokens that were expected."""
        return self.compared - self.fewer - self.more


@dataclass
class Summary:
    """One traffic at one level, its steady state only. Seconds and tokens."""

    traffic: str
    level: int
    records: list[Record]  # of requests whose intended start lies in the steady state
    everyone: list[Record]  # of the traffic, whenever they started: their tokens come meanwhile
    segment: Segment
    page_size: int = 1
    cache_told: bool = False  # whether the server tells cached tokens at all
    _cache: dict[tuple[str, float], Quantile | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outcomes = Counter(record.outcome for record in self.records)
        self.ended = [record for record in self.records if not record.in_flight]
        self.right = [record for record in self.ended if record.ok]
        self.cut = [record for record in self.records if record.in_flight]

    def quantile(self, metric: str, q: float) -> Quantile | None:
        """One quantile; None where no request came that far."""
        if (metric, q) not in self._cache:
            self._cache[metric, q] = self._quantile(metric, q)
        return self._cache[metric, q]

    def values(self, metric: str) -> list[float]:
        """One value per request that came that far; failed ones have no latency."""
        read = PER_REQUEST[metric]
        found = self.right + self.cut if metric not in ("e2e", "tpot") else self.right
        return [value for record in found if (value := read(record)) is not None]

    def tokens_in_steady(self) -> int:
        """Tokens that arrived in the steady state, of whichever request."""
        start, end = self.segment.start, self.segment.end
        return sum(
            n
            for record in self.everyone
            for at, n in zip(record.token_times, record.token_counts, strict=False)
            if start <= at < end
        )

    @property
    def seconds(self) -> float:
        """Length of the steady state."""
        return self.segment.end - self.segment.start

    @property
    def cache(self) -> Cache:
        """Over the right answers, where the server tells cached tokens.

        SGLang and vLLM leave the count out where it is 0: such an answer is a total miss.
        """
        known = [r for r in self.right if r.cached_tokens is not None or self.cache_told]
        compared = [r for r in known if r.cached_tokens_expected is not None]
        slack = max(self.page_size, _CACHE_TOLERANCE)
        over = [(r.cached_tokens or 0) - (r.cached_tokens_expected or 0) for r in compared]
        expected = sum(r.cached_tokens_expected or 0 for r in compared)
        return Cache(
            cached_tokens=sum(r.cached_tokens or 0 for r in known),
            prompt_tokens=sum(r.prompt_tokens or 0 for r in known),
            expected_tokens=expected,
            compared=len(compared),
            compared_cached_tokens=expected + sum(over),
            compared_prompt_tokens=sum(r.prompt_tokens or 0 for r in compared),
            fewer=sum(tokens < -slack for tokens in over),
            more=sum(tokens > slack for tokens in over),
            untold=0 if known else sum((r.cached_tokens_expected or 0) > slack for r in self.right),
        )

    @functools.cached_property
    def _itl(self) -> OfTokens:
        return OfTokens([pairs for r in self.right + self.cut if (pairs := r.itl())])

    def error_share(self) -> tuple[float, float, float]:
        """(share, low, high) of ended requests that were not right."""
        wrong = len(self.ended) - len(self.right)
        return (wrong / len(self.ended) if self.ended else 0.0, *share(wrong, len(self.ended)))

    def good_share(self, slo: Slo) -> tuple[float, float, float]:
        """(share, low, high) of all requests that were right and each within the SLO."""
        good = sum(_within(record, slo) for record in self.right)
        n = len(self.records)
        return (good / n if n else 0.0, *share(good, n))

    def to_json(self, slo: Slo) -> dict[str, Any]:
        """All of it, for report.json."""
        cache, good = self.cache, self.good_share(slo)
        graded = [r for r in self.ended if r.needle_found is not None]
        reasoning = sum((r.reasoning_tokens or 0) for r in self.right)
        return {
            "traffic": self.traffic,
            "level": self.level,
            "requests": len(self.records),
            "outcomes": dict(self.outcomes),
            "needles": {"asked": len(graded), "found": sum(bool(r.needle_found) for r in graded)},
            "goodput": {"share": good[0], "low": good[1], "high": good[2]},
            "good_requests_per_second": good[0] * len(self.records) / self.seconds,
            "tokens_per_second": self.tokens_in_steady() / self.seconds,
            "requests_per_second": len(self.right) / self.seconds,
            "prompt_tokens_per_second": cache.prompt_tokens / self.seconds,
            "completion_tokens": sum(r.completion_tokens or 0 for r in self.right),
            "reasoning_tokens": reasoning,
            "cache": {**vars(cache), "matched": cache.matched},
            "seconds": {
                metric: {f"p{q * 100:g}": _json(self.quantile(metric, q)) for q in QUANTILES}
                for metric in (*PER_REQUEST, "itl")
            },
        }

    def _quantile(self, metric: str, q: float) -> Quantile | None:
        if metric == "itl":
            return self._itl.quantile(q) if self._itl.total else None
        lasted = _LASTED.get(metric)
        cut = [lasted(record) for record in self.cut] if lasted else []
        bounds = [value for value in cut if value is not None]
        values = self.values(metric)
        return of_requests(values, bounds, q) if values or bounds else None


def _within(record: Record, slo: Slo) -> bool:
    """Whether one request kept the limits: of each metric that of its highest percentile."""
    pairs = [
        (record.ttft, slo.ttft_seconds),
        (record.e2e, slo.e2e_seconds),
        (record.tpot, slo.tpot_seconds),
        (record.tpot, slo.itl_seconds),  # of one request the mean is what its user feels
    ]
    return all(
        value <= limit[max(limit, key=lambda name: float(name[1:]))]
        for value, limit in pairs
        if limit and value is not None
    )


def _json(quantile: Quantile | None) -> dict[str, Any] | None:
    if quantile is None or math.isnan(quantile.value):
        return None
    bounds = {"low": quantile.low, "high": quantile.high}
    return {"value": quantile.value, **bounds, "n": quantile.samples, "at_least": quantile.at_least}
