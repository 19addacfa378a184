"""Tool calls, tool results and Anthropic's messages gone wrong."""

from __future__ import annotations

import json

from tests.verify.breakages.sent import asked, calls, choices, forced, message, messages, thinks
from tests.verify.proxy import Value

# tools and parsing


def garbles_an_argument(sent: Value, value: Value) -> Value:
    if asked(sent) == "What is the weather in Lisbon?" and not sent.get("tool_choice"):
        for call in calls(value):
            call["function"]["arguments"] = call["function"]["arguments"].replace("sb", "zb")
    return value


def breaks_json(sent: Value, value: Value) -> Value:
    if asked(sent) == "What is the weather in Lisbon?" and not sent.get("tool_choice"):
        for call in calls(value):
            call["function"]["arguments"] = call["function"]["arguments"][:-1]
    return value


def drops_the_second_call(sent: Value, value: Value) -> Value:
    if "Oslo" in asked(sent) and calls(value):
        message(value)["tool_calls"] = calls(value)[:1]
    return value


def ignores_none(sent: Value) -> Value:
    if sent.get("tool_choice") == "none":
        return {key: value for key, value in sent.items() if key != "tool_choice"}
    return sent


def _without_results(sent: Value, drop: type) -> Value:
    lost = [
        {**m, "content": ""} if m["role"] == "tool" and isinstance(m["content"], drop) else m
        for m in messages(sent)
    ]
    return {**sent, "messages": lost} if messages(sent) else sent


def drops_results(sent: Value) -> Value:
    return _without_results(sent, object)


def drops_parts(sent: Value) -> Value:
    return _without_results(sent, list)


def drops_earlier_arguments(sent: Value) -> Value:
    for said in messages(sent):
        for call in said.get("tool_calls") or []:
            call["function"]["arguments"] = "{}"
    return sent


def leaves_calls_in_text(sent: Value, value: Value) -> Value:
    if forced(sent) and "Buy milk" in forced(sent) and not thinks(sent) and len(calls(value)) == 1:
        message(value).update(content=forced(sent), tool_calls=None)
    return value


def thinks_calls(sent: Value, value: Value) -> Value:
    if forced(sent) and thinks(sent) and calls(value):
        message(value)["reasoning_content"] += json.dumps(calls(value))
        message(value)["tool_calls"] = None
    return value


def joins_indexes(sent: Value, value: Value) -> Value:
    for choice in choices(value):
        for call in (choice.get("delta") or {}).get("tool_calls") or []:
            if forced(sent):
                call["index"] = 0
    return value


def repeats_ids(sent: Value, value: Value) -> Value:
    for call in calls(value) if forced(sent) else []:
        call["id"] = "call_1"
    return value


def says_nothing_for_no_arguments(sent: Value, value: Value) -> Value:
    for call in calls(value) if len(calls(value)) == 1 else []:
        if call["function"]["arguments"] == "{}":
            call["function"]["arguments"] = ""
    return value


def flattens(sent: Value, value: Value) -> Value:
    for call in calls(value):
        if call["function"]["name"] == "place_order":
            arguments = json.loads(call["function"]["arguments"])
            arguments["count"] = str(arguments["count"])
            call["function"]["arguments"] = json.dumps(arguments)
    return value


def loses_unicode(sent: Value, value: Value) -> Value:
    for call in calls(value):
        text = json.dumps(json.loads(call["function"]["arguments"] or "{}"), ensure_ascii=False)
        call["function"]["arguments"] = text.encode("ascii", "replace").decode()
    return value


# messages


def ends_otherwise(sent: Value, value: Value) -> Value:
    return {**value, "stop_reason": None} if value.get("type") == "message" else value


def never_closes(sent: Value, value: Value) -> Value:
    return {"type": "ping"} if value.get("type") == "content_block_stop" else value


def empties_input(sent: Value, value: Value) -> Value:
    for block in value.get("content") or []:
        if isinstance(block, dict) and block.get("type") == "tool_use":
            block["input"] = {}
    return value
