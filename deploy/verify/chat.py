"""Chat: answers, streams, and that requests do not get mixed up."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deploy.hardware import CPU
from deploy.verify.check import Check, expect
from deploy.verify.reply import markers_in
from deploy.verify.target import Target, user

_TEXT = "The quick brown fox jumps over the lazy dog, and the dog does not mind at all."
# Two, three and four bytes in UTF-8, a combining accent and a joined emoji: a stream that cuts
# between tokens cuts within these.
_UNICODE = "Zürich, 東京, 🚀, e\u0301, 👩‍🚀: naïve."
_AT_ONCE = 4


def _answers(target: Target) -> str:
    reply = target.chat("Who are you?")
    expect(reply.content.strip(), "the content is empty")
    expect(reply.finish == "stop", f"finish_reason is {reply.finish}, not stop")
    leaked = markers_in(reply.content)
    expect(not leaked, f"the template's marks {leaked} are in the content: {reply.content[:200]!r}")
    return f"an answer of {len(reply.content)} characters"


def _streamed(target: Target) -> str:
    plain, streamed = target.both("Who are you?", force=_TEXT)
    for how, reply in (("plain", plain), ("streamed", streamed)):
        expect(reply.content == _TEXT, f"{how}: {reply.content!r} instead of {_TEXT!r}")
    expect(
        plain.finish == streamed.finish,
        f"finish_reason is {plain.finish} plain and {streamed.finish} streamed",
    )
    return "the same text and finish_reason plain and streamed"


def _protocol(target: Target) -> str:
    request = {
        "model": target.model,
        "messages": [user("Who are you?")],
        "max_tokens": 16,
        "temperature": 0,
        "stream": True,
        "chat_template_kwargs": {"enable_thinking": False},
    }
    reply = target.post("/v1/chat/completions", request)
    kind = reply.headers.get("content-type", "")
    expect(kind.startswith("text/event-stream"), f"the content type is {kind!r}")
    lines = [line for line in reply.text.split("\n") if line.strip()]
    # A line that starts with a colon is a comment, which keeps connections open.
    stray = [line for line in lines if not line.startswith(("data: ", ":"))]
    expect(not stray, f"not an event: {stray[:1]}")
    events = [line[len("data: ") :] for line in lines if line.startswith("data: ")]
    expect(events and events[-1] == "[DONE]", "the stream does not end with [DONE]")
    chunks: list[Any] = [json.loads(event) for event in events[:-1]]
    finishes = [
        choice["finish_reason"]
        for chunk in chunks
        for choice in chunk["choices"]
        if choice.get("finish_reason")
    ]
    expect(len(finishes) == 1, f"finish_reason came {len(finishes)} times: {finishes}")
    expect(len({chunk["id"] for chunk in chunks}) == 1, "the chunks have several ids")
    texts = sum(bool(c["delta"].get("content")) for chunk in chunks for c in chunk["choices"])
    expect(texts > 1, f"the text of 16 tokens came in {texts} piece: it is not streamed")
    return f"{len(chunks)} chunks, one id, one finish_reason, [DONE]"


def _unicode(target: Target) -> str:
    for how, reply in zip(
        ("plain", "streamed"), target.both("Who are you?", force=_UNICODE), strict=True
    ):
        expect(reply.content == _UNICODE, f"{how}: {reply.content!r} instead of {_UNICODE!r}")
    return f"{_UNICODE} came back whole, plain and streamed"


def _concurrent(target: Target) -> str:
    texts = [f"{_TEXT} This is answer number {number}." for number in range(_AT_ONCE)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        replies = list(
            pool.map(lambda text: target.chat("Who are you?", force=text).content, texts)
        )
    for asked, got in zip(texts, replies, strict=True):
        expect(got == asked, f"an answer of another request, or a mixture: {got!r} for {asked!r}")
    return f"{_AT_ONCE} requests at once, each with its own answer"


def _turns(target: Target) -> str:
    word = "copper-lantern-42"
    messages = [
        user(f"The code word is {word}."),
        {"role": "assistant", "content": "Noted."},
        user("Who are you?"),
        {"role": "assistant", "content": "I am an assistant."},
        user("What is the code word?"),
    ]
    reply = target.chat(messages)
    expect(word in reply.content, f"the first turn is forgotten: {reply.content[:200]!r}")
    return f"{word} was recalled from the first turn"


def _deterministic(target: Target) -> str:
    replies = {target.chat("Who are you?", max_tokens=64).content for _ in range(3)}
    expect(len(replies) == 1, f"three answers to one request: {sorted(replies)}")
    return "three times the same answer at temperature 0"


def _promises_determinism(target: Target) -> str | None:
    if target.profile is None:
        return "no profile says whether the engine was started to be deterministic"
    batch_invariant = target.profile.engine.env.get("VLLM_BATCH_INVARIANT") == "1"
    if (
        target.option("enable-deterministic-inference")
        or batch_invariant
        or target.profile.hardware.gpu == CPU
    ):
        return None
    return (
        "on GPUs results depend on the batch; SGLang promises the same answer only with "
        "enable-deterministic-inference, vLLM with VLLM_BATCH_INVARIANT=1"
    )


CHECKS = (
    Check(
        "chat.answers",
        "a plain question gets an answer that ends by itself, without the template's marks",
        "Nothing works, or the chat template is not the model's.",
        _answers,
    ),
    Check(
        "chat.streamed",
        "an answer streamed is, joined, the answer given at once",
        "Streams lose, repeat or change text: every interactive client shows wrong answers.",
        _streamed,
        needs=("structured.regex",),
    ),
    Check(
        "chat.protocol",
        "a stream is server-sent events: one id, one finish_reason, [DONE]",
        "Clients hang, or take an answer that was cut off for a whole one.",
        _protocol,
    ),
    Check(
        "chat.unicode",
        "characters of several bytes come through whole, plain and streamed",
        "Texts that are not English arrive with replacement characters.",
        _unicode,
        needs=("chat.streamed",),
    ),
    Check(
        "chat.concurrent",
        "requests at the same time get their own answers",
        "Users see the answers of others: stop serving.",
        _concurrent,
        needs=("chat.streamed",),
    ),
    Check(
        "chat.turns",
        "earlier turns of a conversation reach the model",
        "The template or a gateway drops messages, so conversations lose their memory.",
        _turns,
    ),
    Check(
        "chat.deterministic",
        "at temperature 0 the same request gets the same answer, where the engine promises it",
        "Results cannot be reproduced although the engine was started to make them so.",
        _deterministic,
        _promises_determinism,
    ),
)
