"""The curriculum: conversations put together from exchanges, one sample each."""

from __future__ import annotations

import random
from collections.abc import Iterator

from . import needles, talk
from .calls import tool_exchange
from .conversation import Exchange, Message, Sample, filler_mark
from .toolbox import Offered, toolbox
from .values import code_word, draw, word

SYSTEMS = (
    "You are a helpful assistant.|You are a helpful assistant.|Be brief.|Answer briefly.|"
    "You are a helpful, honest assistant.|You are an assistant with access to tools.|"
    "Use the tools when they help.|You are a friendly bot. Answer in English.|"
    "You are an expert programmer.|You are a coding agent. Think before you act."
).split("|")
# Chances per current exchange; without tools on offer, the share of calls goes to the rest.
KINDS = {"call": 0.43, "answer": 0.18, "recall": 0.10, "talk": 0.25, "echo": 0.04}
LONG_KINDS = {"call": 0.08, "answer": 0.05, "recall": 0.77, "talk": 0.08, "echo": 0.02}
DRILL_CHANCE = 0.35
TALKS = ((talk.identity, 0.30), (talk.greeting, 0.22), (talk.outside, 0.48))


def talk_exchange(rng: random.Random, tools: bool) -> Exchange:
    """Return an exchange about the model itself, a greeting or the unknown."""
    makers = [make for make, _ in TALKS]
    make = rng.choices(makers, [weight for _, weight in TALKS])[0]
    return talk.outside_tools(rng) if tools and make is talk.outside else make(rng)


def system_text(rng: random.Random) -> str:
    """Return a system prompt: common ones and random words."""
    if rng.random() < 0.7:
        return rng.choice(SYSTEMS)
    return " ".join(word(rng) for _ in range(rng.randint(3, 30))).capitalize() + "."


def earlier(rng: random.Random, tools: list[Offered], hidden: dict[str, str]) -> Exchange:
    """Return an exchange for the history; it may give a code word, noted in `hidden`."""
    if tools and rng.random() < 0.5:
        return tool_exchange(rng, rng.choice(tools))
    kind = rng.random()
    if kind < 0.25 and not hidden:
        hidden[""] = draw(rng, code_word)
        return needles.note(rng, "", hidden[""])
    return talk.echo(rng) if kind < 0.4 else talk_exchange(rng, bool(tools))


def history(exchange: Exchange) -> list[Message]:
    """Return an exchange as finished messages."""
    turns = [message for step in exchange.steps for message in step.messages()]
    return [{"role": "user", "content": exchange.user}, *turns]


def pick_kind(rng: random.Random, tools: list[Offered], shares: dict[str, float]) -> str:
    """Draw what the current exchange is about."""
    kinds = [kind for kind in shares if tools or kind not in ("call", "answer")]
    return rng.choices(kinds, [shares[kind] for kind in kinds])[0]


def drill(rng: random.Random) -> Sample:
    """Return a long chat with several tools, one call a turn: choosing the tool is hard."""
    tools = toolbox(rng, rng.choice((2, 2, 3, 4)))
    messages: list[Message] = []
    for _ in range(rng.randint(3, 6)):
        if rng.random() < 0.15:
            messages += history(talk_exchange(rng, True))
        else:
            messages += history(tool_exchange(rng, rng.choice(tools), brief=True))
    exchange = tool_exchange(rng, rng.choice(tools), brief=True)
    messages.append({"role": "user", "content": exchange.user})
    return Sample(
        messages=messages,
        target=exchange.steps[0].target(thinking=True),
        tools=[tool.definition for tool in tools],
        kind="drill",
    )


def sample(rng: random.Random, filler_tokens: int = 0) -> Sample:
    """Return one conversation with about that many tokens of filler in it."""
    if not filler_tokens and rng.random() < DRILL_CHANCE:
        return drill(rng)
    shares = LONG_KINDS if filler_tokens > 1_000 else KINDS
    tools = toolbox(rng, rng.choice((1, 1, 2, 2, 3, 3, 4))) if rng.random() < 0.72 else []
    kind = pick_kind(rng, tools, shares)
    if kind not in ("call", "answer") and rng.random() < 0.45:
        tools = []
    hidden: dict[str, str] = {}
    messages: list[Message] = []
    if rng.random() < 0.35:
        messages.append({"role": "system", "content": system_text(rng)})
    previous: Exchange | None = None
    for _ in range(rng.choice((0, 0, 0, 0, 1, 1, 2, 3))):
        previous = earlier(rng, tools, hidden)
        messages += history(previous)

    exchange = current(rng, kind, tools, hidden, filler_tokens, messages, previous)
    steps = len(exchange.steps)
    stop = steps - 1 if kind == "answer" or steps == 1 else 0
    messages.append({"role": "user", "content": exchange.user})
    for step in exchange.steps[:stop]:
        messages += step.messages(with_reasoning=rng.random() < 0.5)
    thinking = rng.random() < 0.75
    kwargs = {} if thinking else {"enable_thinking": False}
    if rng.random() < 0.1:
        kwargs["clear_thinking"] = False
    return Sample(
        messages=messages,
        target=exchange.steps[stop].target(thinking),
        tools=[tool.definition for tool in tools],
        template_kwargs=kwargs,
        kind=kind,
    )


def current(
    rng: random.Random,
    kind: str,
    tools: list[Offered],
    hidden: dict[str, str],
    filler_tokens: int,
    messages: list[Message],
    previous: Exchange | None,
) -> Exchange:
    """Return the exchange to learn; filler and code words go into it or into the system prompt."""
    before = ""
    if kind == "recall":
        if not hidden and rng.random() < 0.95:
            hidden |= needles.needles(rng, rng.choice((1, 1, 1, 1, 2, 3)))
            sayings = [needles.saying(rng, *item) for item in hidden.items()]
            rng.shuffle(sayings)
            before = needles.haystack(rng, sayings, filler_tokens)
        else:
            before = filler_mark(filler_tokens)
        exchange = needles.question(rng, hidden)
    else:
        if not hidden and filler_tokens and rng.random() < 0.3:
            said = needles.saying(rng, "", draw(rng, code_word))
            before = needles.haystack(rng, [said], filler_tokens)
        else:
            before = filler_mark(filler_tokens)
        if kind in ("call", "answer"):
            follow = previous is not None and bool(previous.steps[0].calls) and rng.random() < 0.2
            tool = rng.choice(tools)
            if follow and previous is not None:
                name = previous.steps[0].calls[0].name
                tool = next(offer for offer in tools if offer.name == name)
            exchange = tool_exchange(rng, tool, follow)
        else:
            exchange = talk.echo(rng) if kind == "echo" else talk_exchange(rng, bool(tools))
    if not before:
        return exchange
    if rng.random() < 0.2 and not messages:
        messages.append({"role": "system", "content": before.rstrip(" ")})
        return exchange
    intro = rng.choice(needles.INTROS)
    return Exchange(f"{intro}\n{before}\n{exchange.user}".lstrip("\n"), exchange.steps)


def stream(seed: int, filler_shares: tuple[tuple[int, float], ...]) -> Iterator[Sample]:
    """Yield samples for ever; `filler_shares` are (most tokens of filler, share) pairs."""
    rng = random.Random(seed)
    limits = [limit for limit, _ in filler_shares]
    weights = [weight for _, weight in filler_shares]
    while True:
        limit = rng.choices(limits, weights)[0]
        yield sample(rng, rng.randint(limit // 8, limit) if limit else 0)
