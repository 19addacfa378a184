"""Answers of every kind: right, wrong, garbage, loops, and what only looks like one."""

from __future__ import annotations

import pytest

from loadtests.client.grading import grade, is_garbage, is_repetitive
from loadtests.client.outcomes import Outcome

PROSE = "The train leaves in the morning, and nobody knows when it will come back. "


@pytest.mark.parametrize(
    "text",
    ["!" * 60, "abc" * 50, "I am sure. " * 15, PROSE + "the the " * 30, "ha\n" * 60, "東京" * 80],
)
def test_loops_are_found(text: str) -> None:
    assert is_repetitive(text)
    assert is_repetitive(PROSE * 2 + text)


@pytest.mark.parametrize(
    "text",
    ["", PROSE, "-" * 80, "| a | b |\n|---|---|\n", "x = 1\n" * 5, " " * 300, "No. " * 8,
     "\n".join(f"line {n} of many" for n in range(200))],
)  # fmt: skip
def test_what_is_no_loop(text: str) -> None:
    assert not is_repetitive(text)


@pytest.mark.parametrize(
    ("text", "garbage"),
    [("Ελληνικά, العربية, 東京, tab\tand\nnewline", False), ("one \ufffd only", False),
     ("\ufffd\ufffd", True), ("a\x00b\x01", True), ("\ue000\ue001 private", True)],
)  # fmt: skip
def test_garbage(text: str, garbage: bool) -> None:
    assert is_garbage(text) is garbage


@pytest.mark.parametrize(
    ("content", "reason", "outcome"),
    [
        ("The code word is Copper-Lantern 42.", "stop", Outcome.OK),
        ("copper_lantern_42", "stop", Outcome.OK),
        ("I do not know.", "stop", Outcome.WRONG_ANSWER),
        ("Let me think", "length", Outcome.OK),
    ],
)
def test_the_code_word(content: str, reason: str, outcome: Outcome) -> None:
    assert grade(content, "", "copper lantern 42", reason, False)[0] is outcome


def test_an_answer_made_to_go_on_may_loop() -> None:
    text = "It is so. " * 40
    assert grade(text, "", None, "length", exact=False)[0] is Outcome.REPETITION
    assert grade(text, "", None, "length", exact=True)[0] is Outcome.OK
