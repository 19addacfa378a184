"""Sends this process's share of the load, and accounts for every request."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import gevent
import gevent.pool

from loadtests.client.client import Client
from loadtests.client.reception import Timeouts
from loadtests.client.record import Record
from loadtests.prompts.prompts import Source, Turn
from loadtests.prompts.replay import Line
from loadtests.run.preparation import Prepared, Where
from loadtests.run.watch import Watch
from loadtests.schema.plan import Plan
from loadtests.schema.scenario import Load, Scenario, Traffic, sample

# A closed-loop user whose request failed at once would ask again at once.
_BACK_OFF_SECONDS = 1.0
_MOST_BACK_OFF_SECONDS = 30.0


@dataclass(frozen=True)
class Share:
    """Which of the processes this is."""

    index: int
    count: int

    def of(self, items: Iterable[Any]) -> Iterable[Any]:
        """Every count-th item: together the processes take each item once."""
        return (item for number, item in enumerate(items) if number % self.count == self.index)


@dataclass
class Generator:
    """Runs the plan for one process. ``origin`` is second 0 on the monotonic clock."""

    scenario: Scenario
    plan: Plan
    prepared: Prepared
    where: Where
    traces: dict[str, list[Line]]
    share: Share
    origin: float
    on_end: Callable[[Record], None]
    counts: Counter[str] = field(default_factory=Counter)
    in_flight: dict[str, Record] = field(default_factory=dict)
    done: bool = False
    _ended_tokens: int = 0

    def __post_init__(self) -> None:
        limits = self.scenario.limits
        timeouts = Timeouts(
            limits.connect_seconds,
            limits.headers_seconds,
            limits.stall_seconds,
            limits.total_seconds,
        )
        target, headers = self.where.target(), self.where.headers()
        self.client = Client(target, timeouts, headers, self.origin)
        self.watch = Watch(self.origin)
        self._greenlets = gevent.pool.Group()

    @property
    def now(self) -> float:
        """Seconds since the run's start."""
        return time.monotonic() - self.origin

    @property
    def tokens(self) -> int:
        """Tokens so far; of what is in flight its events, which costs nothing to know."""
        return self._ended_tokens + sum(len(r.token_times) for r in self.in_flight.values())

    def run(self) -> None:
        """Send everything and wait for the last answer; killed, it cuts off what is in flight."""
        watching = gevent.spawn(self.watch.run)
        try:
            for traffic in self.scenario.traffic:
                source = self.prepared.source(traffic, self.traces.get(traffic.name, []))
                self._spawn(traffic, source)
            self._greenlets.join()
        finally:
            watching.kill()
            self.stop()

    def stop(self) -> None:
        """Cut off what is in flight: it is reported, with lower bounds."""
        self._greenlets.kill()
        for record in list(self.in_flight.values()):
            record.end = self.now  # so long it lasted at least
            self._finish(record)
        self.client.close()
        self.done = True

    def _spawn(self, traffic: Traffic, source: Source) -> None:
        load, seed = traffic.load, f"{self.scenario.seed}/{traffic.name}"
        if traffic.trace:
            times: Iterable[float] = (line.at for line in self.traces[traffic.name])
            self._greenlets.spawn(self._open, traffic, source, times)
        elif load.rate:
            self._greenlets.spawn(self._open, traffic, source, self.plan.arrivals(load, seed))
        else:
            starts = self.plan.user_starts(load.users)
            for user, start in self.share.of(enumerate(starts)):
                self._greenlets.spawn(self._user, traffic, source, user, len(starts), start)

    def _open(self, traffic: Traffic, source: Source, times: Iterable[float]) -> None:
        """Start each journey at its time, whatever became of those before."""
        for number, at in self.share.of(enumerate(times)):
            journey = source.journey(number)
            turn = next(journey)  # built before its time comes
            self._sleep_until(at)
            self._greenlets.spawn(self._journey, turn, journey, at)

    def _user(self, traffic: Traffic, source: Source, user: int, users: int, start: float) -> None:
        """One journey after the other, with a pause between them."""
        at, number = start, user
        while at < self.plan.end:
            journey = source.journey(number)
            turn = next(journey)
            last = self._journey(turn, journey, at)
            pause = sample(traffic.load.think_seconds, _rng(self.scenario, traffic, number))
            at = self.now + (pause if last is None or last.ok else max(pause, _back_off(last)))
            number += users

    def _journey(self, turn: Turn, rest: Iterable[Turn], at: float) -> Record | None:
        """The requests of one journey; ends with the first that fails. The last one sent."""
        last: Record | None = None
        while at < self.plan.end:
            last = self._request(turn, at)
            following = next(iter(rest), None) if last.ok else None
            if following is None:
                break
            turn, at = following, self.now + following.wait_seconds
        return last

    def _request(self, turn: Turn, at: float) -> Record:
        record = turn.call.record
        record.scheduled, record.worker = at, self.share.index
        record.phase, record.level = self.plan.at(at)
        self._sleep_until(at)
        self.counts["started"] += 1
        self.in_flight[record.id] = record
        self.client.send(turn.call)
        self._finish(record)
        return record

    def _finish(self, record: Record) -> None:
        # Killed between the two lines it would be counted twice, so only its first end counts.
        if self.in_flight.pop(record.id, None) is not None:
            self.counts[record.outcome] += 1
            self._ended_tokens += record.tokens_seen
            self.on_end(record)

    def _sleep_until(self, at: float) -> None:
        gevent.sleep(max(at - self.now, 0))


def _back_off(record: Record) -> float:
    asked = record.retry_after_seconds
    return min(asked if asked is not None else _BACK_OFF_SECONDS, _MOST_BACK_OFF_SECONDS)


def _rng(scenario: Scenario, traffic: Traffic, number: int) -> random.Random:
    return random.Random(f"{scenario.seed}/{traffic.name}/think/{number}")


def offered(load: Load, factor: float) -> str:
    """The load in words."""
    if load.users:
        return f"{round(load.users * factor)} users"
    return f"{load.rate * factor:g} requests/s" if load.rate else "trace"
