"""The tool call parser, apart from the model: constrained decoding forces what it has to read.

On SGLang a pattern allows one text only, in the format that the parsers glm45 and glm47 read:
<tool_call>NAME<arg_key>K</arg_key><arg_value>V</arg_value></tool_call>. vLLM lets its own grammar
for the tools compete with a pattern, so there the tools' strict schemas allow one value only.
"""

from __future__ import annotations

import json
from typing import Any

from deploy.verify.check import Check, expect
from deploy.verify.target import Target
from deploy.verify.tools import expect_calls, has_tools, tool

_ANY: dict[str, Any] = {"type": "object"}
NOTE = tool("save_note", {"text": {"type": "string"}})
_PING = tool("ping", {})
_ORDER = tool(
    "place_order",
    {
        "customer": {"type": "object", "properties": {"name": {"type": "string"}}},
        "items": {"type": "array", "items": _ANY},
        "count": {"type": "integer"},
        "price": {"type": "number"},
        "express": {"type": "boolean"},
        "code": {"type": "string"},
    },
)
_ORDERED = {
    "customer": {"name": "Ann", "address": {"city": "Bern", "lines": ["1", "two"]}},
    "items": [{"sku": "A-1", "options": {"gift": True, "note": None}}, {"sku": "B-2"}],
    "count": 3,
    "price": 9.5,
    "express": False,
    "code": "007",  # a text that looks like a number stays one
}
# Quotes, a backslash, markup, a line break, and characters of two, three and four bytes.
_UNICODE = 'Zürich "東京" 🚀 C:\\temp <b>1 & 2</b>\nnaïve'


def glm_call(name: str, arguments: dict[str, Any]) -> str:
    """A tool call in GLM's format, in which only texts stand without quotes."""
    pairs = "".join(
        f"<arg_key>{key}</arg_key><arg_value>"
        f"{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}</arg_value>"
        for key, value in arguments.items()
    )
    return f"<tool_call>{name}{pairs}</tool_call>"


def _reads_glm(target: Target) -> str | None:
    parser = target.option("tool-call-parser")
    if target.profile and parser not in ("glm45", "glm47"):
        return f"the forced calls are in GLM's format, and the profile's parser is {parser}"
    return has_tools(target)


def _forces_several(target: Target) -> str | None:
    if target.engine == "vllm":
        return "nothing forces several calls on vLLM; tools.parallel lets the model make two"
    return _reads_glm(target)


def _strict(tool: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """The tool, restricted to just these arguments."""
    function = tool["function"]
    known = function["parameters"]["properties"]
    properties = {key: {**known[key], "const": value} for key, value in arguments.items()}
    parameters = {**function["parameters"], "properties": properties}
    return {**tool, "function": {**function, "parameters": parameters, "strict": True}}


def _no_white_space(target: Target) -> dict[str, int]:
    """A bias against tokens of white space alone: vLLM's grammar allows it around each value.

    A small model loses itself in it. Where nothing else is allowed it still comes.
    """
    runs = [space * count for space in " \n\t" for count in range(1, 33)]
    runs += ["\n" + " " * count for count in range(1, 33)]
    # A digit between them merges with none.
    tokens = set(target.tokenize("7".join(["", *runs, ""]))) - set(target.tokenize("7"))
    return {str(token): -100 for token in tokens}


def _forced(
    target: Target,
    calls: list[tuple[str, dict[str, Any]]],
    tools: list[dict[str, Any]],
    thinking: bool = False,
) -> str:
    if target.engine == "vllm":
        (name, arguments), *_ = calls
        tools = [_strict(tool, arguments) for tool in tools if tool["function"]["name"] == name]
        force: dict[str, Any] = {
            "tool_choice": "required",
            "parallel_tool_calls": False,
            "logit_bias": _no_white_space(target),
        }
    else:
        force = {"force": "".join(glm_call(name, arguments) for name, arguments in calls)}
    replies = target.both("Who are you?", tools=tools, thinking=thinking, **force)
    for how, reply in zip(("plain", "streamed"), replies, strict=True):
        expect_calls(how, reply, calls)
        if thinking:
            expect(reply.reasoning.strip(), f"{how}: the reasoning in front of the call is lost")
    return f"{', '.join(name for name, _ in calls)}: parsed plain and streamed"


def _one(target: Target) -> str:
    return _forced(target, [("save_note", {"text": "Buy milk"})], [NOTE, _PING])


def _after_reasoning(target: Target) -> str:
    return _forced(target, [("save_note", {"text": "Buy milk"})], [NOTE], thinking=True)


def _several(target: Target) -> str:
    calls = [("save_note", {"text": text}) for text in ("Buy milk", "Call Ann")]
    return _forced(target, [*calls, ("ping", {})], [NOTE, _PING])


def _zero_arguments(target: Target) -> str:
    return _forced(target, [("ping", {})], [_PING])


def _nested(target: Target) -> str:
    return _forced(target, [("place_order", _ORDERED)], [_ORDER])


def _unicode(target: Target) -> str:
    return _forced(target, [("save_note", {"text": _UNICODE})], [NOTE])


_RESTS_ON = ("structured.regex", "chat.streamed")

CHECKS = (
    Check(
        "parsing.one",
        "a call with a text argument is parsed, plain and streamed",
        "The tool-call-parser is missing or not the model's: calls arrive as text.",
        _one,
        _reads_glm,
        _RESTS_ON,
    ),
    Check(
        "parsing.after-reasoning",
        "a call right behind the reasoning is parsed, and the reasoning kept apart",
        "Calls get lost inside the reasoning (vllm#42400).",
        _after_reasoning,
        _reads_glm,
        (*_RESTS_ON, "parsing.one", "reasoning.separated"),
    ),
    Check(
        "parsing.zero-arguments",
        "a call without arguments is parsed as {}",
        "Tools that take nothing cannot be called.",
        _zero_arguments,
        _reads_glm,
        _RESTS_ON,
    ),
    Check(
        "parsing.several",
        "three calls in one answer are parsed, each with an id and an index of its own",
        "Parallel calls overwrite each other.",
        _several,
        _forces_several,
        (*_RESTS_ON, "parsing.one", "parsing.zero-arguments"),
    ),
    Check(
        "parsing.nested",
        "objects, lists, numbers and booleans arrive with their types, at any depth",
        "Tools get a text where their schema says a number or an object.",
        _nested,
        _reads_glm,
        (*_RESTS_ON, "parsing.one"),
    ),
    Check(
        "parsing.unicode",
        "quotes, backslashes, line breaks and Unicode in arguments arrive unchanged",
        "Arguments are corrupted, or are no JSON any more.",
        _unicode,
        _reads_glm,
        (*_RESTS_ON, "chat.unicode", "parsing.one"),
    ),
)
