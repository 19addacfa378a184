"""Conversations that grow turn by turn, as a coding agent's do."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

from loadtests.client.client import Call
from loadtests.client.record import Record
from loadtests.prompts.chat_template import TOOL_CALL, Kind, Kinds
from loadtests.prompts.pool import Piece, Pool, joined
from loadtests.prompts.prompts import PREFIX_NUMBER, PRIME_NUMBER, Facts, Turn, body, hide, message
from loadtests.schema.scenario import Session, Traffic, largest, sample

_CALLS = b', "tool_calls": [%s]}' % json.dumps(TOOL_CALL).encode()
_CALL_ID = b', "tool_call_id": "%s"}' % str(TOOL_CALL["id"]).encode()
_MOST_TURNS = 1000  # keeps the needles of two sessions apart


def kinds_of(session: Session) -> Kinds:
    """Who speaks at each turn; the first is always the user."""
    turns = min(int(largest(session.turns)), _MOST_TURNS)
    return tuple("user" if turn % session.user_every == 0 else "tool" for turn in range(turns))


def key(kinds: Kinds) -> str:
    """The form of a conversation as a name."""
    return " ".join(kinds)


@dataclass
class Sessions:
    """Sessions of one traffic.

    The transcript is written beforehand: what the assistant is said to have answered comes from
    the pool and not from the server, so that every prompt's tokens are known.
    """

    traffic: Traffic
    session: Session
    pool: Pool
    facts: Facts
    _shared: Piece | None = None

    def journey(self, number: int) -> Iterator[Turn]:
        session, facts = self.session, self.facts
        rng = random.Random(f"{facts.run}/{self.traffic.name}/{number}")
        turns = max(int(sample(session.turns, rng)), 1)
        forms = kinds_of(session)
        messages: list[bytes] = []
        sizes: list[int] = []  # tokens of the texts so far
        for turn, kind in enumerate(forms[:turns]):
            form = forms[: turn + 1]
            overhead = facts.overheads[key(form)]
            room = session.most_tokens - overhead - sum(sizes)
            if turn == 0:
                wanted = int(sample(session.first_tokens, rng)) - overhead
            else:
                reply = max(int(sample(session.reply_tokens, rng)), self.pool.ending_tokens)
                wanted = int(sample(session.appended_tokens, rng))
                if reply + max(wanted, self._least()) > room:
                    return
                messages.append(self._reply(kind, reply, rng))
                sizes.append(reply)
            wanted = max(wanted, self._least())
            text, word = self._text(number, turn, kind, wanted, rng)
            messages.append(self._follow(kind, text))
            sizes.append(wanted)
            yield Turn(self._call(number, form, messages, sizes, word), self._wait(turn, rng))

    def prime(self) -> Iterator[Call]:
        if self.session.shared_tokens:
            call = next(self.journey(PRIME_NUMBER)).call
            call.record.id = f"{self.traffic.name}-prime"
            yield call

    def _call(
        self, number: int, form: Kinds, messages: list[bytes], sizes: list[int], word: str
    ) -> Call:
        turn = len(form) - 1
        name = f"{self.traffic.name}-{number}-{turn}"
        record = Record(name, self.traffic.name, session=number, turn=turn)
        record.prompt_tokens_asked = sum(sizes) + self.facts.overheads[key(form)]
        record.cached_tokens_expected = self._expected(form, sizes)
        answer = self.traffic.answer
        data = body(self.facts, answer, answer.tokens, b", ".join(messages))
        return Call(data, record, word or None, answer.exact)

    def _expected(self, form: Kinds, sizes: list[int]) -> int | None:
        if len(form) == 1:
            return self.facts.cached(self.session.shared_tokens or self.facts.head)
        kept = self.facts.kept.get(key(form))
        if kept is None:
            return None
        texts, template = kept
        return self.facts.cached(sum(sizes[:texts]) + template)

    def _least(self) -> int:
        """Tokens that a turn's text needs at least, with its code word and question."""
        longest = max(self.facts.questions.values(), default=0)
        needle = self.pool.labelled_tokens + 4 * self.pool.word_tokens if self.traffic.needle else 0
        return 2 * self.pool.nonce_tokens + needle + longest

    def _text(
        self, number: int, turn: int, kind: Kind, tokens: int, rng: random.Random
    ) -> tuple[list[Piece], str]:
        pool, facts = self.pool, self.facts
        pieces: list[Piece] = []
        if turn == 0:
            pieces = [*self._prefix(), pool.nonce(facts.own(number), facts.run)]
        rest = tokens - sum(piece.tokens for piece in pieces)
        if not self.traffic.needle or kind == "tool":
            return pieces + hide(pool, rng, rest, None), ""
        own = facts.own(number * _MOST_TURNS + turn)
        needle, word, label = pool.needle(own, facts.run, label=True)
        end = facts.closing(self.traffic.answer, label)
        return pieces + hide(pool, rng, rest, needle, end), word

    def _prefix(self) -> list[Piece]:
        wanted = self.session.shared_tokens
        if wanted and not self._shared:
            rng = random.Random(f"{self.facts.run}/{self.traffic.name}/shared")
            nonce = self.pool.nonce(self.facts.own(PREFIX_NUMBER), self.facts.run)
            rest = wanted - (self.facts.head or 0) - nonce.tokens
            self._shared = joined([nonce, *self.pool.fill(rest, rng)])
        return [self._shared] if self._shared else []

    def _reply(self, kind: Kind, tokens: int, rng: random.Random) -> bytes:
        least = self.pool.line_tokens + self.pool.ending_tokens
        lines = self.pool.fill(tokens - self.pool.ending_tokens, rng) if tokens >= least else []
        end = self.pool.ending(tokens - sum(piece.tokens for piece in lines), rng)
        data = message("assistant", [*lines, end])
        return data[:-1] + _CALLS if kind == "tool" else data

    def _follow(self, kind: Kind, text: list[Piece]) -> bytes:
        data = message(kind, text)
        return data[:-1] + _CALL_ID if kind == "tool" else data

    def _wait(self, turn: int, rng: random.Random) -> float:
        if turn == 0:
            return 0.0
        user = turn % self.session.user_every == 0
        return sample(self.session.think_seconds if user else self.session.tool_seconds, rng)
