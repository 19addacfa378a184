"""What long contexts may cost, before they are tried."""

from __future__ import annotations

import random
import time

import pytest

from deploy import loader
from deploy.verify import context, filler
from deploy.verify.check import DoesNotApply
from deploy.verify.target import _ANSWER_TOKENS, Budget, Target


def target(seconds: float, most: int | None = None) -> Target:
    budget = Budget(most, time.monotonic() + seconds)
    profile = loader.load("b300")[0]
    return Target("http://127.0.0.1:9", "m", "sglang", {}, profile, None, budget)


@pytest.mark.parametrize(
    ("measured", "growth"),
    [
        ([], 2.0),
        ([(4_000, 1.0)], 2.0),
        ([(4_000, 1.0), (32_000, 2.0)], 1.3),  # a constant dominates
        ([(4_000, 1.0), (8_000, 2.6)], 1.68),
        ([(4_000, 1.0), (8_000, 9.0)], 2.0),
        ([(4_000, 1.0), (8_000, 0.5)], 1.3),  # the first one warmed up
    ],
)
def test_growth_is_between_linear_and_square(
    measured: list[tuple[int, float]], growth: float
) -> None:
    assert context._growth(measured) == pytest.approx(growth, abs=0.01)


def test_what_takes_too_long_is_left_out_and_said() -> None:
    asked = target(seconds=100)
    asked.measured.append((4_000, 1.0))
    context._afford(asked, 8_000, 5)  # 20 s
    with pytest.raises(DoesNotApply, match=r"5 prompts may take 5 min 20 s, and .* are left"):
        context._afford(asked, 32_000, 5)
    with pytest.raises(DoesNotApply, match="--max-context-tokens is 4,000"):
        context._afford(target(100, most=4_000), 8_000, 5)


def test_filler_is_as_long_as_asked_and_differs() -> None:
    first, second = (filler.text(6_000_000, random.Random(seed)) for seed in "ab")
    assert len(first) == len(second) == 6_000_000
    assert first[:1000] != second[:1000]
    assert filler.text(50, random.Random("a")) == first[:50]


def test_the_answer_fits_behind_the_longest_prompt() -> None:
    assert context._limit(target(1)) + _ANSWER_TOKENS < 202_752


def test_filler_is_measured_out_by_the_servers_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = target(1)
    # Dense at first and thin behind, as tables and prose are.
    monkeypatch.setattr(
        asked, "tokenize", lambda text: [1] * (min(len(text), 3000) + len(text[3000:]) // 6)
    )
    for tokens in (2_000, 4_000, 5_440):
        text = context._filled(asked, tokens, "salt")
        assert 0.97 * tokens <= len(asked.tokenize(text)) <= tokens
    monkeypatch.setattr(asked, "tokenize", lambda text: [1] * (1 + len(text) // 100))
    with pytest.raises(DoesNotApply, match="no text of 4,000 tokens was found"):
        context._filled(asked, 4_000, "salt")


@pytest.mark.parametrize(
    ("answer", "garbage"),
    [
        ("!" * 64, True),
        ("The code word is jasmine-fefile-62.", False),
        ("!!!", False),
        ("ab " * 20, True),
    ],
)
def test_answers_that_repeat_themselves_are_known(answer: str, garbage: bool) -> None:
    assert context._repeats_itself(answer) == garbage
