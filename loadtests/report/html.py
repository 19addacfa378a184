"""The report as one HTML file that needs nothing else: figures, pictures and the books."""

from __future__ import annotations

import time
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from loadtests.client.record import Record
from loadtests.report import table
from loadtests.report.charts import Curve, Form, cdf, chart
from loadtests.schema.plan import STEADY

if TYPE_CHECKING:
    from loadtests.report.results import Results

_STYLE = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
_SERVER = {
    "running": ("Requests running on the server", "requests"),
    "queued": ("Requests queued on the server", "requests"),
    "kv_usage": ("KV cache in use", "share"),
    "cache_hit_rate": ("Prefix cache hit rate", "share"),
    "accepted_length": ("Accepted draft length", "tokens"),
}
_SECONDS = "seconds since the start"


def render(results: Results) -> str:
    """The document."""
    verdict = results.verdict
    title = f"Load test: {results.name}"
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width'>",
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1><p>{escape(results.scenario.summary)}</p>",
        f"<p id='verdict' class='verdict s{verdict.status}'>{escape(verdict.words)}</p>",
        *(f"<p class='undecided'>{escape(words)}</p>" for words in verdict.invalid),
        *(f"<p>{escape(words)}</p>" for words in verdict.capacity),
        _facts(results),
        "<h2>Limits</h2>",
        _checks(results) if verdict.checks else "<p>The scenario sets no limits.</p>",
        "<h2>Requests of the steady state</h2>",
        _html([table.SUMMARY_HEAD, *_summaries(results)], "summary"),
        f"<h2>Accounting</h2><pre id='books'>{escape(_books(results))}</pre>",
        _generator(results),
        "<h2>Pictures</h2><p>Shaded: steady state. Red: limit.</p>",
        f"<div class='charts'>{''.join(_charts(results))}</div>",
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _books(results: Results) -> str:
    return "\n".join([table.books(results), *table.caches(results)])


def _facts(results: Results) -> str:
    header = results.header
    started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(header["start"]))
    words = f"Model {header['model']} at {header['url']}, {header['processes']} client processes"
    return f"<p>{escape(words)}, started {started}.</p>"


def _checks(results: Results) -> str:
    rows = [table.CHECK_HEAD, *(table.check_row(check) for check in results.verdict.checks)]
    return _html(rows, "checks")


def _summaries(results: Results) -> list[list[str]]:
    return [table.summary_row(summary) for summary in results.summaries if summary.records]


def _html(rows: list[list[str]], name: str) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    lines = []
    for row in rows[1:]:
        state = row[-1].split(",")[0].split(" ")[0]
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in row)
        lines.append(f"<tr class='{escape(state)}'>{cells}</tr>")
    return (
        f"<table id='{name}'><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )


def _generator(results: Results) -> str:
    own = results.generator
    lag = f"hub late by {own['lag_p99_seconds'] * 1e3:.1f} ms (p99)"
    return f"<p>Client: {lag}, at most {own['cpu_max']:.0%} of a core per process.</p>"


def _charts(results: Results) -> list[str]:
    plan = results.plan
    bands = [(s.start, s.end, "steady state") for s in plan.segments if s.phase == STEADY]
    names = [traffic.name for traffic in results.scenario.traffic]
    by_name = {n: [r for r in results.records if r.traffic == n and r.ok] for n in names}
    limits = [
        (limit, f"{traffic} {name}")
        for traffic, slo in results.scenario.slo.items()
        for name, limit in slo.ttft_seconds.items()
    ]

    def curves(points: dict[str, list[tuple[float, float]]], form: Form) -> list[Curve]:
        return [Curve(name, values, form) for name, values in points.items()]

    first = {n: _over_time(records, "ttft") for n, records in by_name.items()}
    whole = {n: _over_time(records, "e2e") for n, records in by_name.items()}
    pictures = [
        chart("TTFT over time", curves(first, "points"), _SECONDS, "seconds", bands, limits),
        chart("E2E over time", curves(whole, "points"), _SECONDS, "seconds", bands),
    ]
    for metric, title in (("ttft", "TTFT"), ("tpot", "TPOT"), ("e2e", "E2E")):
        lines = [
            Curve(f"{s.traffic} {s.level}" if s.level else s.traffic, cdf(values))
            for s in results.summaries
            if (values := s.values(metric))
        ]
        pictures.append(chart(f"{title}: share of requests", lines, "seconds", "share"))
    for key, title, unit in (
        ("tokens_per_second", "Output tokens per second", "tokens/s"),
        ("in_flight", "Requests in flight", "requests"),
    ):
        line = [Curve(title, [(state["at"], state[key]) for state in results.history])]
        pictures.append(chart(title, line, _SECONDS, unit, bands))
    for key, (title, unit) in _SERVER.items():
        line = [Curve(title, results.server.get(key, []))]
        pictures.append(chart(title, line, _SECONDS, unit, bands))
    return [f"<div>{picture}</div>" for picture in pictures if picture]


def _over_time(records: list[Record], metric: str) -> list[tuple[float, float]]:
    found = [(record.scheduled, getattr(record, metric)) for record in records]
    return [(at, value) for at, value in found if value is not None]
