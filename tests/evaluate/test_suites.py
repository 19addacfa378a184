from __future__ import annotations

import pytest

from deploy import loader
from deploy.evaluate.bundled import is_right
from deploy.evaluate.statistics import Reference
from deploy.evaluate.suites import bundled, card, fewest_repeats, questions


def test_the_card_is_data_and_no_profile() -> None:
    suite = card()
    assert list(suite.benchmarks) == ["gpqa_diamond", "scicode", "ifbench", "aime26", "aa_lcr"]
    assert suite.sampling.model_dump() == {
        "temperature": 1.0,
        "top_p": 0.95,
        "max_tokens": 64_000,
    }
    assert suite.template == {"enable_thinking": True}
    assert not {"evaluation", "card"} & set(loader.names())


def test_known_scores_are_compared_and_unknown_ones_are_not() -> None:
    gpqa = card().benchmarks["gpqa_diamond"]
    assert gpqa.reference("nvfp4") == Reference(0.8502, 198 * 6)
    assert gpqa.reference("fp8") == Reference(0.8561, 198 * 6)
    for name in ("scicode", "ifbench", "aime26", "aa_lcr"):
        assert card().benchmarks[name].reference("nvfp4") is None
        assert card().benchmarks[name].evidence == "unknown"


@pytest.mark.parametrize(
    ("percents", "questions_asked", "repeats"),
    [
        ([85.61, 85.02], 198, 6),  # 1017 and 1010 of 1188
        ([85.35, 84.85], 198, 1),  # 169 and 168 of 198
        ([50.0], 30, 1),
        ([51.67], 30, 2),
    ],
)
def test_printed_scores_tell_how_often_was_asked_at_least(
    percents: list[float], questions_asked: int, repeats: int
) -> None:
    assert fewest_repeats(percents, questions_asked) == repeats


def test_our_questions_are_whole_and_do_not_repeat() -> None:
    asked = questions()
    assert bundled().benchmarks["bundled"].questions == len(asked) == 40
    assert len({question.id for question in asked}) == len(asked)
    assert len({question.prompt for question in asked}) == len(asked)


def test_our_arithmetic_is_right() -> None:
    checked = 0
    for question in questions():
        words = question.prompt.split()
        if question.prompt.startswith("What is ") and words[2].isdigit():
            one, other = int(words[2]), int(words[4].rstrip("?"))
            right = one + other if words[3] == "plus" else one * other
            assert question.answer == str(right), question.id
            checked += 1
    assert checked == 12


@pytest.mark.parametrize(
    ("reply", "answer", "right"),
    [
        ("The code word is amber-kestrel-31.", "amber-kestrel-31", True),
        ("AMBER-KESTREL-31", "amber-kestrel-31", True),
        ("amber-kestrel 31", "amber-kestrel-31", False),
        ("It is 17250.", "725", False),
        ("725", "725", True),
        ("", "725", False),
    ],
)
def test_an_answer_is_right_as_words_of_its_own(reply: str, answer: str, right: bool) -> None:
    assert is_right(reply, answer) is right
