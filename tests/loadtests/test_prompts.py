"""Prompts hold exactly the tokens asked for, and share exactly what they should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.loader import CONFIGS
from loadtests.prompts.pool import Pool
from loadtests.prompts.prompts import SinglePrompts, Turn
from loadtests.prompts.server_api import ServerApi
from loadtests.prompts.sessions import Sessions
from loadtests.prompts.tokens import FileCounter, ServerCounter
from loadtests.run.preparation import Prepared, Where, prepare, read_traces
from loadtests.schema.scenario import (
    Answer,
    Load,
    Phases,
    Prompt,
    Scenario,
    Session,
    Trace,
    Traffic,
)
from tests.loadtests.fault_answers import PAGE, tokenize

SMOKE = CONFIGS.parent / "deploy/cpu/model/tokenizer.json"
ANSWER = Answer(tokens=16)


def common(one: list[str], other: list[str]) -> int:
    same = [a == b for a, b in zip(one, other, strict=False)]
    return same.index(False) if False in same else len(same)


def tokens_of(turn: Turn) -> list[str]:
    return tokenize(json.loads(turn.call.body)["messages"])


def prepared(url: str, traffic: Traffic) -> Prepared:
    scenario = Scenario("x", Phases(steady_seconds=1), (traffic,))
    return prepare(scenario, Where(url), "fault-model", {})


def single(url: str, **prompt: Any) -> SinglePrompts:
    traffic = Traffic("chat", ANSWER, prompt=Prompt(**prompt), load=Load(users=1))
    assert traffic.prompt
    made = prepared(url, traffic)
    return SinglePrompts(traffic, traffic.prompt, made.pool, made.facts["chat"])


@pytest.mark.parametrize("tokens", [96, 97, 100, 1000, 20_011])
def test_fresh_prompts_are_exact_and_share_nothing(faulty: str, tokens: int) -> None:
    source = single(faulty, tokens=tokens)
    made = [tokens_of(next(source.journey(number))) for number in range(5)]
    assert {len(prompt) for prompt in made} == {tokens}
    assert source.facts.head == 4
    for number, prompt in enumerate(made[1:], start=1):
        # The template's start, and the word that starts every line.
        assert common(made[number - 1], prompt) == 4 + 1


def test_thinking_or_not_has_a_template_of_its_own(faulty: str) -> None:
    """The fault server's template ends in one token more where thinking is off, as GLM's does."""
    kinds = [
        Traffic(name, Answer(16, thinking=name == "on"), prompt=Prompt(500), load=Load(users=1))
        for name in ("on", "off")
    ]
    made = prepare(Scenario("x", Phases(steady_seconds=1), tuple(kinds)), Where(faulty), "m", {})
    for traffic in kinds:
        asked = json.loads(next(made.source(traffic, []).journey(0)).call.body)
        assert len(tokenize(asked["messages"], asked["chat_template_kwargs"])) == 500


def test_two_traffics_share_no_prompt_and_no_code_word(faulty: str) -> None:
    kinds = [
        Traffic("chat", ANSWER, prompt=Prompt(300), load=Load(users=1)),
        Traffic("shared", ANSWER, prompt=Prompt(300, shared_tokens=200), load=Load(users=1)),
        Traffic("prefill", ANSWER, prompt=Prompt(4000), load=Load(users=1)),
    ]
    made = prepare(Scenario("x", Phases(steady_seconds=1), tuple(kinds)), Where(faulty), "m", {})
    for number in range(20):
        turns = [next(made.source(traffic, []).journey(number)) for traffic in kinds]
        assert len({turn.call.needle for turn in turns}) == 3
        chat, shared, prefill = map(tokens_of, turns)
        # The template's start, and the word that starts every line.
        assert common(chat, prefill) == common(chat, shared) == common(shared, prefill) == 4 + 1


def test_shared_prefixes_are_exact(faulty: str) -> None:
    source = single(faulty, tokens=3000, shared_tokens=2500, prefixes=2)
    made = [next(source.journey(number)) for number in range(6)]
    prompts = [tokens_of(turn) for turn in made]
    assert {len(prompt) for prompt in prompts} == {3000}
    assert common(prompts[0], prompts[2]) == 2500 + 1
    assert common(prompts[0], prompts[1]) < 10
    assert {turn.call.record.cached_tokens_expected for turn in made} == {2500 // PAGE * PAGE}
    assert len(list(source.prime())) == 2


def test_fully_shared_prompts_are_the_same(faulty: str) -> None:
    source = single(faulty, tokens=500, full=True)
    one, other = (next(source.journey(number)).call for number in (0, 1))
    assert one.body == other.body
    assert one.needle == other.needle


def test_every_prompt_has_a_needle_of_its_own(faulty: str) -> None:
    source = single(faulty, tokens=300)
    needles = set()
    for number in range(200):
        call = next(source.journey(number)).call
        assert call.needle
        assert f"The code word is {call.needle}." in call.body.decode()
        needles.add(call.needle)
    assert len(needles) == 200


def test_sessions_grow_by_what_is_known(faulty: str) -> None:
    session = Session(
        turns=6, first_tokens=400, appended_tokens=120, reply_tokens=30, most_tokens=900,
        shared_tokens=200, user_every=3,
    )  # fmt: skip
    traffic = Traffic("agent", ANSWER, session=session, load=Load(users=1))
    made = prepared(faulty, traffic)
    turns = list(Sessions(traffic, session, made.pool, made.facts["agent"]).journey(4))
    assert len(turns) == 4
    prompts = [tokens_of(turn) for turn in turns]
    for turn, prompt in zip(turns, prompts, strict=True):
        assert turn.call.record.prompt_tokens_asked == len(prompt) <= 900
    for before, after, turn in zip(prompts, prompts[1:], turns[1:], strict=False):
        # All of the earlier prompt but the start of its answer.
        assert common(before, after) == len(before) - 2
        assert turn.call.record.cached_tokens_expected == (len(before) - 2) // PAGE * PAGE
    assert [bool(turn.call.needle) for turn in turns] == [True, False, False, True]


def test_a_trace_is_replayed_with_its_blocks(faulty: str, tmp_path: Path) -> None:
    rows = [
        {"timestamp": 0, "input_length": 2000, "output_length": 50, "hash_ids": [0, 1, 2, 3]},
        {"timestamp": 500, "input_length": 2500, "output_length": 9, "hash_ids": [0, 1, 2, 7, 8]},
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    traffic = Traffic("replay", ANSWER, trace=Trace("t.jsonl"))
    scenario = Scenario("x", Phases(steady_seconds=1), (traffic,))
    traces = read_traces(scenario, tmp_path)
    made = prepare(scenario, Where(faulty), "fault-model", traces)
    source = made.source(traffic, traces["replay"])
    one, other = (next(source.journey(number)) for number in (0, 1))
    prompts = tokens_of(one), tokens_of(other)
    assert [len(prompt) for prompt in prompts] == [2000, 2500]
    assert common(*prompts) // 512 == 3
    assert other.call.record.cached_tokens_expected == (4 + 3 * 512) // PAGE * PAGE
    assert json.loads(other.call.body)["max_tokens"] == 9


def test_the_smoke_tokenizer_adds_up(faulty: str) -> None:
    """A real byte-level BPE: 200,000 tokens, counted anew as a whole."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(SMOKE))
    server = ServerCounter(ServerApi(Where(faulty).target()), "fault-model")
    pool = Pool.calibrate(FileCounter(tokenizer, server), 100_000)
    prompt = Prompt(200_000)
    traffic = Traffic("x", ANSWER, prompt=prompt, load=Load(users=1))
    facts = prepared(faulty, traffic).facts["x"]
    facts.questions = dict.fromkeys(facts.questions, 0)
    for text in facts.questions:
        facts.questions[text] = len(tokenizer.encode(text).ids)
    call = next(SinglePrompts(traffic, prompt, pool, facts).journey(1)).call
    content = json.loads(call.body)["messages"][0]["content"]
    counted = len(tokenizer.encode(content, add_special_tokens=False).ids)
    assert counted == 200_000 - facts.overheads["user"]
    assert Pool.from_json(json.loads(json.dumps(pool.to_json()))) == pool
