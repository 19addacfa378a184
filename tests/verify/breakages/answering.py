"""Answers, structured output, streams, limits and reasoning gone wrong."""

from __future__ import annotations

import itertools

from tests.verify.breakages.sent import (
    WHO,
    asked,
    choices,
    forced,
    message,
    messages,
    natural,
    thinks,
)
from tests.verify.proxy import Value

# models


def another_model(sent: Value, value: Value) -> Value:
    return {**value, "model": "another"} if choices(value) else value


def short_context(sent: Value, value: Value) -> Value:
    for entry in value.get("data", []):
        entry["max_model_len"] = 4096
    return value


# structured


def ignores_patterns(sent: Value) -> Value:
    return {key: value for key, value in sent.items() if key != "regex"}


def ignores_schemas(sent: Value) -> Value:
    return {key: value for key, value in sent.items() if key != "response_format"}


def swallows_bad_patterns(sent: Value) -> Value:
    return ignores_patterns(sent) if forced(sent) == "(unclosed" else sent


# chat


def leaks_marks(sent: Value, value: Value) -> Value:
    plain = natural(sent) and not sent.get("response_format")
    if plain and not thinks(sent) and message(value).get("content"):
        message(value)["content"] += "<|user|>"
    return value


def never_stops(sent: Value, value: Value) -> Value:
    if natural(sent) and message(value):
        choices(value)[0]["finish_reason"] = "length"
    return value


def repeats_tokens(sent: Value, value: Value) -> Value:
    for choice in choices(value):
        if (choice.get("delta") or {}).get("content"):
            choice["delta"]["content"] *= 2
    return value


def drops_done(path: str, text: str) -> str:
    return text.replace("data: [DONE]\n\n", "")


def cuts_characters(sent: Value, value: Value) -> Value:
    for choice in choices(value):
        if text := (choice.get("delta") or {}).get("content"):
            choice["delta"]["content"] = text.encode("ascii", "replace").decode()
    return value


def mixes_up(sent: Value) -> Value:
    if "answer number 1" in forced(sent):
        return {**sent, "regex": forced(sent).replace("number 1", "number 2")}
    return sent


def forgets_turns(sent: Value) -> Value:
    return (
        {**sent, "messages": messages(sent)[2:]}
        if len(messages(sent)) == 5 and not thinks(sent)
        else sent
    )


_count = itertools.count()


def wavers(sent: Value, value: Value) -> Value:
    if natural(sent) and sent.get("max_tokens") == 64 and asked(sent) == WHO:
        message(value)["content"] += str(next(_count))
    return value


# limits


def loses_usage(sent: Value, value: Value) -> Value:
    return {**value, "usage": None} if message(value) else value


def loses_usage_of_streams(sent: Value, value: Value) -> Value:
    return {**value, "usage": None} if value.get("object") == "chat.completion.chunk" else value


def adds_up_wrongly(sent: Value, value: Value) -> Value:
    if message(value) and value.get("usage"):
        value["usage"]["total_tokens"] += 1
    return value


def hides_the_cut(sent: Value, value: Value) -> Value:
    if forced(sent) and sent.get("max_tokens") == 16 and message(value):
        choices(value)[0]["finish_reason"] = "stop"
    return value


def ignores_stop(sent: Value) -> Value:
    return {key: value for key, value in sent.items() if key != "stop"}


def counts_wrongly(sent: Value, value: Value) -> Value:
    if value.get("object") == "text_completion":
        value["usage"]["prompt_tokens"] += 1
    return value


def fails_on_no_messages(path: str, sent: Value) -> int | None:
    return 500 if sent.get("messages") == [] else None


# reasoning


def drops_reasoning(sent: Value, value: Value) -> Value:
    if message(value):
        message(value)["reasoning_content"] = None
    return value


def shows_reasoning(sent: Value, value: Value) -> Value:
    if natural(sent) and (thought := message(value).get("reasoning_content")):
        message(value)["content"] = f"{thought}</think>{message(value)['content']}"
    return value


def always_thinks(sent: Value, value: Value) -> Value:
    if natural(sent) and not thinks(sent) and message(value):
        message(value)["reasoning_content"] = "Let me think."
    return value


def always_clears(sent: Value) -> Value:
    if template := sent.get("chat_template_kwargs"):
        kept = {key: value for key, value in template.items() if key != "clear_thinking"}
        return {**sent, "chat_template_kwargs": kept}
    return sent
