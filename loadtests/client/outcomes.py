"""How a request can end: one class each, and the exception that carries one."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """The class of a finished, or cut off, request."""

    OK = "ok"
    # The transport.
    CONNECT = "connect_failed"
    TLS = "tls_failed"
    RESET = "reset"
    KEEP_ALIVE_RACE = "keep_alive_race"  # a kept connection closed before any byte of response
    SLOW_HEADERS = "timeout_headers"  # no response within the limit
    STALL = "timeout_stall"  # no further bytes within the limit
    TIMEOUT = "timeout_total"
    TRUNCATED = "truncated"  # the body ended before its framing said so
    BAD_HTTP = "bad_http"
    # The server said no.
    RATE_LIMITED = "http_429"
    UNAVAILABLE = "http_503"
    HTTP_ERROR = "http_error"
    IN_BAND_ERROR = "in_band_error"
    # The stream contract.
    BAD_EVENT = "bad_event"  # not UTF-8, not JSON, or not a chat completion chunk
    NO_DONE = "no_done"
    CONTRACT = "contract"  # role, finish_reason or usage is missing or out of place
    WRONG_USAGE = "wrong_usage"
    # The text.
    GARBAGE = "garbage"
    REPETITION = "repetition"
    WRONG_ANSWER = "wrong_answer"
    # Ours.
    IN_FLIGHT = "in_flight"  # cut off by the end of the run: its times are lower bounds
    CLIENT_ERROR = "client_error"


class RequestFailed(Exception):
    """A request cannot go on."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        self.outcome = outcome
        self.detail = detail
        super().__init__(f"{outcome}: {detail}")


class Refused(Exception):
    """Nothing was started; each line says what is wrong, where, and how to mend it."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


def fault(where: str, message: str, fix: str) -> str:
    """One fault as the command line tells it."""
    return f"error: {where}: {message}\n       fix: {fix}"
