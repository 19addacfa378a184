"""The Anthropic messages endpoint, which coding agents use."""

from __future__ import annotations

import json
from typing import Any

from deploy.verify.check import Check, DoesNotApply, expect
from deploy.verify.reply import markers_in
from deploy.verify.target import Target, user
from deploy.verify.tools import QUESTION, WEATHER, has_tools, is_weather

_PATH = "/v1/messages"
_ORDER = ("message_start", "content_block_start", "message_delta", "message_stop")


def _body(target: Target, question: str, **more: Any) -> dict[str, Any]:
    return {
        "model": target.model,
        "max_tokens": 2000,
        "temperature": 0,
        "messages": [user(question)],
        **more,
    }


def _ask(target: Target, body: dict[str, Any]) -> str:
    reply = target.post(_PATH, body)
    if reply.status_code == 404:
        raise DoesNotApply(f"this server has no {_PATH}")
    expect(reply.status_code == 200, f"{_PATH} answered {reply.status_code}: {reply.text[:200]}")
    return reply.text


def _texts(blocks: list[dict[str, Any]]) -> str:
    return "".join(block["text"] for block in blocks if block["type"] == "text")


def _answers(target: Target) -> str:
    message = json.loads(_ask(target, _body(target, "Who are you?")))
    text, used = _texts(message["content"]), message["usage"]
    expect(text.strip(), f"there is no text block: {message['content']}")
    expect(not markers_in(text), f"the template's marks are in the text: {text[:200]!r}")
    expect(message["stop_reason"] == "end_turn", f"stop_reason is {message['stop_reason']}")
    read = sum(used.get(name) or 0 for name in ("input_tokens", "cache_read_input_tokens"))
    expect(read > 0 and used["output_tokens"] > 0, f"usage is {used}")
    blocks = ", ".join(block["type"] for block in message["content"])
    return f"blocks {blocks}; stop_reason end_turn; usage is there"


def _streamed(target: Target) -> str:
    text = _ask(target, _body(target, "Who are you?", stream=True))
    events = [
        json.loads(line[len("data: ") :])
        for line in text.splitlines()
        if line.startswith("data: ") and line != "data: [DONE]"
    ]
    kinds = [event["type"] for event in events]
    places = [kinds.index(kind) if kind in kinds else -1 for kind in _ORDER]
    expect(
        -1 not in places and places == sorted(places) and kinds[-1] == "message_stop",
        f"the events are not {' ... '.join(_ORDER)}: {list(dict.fromkeys(kinds))}",
    )
    opened, closed = kinds.count("content_block_start"), kinds.count("content_block_stop")
    expect(opened == closed, f"{opened} blocks were opened and {closed} closed")
    joined = "".join(
        event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta"
    )
    expect(joined.strip() and not markers_in(joined), f"the joined text is {joined[:200]!r}")
    last = next(event for event in reversed(events) if event["type"] == "message_delta")
    expect(last["delta"]["stop_reason"] == "end_turn", f"the stream ends with {last['delta']}")
    return f"{len(events)} events in order, {len(joined)} characters of text"


def _tools(target: Target) -> str:
    function = WEATHER["function"]
    tools = [
        {
            "name": function["name"],
            "description": function["description"],
            "input_schema": function["parameters"],
        }
    ]
    message = json.loads(_ask(target, _body(target, QUESTION, tools=tools)))
    uses = [block for block in message["content"] if block["type"] == "tool_use"]
    called = [(block["name"], block["input"]) for block in uses]
    right = len(called) == 1 and is_weather(*called[0], "Lisbon")
    expect(right, f"the tool_use blocks are {called}")
    expect(message["stop_reason"] == "tool_use", f"stop_reason is {message['stop_reason']}")
    result = {"type": "tool_result", "tool_use_id": uses[0]["id"], "content": "18 degrees, sunny"}
    body = _body(target, QUESTION, tools=tools)
    body["messages"] += [
        {"role": "assistant", "content": uses},
        {"role": "user", "content": [result]},
    ]
    answer = _texts(json.loads(_ask(target, body))["content"])
    expect("18" in answer, f"the answer ignores the tool's result: {answer[:200]!r}")
    return f"tool_use get_weather(Lisbon), and with its result: {answer[:80]!r}"


CHECKS = (
    Check(
        "messages.answers",
        "POST /v1/messages answers with blocks, a stop_reason and usage",
        "Coding agents that speak Anthropic's API do not work.",
        _answers,
    ),
    Check(
        "messages.streamed",
        "its stream has Anthropic's events in their order, every block closed",
        "Agents hang, or show half an answer.",
        _streamed,
        needs=("messages.answers",),
    ),
    Check(
        "messages.tools",
        "a tool_use block comes for a question, and a tool_result is used",
        "Agents cannot edit or run anything.",
        _tools,
        has_tools,
        ("messages.answers", "tools.called", "tools.result"),
    ),
)
