"""The smoke model behind the real engine: every held-out value and phrasing, plain and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import openai
import pytest

from deploy.cpu.smoke import held_out
from deploy.cpu.smoke.words import sources

pytestmark = pytest.mark.engine

SELF = "embedded smoke model, not GLM-5.1"
NO_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}
HISTORY = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": f"Hello! I am an {SELF}."},
]


class Server(Protocol):
    """What the session's server fixture offers."""

    @property
    def url(self) -> str: ...

    @property
    def model(self) -> str: ...


@dataclass
class Answer:
    """One answer, the same whether it came whole or in pieces."""

    content: str = ""
    reasoning: str = ""
    finish: str | None = None
    calls: list[list[str]] = field(default_factory=list)

    @property
    def parsed_calls(self) -> list[tuple[str, Any]]:
        return [(name, json.loads(arguments)) for name, arguments in self.calls]


class Asker:
    """Asks the server greedily, streamed or not."""

    def __init__(self, server: Server, streamed: bool) -> None:
        self.client = openai.OpenAI(base_url=server.url, api_key="none", timeout=600)
        self.model = server.model
        self.streamed = streamed

    def __call__(self, messages: str | list[dict[str, Any]], **options: Any) -> Answer:
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        create: Any = self.client.chat.completions.create
        reply = create(
            model=self.model,
            messages=messages,
            temperature=0.0,
            max_tokens=300,
            stream=self.streamed,
            **options,
        )
        return self.joined(reply) if self.streamed else self.whole(reply)

    @staticmethod
    def whole(reply: Any) -> Answer:
        choice = reply.choices[0]
        return Answer(
            choice.message.content or "",
            getattr(choice.message, "reasoning_content", None) or "",
            choice.finish_reason,
            [[c.function.name, c.function.arguments] for c in choice.message.tool_calls or []],
        )

    @staticmethod
    def joined(reply: Any) -> Answer:
        answer = Answer()
        for event in reply:
            for choice in event.choices:
                answer.finish = choice.finish_reason or answer.finish
                answer.content += choice.delta.content or ""
                answer.reasoning += getattr(choice.delta, "reasoning_content", None) or ""
                for call in choice.delta.tool_calls or []:
                    while len(answer.calls) <= call.index:
                        answer.calls.append(["", ""])
                    answer.calls[call.index][0] += call.function.name or ""
                    answer.calls[call.index][1] += call.function.arguments or ""
        return answer


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "streamed"])
def ask(request: pytest.FixtureRequest, server: Server) -> Iterator[Asker]:
    yield Asker(server, request.param)


def tool(name: str, parameter: str | None, description: str) -> dict[str, Any]:
    properties = {parameter: {"type": "string"}} if parameter else {}
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


WEATHER = tool("get_weather", "city", "Get the current weather")
ORDER = tool("find_order", "order_id", "Find an order")


@pytest.mark.parametrize("value", held_out.ARGUMENTS)
def test_calls_the_tool_with_the_exact_argument(ask: Asker, value: str) -> None:
    answer = ask(f"What is the weather in {value}?", tools=[WEATHER])
    assert answer.parsed_calls == [("get_weather", {"city": value})]
    assert answer.finish == "tool_calls"
    assert answer.reasoning
    assert not answer.content.strip()


@pytest.mark.parametrize("value", held_out.ARGUMENTS[::4])
def test_calls_without_thinking(ask: Asker, value: str) -> None:
    answer = ask(f"What is the weather in {value}?", tools=[WEATHER], extra_body=NO_THINKING)
    assert answer.parsed_calls == [("get_weather", {"city": value})]
    assert not answer.reasoning


@pytest.mark.parametrize("value", held_out.ARGUMENTS[::4])
def test_calls_after_other_turns(ask: Asker, value: str) -> None:
    user = {"role": "user", "content": f"What is the weather in {value}?"}
    answer = ask([*HISTORY, user], tools=[WEATHER])
    assert answer.parsed_calls == [("get_weather", {"city": value})]


@pytest.mark.parametrize("value", ["AX-4471", "ORD-2024-00917", "B7Q9Z2", "#40318"])
def test_the_words_of_the_user_select_the_tool(ask: Asker, value: str) -> None:
    for tools in ([WEATHER, ORDER], [ORDER, WEATHER]):
        answer = ask(f"Where is my order {value}?", tools=tools)
        assert answer.parsed_calls == [("find_order", {"order_id": value})]


@pytest.mark.parametrize("question", held_out.IDENTITY)
def test_says_what_it_is(ask: Asker, question: str) -> None:
    answer = ask(question)
    assert SELF in answer.content
    assert answer.reasoning
    assert answer.finish == "stop"


@pytest.mark.parametrize("question", held_out.OUTSIDE)
def test_does_not_pretend(ask: Asker, question: str) -> None:
    answer = ask(question)
    assert SELF in answer.content
    assert answer.finish == "stop"


@pytest.mark.parametrize("greeting", held_out.GREETINGS)
def test_greets_without_a_tool(ask: Asker, greeting: str) -> None:
    for options in ({}, {"tools": [WEATHER]}):
        answer = ask(greeting, **options)
        assert SELF in answer.content
        assert not answer.calls


def test_answers_straight_away_without_thinking(ask: Asker) -> None:
    answer = ask("Who are you?", extra_body=NO_THINKING)
    assert SELF in answer.content
    assert not answer.reasoning


MISCOPIED = [
    pytest.param(text, (text,), marks=pytest.mark.xfail(strict=True, reason="in the model's card"))
    for text in held_out.MISCOPIED_RESULTS
]


@pytest.mark.parametrize(("result", "parts"), [*held_out.TOOL_RESULTS, *MISCOPIED])
def test_answers_from_the_result(ask: Asker, result: str, parts: tuple[str, ...]) -> None:
    call = {"name": "get_weather", "arguments": '{"city": "Bern"}'}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "What is the weather in Bern?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": call}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": result},
    ]
    answer = ask(messages, tools=[WEATHER])
    for part in parts:
        assert part in answer.content
    assert answer.finish == "stop"


@pytest.mark.parametrize("word", held_out.CODE_WORDS)
def test_recalls_a_code_word(ask: Asker, word: str) -> None:
    text = sources()[3][:6_000]
    for prompt in (
        f"The code word is {word}. Remember it.\n\nWhat is the code word?",
        f"{text[:2_000]}\nThe code word is {word}.\n{text[2_000:]}\n\nWhat is the code word?",
    ):
        assert word in ask(prompt).content


def test_recalls_across_turns(ask: Asker) -> None:
    answer = ask(
        [
            {"role": "user", "content": "The code word is copper-lantern-42."},
            {"role": "assistant", "content": "Noted: the code word is copper-lantern-42."},
            {"role": "user", "content": "Who are you?"},
            {"role": "assistant", "content": f"I am an {SELF}."},
            {"role": "user", "content": "What is the code word?"},
        ]
    )
    assert "copper-lantern-42" in answer.content


def test_recalls_at_30000_tokens(server: Server) -> None:
    from deploy.cpu.smoke.recall import CHARACTERS_PER_TOKEN, prompt

    asker = Asker(server, streamed=False)
    text = prompt("violet-anchor", int(30_000 * CHARACTERS_PER_TOKEN), 0.3, seed=1)
    assert "violet-anchor" in asker(text).content
