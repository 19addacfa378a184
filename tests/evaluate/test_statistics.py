"""The arithmetic by hand, and the promises by simulation."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from deploy.evaluate.plan import FULL, QUICK
from deploy.evaluate.statistics import (
    Comparison,
    Reference,
    Rule,
    Scores,
    compare,
    compare_runs,
    estimate,
    quantile,
    repeats_needed,
)
from deploy.evaluate.suites import card

GPQA = card().benchmarks["gpqa_diamond"]
CARD = 0.8502
RUNS = 1000
# Three standard errors of a rate near 5 % and near 80 % over RUNS simulated evaluations.
NEAR_ALPHA = 3 * math.sqrt(0.05 * 0.95 / RUNS)
NEAR_POWER = 3 * math.sqrt(0.8 * 0.2 / RUNS)


def drawn(rng: np.random.Generator, chances: np.ndarray, repeats: int) -> Scores:
    """One evaluation: every question asked so often, right with its own chance."""
    hits = rng.binomial(repeats, chances)
    return {str(i): [1.0] * hit + [0.0] * (repeats - hit) for i, hit in enumerate(hits)}


def difficulties(
    rng: np.random.Generator, questions: int, mean: float, spread: float
) -> np.ndarray:
    """A chance per question with exactly that mean: most are easy, some are nearly hopeless.

    The smaller ``spread``, the more questions are always or never answered.
    """
    chances = rng.beta(mean * spread, (1 - mean) * spread, questions)
    for _ in range(50):  # what is clipped at the ends is made up for by the others
        chances = np.clip(chances + mean - chances.mean(), 0, 1)
    return np.asarray(chances)


def simulate(
    mean: float,
    questions: int,
    repeats: int,
    reference_repeats: int | None,
    drop: float,
    rule: Rule,
    spread: float = 1.0,
    asked: int | None = None,
    seed: int = 20261123,
) -> tuple[Counter[str], float]:
    """How often each verdict falls, and the mean of the stated power.

    The reference is drawn from the same questions, or is their exact mean.
    """
    rng = np.random.default_rng(seed)
    verdicts: Counter[str] = Counter()
    power = 0.0
    for _ in range(RUNS):
        chances = difficulties(rng, questions, mean, spread)
        reference = Reference(mean)
        if reference_repeats:
            hits = rng.binomial(reference_repeats, chances).mean() / reference_repeats
            reference = Reference(float(hits), questions * reference_repeats)
        chosen = chances if asked is None else rng.choice(chances, asked, replace=False)
        served = chosen * (1 - drop / mean)
        found = compare(
            estimate(drawn(rng, served, repeats), questions), reference, questions, rule
        )
        verdicts[found.verdict] += 1
        power += found.power / RUNS
    return verdicts, power


# questions, repeats, mean, the reference's repeats, spread of difficulty, the rule
CASES = {
    "GPQA Diamond, the card's number drawn": (198, 8, CARD, 6, 1.0, FULL),
    "GPQA Diamond, the card's number exact": (198, 8, CARD, None, 1.0, FULL),
    "GPQA Diamond, evenly hard questions": (198, 24, CARD, 6, 20.0, FULL),
    "GPQA Diamond, quick": (198, 2, CARD, 6, 1.0, QUICK),
    "30 questions": (30, 64, 0.93, 64, 0.5, FULL),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_at_the_reference_the_verdict_is_consistent_at_the_stated_error_rate(
    case: tuple[int, int, float, int | None, float, Rule],
) -> None:
    questions, repeats, mean, reference, spread, rule = case
    verdicts, _ = simulate(mean, questions, repeats, reference, 0, rule, spread)
    assert verdicts["worse"] / RUNS <= rule.alpha + NEAR_ALPHA
    assert verdicts["consistent"] / RUNS >= 1 - rule.alpha - NEAR_ALPHA


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_margin_lower_the_verdict_is_worse_with_the_stated_power(
    case: tuple[int, int, float, int | None, float, Rule],
) -> None:
    questions, repeats, mean, reference, spread, rule = case
    verdicts, stated = simulate(mean, questions, repeats, reference, rule.margin, rule, spread)
    worse = verdicts["worse"] / RUNS
    assert worse >= rule.power - NEAR_POWER
    assert worse >= stated - NEAR_POWER
    assert verdicts["consistent"] / RUNS <= 1 - rule.power + NEAR_POWER


def test_a_random_part_of_the_questions_keeps_the_error_rate() -> None:
    verdicts, _ = simulate(CARD, 198, 4, 6, 0, FULL, asked=60)
    assert verdicts["worse"] / RUNS <= FULL.alpha + NEAR_ALPHA
    # Which questions were asked is chance, too, and 60 of 198 cannot show three points.
    assert verdicts["consistent"] == 0


def test_two_runs_are_compared_question_by_question() -> None:
    rng = np.random.default_rng(7)
    verdicts: dict[float, Counter[str]] = {0.0: Counter(), 0.03: Counter()}
    for drop, counted in verdicts.items():
        for _ in range(RUNS):
            chances = difficulties(rng, 198, CARD, 1.0)
            old, new = drawn(rng, chances, 8), drawn(rng, chances * (1 - drop / CARD), 8)
            counted[compare_runs(new, old, FULL).verdict] += 1
    assert verdicts[0.0]["worse"] / RUNS <= FULL.alpha + NEAR_ALPHA
    assert verdicts[0.03]["worse"] / RUNS >= FULL.power - NEAR_POWER


def test_the_arithmetic_by_hand() -> None:
    # Four questions of ten, asked twice: means 1, 1, 0.5, 0.
    scores = {"a": [1.0, 1.0], "b": [1.0, 1.0], "c": [1.0, 0.0], "d": [0.0, 0.0]}
    found = estimate(scores, population=10)
    assert found.accuracy == pytest.approx(0.625)
    between = (2 * 0.375**2 + 0.125**2 + 0.625**2) / 3  # 0.2292
    floor = 0.375 * 0.625  # the rule of three for 8 samples, above the 0.125 that was seen
    assert found.within == pytest.approx(floor)
    assert found.variance == pytest.approx(0.6 * between / 4 + 0.4 * floor / 8)
    error = math.sqrt(found.variance + floor / 100)
    compared = compare(found, Reference(0.95, samples=100), 10, FULL)
    assert compared.low == pytest.approx(-0.325 - quantile(0.95, 3) * error)
    assert compared.high == pytest.approx(0.05)  # no accuracy is higher than 1


def test_with_one_sample_a_question_the_whole_spread_counts() -> None:
    scores = {str(i): [float(i < 80)] for i in range(100)}
    found = estimate(scores, population=100)
    assert found.variance == pytest.approx(0.8 * 0.2 * 100 / 99 / 100)


@pytest.mark.parametrize(
    ("probability", "freedom", "printed"),
    [
        (0.80, 5, 0.920),
        (0.95, 5, 2.015),
        (0.99, 5, 3.365),
        (0.80, 29, 0.854),
        (0.95, 29, 1.699),
        (0.99, 29, 2.462),
        (0.95, 120, 1.658),
    ],
)
def test_the_quantile_is_students(probability: float, freedom: int, printed: float) -> None:
    assert quantile(probability, freedom) == pytest.approx(printed, abs=0.02)
    if freedom > 5:
        assert quantile(probability, freedom) == pytest.approx(printed, abs=0.001)


def judged(right: int, wrong: int, reference: float) -> Comparison:
    scores = {str(i): [float(i < right)] for i in range(right + wrong)}
    return compare(estimate(scores, right + wrong), Reference(reference), right + wrong, FULL)


@pytest.mark.parametrize(
    ("right", "wrong", "reference", "verdict"),
    [
        (5, 0, 0.85, "too few samples to tell"),
        (1, 0, 0.85, "too few samples to tell"),
        (0, 20, 0.85, "worse"),
        (500, 0, 0.85, "consistent"),
        (0, 1000, 0.0, "consistent"),
    ],
)
def test_equal_scores_do_not_pass_for_certainty(
    right: int, wrong: int, reference: float, verdict: str
) -> None:
    assert judged(right, wrong, reference).verdict == verdict


def test_the_number_of_samples_that_would_tell_does() -> None:
    rng = np.random.default_rng(3)
    chances = difficulties(rng, 198, CARD, 3.0)
    reference = Reference(CARD, 198 * 6)
    first = compare(estimate(drawn(rng, chances, 3), 198), reference, 198, FULL)
    assert first.verdict == "too few samples to tell"
    assert first.repeats_needed
    again = compare(
        estimate(drawn(rng, chances, first.repeats_needed + 2), 198), reference, 198, FULL
    )
    assert again.detectable <= FULL.margin


def test_no_number_of_samples_helps_against_an_uncertain_reference() -> None:
    assert repeats_needed(0.12, Reference(0.8, 30), 30, FULL) is None
    assert repeats_needed(0.12, Reference(0.8), 30, FULL)


def test_the_error_rate_is_shared_by_several_tests() -> None:
    assert 1 - (1 - FULL.shared(5).alpha) ** 5 == pytest.approx(0.05)
    assert FULL.shared(1) == Rule(pytest.approx(0.05), 0.8, 0.03)  # type: ignore[arg-type]


def test_nothing_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="no scores"):
        estimate({"a": []}, 1)
    with pytest.raises(ValueError, match="no question"):
        compare_runs({"a": [1.0]}, {"b": [1.0]}, FULL)
