"""Where an answer stops, what it cost, and what is refused."""

from __future__ import annotations

import re
from typing import Any

from deploy.verify.check import Check, DoesNotApply, expect
from deploy.verify.target import Target, user

_LONG = "One two three four five six seven eight nine ten. " * 4
_TOKENS = 16


def _max_tokens(target: Target) -> str:
    replies = target.both("Who are you?", force=_LONG, max_tokens=_TOKENS)
    for how, reply in zip(("plain", "streamed"), replies, strict=True):
        used = reply.usage.completion
        expect(used == _TOKENS, f"{how}: {used} tokens came where max_tokens is {_TOKENS}")
        expect(reply.finish == "length", f"{how}: finish_reason is {reply.finish}, not length")
    return f"{_TOKENS} tokens and finish_reason length"


def _stop(target: Target) -> str:
    whole = target.chat("Who are you?").content
    # Of the model's own answer: SGLang overlooks a stop text that a grammar forced into tokens
    # that its tokenizer would not have chosen.
    word = next(iter(re.findall(r"(?<=\w )[A-Za-z]{4,}", whole)), None)
    if word is None:
        raise DoesNotApply(f"there is no word to stop at in {whole[:100]!r}")
    replies = target.both("Who are you?", stop=[word])
    for how, reply in zip(("plain", "streamed"), replies, strict=True):
        said = f"{how}: with stop {word!r} came {reply.shown()[:300]}"
        expect(word not in reply.content and len(reply.content) < len(whole), said)
        expect(reply.finish == "stop", said)
    return f"the answer ends before {word!r}, plain and streamed"


def _usage(target: Target) -> str:
    plain, streamed = target.both("Who are you?", max_tokens=32)
    for how, reply in (("plain", plain), ("streamed", streamed)):
        used = reply.usage
        expect(
            used.prompt > 0 and used.completion > 0 and used.prompt + used.completion == used.total,
            f"{how}: {used.prompt} + {used.completion} is not {used.total}",
        )
    expect(
        plain.usage.prompt == streamed.usage.prompt,
        f"the prompt is {plain.usage.prompt} tokens plain and {streamed.usage.prompt} streamed",
    )
    return f"{plain.usage.prompt} + {plain.usage.completion} = {plain.usage.total} tokens"


def _exact(target: Target) -> str:
    # Ordinary tokens of any vocabulary, counted by ourselves.
    prompt = list(range(100, 140))
    body = {
        "model": target.model,
        "prompt": prompt,
        "max_tokens": _TOKENS,
        "min_tokens": _TOKENS,
        "temperature": 0,
    }
    reply = target.post("/v1/completions", body)
    expect(reply.status_code == 200, f"/v1/completions answered {reply.status_code}")
    used = reply.json()["usage"]
    found = (used["prompt_tokens"], used["completion_tokens"])
    expect(
        found == (len(prompt), _TOKENS),
        f"{len(prompt)} tokens were sent and {_TOKENS} asked for; usage says {found}",
    )
    return f"{len(prompt)} tokens sent and {_TOKENS} asked for are what usage says"


def _refusals(target: Target) -> str:
    good: dict[str, Any] = {
        "model": target.model,
        "messages": [user("Who are you?")],
        "max_tokens": 4,
    }
    bad: dict[str, Any] = {
        "broken JSON": b'{"model": ',
        "no messages": {**good, "messages": []},
        "max_tokens -1": {**good, "max_tokens": -1},
        "temperature -1": {**good, "temperature": -1},
    }
    for what, body in bad.items():
        reply = target.post("/v1/chat/completions", body)
        expect(
            400 <= reply.status_code < 500, f"{what} was answered {reply.status_code}, not a 4xx"
        )
        expect(reply.text.strip(), f"{what} was refused without a word")
    return f"refused with a reason: {', '.join(bad)}"


CHECKS = (
    Check(
        "limits.usage",
        "usage adds up, and counts the same prompt the same plain and streamed",
        "Bills, quotas and load tests are wrong.",
        _usage,
    ),
    Check(
        "limits.max-tokens",
        "max_tokens ends an answer exactly there, with finish_reason length",
        "Answers cost more than was asked for, or cut answers look complete.",
        _max_tokens,
        needs=("chat.streamed", "limits.usage"),
    ),
    Check(
        "limits.stop",
        "a stop text ends the answer, and is not part of it",
        "Agents with stop words read beyond them.",
        _stop,
        needs=("chat.answers", "chat.streamed"),
    ),
    Check(
        "limits.exact-usage",
        "usage counts exactly the tokens that were sent and asked for",
        "Something between client and engine changes prompts, or counts wrongly.",
        _exact,
    ),
    Check(
        "limits.refusals",
        "malformed requests are refused with a 4xx and a reason",
        "Clients retry what can never work, and errors of theirs count as the server's.",
        _refusals,
    ),
)
