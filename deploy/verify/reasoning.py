"""Reasoning: apart from the answer, switched off on request, and kept or cleared in history."""

from __future__ import annotations

from deploy.verify.check import Check, expect
from deploy.verify.reply import Reply, markers_in
from deploy.verify.target import REASONING, Target, user

_THOUGHT = "I count: " + " ".join(f"step {number}," for number in range(40)) + " done."


def has_reasoning(target: Target) -> str | None:
    """The reason why this server separates no reasoning; None where it promises to."""
    if target.profile and not target.option("reasoning-parser"):
        return "the profile names no reasoning-parser"
    return None


def _clean(how: str, reply: Reply) -> None:
    leaked = markers_in(reply.content + reply.reasoning)
    expect(not leaked, f"{how}: the marks {leaked} leaked: {reply.shown()[:300]}")
    expect(reply.content.strip(), f"{how}: there is no content: {reply.shown()[:300]}")


def _separated(target: Target) -> str:
    field = REASONING[target.engine]
    for how, reply in zip(
        ("plain", "streamed"), target.both("Who are you?", thinking=True), strict=True
    ):
        expect(reply.reasoning.strip(), f"{how}: {field} is empty: {reply.shown()[:300]}")
        _clean(how, reply)
    return f"{field} and content are apart, plain and streamed"


def _off(target: Target) -> str:
    for how, reply in zip(("plain", "streamed"), target.both("Who are you?"), strict=True):
        expect(not reply.reasoning, f"{how}: reasoning came all the same: {reply.reasoning[:200]}")
        _clean(how, reply)
    return "enable_thinking false gave content only"


def _history(target: Target) -> str:
    def prompt_tokens(clear: bool | None) -> int:
        template = {} if clear is None else {"clear_thinking": clear}
        thought = {REASONING[target.engine]: _THOUGHT}
        messages = [
            user("Hello"),
            {"role": "assistant", "content": "Hello!", **thought},
            user("Who are you?"),
        ]
        return target.chat(messages, thinking=True, template=template, max_tokens=1).usage.prompt

    cleared, kept = prompt_tokens(None), prompt_tokens(False)
    # Forty steps are at least forty tokens with any tokenizer.
    expect(
        kept - cleared >= 40,
        f"clear_thinking false adds {kept - cleared} tokens to the prompt ({cleared} and {kept}): "
        "earlier reasoning does not reach the model",
    )
    return f"earlier reasoning: {kept - cleared} tokens where kept, none where cleared (default)"


CHECKS = (
    Check(
        "reasoning.separated",
        "reasoning comes in its own field, plain and streamed, and the content is free of it",
        "Users see the model's thoughts, or the answer is swallowed as reasoning.",
        _separated,
        has_reasoning,
    ),
    Check(
        "reasoning.off",
        "enable_thinking false switches reasoning off",
        "Short answers cost thousands of tokens, and time.",
        _off,
        has_reasoning,
        ("chat.answers",),
    ),
    Check(
        "reasoning.history",
        "earlier reasoning is cleared by default, and kept with clear_thinking false",
        "Agents lose their thoughts between turns, and the cached prefix with them.",
        _history,
        has_reasoning,
        ("limits.usage",),
    ),
)
