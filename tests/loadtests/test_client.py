"""The client against a server of known truth: every fault in its class, times at the socket."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from loadtests.client.client import Call, Client
from loadtests.client.connection import Target
from loadtests.client.outcomes import Outcome
from loadtests.client.reception import Timeouts
from loadtests.client.record import Record
from tests.loadtests.conftest import fault_server
from tests.loadtests.fault_answers import FAULTS, tokenize

QUICK = Timeouts(connect=5, headers=2, stall=2, total=20)
CLASSES = {
    "none": Outcome.OK,
    "split_utf8": Outcome.OK,
    "truncated": Outcome.TRUNCATED,
    "mid_event": Outcome.TRUNCATED,
    "in_band_error": Outcome.IN_BAND_ERROR,
    "no_done": Outcome.NO_DONE,
    "wrong_usage": Outcome.WRONG_USAGE,
    "429": Outcome.RATE_LIMITED,
    "503": Outcome.UNAVAILABLE,
    "500": Outcome.HTTP_ERROR,
    "reset": Outcome.RESET,
    "reset_early": Outcome.RESET,
    "stall": Outcome.STALL,
    "slow_headers": Outcome.SLOW_HEADERS,
    "slow_headers_trickle": Outcome.SLOW_HEADERS,
    "garbage": Outcome.GARBAGE,
    "repetition": Outcome.REPETITION,
    "wrong_answer": Outcome.WRONG_ANSWER,
    "no_finish": Outcome.CONTRACT,
    "no_role": Outcome.CONTRACT,
    "no_usage": Outcome.CONTRACT,
    "bad_json": Outcome.BAD_EVENT,
    "bad_utf8": Outcome.BAD_EVENT,
    "not_http": Outcome.BAD_HTTP,
}
OPEN: list[Client] = []


def call(fault: str = "none", tokens: int = 20, **more: Any) -> Call:
    needle = more.pop("needle", "copper lantern 42")
    text = f"Read this.\nThe code word is {needle}.\nWhat is the code word?"
    messages = [{"role": "user", "content": text}]
    body = {"messages": messages, "max_tokens": tokens, "stream": True, "fault": fault, **more}
    record = Record("r", "chat", prompt_tokens_asked=len(tokenize(messages)))
    return Call(json.dumps(body).encode(), record, needle)


def client(url: str, timeouts: Timeouts = QUICK) -> Client:
    OPEN.append(Client(Target.of(url), timeouts))
    return OPEN[-1]


@pytest.fixture(autouse=True)
def close_clients() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_each_fault_has_its_class(faulty: str, fault: str) -> None:
    one = call(fault)
    client(faulty).send(one)
    assert one.record.outcome == CLASSES[fault], one.record.detail
    assert one.record.end is not None
    assert one.record.ok or one.record.detail


def test_a_refusal_keeps_its_words_and_its_wait(faulty: str) -> None:
    one = call("429")
    client(faulty).send(one)
    assert one.record.retry_after_seconds == 1.0
    assert "injected 429" in one.record.detail


def test_a_right_answer_is_measured_and_graded(faulty: str) -> None:
    one = call(tokens=20, reason=5)
    client(faulty).send(one)
    record = one.record
    assert record.needle_found
    assert record.tokens_seen == record.completion_tokens == 20
    assert record.first_byte and record.first_reasoning and record.first_content and record.end
    order = [record.sent, record.first_byte, record.first_reasoning]
    order += [record.first_content, record.end]
    assert order == sorted(order, key=lambda at: at or 0)
    assert record.ttft and record.tpot
    assert Record.from_json(json.loads(json.dumps(record.to_json()))).to_json() == record.to_json()


@pytest.mark.parametrize("counted", [True, False])
def test_a_chunk_is_not_a_token(counted: bool) -> None:
    """Three tokens an event, as multi-token prediction sends them: a third of the gap each."""
    with fault_server("--gap", "0.03", "--per-event", "3") as url:
        options = {"include_usage": True, "continuous_usage_stats": counted}
        one = call(tokens=30, stream_options=options)
        client(url).send(one)
    record = one.record
    assert record.token_counts == [3] * 10
    assert record.counted_by_server is counted
    itl = record.itl()
    assert [n for _, n in itl] == [3] * 9
    assert [each for each, _ in itl] == pytest.approx([gap / 3 for gap in record.gaps()])


def test_a_stream_that_goes_on_and_on_is_cut_at_the_total(faulty: str) -> None:
    one = call(tokens=1000)
    client(faulty, Timeouts(total=0.5)).send(one)
    assert one.record.outcome == Outcome.TIMEOUT
    assert one.record.token_times


def test_a_killed_request_is_in_flight_with_what_came(faulty: str) -> None:
    one = call("stall")
    running = gevent.spawn(client(faulty, Timeouts()).send, one)
    with gevent.Timeout(30):
        while not one.record.token_times:
            gevent.sleep(0.02)
    running.kill()
    assert one.record.in_flight
    assert one.record.token_times
    assert one.record.end is not None


def test_a_connection_is_reused_and_replaced_when_the_server_closed_it() -> None:
    with fault_server("--keep-alive", "1", "--gap", "0.001") as url:
        sender = client(url)
        records = []
        for pause in (0.0, 0.0, 1.8):
            gevent.sleep(pause)
            one = call()
            sender.send(one)
            records.append(one.record)
    assert [record.outcome for record in records] == ["ok"] * 3
    assert [record.reused_connection for record in records] == [False, True, False]


def test_a_keep_alive_race_is_told_from_a_reset(faulty: str) -> None:
    sender = client(faulty)
    sender.send(call())
    raced = call("reset_early")
    sender.send(raced)
    assert raced.record.outcome == Outcome.KEEP_ALIVE_RACE


def test_nobody_listening_and_no_tls() -> None:
    refused = call()
    client("http://127.0.0.1:9").send(refused)
    assert refused.record.outcome == Outcome.CONNECT
    with fault_server() as url:
        plain = call()
        client(url.replace("http:", "https:"), Timeouts(connect=1)).send(plain)
    assert plain.record.outcome == Outcome.TLS


def errors(url: str, streams: int, tokens: int, spread: float) -> tuple[list[float], list[float]]:
    """|measured - truth| in seconds of every first token and of every gap, sorted."""
    sent: list[list[float]] = []
    records = []
    sender = client(url, Timeouts())

    def one_stream(delay: float) -> None:
        truth: list[float] = []

        def observe(at: float, event: dict[str, Any]) -> None:
            choices = event["choices"]
            if choices and choices[0]["delta"].get("content"):
                truth.append(event["t"] / 1e9)

        gevent.sleep(delay)
        one = call(tokens=tokens)
        one.observer = observe
        one.record.scheduled = time.monotonic()
        sender.send(one)
        assert one.record.ok, one.record.detail
        sent.append(truth)
        records.append(one.record)

    gevent.joinall([gevent.spawn(one_stream, spread * i / streams) for i in range(streams)], 120)
    assert len(records) == streams
    first, gaps = [], []
    for truth, record in zip(sent, records, strict=True):
        assert record.ttft_from_sent and record.sent
        first.append(abs(record.ttft_from_sent - (truth[0] - record.sent)))
        pairs = zip(truth, truth[1:], record.gaps(), strict=False)
        gaps += [abs(gap - (later - earlier)) for earlier, later, gap in pairs]
    return sorted(first), sorted(gaps)


@pytest.mark.parametrize(("mode", "limit"), [("spread", 0.002), ("burst", 0.005)])
def test_200_streams_are_timed_to_the_millisecond(mode: str, limit: float) -> None:
    words = ["--burst"] if mode == "burst" else []
    with fault_server("--gap", "0.1", "--ttft", "0.3", *words) as url:
        first, gaps = errors(url, streams=200, tokens=40, spread=0.1)
    for values in (first, gaps):
        print(mode, [f"{values[int(len(values) * q)] * 1e3:.3f} ms" for q in (0.5, 0.99)])
        assert values[int(len(values) * 0.99)] < limit, values[-20:]
