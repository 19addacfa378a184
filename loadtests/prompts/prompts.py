"""Requests as bytes, each with the exact tokens of its prompt and what the cache should hold."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from loadtests.client.client import Call
from loadtests.client.record import Record
from loadtests.prompts.pool import Piece, Pool, encode, joined
from loadtests.schema.scenario import Answer, Prompt, Traffic

QUESTION = "What is the code word?"
_LABEL = "#"  # stands for any label of one token
_CLOSING_TOKENS = 4  # of a prompt that asks nothing
# Numbers that no request of a run has: 10^6 requests are more than a server answers in a day.
PRIME_NUMBER = 10**6
PREFIX_NUMBER = 2 * 10**6
PROBE_NUMBER = 3 * 10**6


@dataclass
class Turn:
    """One request of a journey, and the seconds to wait before it."""

    call: Call
    wait_seconds: float = 0.0


class Source(Protocol):
    """Makes the journeys of one traffic: single requests, or sessions of several."""

    def journey(self, number: int) -> Iterator[Turn]:
        """The requests of one journey, each built when it is asked for."""
        ...

    def prime(self) -> Iterator[Call]:
        """Requests that bring the shared prefixes into the server's cache before the run."""
        ...


@dataclass
class Facts:
    """What was learnt from the server for one traffic before the run, for every process."""

    model: str
    run: int
    page_size: int
    head: int | None = None  # tokens that the template puts in front of the first text
    overheads: dict[str, int] = field(default_factory=dict)  # by the form of the conversation
    kept: dict[str, list[int] | None] = field(default_factory=dict)
    questions: dict[str, int] = field(default_factory=dict)  # tokens of each closing question
    place: int = 0  # of the traffic among all of the scenario
    traffics: int = 1

    def own(self, number: int) -> int:
        """A number of this traffic as one that no other traffic has."""
        return number * self.traffics + self.place

    def cached(self, tokens: int | None) -> int | None:
        """What a cache of whole pages keeps of so many shared leading tokens."""
        return None if tokens is None else tokens // self.page_size * self.page_size

    def closing(self, answer: Answer, label: str = "") -> Piece:
        """The question that closes a prompt."""
        tokens = self.questions[question(answer, _LABEL if label else "")]
        return Piece(encode(question(answer, label)), tokens)


def options(answer: Answer) -> dict[str, Any]:
    """What of the request changes the template."""
    if answer.thinking is None:
        return {}
    return {"chat_template_kwargs": {"enable_thinking": answer.thinking}}


def question(answer: Answer, label: str = "") -> str:
    """What closes a prompt."""
    asked = f"What is the code word for {label}?" if label else QUESTION
    return f"{answer.question} {asked}".strip()


def questions(answer: Answer, word: str) -> dict[str, str]:
    """The texts to count, by the name under which ``Facts.closing`` looks for them."""
    return {question(answer): question(answer), question(answer, _LABEL): question(answer, word)}


def body(facts: Facts, answer: Answer, tokens: int, messages: bytes) -> bytes:
    """The JSON of a request around messages that are JSON already."""
    asked: dict[str, Any] = {
        "model": facts.model,
        "max_tokens": tokens,
        "temperature": answer.temperature,
        "stream": True,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
        **options(answer),
    }
    if answer.exact:
        asked["ignore_eos"] = True
    return json.dumps(asked)[:-1].encode() + b', "messages": [' + messages + b"]}"


def message(role: str, pieces: Iterable[Piece]) -> bytes:
    """One message as JSON."""
    content = b"".join(piece.data for piece in pieces)
    return b'{"role": "' + role.encode() + b'", "content": "' + content + b'"}'


def hide(
    pool: Pool, rng: random.Random, tokens: int, needle: Piece | None, end: Piece | None = None
) -> list[Piece]:
    """Exactly that many tokens: filler, the needle at a random depth of it, and the end."""
    end = end or pool.ending(pool.ending_tokens + _CLOSING_TOKENS, rng)
    left = tokens - (needle.tokens if needle else 0) - end.tokens
    before = int(rng.random() * left) if needle else left
    if before < pool.line_tokens or left - before < pool.line_tokens:
        before = left
    pieces = pool.fill(before, rng)
    if needle:
        pieces += [needle, *pool.fill(left - before, rng)]
    return [*pieces, end]


@dataclass
class SinglePrompts:
    """Independent prompts: fresh, partly shared, or the same each time."""

    traffic: Traffic
    prompt: Prompt
    pool: Pool
    facts: Facts
    _prefixes: dict[int, Piece] = field(default_factory=dict)

    def journey(self, number: int) -> Iterator[Turn]:
        group = number % self.prompt.prefixes
        tokens = self.traffic.answer.tokens
        yield Turn(self._call(f"{self.traffic.name}-{number}", number, group, tokens))

    def prime(self) -> Iterator[Call]:
        if self.prompt.shared_tokens or self.prompt.full:
            for group in range(self.prompt.prefixes):
                name = f"{self.traffic.name}-prime-{group}"
                call = self._call(name, PRIME_NUMBER + group, group, 1)
                call.needle = None  # one token of answer holds no code word
                yield call

    def _call(self, name: str, number: int, group: int, tokens: int) -> Call:
        prompt, pool, facts, answer = self.prompt, self.pool, self.facts, self.traffic.answer
        unique = group if prompt.full else number
        rng = random.Random(f"{facts.run}/{self.traffic.name}/{unique}")
        own = facts.own(unique)
        needle, word, _ = pool.needle(own, facts.run) if self.traffic.needle else (None, "", "")
        pieces = [] if prompt.full or not prompt.shared_tokens else [self._prefix(group)]
        pieces.append(pool.nonce(own, facts.run))
        content = prompt.tokens - facts.overheads["user"]
        rest = content - sum(piece.tokens for piece in pieces)
        pieces += hide(pool, rng, rest, needle, facts.closing(answer) if needle else None)
        record = Record(name, self.traffic.name, prompt_tokens_asked=prompt.tokens)
        record.cached_tokens_expected = self._expected()
        data = body(facts, answer, tokens, message("user", pieces))
        return Call(data, record, word or None, answer.exact)

    def _prefix(self, group: int) -> Piece:
        """The shared text of a group, one piece: built once."""
        if group not in self._prefixes:
            rng = random.Random(f"{self.facts.run}/{self.traffic.name}/prefix/{group}")
            nonce = self.pool.nonce(self.facts.own(PREFIX_NUMBER + group), self.facts.run)
            wanted = self.prompt.shared_tokens - (self.facts.head or 0) - nonce.tokens
            self._prefixes[group] = joined([nonce, *self.pool.fill(wanted, rng)])
        return self._prefixes[group]

    def _expected(self) -> int | None:
        facts, prompt = self.facts, self.prompt
        if prompt.full:
            # A server computes at least the last token anew.
            return facts.cached(prompt.tokens - 1)
        return facts.cached(prompt.shared_tokens or facts.head)
