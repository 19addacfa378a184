"""The prefix cache: what was computed once is not computed again in the next turn."""

from __future__ import annotations

from typing import Any

from deploy.verify import filler
from deploy.verify.check import Check, DoesNotApply, expect
from deploy.verify.reasoning import has_reasoning
from deploy.verify.reply import Reply
from deploy.verify.target import REASONING, Target

# A cached prefix ends at the last whole page of the KV cache: 64 tokens for GLM-5.1 on SGLang, 16
# on vLLM, 128 for vLLM on a CPU.
_PAGE = 128
_CHARACTERS = 4000


def _promised(target: Target) -> str | None:
    if target.option("disable-radix-cache") or target.option("no-enable-prefix-caching"):
        return "the profile switches the prefix cache off"
    wanted = {"sglang": "enable-cache-report", "vllm": "enable-prompt-tokens-details"}
    if target.profile and not target.option(wanted[target.engine]):
        return f"the profile has no {wanted[target.engine]}, so usage does not tell"
    return None


def _promised_turns(target: Target) -> str | None:
    return _promised(target) or has_reasoning(target)


def _cached(target: Target, reply: Reply) -> int:
    cached = reply.usage.cached
    if cached is None and target.profile is None:
        raise DoesNotApply("usage has no cached_tokens, and no profile says that it should")
    return cached or 0


def _prefix(target: Target) -> str:
    prefix = filler.text(_CHARACTERS, target.rng("cache.prefix"))
    for question in ("Who are you?", "What is this?"):
        reply = target.chat(f"{prefix}\n{question}", max_tokens=1)
    cached, least = _cached(target, reply), reply.usage.prompt - _PAGE - 16
    expect(
        cached >= least,
        f"a prompt of {reply.usage.prompt} tokens with a known prefix had {cached} from the cache, "
        f"not {least} or more",
    )
    return f"{cached} of {reply.usage.prompt} prompt tokens came from the cache"


def _converse(target: Target, turns: int, template: dict[str, Any]) -> list[Reply]:
    """That many answers to one growing conversation, each thought about, and one token more."""
    start = filler.text(_CHARACTERS, target.rng(f"cache {template}"))
    messages: list[dict[str, Any]] = [{"role": "user", "content": f"{start}\nWho are you?"}]
    replies = []
    for _ in range(turns):
        reply = target.chat(messages, thinking=True, template=template)
        said = {
            "role": "assistant",
            "content": reply.content,
            REASONING[target.engine]: reply.reasoning,
        }
        messages = [*messages, said, {"role": "user", "content": "What can you do?"}]
        replies.append(reply)
    last = target.chat(messages, thinking=True, template=template, max_tokens=1)
    return [*replies, last]


def _next_turn(target: Target) -> str:
    turn, after = _converse(target, 1, {})
    cached, least = _cached(target, after), turn.usage.prompt - _PAGE
    expect(
        cached >= least,
        f"the first turn's prompt had {turn.usage.prompt} tokens; the second turn found {cached} "
        f"in the cache, not {least} or more",
    )
    return f"{cached} of the first turn's {turn.usage.prompt} prompt tokens came from the cache"


def _kept_thinking(target: Target) -> str:
    *turns, after = _converse(target, 3, {"clear_thinking": False})
    said = sum(reply.usage.completion for reply in turns)
    if said < 2 * _PAGE:
        raise DoesNotApply(f"three answers of {said} tokens together are too short to tell")
    cached, least = _cached(target, after), turns[-1].usage.total - _PAGE
    expect(
        cached >= least,
        f"three turns had {turns[-1].usage.total} tokens, {said} of them answers; the next turn "
        f"found {cached} in the cache, not {least} or more",
    )
    return f"{cached} of three turns' {turns[-1].usage.total} tokens, answers and all, were cached"


CHECKS = (
    Check(
        "cache.prefix",
        "a prompt that begins like an earlier one takes the beginning from the cache",
        "Every turn pays for the whole conversation: slow and dear at 200K tokens.",
        _prefix,
        _promised,
        ("limits.usage",),
    ),
    Check(
        "cache.next-turn",
        "the next turn finds the prompt of the one before in the cache, with thinking cleared",
        "The template writes history differently from how it was read.",
        _next_turn,
        _promised_turns,
        ("cache.prefix",),
    ),
    Check(
        "cache.kept-thinking",
        "with clear_thinking false the next turn finds prompt, reasoning and answer in the cache",
        "Agents pay for their own answers again in every turn.",
        _kept_thinking,
        _promised_turns,
        ("cache.prefix", "reasoning.history", "reasoning.separated"),
    ),
)
