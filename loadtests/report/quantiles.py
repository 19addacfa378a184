"""Exact quantiles over all samples, with distribution-free confidence intervals."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

_Z = NormalDist().inv_cdf(0.975)
# Below this variance of the rank the binomial distribution is summed, above it is near normal.
_NORMAL_FROM = 25.0
# Batches of requests for tokens, which are not independent within one request.
_BATCHES = 20
_T_OF_BATCHES = 2.093  # Student's t, 97.5 %, 19 degrees of freedom


@dataclass(frozen=True)
class Quantile:
    """One quantile, in the unit of its samples.

    ``low`` and ``high`` bound it with 95 % confidence; None: there are too few samples for a bound.
    ``at_least`` says that the value is a request cut off by the end of the run: it is larger.
    """

    q: float
    value: float
    low: float | None
    high: float | None
    samples: int
    at_least: bool = False

    @property
    def wanted(self) -> int:
        """Samples without which it is just the maximum."""
        return math.ceil(1 / (1 - self.q) - 1e-9) if self.q < 1 else 1


def of_requests(values: Sequence[float], lower_bounds: Sequence[float], q: float) -> Quantile:
    """The q-quantile (nearest rank) of one value per request; bounds count as what they are."""
    cut = sorted([(value, False) for value in values] + [(bound, True) for bound in lower_bounds])
    n = len(cut)
    value, at_least = cut[_rank(n, q)]
    # A smaller bound may belong to any larger value, too.
    at_least = at_least or any(bound <= value for bound in lower_bounds)
    low, high = _ranks(n, q)
    return Quantile(
        q,
        value,
        None if low is None else cut[low][0],
        None if high is None or lower_bounds else cut[high][0],
        n,
        at_least,
    )


class OfTokens:
    """Quantiles of (value, tokens) over all requests, each token a sample; sorted once for all."""

    def __init__(self, per_request: Sequence[Sequence[tuple[float, int]]]) -> None:
        ordered = sorted(
            (value, n, i % _BATCHES)
            for i, request in enumerate(per_request)
            for value, n in request
        )
        self._all = _Steps([(value, n) for value, n, _ in ordered])
        self._batches: list[_Steps] = []
        if len(per_request) >= 2 * _BATCHES:
            batches: list[list[tuple[float, int]]] = [[] for _ in range(_BATCHES)]
            for value, n, batch in ordered:
                batches[batch].append((value, n))
            self._batches = [_Steps(batch) for batch in batches]

    @property
    def total(self) -> int:
        """Tokens."""
        return self._all.total

    def quantile(self, q: float) -> Quantile:
        """The q-quantile."""
        value, samples = self._all.at(q), self.total
        if not self._batches:
            return Quantile(q, value, None, None, samples)
        each = [batch.at(q) for batch in self._batches]
        half = _T_OF_BATCHES * stdev(each) / math.sqrt(_BATCHES)
        middle = fmean(each)
        return Quantile(q, value, min(middle - half, value), max(middle + half, value), samples)


class _Steps:
    """Values in order, and how many tokens lie at or below each."""

    def __init__(self, pairs: list[tuple[float, int]]) -> None:
        self._values = [value for value, _ in pairs]
        self._below = list(itertools.accumulate(n for _, n in pairs))

    @property
    def total(self) -> int:
        return self._below[-1] if self._below else 0

    def at(self, q: float) -> float:
        if not self._values:
            return math.nan
        rank = bisect.bisect_left(self._below, q * self.total - 1e-9)
        return self._values[min(rank, len(self._values) - 1)]


def share(hits: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    if not of:
        return 0.0, 1.0
    p, z2 = hits / of, _Z * _Z
    middle = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z * math.sqrt(p * (1 - p) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    # Rounding must not push a bound past the share itself.
    return max(min(middle - half, p), 0.0), min(max(middle + half, p), 1.0)


def _rank(n: int, q: float) -> int:
    return min(max(math.ceil(q * n - 1e-9) - 1, 0), n - 1)


def _ranks(n: int, q: float) -> tuple[int | None, int | None]:
    """Indices of the samples that bound the quantile with 95 % confidence."""
    variance = n * q * (1 - q)
    if variance > _NORMAL_FROM:
        half = _Z * math.sqrt(variance)
        return max(math.floor(n * q - half) - 1, 0), min(math.ceil(n * q + half), n - 1)
    if q <= 0 or q >= 1:
        return None, None
    low: int | None = None
    high: int | None = None
    below = 0.0  # the chance that fewer than k samples lie below the quantile
    for k in range(n + 1):
        if below <= 0.025 and k >= 1:
            low = k - 1
        if below >= 0.975 and k >= 1 and high is None:
            high = k - 1
        log = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        below += math.exp(log + k * math.log(q) + (n - k) * math.log(1 - q))
    return low, high
