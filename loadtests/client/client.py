"""One chat completion over a kept connection: bytes in, a finished record out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from loadtests.client.chat_stream import ChatStream, Observer
from loadtests.client.connection import Connection, Target
from loadtests.client.grading import grade, holds
from loadtests.client.outcomes import Outcome, RequestFailed
from loadtests.client.reception import Reception, Timeouts
from loadtests.client.record import Record


@dataclass
class Call:
    """A request ready to send, and what its answer must satisfy."""

    body: bytes
    record: Record
    needle: str | None = None
    exact_answer: bool = False
    observer: Observer | None = None


@dataclass
class Client:
    """Sends requests to one server. Connections are kept and reused, newest first."""

    target: Target
    timeouts: Timeouts = field(default_factory=Timeouts)
    headers: dict[str, str] = field(default_factory=dict)
    origin: float = 0.0  # what the records call second 0, on the monotonic clock
    _idle: list[Connection] = field(default_factory=list)

    def send(self, call: Call) -> None:
        """Do the request; the call's record then has a class other than IN_FLIGHT.

        A greenlet that is killed here leaves the record as it is: in flight, with lower bounds.
        """
        record = call.record
        stream = ChatStream(call.observer, record.token_times, record.token_counts)
        try:
            self._exchange(call, stream)
            outcome, detail = self._judge(call, stream)
        except RequestFailed as failed:
            outcome, detail = failed.outcome, failed.detail
        except Exception as error:  # a fault of ours must be counted, not lost
            outcome, detail = Outcome.CLIENT_ERROR, f"{type(error).__name__}: {error}"
        finally:
            self._copy(record, stream)
        if record.end is None:
            record.end = time.monotonic() - self.origin
        record.outcome, record.detail = outcome.value, detail

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        connection = None
        while self._idle and connection is None:
            connection = self._idle.pop()
            if connection.dead:  # the server closed it meanwhile: nothing was sent, nothing lost
                connection.close()
                connection = None
        connection = connection or Connection(self.target, self.timeouts.connect)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise

    def _exchange(self, call: Call, stream: ChatStream) -> None:
        record, limits = call.record, self.timeouts
        record.sent = time.monotonic() - self.origin
        with self._connection() as connection:
            record.reused_connection = connection.reused
            reception = Reception(record, stream, limits, self.origin)
            refusal = None
            try:
                connection.send(self._head(len(call.body)) + call.body, limits.headers)
            except RequestFailed as failed:
                refusal = failed  # a server may answer 413 and close while it is sent to
            record.uploaded = time.monotonic() - self.origin
            try:
                reception.run(connection)
            except RequestFailed as failed:
                raise _blame(failed, refusal, record) from None
            if reception.response.keeps_alive and refusal is None:
                connection.reused = True
                self._idle.append(connection)
            else:
                connection.close()

    def _judge(self, call: Call, stream: ChatStream) -> tuple[Outcome, str]:
        record, usage = call.record, stream.usage
        if not stream.done:
            return Outcome.NO_DONE, "the stream ended without [DONE]"
        breach = stream.breach()
        if breach:
            return Outcome.CONTRACT, breach
        asked = record.prompt_tokens_asked
        if asked and usage.prompt != asked:
            return Outcome.WRONG_USAGE, f"{usage.prompt} prompt tokens counted, {asked} sent"
        # An event brings at least one token; the last may bring none beside its finish_reason.
        if usage.completion is not None and len(stream.times) > usage.completion + 1:
            return Outcome.WRONG_USAGE, f"{usage.completion} tokens counted, more came"
        content, reasoning = "".join(stream.content), "".join(stream.reasoning)
        if call.needle:
            found = holds(content, call.needle)
            # An answer that was cut short may have been on its way to the code word.
            record.needle_found = found or (None if stream.finish_reason == "length" else False)
        return grade(content, reasoning, call.needle, stream.finish_reason, call.exact_answer)

    def _copy(self, record: Record, stream: ChatStream) -> None:
        """What the stream measured so far: of a request that failed or was cut off, too."""
        stream.settle()
        record.token_counts = stream.counts
        record.counted_by_server = stream.counted
        record.first_reasoning = stream.first_reasoning
        record.first_content = stream.first_content
        usage = stream.usage
        record.prompt_tokens, record.completion_tokens = usage.prompt, usage.completion
        record.cached_tokens, record.reasoning_tokens = usage.cached, usage.reasoning
        record.finish_reason = stream.finish_reason

    def _head(self, length: int) -> bytes:
        lines = [
            f"POST {self.target.path}/v1/chat/completions HTTP/1.1",
            f"Host: {self.target.authority}",
            "Content-Type: application/json",
            "Accept: text/event-stream",
            f"Content-Length: {length}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _blame(failed: RequestFailed, refusal: RequestFailed | None, record: Record) -> RequestFailed:
    """What really went wrong, where nothing came back at all."""
    if record.first_byte is not None:
        return failed
    if refusal:
        failed = refusal
    if failed.outcome in (Outcome.RESET, Outcome.TRUNCATED):
        race = record.reused_connection
        return RequestFailed(Outcome.KEEP_ALIVE_RACE if race else Outcome.RESET, failed.detail)
    return failed
