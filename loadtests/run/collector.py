"""Gathers what the processes report: every record to a file, and the books of the run."""

from __future__ import annotations

import json
import time
from array import array
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from loadtests.client.record import Record
from loadtests.schema.plan import STEADY, Plan

_LIVE_SECONDS = 10.0  # the window of the live line


@dataclass
class Worker:
    """What one process said last."""

    counts: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    tokens: int = 0
    done: bool = False
    heard: float = 0.0


@dataclass
class Collector:
    """The books. ``origin`` is second 0 on the monotonic clock of this process."""

    plan: Plan
    folder: Path
    processes: int
    header: dict[str, Any]
    origin: float = 0.0
    records: list[Record] = field(default_factory=list)
    workers: dict[int, Worker] = field(default_factory=dict)
    lags: list[tuple[float, float]] = field(default_factory=list)
    cpu: list[tuple[float, float]] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    _recent: deque[tuple[float, int]] = field(default_factory=deque)
    _file: TextIO | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = (self.folder / "records.jsonl").open("w", encoding="utf-8")
        self._write({"run": self.header})

    @property
    def now(self) -> float:
        """Seconds since the run's start."""
        return time.monotonic() - self.origin

    def take(self, report: dict[str, Any]) -> None:
        """One report of a process; the records in it are nowhere else any more."""
        worker = self.workers.setdefault(report["worker"], Worker())
        worker.counts = Counter(report["counts"])
        worker.in_flight, worker.tokens = report["in_flight"], report["tokens"]
        worker.done, worker.heard = report["done"], time.monotonic()
        self.lags += [(at, lag) for at, lag in report["lags"]]
        self.cpu += [(at, share) for at, share in report["cpu"]]
        for value in report["records"]:
            self._write(value)
            record = Record.from_json(value)
            # A tenth of the memory of a list of floats.
            record.token_times = array("d", record.token_times)  # type: ignore[assignment]
            self.records.append(record)

    def tick(self) -> dict[str, float]:
        """Once a second: how the run stands, kept for the report's pictures."""
        now, tokens = self.now, sum(worker.tokens for worker in self.workers.values())
        self._recent.append((now, tokens))
        while self._recent[0][0] < now - _LIVE_SECONDS:
            self._recent.popleft()
        since, before = self._recent[0]
        first = [
            record.ttft
            for record in self.records[-200:]
            if record.ttft is not None and record.scheduled > now - 6 * _LIVE_SECONDS
        ]
        state = {
            "at": now,
            "in_flight": float(sum(worker.in_flight for worker in self.workers.values())),
            "tokens_per_second": (tokens - before) / (now - since) if now > since else 0.0,
            "ttft": sorted(first)[len(first) // 2] if first else float("nan"),
            "ended": float(len(self.records)),
            "failed": float(sum(not r.ok and not r.in_flight for r in self.records[-1000:])),
        }
        self.history.append(state)
        return state

    @property
    def finished(self) -> bool:
        """Whether every process sent its last report."""
        done = [worker.done for worker in self.workers.values()]
        return len(done) >= self.processes and all(done)

    def books(self) -> dict[str, Any]:
        """Started, ended by class, in flight at the stop, and what does not add up."""
        started = sum(worker.counts["started"] for worker in self.workers.values())
        outcomes = Counter(record.outcome for record in self.records)
        return {
            "started": started,
            "completed": outcomes["ok"],
            "failed": sum(outcomes.values()) - outcomes["ok"] - outcomes["in_flight"],
            "in_flight": outcomes["in_flight"],
            "lost": started - sum(outcomes.values()),
            "outcomes": dict(outcomes),
        }

    def faults(self) -> list[str]:
        """Reasons for which the books make the run invalid."""
        faults: list[str] = []
        lost = self.books()["lost"]
        if lost:
            faults.append(f"{lost} requests were started and never accounted for")
        silent = self.processes - sum(worker.done for worker in self.workers.values())
        if silent:
            faults.append(f"{silent} of {self.processes} processes never reported their end")
        return faults

    def steady(self, samples: list[tuple[float, float]]) -> list[float]:
        """The samples that fall into a steady state."""
        return [value for at, value in samples if self.plan.at(at)[0] == STEADY]

    def close(self) -> None:
        """The last line is the books, so that a cut file shows."""
        if self._file:
            self._write({"end": self.books()})
            self._file.close()
            self._file = None

    def _write(self, value: dict[str, Any]) -> None:
        if self._file:
            self._file.write(json.dumps(value, separators=(",", ":")) + "\n")
