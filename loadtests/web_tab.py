"""A tab on locust's web page: how the run stands, and its report once it is over."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from loadtests.report import table
from loadtests.run import live

if TYPE_CHECKING:
    from loadtests.run.conductor import Conductor

_KEY = "llm"
_COLUMNS = ("figure", "value")


def install(environment: Any, web_ui: Any, conductor: Conductor) -> None:
    """Add the tab, its rows in locust's own polling, and /llm/report."""
    from flask import request

    app = web_ui.app
    web_ui.template_args["extended_tabs"] = [{"title": "LLM", "key": _KEY}]
    columns = [{"key": name, "title": name.capitalize()} for name in _COLUMNS]
    web_ui.template_args["extended_tables"] = [{"key": _KEY, "structure": columns}]

    @app.after_request
    def extend(response: Any) -> Any:
        if request.path.endswith("/stats/requests") and response.is_json:
            data = [dict(zip(_COLUMNS, row, strict=True)) for row in rows(conductor)]
            stats = {**response.json, "extended_stats": [{"key": _KEY, "data": data}]}
            response.set_data(json.dumps(stats))
        return response

    @app.route("/llm/report")
    def report() -> Any:
        if not conductor.results:
            return "The run is not over.", 404
        return (conductor.results.folder / "report.html").read_text(encoding="utf-8")


def rows(conductor: Conductor) -> list[tuple[str, str]]:
    """How the run stands, a figure a row."""
    if conductor.refused:
        return [("refused", line) for line in conductor.refused]
    if conductor.results:
        results = conductor.results
        found = [("verdict", results.verdict.words), ("accounting", table.books(results))]
        found += [("invalid", words) for words in results.verdict.invalid]
        for summary in results.summaries:
            if summary.records:
                pairs = zip(table.SUMMARY_HEAD[1:], table.summary_row(summary)[1:], strict=True)
                found += [(f"{summary.traffic} {name}", value) for name, value in pairs]
        return [*found, ("report", "/llm/report")]
    collector = conductor.collector
    if not collector or not collector.history:
        return [("phase", "not started" if not collector else "preparing")]
    last = collector.history[-1]
    phase = live.phase_of(last["at"], collector.plan)
    ttft = "-" if math.isnan(last["ttft"]) else live.seconds(last["ttft"])
    return [
        ("phase", f"{phase}, {last['at']:.0f} of {collector.plan.end:.0f} s"),
        ("in flight", f"{last['in_flight']:.0f}"),
        ("ended", f"{last['ended']:.0f}"),
        ("failed", f"{last['failed']:.0f}"),
        ("TTFT p50", ttft),
        ("output tokens/s", f"{last['tokens_per_second']:.0f}"),
    ]
