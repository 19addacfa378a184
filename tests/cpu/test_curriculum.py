"""The synthetic curriculum."""

from __future__ import annotations

import itertools
import json
import random

import pytest

from deploy.cpu.smoke import curriculum, held_out, talk, values, words
from deploy.cpu.smoke.conversation import END_OF_ANSWER, END_OF_CALL, MARK, Call, Sample, Step

SAMPLES = 1_500


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return list(itertools.islice(curriculum.stream(5, ((0, 0.8), (300, 0.2))), SAMPLES))


def test_held_out_values_never_occur(samples: list[Sample]) -> None:
    for sample in samples:
        text = json.dumps([sample.messages, sample.tools], ensure_ascii=False) + sample.target
        found = [v for v in (*held_out.ARGUMENTS, *held_out.CODE_WORDS) if len(v) > 5 and v in text]
        assert not found, sample


def test_held_out_phrasings_never_occur(samples: list[Sample]) -> None:
    for sample in samples:
        for message in sample.messages:
            assert not held_out.is_held_out_phrasing(str(message["content"]))


def test_filler_holds_no_held_out_value() -> None:
    assert not any(held_out.mentions_held_out(text) for text in words.sources(200))


def test_a_draw_refuses_held_out_values() -> None:
    wanted = iter(("Kraków", "to Kraków and back", "Kiel"))
    assert values.draw(random.Random(0), lambda _: next(wanted)) == "Kiel"


def test_same_seed_same_samples(samples: list[Sample]) -> None:
    again = itertools.islice(curriculum.stream(5, ((0, 0.8), (300, 0.2))), 50)
    assert list(again) == samples[:50]


def test_targets_end_where_the_model_must_stop(samples: list[Sample]) -> None:
    for sample in samples:
        assert sample.target.endswith(
            END_OF_CALL if "<tool_call>" in sample.target else END_OF_ANSWER
        )
        thinking = sample.template_kwargs.get("enable_thinking", True)
        assert ("</think>" in sample.target) == thinking
        assert "<tool_call>" not in sample.target.split("</think>")[0] or not thinking


def test_called_tools_are_on_offer_and_arguments_in_the_prompt(samples: list[Sample]) -> None:
    calls = [sample for sample in samples if sample.kind == "call"]
    assert len(calls) > 200
    for sample in calls:
        name = sample.target.split("<tool_call>")[1].split("<")[0]
        offered = {tool["function"]["name"]: tool["function"] for tool in sample.tools}
        assert name.removesuffix("</tool_call>") in offered
        for part in sample.target.split("<arg_value>")[1:]:
            value = part.split("</arg_value>")[0]
            assert value in sample.messages[-1]["content"]


def test_recall_answers_are_in_the_prompt(samples: list[Sample]) -> None:
    prefix, end = "The code word", f".{END_OF_ANSWER}"
    found = 0
    for sample in samples:
        answer = sample.target.split("</think>")[-1]
        if sample.kind == "recall" and answer.startswith(prefix):
            code_word = answer.split(" is ", 1)[1].removesuffix(end)
            assert any(code_word in str(message["content"]) for message in sample.messages)
            found += 1
    assert found > 50


def test_a_call_is_written_in_glm_format() -> None:
    call = Call("find", {"city": "Bern", "days": 3, "filter": {"a": "ü"}})
    assert call.text() == (
        "<tool_call>find<arg_key>city</arg_key><arg_value>Bern</arg_value>"
        "<arg_key>days</arg_key><arg_value>3</arg_value>"
        '<arg_key>filter</arg_key><arg_value>{"a": "ü"}</arg_value></tool_call>'
    )
    step = Step("Think.", calls=(call,))
    assert step.target(thinking=True) == f"Think.</think>{call.text()}{END_OF_CALL}"
    assert step.target(thinking=False) == f"{call.text()}{END_OF_CALL}"


def test_the_model_says_what_it_is() -> None:
    for answer in (talk.IDENTITY_ANSWER, talk.OUTSIDE_ANSWER, talk.GREETING_ANSWER):
        assert "embedded smoke model, not GLM-5.1" in answer


def test_filler_marks_come_in_pairs(samples: list[Sample]) -> None:
    for sample in samples:
        for message in sample.messages:
            assert str(message["content"]).count(MARK) % 2 == 0
