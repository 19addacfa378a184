"""Quantiles are exact, and their intervals hold the truth as often as they say."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.report.quantiles import OfTokens, of_requests, share

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)
SHARES = st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99, 0.999])


@given(VALUES, SHARES)
def test_a_quantile_is_one_of_the_values_at_its_rank(values: list[float], q: float) -> None:
    found = of_requests(values, [], q)
    assert found.value in values
    assert sum(value <= found.value for value in values) >= q * len(values) - 1e-6
    assert sum(value < found.value for value in values) <= q * len(values)
    if found.low is not None and found.high is not None:
        assert found.low <= found.value <= found.high


@given(VALUES, SHARES)
def test_tokens_count_one_by_one(values: list[float], q: float) -> None:
    """A weight of n is the value n times."""
    weighted = [[(value, 1 + i % 3)] for i, value in enumerate(values)]
    spread = [value for i, value in enumerate(values) for _ in range(1 + i % 3)]
    assert OfTokens(weighted).quantile(q).value == of_requests(spread, [], q).value


def test_an_interval_holds_the_truth_in_95_of_100() -> None:
    rng = random.Random(1)
    for q, n in ((0.5, 40), (0.9, 200), (0.99, 1000), (0.99, 5000)):
        hits = 0
        for _ in range(200):
            found = of_requests([rng.random() for _ in range(n)], [], q)
            assert found.low is not None and found.high is not None
            hits += found.low <= q <= found.high
        assert hits >= 182, (q, n, hits)


def test_too_few_samples_have_no_upper_bound() -> None:
    found = of_requests([float(n) for n in range(40)], [], 0.99)
    assert found.high is None
    assert found.wanted == 100


def test_what_was_cut_off_counts_as_at_least() -> None:
    found = of_requests([1.0] * 98, [50.0, 60.0], 0.99)
    assert (found.value, found.at_least) == (50.0, True)
    assert of_requests([1.0] * 98, [50.0, 60.0], 0.5).at_least is False
    # A request cut off early may have become the slowest of all.
    assert of_requests([1.0, 2.0, 3.0], [0.5], 0.5).at_least is True


@pytest.mark.parametrize(("hits", "of"), [(0, 10), (10, 10), (3, 1000), (0, 0)])
def test_a_share_lies_in_its_interval(hits: int, of: int) -> None:
    low, high = share(hits, of)
    assert 0 <= low <= (hits / of if of else 0) <= high <= 1
