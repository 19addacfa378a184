"""Exact quantiles over all samples, with distribution-free confidence intervals."""

from __future__ import annotations

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


def of_tokens(per_request: Sequence[Sequence[tuple[float, int]]], q: float) -> Quantile:
    """The q-quantile of (value, tokens) over all requests, each token a sample."""
    value = _weighted([pair for request in per_request for pair in request], q)
    samples = sum(n for request in per_request for _, n in request)
    if len(per_request) < 2 * _BATCHES:
        return Quantile(q, value, None, None, samples)
    batches = [per_request[i::_BATCHES] for i in range(_BATCHES)]
    each = [_weighted([pair for request in batch for pair in request], q) for batch in batches]
    half = _T_OF_BATCHES * stdev(each) / math.sqrt(_BATCHES)
    middle = fmean(each)
    return Quantile(q, value, min(middle - half, value), max(middle + half, value), samples)


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


def _weighted(pairs: list[tuple[float, int]], q: float) -> float:
    pairs = sorted(pairs)
    wanted = q * sum(n for _, n in pairs) - 1e-9
    seen = 0
    for value, n in pairs:
        seen += n
        if seen >= wanted:
            return value
    return math.nan
