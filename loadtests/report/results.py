"""The results of a run: summaries, verdict, and the files that hold them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.client.record import Record
from loadtests.report import html as report
from loadtests.report import junit, table
from loadtests.report.summary import Summary
from loadtests.report.verdict import Verdict, judge, own_faults
from loadtests.run.collector import Collector
from loadtests.run.options import Options
from loadtests.schema.plan import STEADY, Plan
from loadtests.schema.scenario import Scenario, Slo

Series = dict[str, list[tuple[float, float]]]


@dataclass
class Results:
    """Everything that a run found."""

    name: str
    scenario: Scenario
    plan: Plan
    folder: Path
    header: dict[str, Any]
    records: list[Record]
    summaries: list[Summary]
    verdict: Verdict
    books: dict[str, Any]
    history: list[dict[str, float]]
    server: Series
    generator: dict[str, float]

    @staticmethod
    def of(
        options: Options, plan: Plan, collector: Collector, server: Series, faults: list[str]
    ) -> Results:
        """Judge what the collector holds; its file is closed."""
        scenario = options.scenario
        summaries = [
            summary
            for level in range(plan.levels)
            for summary in Results.summaries_of(scenario, plan, collector, level)
        ]
        lags, cpu = collector.steady(collector.lags), collector.steady(collector.cpu)
        own = own_faults(scenario, plan, lags, cpu, summaries)
        verdict = judge(scenario, summaries, faults + collector.faults() + own)
        books = collector.books()
        collector.close()
        return Results(
            options.path.stem,
            scenario,
            plan,
            collector.folder,
            collector.header,
            collector.records,
            summaries,
            verdict,
            books,
            collector.history,
            server,
            {
                "lag_p99_seconds": sorted(lags)[int(len(lags) * 0.99)] if lags else 0.0,
                "lag_max_seconds": max(lags, default=0.0),
                "cpu_max": max(cpu, default=0.0),
            },
        )

    @staticmethod
    def summaries_of(
        scenario: Scenario, plan: Plan, collector: Collector, level: int
    ) -> list[Summary]:
        """One summary per traffic, over the requests whose time lies in that steady state."""
        segment, header = plan.steady(level), collector.header
        # Behind a router the probe may have met two replicas.
        told = header["tells_cached"] or any(r.cached_tokens for r in collector.records)
        summaries = []
        for traffic in scenario.traffic:
            size = header["facts"][traffic.name]["page_size"]
            everyone = [r for r in collector.records if r.traffic == traffic.name]
            chosen = [r for r in everyone if r.phase == STEADY and r.level == level]
            summaries.append(Summary(traffic.name, level, chosen, everyone, segment, size, told))
        return summaries

    def slo(self, traffic: str) -> Slo:
        """The limits of a traffic."""
        return self.scenario.slo.get(traffic, Slo())

    def server_cache(self) -> dict[str, float] | None:
        """The server's own count of cached tokens over the run, beside the clients'."""
        if not all(len(self.server.get(name, [])) > 1 for name in ("prompt_tokens",)):
            return None
        grown = {
            name: values[-1][1] - values[0][1]
            for name in ("prompt_tokens", "cached_tokens", "generated_tokens")
            if (values := self.server.get(name))
        }
        grown["clients_cached_tokens"] = float(sum(r.cached_tokens or 0 for r in self.records))
        grown["clients_prompt_tokens"] = float(sum(r.prompt_tokens or 0 for r in self.records))
        return grown

    def to_json(self) -> dict[str, Any]:
        """The content of report.json."""
        return {
            "name": self.name,
            "run": self.header,
            "verdict": self.verdict.to_json(),
            "accounting": self.books,
            "generator": self.generator,
            "summaries": [s.to_json(self.slo(s.traffic)) for s in self.summaries if s.records],
            "server": {"tokens": self.server_cache(), "series": self.server},
            "history": self.history,
        }

    def write(self) -> None:
        """report.json, junit.xml and report.html, beside records.jsonl."""
        text = json.dumps(_finite(self.to_json()), indent=1)
        (self.folder / "report.json").write_text(text + "\n", encoding="utf-8")
        (self.folder / "junit.xml").write_text(junit.render(self), encoding="utf-8")
        (self.folder / "report.html").write_text(report.render(self), encoding="utf-8")

    def text(self) -> str:
        """The table and the verdict for the terminal."""
        return table.render(self)


def _finite(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value != value else value
