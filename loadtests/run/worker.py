"""The side of a run that sends: in each worker process, or in the only one."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gevent

from loadtests.client.outcomes import Refused
from loadtests.client.record import Record
from loadtests.locust_rows import Rows
from loadtests.prompts.replay import Line
from loadtests.run.generator import Generator, Share
from loadtests.run.preparation import Prepared, Where
from loadtests.schema.fields import build
from loadtests.schema.plan import Plan
from loadtests.schema.scenario import Scenario

_REPORT_SECONDS = 1.0
Send = Callable[[dict[str, Any]], None]


@dataclass
class WorkerSide:
    """Runs a generator from one plan message to its last report."""

    where: Callable[[], Where]
    send: Send
    rows: Rows
    _generator: Generator | None = None
    _greenlets: list[Any] = field(default_factory=list)
    _ended: list[dict[str, Any]] = field(default_factory=list)

    def start(self, data: dict[str, Any]) -> None:
        """Begin at the time that the plan message gives."""
        self.finish()
        faults: list[str] = []
        scenario = build(Scenario, data["scenario"], "", faults)
        if not scenario:
            raise Refused(faults)
        traces = {name: [_line(row) for row in rows] for name, rows in data["traces"].items()}
        # Second 0 by the clock on the wall: processes on other machines have other monotonic ones.
        origin = time.monotonic() + data["start"] - time.time()
        share = Share(data["index"], data["count"])
        prepared = Prepared.from_json(data["prepared"])
        plan = Plan.of(scenario, data["traced_seconds"])
        self._generator = Generator(
            scenario, plan, prepared, self.where(), traces, share, origin, self._on_end
        )
        # What is here now stays, and a collection that looks through all of it is a late hub.
        gc.freeze()
        self._greenlets = [gevent.spawn(self._run, self._generator), gevent.spawn(self._report)]

    def finish(self) -> None:
        """Cut off what is in flight and report the end; nothing where nothing runs."""
        generator, self._generator = self._generator, None
        if generator:
            gevent.killall(self._greenlets)
            generator.stop()
            self._send(generator)

    def _run(self, generator: Generator) -> None:
        generator.run()
        self._generator = None
        gevent.kill(self._greenlets[1])
        self._send(generator)

    def _report(self) -> None:
        while self._generator:
            gevent.sleep(_REPORT_SECONDS)
            if self._generator:
                self._send(self._generator)

    def _on_end(self, record: Record) -> None:
        self._ended.append(record.to_json())
        self.rows.log(record)

    def _send(self, generator: Generator) -> None:
        lags, cpu = generator.watch.take()
        records, self._ended = self._ended, []
        self.send(
            {
                "worker": generator.share.index,
                "counts": dict(generator.counts),
                "in_flight": len(generator.in_flight),
                "tokens": generator.tokens,
                "done": generator.done,
                "lags": lags,
                "cpu": cpu,
                "records": records,
            }
        )


def _line(row: list[Any]) -> Line:
    return Line(row[0], row[1], row[2], tuple(row[3]), row[4])
