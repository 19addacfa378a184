"""One response, taken in as it arrives: HTTP, then events, then what the stream says."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from loadtests.client.chat_stream import ChatStream, error_message
from loadtests.client.connection import Connection, Timed
from loadtests.client.http_response import Response
from loadtests.client.outcomes import Outcome, RequestFailed
from loadtests.client.record import Record
from loadtests.client.sse import EventSplitter

_STATUS = {429: Outcome.RATE_LIMITED, 503: Outcome.UNAVAILABLE}
_MAX_ERROR_BYTES = 4096  # of a refusal's body that is read for its words


@dataclass(frozen=True)
class Timeouts:
    """Seconds; how long to wait for what."""

    connect: float = 10.0
    headers: float = 600.0  # a queued 200K prompt waits that long; the scenario says otherwise
    stall: float = 120.0
    total: float = 3600.0


@dataclass
class Reception:
    """Fills the record and the stream; times in them are seconds since ``origin``."""

    record: Record
    stream: ChatStream
    limits: Timeouts
    origin: float
    response: Response = field(default_factory=Response)
    _events: EventSplitter = field(default_factory=EventSplitter)
    _refused: bytes = b""
    _headers_by: float = 0.0

    def __post_init__(self) -> None:
        self._started = self._last = time.monotonic()

    def run(self, connection: Connection) -> None:
        """Read the response to its end; RequestFailed where it has none, or refuses."""
        # From here, and not from the sending: a trickle of headers must end, too.
        self._headers_by = time.monotonic() + self.limits.headers
        try:
            connection.receive(self._take, self._deadline)
        except RequestFailed as failed:
            raise (self._timeout() if failed.outcome is Outcome.STALL else failed) from None
        if not self.response.complete:
            self.response.end()
        if not self.response.complete:
            raise RequestFailed(Outcome.TRUNCATED, "the stream ended inside its body")
        self.record.status = self.response.status
        if self.response.status != 200:
            raise self._refusal()
        if self._events.pending:
            raise RequestFailed(Outcome.TRUNCATED, "the stream ended inside an event")

    def _take(self, arrived: list[Timed]) -> bool:
        """What arrived, in the hub; whether the response is complete."""
        record, response = self.record, self.response
        if record.first_byte is None:
            record.first_byte = arrived[0][0] - self.origin
        for self._last, data in arrived:
            record.end = second = self._last - self.origin
            for piece in response.feed(data):
                if response.status != 200:
                    self._refused += piece[: _MAX_ERROR_BYTES - len(self._refused)]
                    continue
                for event in self._events.feed(piece):
                    self.stream.on_event(second, event)
        return response.complete

    def _deadline(self) -> float:
        by = self._last + self.limits.stall if self.response.started else self._headers_by
        return min(by, self._started + self.limits.total)

    def _timeout(self) -> RequestFailed:
        limits = self.limits
        if time.monotonic() >= self._started + limits.total:
            return RequestFailed(Outcome.TIMEOUT, "longer than a request may take")
        if self.response.started:
            return RequestFailed(Outcome.STALL, f"nothing for {limits.stall:.1f} s in mid-stream")
        return RequestFailed(Outcome.SLOW_HEADERS, f"no response for {limits.headers:.1f} s")

    def _refusal(self) -> RequestFailed:
        response, body = self.response, self._refused
        after = response.headers.get("retry-after", "")
        if after.isdigit():
            self.record.retry_after_seconds = float(after)
        try:
            said = json.loads(body)
            words = error_message(said.get("error", said) if isinstance(said, dict) else said)
        except ValueError:
            words = body.decode("utf-8", "replace")[:300]
        outcome = _STATUS.get(response.status, Outcome.HTTP_ERROR)
        return RequestFailed(outcome, f"status {response.status}: {words}")
