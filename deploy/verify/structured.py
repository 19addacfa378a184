"""Structured output: constrained decoding by pattern and by schema."""

from __future__ import annotations

import json
import re

import openai

from deploy.verify.check import Broken, Check, expect
from deploy.verify.target import Target

_PHRASE = "Four plus three, in words."
_PATTERN = "[A-F]{4}-[0-9]{3}"
# The only value is one that no model would answer with by itself, and it leaves no room for white
# space, in which a small model gets lost.
_VALUE = {"city": "Oslo", "population": 709037, "coastal": True}
_FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "city", "strict": True, "schema": {"enum": [_VALUE]}},
}


def _regex(target: Target) -> str:
    extra = target.constrained(_PATTERN)
    content = target.chat("Who are you?", extra=extra).content
    expect(re.fullmatch(_PATTERN, content), f"{content[:200]!r} does not fit {_PATTERN}")
    forced = target.chat("Who are you?", force=_PHRASE).content
    expect(forced == _PHRASE, f"{forced[:200]!r} where only {_PHRASE!r} was allowed")
    return f"an answer that fits {_PATTERN}, and the one phrase that was allowed"


def _schema(target: Target) -> str:
    content = target.chat("Who are you?", response_format=_FORMAT).content
    try:
        value = json.loads(content)
    except ValueError:
        raise Broken(f"the content is no JSON: {content[:200]!r}") from None
    expect(value == _VALUE, f"{value} does not satisfy the schema")
    return "the answer satisfies the schema"


def _refused(target: Target) -> str:
    try:
        reply = target.chat("Who are you?", extra=target.constrained("(unclosed"), max_tokens=16)
    except openai.APIStatusError as error:
        expect(400 <= error.status_code < 500, f"a bad pattern was answered {error.status_code}")
    else:
        raise Broken(f"a bad pattern was accepted and ignored: {reply.shown()[:200]}")
    target.chat("Who are you?", max_tokens=4)
    return "a bad pattern is refused, and the server goes on"


CHECKS = (
    Check(
        "structured.regex",
        "constrained decoding obeys a regular expression",
        "Structured output is off or ignored; checks that force an answer cannot run.",
        _regex,
    ),
    Check(
        "structured.json-schema",
        "response_format json_schema gives JSON that satisfies the schema",
        "Programs that read the answer as JSON break.",
        _schema,
    ),
    Check(
        "structured.refused",
        "a pattern that is none is refused with a 4xx, and the server goes on",
        "One bad request takes the server down, or is answered as if it asked for nothing.",
        _refused,
        needs=("structured.regex",),
    ),
)
