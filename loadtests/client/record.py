"""The record of one request: everything that was measured, as it goes to records.jsonl."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from loadtests.client.outcomes import Outcome


@dataclass
class Record:
    """One request. Times are seconds since the run's start; None: it did not come to that."""

    id: str
    traffic: str
    worker: int = 0
    session: int | None = None
    turn: int = 0
    phase: str = "steady"
    level: int = 0
    outcome: str = Outcome.IN_FLIGHT.value
    detail: str = ""
    status: int = 0
    retry_after_seconds: float | None = None
    reused_connection: bool = False
    scheduled: float = 0.0
    sent: float | None = None
    uploaded: float | None = None
    first_byte: float | None = None
    first_reasoning: float | None = None
    first_content: float | None = None
    end: float | None = None
    token_times: list[float] = field(default_factory=list)
    token_counts: list[int] = field(default_factory=list)
    counted_by_server: bool = False
    prompt_tokens_asked: int = 0
    prompt_tokens: int | None = None
    cached_tokens_expected: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    finish_reason: str | None = None
    needle_found: bool | None = None

    @property
    def ok(self) -> bool:
        """Whether it came to its end and was right."""
        return self.outcome == Outcome.OK

    @property
    def in_flight(self) -> bool:
        """Whether the end of the run cut it off."""
        return self.outcome == Outcome.IN_FLIGHT

    @property
    def first_token(self) -> float | None:
        """When the first token of either channel came."""
        return self.token_times[0] if self.token_times else None

    @property
    def ttft(self) -> float | None:
        """Seconds from the intended start to the first token of either channel.

        From the intended start and not from the sending: a client or server that queues shows.
        """
        return None if self.first_token is None else self.first_token - self.scheduled

    @property
    def ttft_from_sent(self) -> float | None:
        """Seconds from the first byte sent to the first token."""
        if self.first_token is None or self.sent is None:
            return None
        return self.first_token - self.sent

    @property
    def e2e(self) -> float | None:
        """Seconds from the intended start to the end of the response."""
        return None if self.end is None else self.end - self.scheduled

    @property
    def schedule_delay(self) -> float | None:
        """Seconds by which the client sent it late."""
        return None if self.sent is None else self.sent - self.scheduled

    @property
    def tokens_seen(self) -> int:
        """Tokens that arrived."""
        return sum(self.token_counts)

    @property
    def tpot(self) -> float | None:
        """Seconds per token after the first event; None below two events."""
        later = sum(self.token_counts[1:])
        return (self.token_times[-1] - self.token_times[0]) / later if later else None

    def itl(self) -> list[tuple[float, int]]:
        """(seconds per token, tokens) of each event after the first.

        An event of n tokens counts as n tokens of a n-th of the gap: a chunk is not a token.
        """
        pairs = zip(self.token_times, self.token_times[1:], self.token_counts[1:], strict=False)
        return [((later - earlier) / n, n) for earlier, later, n in pairs if n]

    def gaps(self) -> list[float]:
        """Seconds between events: the stutter that a reader sees."""
        return [b - a for a, b in zip(self.token_times, self.token_times[1:], strict=False)]

    def to_json(self) -> dict[str, Any]:
        """As a line of records.jsonl: times to the microsecond."""
        value = dict(vars(self))
        for key, item in value.items():
            if isinstance(item, float):
                value[key] = round(item, 6)
        value["token_times"] = [round(at, 6) for at in self.token_times]
        return value

    @staticmethod
    def from_json(value: dict[str, Any]) -> Record:
        """The record of such a line."""
        return Record(**{name: value[name] for name in _NAMES if name in value})


_NAMES = tuple(item.name for item in fields(Record))
