"""Long contexts: recall at every depth, tool calls near the limit, and what is beyond it."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass

import openai

from deploy.server.console import seconds as duration
from deploy.verify import filler
from deploy.verify.check import Broken, Check, DoesNotApply, expect
from deploy.verify.target import Target
from deploy.verify.tools import QUESTION, WEATHER, expect_weather, has_tools

DEPTHS = (0.05, 0.3, 0.5, 0.8, 0.97)
# In tokens, up to the promised context; each rung says how long the next may take at most.
RUNGS = (4_000, 32_000, 128_000)
# For the answer of at most 2,000 tokens, the question, a tool and the template around them.
_ROOM = 2560
# Per token, of source text: more than any tokenizer takes together on average.
_MOST_CHARACTERS = 8
_ASK = "What is the code word?"


def _limit(target: Target) -> int:
    if target.context_tokens is None:
        raise DoesNotApply("neither a profile nor GET /v1/models says how long the context is")
    return target.context_tokens - _ROOM


def _filled(target: Target, tokens: int, salt: str) -> str:
    """Filler of that many tokens or up to three percent less, as the server counts them."""
    source = filler.text(_MOST_CHARACTERS * tokens, target.rng(salt))
    length = len(source) // 2
    # The density differs from place to place, so one step of proportion is not enough.
    for _ in range(10):
        counted = len(target.tokenize(source[:length]))
        if 0.97 * tokens <= counted <= tokens:
            break
        length = min(int(length * 0.985 * tokens / counted), len(source))
    else:
        raise DoesNotApply(
            f"no text of {tokens:,} tokens was found: {length:,} characters are {counted:,}"
        )
    return source[:length]


def _growth(measured: list[tuple[int, float]]) -> float:
    """With which power of its length a prompt's time grows, at most."""
    if len(measured) < 2:
        return 2.0  # attention's
    (less, sooner), (more, later) = measured[-2:]
    seen = math.log(max(later / sooner, 1)) / math.log(more / less)
    # The share of attention grows on, hence something on top of what was seen.
    return min(2.0, max(1.0, seen) + 0.3)


def _afford(target: Target, tokens: int, prompts: int) -> None:
    """DoesNotApply where the budget does not allow so many prompts of that length."""
    most = target.budget.max_context_tokens
    if most is not None and tokens > most:
        raise DoesNotApply(f"{tokens:,} tokens left out: --max-context-tokens is {most:,}")
    known, took = target.measured[-1] if target.measured else (tokens, 0.0)
    need = prompts * took * (tokens / known) ** _growth(target.measured)
    left = max(target.budget.remaining_seconds, 0)
    if need > left:
        raise DoesNotApply(
            f"{tokens:,} tokens left out: {prompts} prompts may take {duration(need)}, and "
            f"{duration(left)} are left; --minutes allows more"
        )


@dataclass(frozen=True)
class _Needle:
    """One code word that was hidden and asked for."""

    word: str
    answer: str
    prompt_tokens: int
    seconds: float

    @property
    def found(self) -> bool:
        return self.word in self.answer


def _needle(target: Target, tokens: int, depth: float, attempt: int) -> _Needle:
    salt = f"needle {tokens} {depth} {attempt}"
    word = filler.code_word(target.rng(salt))
    lines = _filled(target, tokens, salt).splitlines()
    lines.insert(int(len(lines) * depth), f"The code word is {word}.")
    started = time.monotonic()
    reply = target.chat("\n".join([*lines, "", _ASK]), max_tokens=64, patient=True)
    prompt = reply.usage.prompt
    expect(
        prompt >= 0.9 * tokens,
        f"about {tokens:,} tokens were sent and usage counts {prompt:,}: the prompt was cut",
    )
    return _Needle(word, reply.content, prompt, time.monotonic() - started)


def _recall(target: Target, tokens: int) -> str:
    """Hide a code word at every depth and ask for it; the length, in words. Broken where lost.

    A model may miscopy a word, so that another one is asked for. What is cut off or broken at
    length stays so, and an answer that repeats itself gets no second chance.
    """
    needles = []
    for depth in DEPTHS:
        needle = _needle(target, tokens, depth, 1)
        needles.append(needle)
        if not needle.found and not _repeats_itself(needle.answer):
            needle = _needle(target, tokens, depth, 2)
        expect(
            needle.found,
            f"at {depth:.0%} of {needle.prompt_tokens:,} tokens {needle.word} is lost: "
            f"{needle.answer[:80]!r}",
        )
    prompt = needles[-1].prompt_tokens
    target.measured.append((prompt, max(needle.seconds for needle in needles)))
    again = sum(not needle.found for needle in needles)
    return f"{prompt:,}" + (f" ({again} at the second attempt)" if again else "")


def _repeats_itself(text: str) -> bool:
    """Whether an answer is garbage such as "!!!!": few characters, over and over."""
    return len(text) >= 20 and len(set(text)) <= 3


def _needles(target: Target) -> str:
    climbed: list[str] = []
    left_out = ""
    for tokens in (rung for rung in RUNGS if rung < _limit(target)):
        try:
            _afford(target, tokens, len(DEPTHS))
        except DoesNotApply as reason:
            left_out = str(reason)
            break
        climbed.append(_recall(target, tokens))
    if not climbed:
        raise DoesNotApply(left_out or f"the context is shorter than {RUNGS[0]:,} tokens")
    depths = ", ".join(f"{depth:.0%}" for depth in DEPTHS)
    found = f"recalled at depths {depths} of {' and '.join(climbed)} tokens"
    return f"{found}; {left_out}" if left_out else found


def _call_behind(target: Target, tokens: int) -> str:
    text = _filled(target, tokens, f"tool call {tokens}")
    question = f"{text}\n\n{QUESTION}"
    replies = target.both(question, tools=[WEATHER], thinking=True, patient=True)
    for how, reply in zip(("plain", "streamed"), replies, strict=True):
        expect_weather(how, reply, ["Lisbon"])
    return f"a tool call behind {replies[0].usage.prompt:,} tokens"


def _tool_call(target: Target) -> str:
    _afford(target, RUNGS[0], 1)
    # The deepest rung that was climbed before; this check alone takes the first.
    tokens = target.measured[-1][0] if target.measured else RUNGS[0]
    return _call_behind(target, min(tokens, _limit(target)))


def _full(target: Target) -> str:
    limit = _limit(target)
    if not target.measured and limit > RUNGS[0]:
        _afford(target, RUNGS[0], len(DEPTHS))
        _recall(target, RUNGS[0])
    # The second of the two prompts with the tool call comes from the cache.
    _afford(target, limit, len(DEPTHS) + 1)
    length = _recall(target, limit)
    called = "" if has_tools(target) else f", and {_call_behind(target, limit)}"
    return f"recalled at every depth of {length} tokens{called}"


def _overflow(target: Target) -> str:
    served = max(_limit(target) + _ROOM, target.listed_context_tokens or 0)
    # A number and a space are a token at least.
    too_long = "7 " * (served + 1)
    for what, text, tokens in (
        (f"a prompt of more than {served:,} tokens", too_long, 1),
        (f"an answer of more than {served:,} tokens", "Who are you?", served + 1),
    ):
        try:
            reply = target.chat(text, max_tokens=tokens)
        except openai.APIStatusError as error:
            expect(
                400 <= error.status_code < 500, f"{what} was answered {error.status_code}, not 4xx"
            )
            expect(
                re.search(r"context|length|tokens|too l", str(error)),
                f"{what} was refused without saying why: {str(error)[:200]}",
            )
        else:
            raise Broken(
                f"{what} was accepted; usage counts {reply.usage.prompt:,} tokens in the prompt: "
                "something was cut in silence"
            )
    return f"more than {served:,} tokens are refused with a reason"


CHECKS = (
    Check(
        "context.overflow",
        "a prompt, or prompt and max_tokens together, beyond the context is refused with a reason",
        "Prompts are cut in silence, and answers rest on a part of them.",
        _overflow,
        needs=("models.context-length",),
    ),
    Check(
        "context.needles",
        "a code word is recalled from every depth, as far as the budget allows; the lengths tried "
        "are told",
        "Long prompts are cut, or attention or KV cache are broken at length, as when outputs end "
        'in "!!!!" (sglang#30989).',
        _needles,
        needs=("limits.usage",),
    ),
    Check(
        "context.tool-call",
        "a tool call works behind the longest of those prompts, reasoning in front of it",
        "Agents fail as their history grows (vllm#42400).",
        _tool_call,
        has_tools,
        ("limits.usage", "tools.called", "reasoning.separated"),
    ),
    Check(
        "context.full",
        "recall at every depth, and a tool call, at the full context length that is promised",
        "The deployment does not reach the context that it promises.",
        _full,
        needs=("context.needles", "context.tool-call"),
    ),
)
