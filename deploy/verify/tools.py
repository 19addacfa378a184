"""Tool calls as the model makes them, and tool results on their way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deploy.verify.check import Broken, Check, expect
from deploy.verify.reply import Reply, markers_in
from deploy.verify.target import Target, user

QUESTION = "What is the weather in Lisbon?"
_RESULT = "18 degrees, sunny"


def tool(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """A tool's definition; all its parameters are required."""
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    description = f"{name.replace('_', ' ').capitalize()}"
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


WEATHER = tool("get_weather", {"city": {"type": "string"}})


def has_tools(target: Target) -> str | None:
    """The reason why this server parses no tool calls; None where it promises to."""
    if target.profile and not target.option("tool-call-parser"):
        return "the profile names no tool-call-parser"
    return None


def expect_calls(how: str, reply: Reply, calls: list[tuple[str, Any]]) -> None:
    """Broken unless the answer is just these calls, each with an id of its own."""
    _expect_sound(how, reply)
    expect(reply.called == calls, f"{how}: called {reply.called} instead of {calls}")
    expect(reply.finish == "tool_calls", f"{how}: finish_reason is {reply.finish}, not tool_calls")


def is_weather(name: str, arguments: Any, city: str) -> bool:
    """Whether a call asks for the weather there; "Lisbon, Portugal" is as good as "Lisbon"."""
    found = arguments.get("city") if isinstance(arguments, dict) else None
    return name == "get_weather" and isinstance(found, str) and found.startswith(city)


def expect_weather(
    how: str, reply: Reply, cities: Sequence[str], finishes: Sequence[str] = ("tool_calls",)
) -> None:
    """Broken unless the model asked for the weather in just these cities, in any order."""
    _expect_sound(how, reply)
    called = sorted(reply.called, key=str)
    right = len(called) == len(cities) and all(
        is_weather(*call, city) for call, city in zip(called, cities, strict=True)
    )
    expect(right, f"{how}: called {called} instead of get_weather for {' and '.join(cities)}")
    expect(reply.finish in finishes, f"{how}: finish_reason is {reply.finish}, not {finishes[0]}")


def _expect_sound(how: str, reply: Reply) -> None:
    if not reply.calls:
        raise Broken(f"{how}: no tool call: {reply.shown()[:300]}")
    ids = [call.id for call in reply.calls]
    expect(all(ids) and len(set(ids)) == len(ids), f"{how}: the calls' ids are {ids}")
    leaked = markers_in(reply.content + reply.reasoning)
    expect(not leaked, f"{how}: the marks {leaked} leaked: {reply.shown()[:300]}")


def _called(target: Target) -> str:
    for how, reply in zip(
        ("plain", "streamed"), target.both(QUESTION, tools=[WEATHER]), strict=True
    ):
        expect_weather(how, reply, ["Lisbon"])
    return "get_weather for Lisbon, plain and streamed"


def _parallel(target: Target) -> str:
    question = "What is the weather in Lisbon and in Oslo?"
    for how, reply in zip(
        ("plain", "streamed"), target.both(question, tools=[WEATHER], thinking=True), strict=True
    ):
        expect_weather(how, reply, ["Lisbon", "Oslo"])
    return "two calls in one answer, plain and streamed"


def _choice(target: Target) -> str:
    named = {"type": "function", "function": {"name": "get_weather"}}
    reply = target.chat(QUESTION, tools=[WEATHER], tool_choice="required")
    expect_weather("tool_choice required", reply, ["Lisbon"])
    reply = target.chat(QUESTION, tools=[WEATHER], tool_choice=named)
    # OpenAI and vLLM end a named call with stop, SGLang with tool_calls.
    expect_weather("a named tool", reply, ["Lisbon"], ("tool_calls", "stop"))
    reply = target.chat(QUESTION, tools=[WEATHER], tool_choice="none", max_tokens=64)
    expect(not reply.calls, f"tool_choice none: {reply.shown()[:300]}")
    return "required and a named tool give the call, none gives none"


def _after_call(result: Any) -> list[dict[str, Any]]:
    function = {"name": "get_weather", "arguments": '{"city": "Lisbon"}'}
    call = {"id": "call_1", "type": "function", "function": function}
    return [
        user(QUESTION),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": result},
    ]


def _result(target: Target) -> str:
    reply = target.chat(_after_call(_RESULT), tools=[WEATHER])
    # The prompt's length tells a result that got lost from one that the model ignored.
    padded = _after_call(f"{_RESULT}{', sunny' * 100}")
    longer = target.chat(padded, tools=[WEATHER], max_tokens=1).usage.prompt - reply.usage.prompt
    expect(
        longer >= 100,
        f"a result 100 times as long makes the prompt {longer} tokens longer: tool results do not "
        "reach the model",
    )
    expect(
        "18" in reply.content and not reply.calls,
        f"the result reached the prompt, and the answer ignores it: {reply.shown()[:300]}",
    )
    return f"the answer has the result: {reply.content[:100]!r}"


def _result_parts(target: Target) -> str:
    parts = [{"type": "text", "text": _RESULT}]
    lengths = [
        target.chat(_after_call(result), tools=[WEATHER], max_tokens=1).usage.prompt
        for result in (_RESULT, parts)
    ]
    expect(
        lengths[0] == lengths[1],
        f"the same result makes a prompt of {lengths[0]} tokens as text and {lengths[1]} as a "
        "list of parts: the template does not read it",
    )
    return f"{lengths[0]} prompt tokens either way"


def _arguments(target: Target) -> str:
    messages = _after_call(_RESULT)
    short = target.chat(messages, tools=[WEATHER], max_tokens=1).usage.prompt
    function = messages[1]["tool_calls"][0]["function"]
    function["arguments"] = '{"city": "Lisbon' + " by the sea" * 50 + '"}'
    longer = target.chat(messages, tools=[WEATHER], max_tokens=1).usage.prompt - short
    expect(
        longer >= 100,
        f"arguments of 150 words more make the prompt {longer} tokens longer: earlier calls do "
        "not reach the model",
    )
    return f"an earlier call's arguments are {longer} tokens of the prompt"


CHECKS = (
    Check(
        "tools.called",
        "a question for a tool gives one call with the right arguments, plain and streamed",
        "Agents do not work: the call is lost, or stands in the text.",
        _called,
        has_tools,
    ),
    Check(
        "tools.parallel",
        "one answer can hold two calls that the model chose, behind its reasoning",
        "Agents do one thing at a time, or lose the second call.",
        _parallel,
        has_tools,
    ),
    Check(
        "tools.choice",
        "tool_choice required, a named tool and none are obeyed",
        "Programs that rely on a call get prose, or the other way round.",
        _choice,
        has_tools,
    ),
    Check(
        "tools.result",
        "a tool's result reaches the model, and the answer uses it",
        "The template drops results (sglang#22922), so agents call the same tool for ever.",
        _result,
        has_tools,
        ("limits.usage",),
    ),
    Check(
        "tools.result-parts",
        "a result as a list of text parts is read like a plain text",
        "Clients that send parts get answers without the result; vLLM needs "
        "chat-template-content-format string (vllm-project/recipes#327).",
        _result_parts,
        has_tools,
        needs=("tools.result",),
    ),
    Check(
        "tools.arguments",
        "the arguments of earlier calls reach the model",
        "The model does not know what it has done already.",
        _arguments,
        has_tools,
        ("limits.usage",),
    ),
)
