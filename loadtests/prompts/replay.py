"""Replay of a trace in Mooncake's format: its times, lengths and shared blocks."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from loadtests.client.client import Call
from loadtests.client.outcomes import Refused, fault
from loadtests.client.record import Record
from loadtests.prompts.pool import Piece, Pool, joined
from loadtests.prompts.prompts import PREFIX_NUMBER, Facts, Turn, body, hide, message
from loadtests.schema.scenario import Trace, Traffic
from loadtests.schema.scenario_file import LEAST_PROMPT_TOKENS

_KEPT_BLOCKS = 4096  # of 512 tokens: two million tokens, 8 MB
_OWN_TOKENS = 64  # of each prompt: its first words, code word and question
_SHOWN_FAULTS = 5


@dataclass(frozen=True)
class Line:
    """One request of the trace, scaled."""

    at: float  # seconds since the trace's start
    prompt_tokens: int
    answer_tokens: int
    blocks: tuple[int, ...]
    known_blocks: int = 0  # leading blocks that an earlier line has, too


def read(trace: Trace, folder: Path) -> list[Line]:
    """The lines of a trace file, by time; Refused with the first faults where it is none."""
    path = folder / trace.file
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise Refused([fault(str(path), f"cannot be read: {error}", "give a trace")]) from None
    rows = [row for row in text.splitlines() if row.strip()][: trace.requests or None]
    faults: list[str] = []
    lines: list[Line] = []
    for number, row in enumerate(rows, start=1):
        try:
            lines.append(_line(json.loads(row), trace))
        except (ValueError, KeyError, TypeError) as error:
            mend = "needs timestamp, input_length, output_length and hash_ids"
            faults.append(fault(f"{path}:{number}", f"not a line of a trace: {error!r}", mend))
    if faults or not lines:
        empty = [fault(str(path), "empty", "give a trace with requests")]
        raise Refused(faults[:_SHOWN_FAULTS] or empty)
    lines.sort(key=lambda line: line.at)
    return list(_with_known(lines))


def _line(value: dict[str, object], trace: Trace) -> Line:
    def scaled(key: str) -> int:
        return int(float(str(value[key])) * trace.length_scale)

    blocks = value["hash_ids"]
    if not isinstance(blocks, list):
        raise TypeError("hash_ids is no list")
    at = float(str(value["timestamp"])) / 1000 / trace.speed
    prompt = max(scaled("input_length"), LEAST_PROMPT_TOKENS)
    return Line(at, prompt, max(scaled("output_length"), 1), tuple(map(int, blocks)))


def _with_known(lines: list[Line]) -> Iterator[Line]:
    """How many leading blocks a cache without end would know, in the order of the trace."""
    known: set[tuple[int, ...]] = set()
    for line in lines:
        prefixes = [line.blocks[: n + 1] for n in range(len(line.blocks))]
        seen = next((n for n, prefix in enumerate(prefixes) if prefix not in known), len(prefixes))
        known.update(prefixes[seen:])
        yield replace(line, at=line.at - lines[0].at, known_blocks=seen)


@dataclass
class TracePrompts:
    """The prompts of a trace: equal hash ids give equal text."""

    traffic: Traffic
    trace: Trace
    lines: list[Line]
    pool: Pool
    facts: Facts
    _blocks: dict[int, Piece] = field(default_factory=dict)

    @property
    def block_tokens(self) -> int:
        """Tokens of one scaled block."""
        scaled = int(self.trace.block_tokens * self.trace.length_scale)
        return max(scaled, self.pool.nonce_tokens + self.pool.line_tokens)

    def journey(self, number: int) -> Iterator[Turn]:
        line, pool, facts, answer = self.lines[number], self.pool, self.facts, self.traffic.answer
        rng = random.Random(f"{facts.run}/{self.traffic.name}/{number}")
        own = facts.own(number)
        needle, word, _ = pool.needle(own, facts.run)
        content = line.prompt_tokens - facts.overheads["user"]
        whole = max((content - _OWN_TOKENS) // self.block_tokens, 0)
        pieces = [self._block(block) for block in line.blocks[:whole]]
        known = min(line.known_blocks, len(pieces)) * self.block_tokens
        pieces.append(pool.nonce(own, facts.run))
        rest = content - sum(piece.tokens for piece in pieces)
        if self.traffic.needle:
            pieces += hide(pool, rng, rest, needle, facts.closing(answer))
        else:
            pieces += hide(pool, rng, rest, None)
        record = Record(f"{self.traffic.name}-{number}", self.traffic.name)
        record.prompt_tokens_asked = line.prompt_tokens
        if facts.head is not None:
            record.cached_tokens_expected = facts.cached(facts.head + known)
        tokens = min(line.answer_tokens, answer.tokens)
        data = body(facts, answer, tokens, message("user", pieces))
        yield Turn(Call(data, record, word if self.traffic.needle else None, answer.exact))

    def prime(self) -> Iterator[Call]:
        yield from ()

    def _block(self, block: int) -> Piece:
        if block not in self._blocks:
            if len(self._blocks) >= _KEPT_BLOCKS:
                self._blocks.clear()
            rng = random.Random(f"{self.facts.run}/block/{block}")
            nonce = self.pool.nonce(self.facts.own(PREFIX_NUMBER + block), self.facts.run)
            rest = self.block_tokens - nonce.tokens
            self._blocks[block] = joined([nonce, *self.pool.fill(rest, rng)])
        return self._blocks[block]
