"""Is an accuracy lower than a reference, and would the samples have shown it?

The score of a question varies from one sample to the next (decoding at temperature 1) and questions
differ in difficulty. A reference was measured on the same questions, so where every question is
asked their difficulty cancels and only decoding is left to chance; where some are asked, which ones
is chance, too. That is two-stage sampling: Cochran, Sampling Techniques, 3rd ed., 1977, eq. 10.14,

    v = (1 - f) s1^2 / n  +  f s2^2 / (n m),    f = n / N,

with n of N questions asked m times, s1^2 the variance of the questions' means and s2^2 the variance
of the samples within a question. With one sample a question s2^2 cannot be seen; s1^2, which holds
it, stands in, so v errs on the safe side. docs/evaluate.md works an example by hand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import Literal

Verdict = Literal["consistent", "worse", "too few samples to tell"]
# The samples of each question, by question: 1 for right, 0 for wrong, or between.
Scores = Mapping[str, Sequence[float]]

# The largest variance that a score between 0 and 1 can have, where two are not there to tell.
_LARGEST_VARIANCE = 0.25


@dataclass(frozen=True)
class Rule:
    """What a verdict promises.

    ``alpha`` is how often a server at the reference is called worse; ``power`` how often one that
    is ``margin`` (a difference of accuracies, 0 to 1) lower is, at least, wherever the verdict is
    not "too few samples to tell".
    """

    alpha: float = 0.05
    power: float = 0.8
    margin: float = 0.03

    def shared(self, tests: int) -> Rule:
        """The rule for each of several tests, so that alpha holds for all together (Sidak)."""
        return Rule(1 - (1 - self.alpha) ** (1 / max(tests, 1)), self.power, self.margin)


@dataclass(frozen=True)
class Estimate:
    """An accuracy (0 to 1) and what is known of its spread; variances are of scores, squared."""

    accuracy: float
    questions: int
    samples: int
    variance: float
    within: float


@dataclass(frozen=True)
class Reference:
    """An accuracy (0 to 1) to compare with, and how many samples it rests on (None: exact)."""

    accuracy: float
    samples: int | None = None


@dataclass(frozen=True)
class Comparison:
    """A difference of accuracies (new less reference), its interval and what they say.

    ``detectable`` is the smallest drop that this many samples show with the rule's power, and
    ``repeats_needed`` how often every question must be asked to show the rule's margin; None where
    no number would do, because the reference itself is too uncertain.
    """

    reference: float
    difference: float
    low: float
    high: float
    power: float
    detectable: float
    verdict: Verdict
    repeats_needed: int | None


def estimate(scores: Scores, population: int) -> Estimate:
    """The accuracy over the questions, each weighing the same.

    ``population`` is N, the number of questions in the whole set. Raises ValueError on no scores.
    """
    asked = {question: values for question, values in scores.items() if values}
    if not asked:
        raise ValueError("there are no scores")
    questions, samples = len(asked), sum(map(len, asked.values()))
    means = [fmean(values) for values in asked.values()]
    floor = _floor(samples)
    between = _variance(means) if questions > 1 else _LARGEST_VARIANCE
    free = samples - questions
    if free:
        squares = (
            (value - mean) ** 2
            for mean, values in zip(means, asked.values(), strict=True)
            for value in values
        )
        within = max(math.fsum(squares) / free, floor)
    else:
        within = max(between, floor)
    share = min(questions / population, 1.0)
    inverse_repeats = fmean(1 / len(values) for values in asked.values())
    spread = (1 - share) * max(between, floor * inverse_repeats) / questions
    spread += share * within * inverse_repeats / questions
    return Estimate(fmean(means), questions, samples, spread, within)


def compare(found: Estimate, reference: Reference, population: int, rule: Rule) -> Comparison:
    """Compare with an accuracy published for the same questions."""
    noise = found.within / reference.samples if reference.samples else 0.0
    needed = repeats_needed(found.within, reference, population, rule)
    return _judge(
        reference.accuracy,
        found.accuracy - reference.accuracy,
        found.variance + noise,
        found.questions,
        needed,
        rule,
    )


def compare_runs(new: Scores, old: Scores, rule: Rule) -> Comparison:
    """Compare two runs question by question, over the questions that both asked.

    Difficulty cancels within each pair, so the spread of the differences over the questions is
    the whole uncertainty. Raises ValueError where no question is in both.
    """
    common = [question for question, values in new.items() if values and old.get(question)]
    if not common:
        raise ValueError("no question is in both runs")
    pairs = [(new[question], old[question]) for question in common]
    differences = [fmean(one) - fmean(other) for one, other in pairs]
    inverse = fmean(1 / len(one) + 1 / len(other) for one, other in pairs)
    floor = inverse * _floor(sum(len(one) for one, _ in pairs))
    count = len(common)
    spread = max(_variance(differences) if count > 1 else inverse * _LARGEST_VARIANCE, floor)
    repeats = fmean(len(one) for one, _ in pairs)
    # Asking both runs k times as often makes the variance at least k times smaller.
    steps = _steps(count, rule)
    needed = math.ceil(repeats * spread / count * (steps / rule.margin) ** 2)
    reference = fmean(fmean(other) for _, other in pairs)
    return _judge(reference, fmean(differences), spread / count, count, needed, rule)


def repeats_needed(within: float, reference: Reference, population: int, rule: Rule) -> int | None:
    """How often each of ``population`` questions must be asked to show the margin, or None.

    ``within`` is the variance of the samples within a question; accuracy (1 - accuracy) is the
    largest that it can be. At least 2: with one sample a question it cannot be seen.
    """
    noise = within / reference.samples if reference.samples else 0.0
    room = (rule.margin / _steps(population, rule)) ** 2 - noise
    return max(math.ceil(within / (population * room)), 2) if room > 0 else None


def quantile(probability: float, freedom: int) -> float:
    """Student's t quantile by its series: within 0.02 from 5 degrees on, up to 0.99.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5.
    """
    z, nu = NormalDist().inv_cdf(probability), max(freedom, 1)
    first = (z**3 + z) / (4 * nu)
    second = (5 * z**5 + 16 * z**3 + 3 * z) / (96 * nu**2)
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * nu**3)
    return z + first + second + third


def _judge(
    reference: float,
    difference: float,
    spread: float,
    questions: int,
    needed: int | None,
    rule: Rule,
) -> Comparison:
    error = math.sqrt(spread)
    critical = quantile(1 - rule.alpha, questions - 1)
    detectable = _steps(questions, rule) * error
    verdict: Verdict = "too few samples to tell"
    if difference + critical * error < 0:
        verdict = "worse"
    elif detectable <= rule.margin:
        verdict = "consistent"
    return Comparison(
        reference,
        difference,
        max(difference - critical * error, -reference),
        min(difference + critical * error, 1 - reference),
        NormalDist().cdf(rule.margin / error - critical),
        detectable,
        verdict,
        needed,
    )


def _steps(questions: int, rule: Rule) -> float:
    """How many standard errors a drop must be to show with the rule's power."""
    freedom = questions - 1
    return quantile(1 - rule.alpha, freedom) + quantile(rule.power, freedom)


def _variance(values: Sequence[float]) -> float:
    """The sample variance; the standard library's is exact, and a hundred times slower."""
    mean = fmean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _floor(samples: int) -> float:
    """The variance that so many equal scores do not rule out, by the rule of three.

    Hanley and Lippman-Hand, JAMA 249 (1983) 1743: what never happened in N trials happens with a
    probability of at most 3/N, with 95 % confidence.
    """
    chance = min(3 / samples, 0.5)
    return chance * (1 - chance)
