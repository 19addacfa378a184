"""The side of a run that decides: prepares, starts, follows and judges it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, field
from typing import Any

import gevent

from loadtests.client.client import Client
from loadtests.client.outcomes import Refused
from loadtests.report.results import Results
from loadtests.report.verdict import INVALID, level_missed
from loadtests.run import live
from loadtests.run.collector import Collector
from loadtests.run.options import Options
from loadtests.run.preparation import (
    Where,
    check_files,
    prepare,
    read_traces,
    served,
    tells_cached,
)
from loadtests.run.server_metrics import Scraper
from loadtests.schema.plan import STEADY, Plan
from loadtests.schema.scenario_file import check_context

_LEAD_SECONDS = 1.0  # between the plan message and second 0: a plan of 4 MB takes 0.3 s to read
_LAST_REPORT_SECONDS = 15.0  # how long to wait for the processes' last reports
_TAIL_SECONDS = 1.0  # after the last line of a trace, so that it counts as sent in time

# Sends the plan to a process: (index, data).
SendPlan = Callable[[int, dict[str, Any]], None]


@dataclass
class Conductor:
    """One after the other, the runs of one locust."""

    options: Options
    where: Callable[[], Where]
    processes: Callable[[], int]
    send_plan: SendPlan
    send_stop: Callable[[], None]
    results: Results | None = None
    collector: Collector | None = None
    refused: list[str] = field(default_factory=list)
    _plan: Plan | None = None
    _scraper: Scraper | None = None
    _ticking: Any = None
    _cut_at: float | None = None
    _early: str = ""
    _ended: bool = False

    def check(self) -> tuple[Where, str]:
        """What must be true before anything is sent; Refused otherwise."""
        where = self.where()
        model, context = served(where)
        check_context(self.options.scenario, context)
        check_files(self.options.scenario, self.processes())
        return where, model

    def start(self) -> None:
        """Prepare and send the plan; what is refused is told and ends the run with status 2."""
        self.refused, self.results, self._cut_at, self._early = [], None, None, ""
        self.collector, self._ended = None, False
        try:
            self._start()
        except Refused as refused:
            self.refused, self.collector = refused.lines, None
            print("\n".join(refused.lines), file=sys.stderr, flush=True)

    @property
    def over(self) -> bool:
        """Whether the run has come to its end; asked once a second."""
        if self.refused:
            return True
        collector, plan = self.collector, self._plan
        if not collector or not plan:
            return False
        if collector.finished:
            self._ended = True
        if self._ended:
            return True
        if self._cut_at is None and self._should_end(collector, plan):
            self.cut()
        return self._cut_at is not None and time.monotonic() > self._cut_at + _LAST_REPORT_SECONDS

    def cut(self) -> None:
        """Tell every process to cut off what is in flight and report."""
        self._cut_at = time.monotonic()
        self.send_stop()

    def stopping(self) -> None:
        """The run is being stopped, by its end or by somebody: wait for the last reports."""
        collector = self.collector
        if not collector or self.results:
            return
        if not self._ended and collector.now < self._sending_end:
            self._early = "stopped before the end of the steady state"
        if not collector.finished:
            self.cut()
        deadline = time.monotonic() + _LAST_REPORT_SECONDS
        while not collector.finished and time.monotonic() < deadline:
            gevent.sleep(0.05)

    def finish(self) -> None:
        """Judge the run, once, write the results and show them."""
        collector, plan = self.collector, self._plan
        if not collector or not plan or self.results:
            return
        if self._ticking:
            self._ticking.kill()
        live.clear()
        series = self._scraper.series if self._scraper else {}
        faults = [self._early] if self._early else []
        self.results = Results.of(self.options, plan, collector, series, faults)
        self.results.write()
        print(self.results.text(), flush=True)

    @property
    def status(self) -> int | None:
        """The exit status; None where nothing ran."""
        if self.refused:
            return INVALID
        return self.results.verdict.status if self.results else None

    @property
    def _sending_end(self) -> float:
        if not self._plan:
            return 0.0
        missed = self._missed_level()
        return self._plan.end if missed is None else self._plan.steady(missed).end

    def _start(self) -> None:
        live.say("preparing: counting tokens")
        where, model = self.check()
        scenario = self.options.scenario
        traces = read_traces(scenario, self.options.path.parent)
        prepared = prepare(scenario, where, model, traces)
        traced = max((lines[-1].at + _TAIL_SECONDS for lines in traces.values()), default=0.0)
        self._plan = Plan.of(scenario, traced)
        client = Client(where.target(), headers=where.headers())
        told = tells_cached(client, prepared, scenario.traffic[0])
        for traffic in scenario.traffic:
            for call in prepared.source(traffic, traces.get(traffic.name, [])).prime():
                live.say(f"preparing: {call.record.id}")
                client.send(call)
                if not call.record.ok:
                    print(f"warning: {call.record.id}: {call.record.detail}", file=sys.stderr)
        client.close()
        start = time.time() + _LEAD_SECONDS
        folder = self.options.results / time.strftime(f"{self.options.path.stem}-%Y%m%d-%H%M%S")
        header = {
            "scenario": asdict(scenario),
            "model": model,
            "url": where.url,
            "start": start,
            "tells_cached": told,
            "facts": {name: asdict(facts) for name, facts in prepared.facts.items()},
            "processes": self.processes(),
        }
        self.collector = Collector(self._plan, folder, self.processes(), header)
        self.collector.origin = time.monotonic() + start - time.time()
        data = {
            "scenario": asdict(scenario),
            "prepared": prepared.to_json(),
            "traces": {name: list(map(astuple, lines)) for name, lines in traces.items()},
            "traced_seconds": traced,
            "start": start,
            "count": self.processes(),
        }
        for index in range(self.processes()):
            self.send_plan(index, data)
        self._scraper = Scraper(where.api(), self.collector.origin)
        self._ticking = gevent.spawn(self._tick, self.collector, self._plan, self._scraper)

    def _tick(self, collector: Collector, plan: Plan, scraper: Scraper) -> None:
        scraping = gevent.spawn(scraper.run)
        try:
            while True:
                gevent.sleep(max(1 - collector.now % 1, 0.05))
                if collector.now >= 0:
                    live.show(collector.tick(), plan)
        finally:
            scraping.kill()

    def _should_end(self, collector: Collector, plan: Plan) -> bool:
        if collector.now > plan.end + plan.drain_seconds:
            return True
        missed = self._missed_level()
        return missed is not None and collector.now > plan.steady(missed).end + plan.drain_seconds

    def _missed_level(self) -> int | None:
        """The first level of a search that is over and missed."""
        collector, plan, scenario = self.collector, self._plan, self.options.scenario
        if not scenario.search or not collector or not plan:
            return None
        for segment in plan.segments:
            if segment.phase == STEADY and segment.end < collector.now:
                summaries = Results.summaries_of(scenario, plan, collector, segment.level)
                if level_missed(scenario, summaries, segment.level):
                    return segment.level
        return None
