"""A page of the run on locust's web server: how it stands, and its report once it is over."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtests import live, table

if TYPE_CHECKING:
    from loadtests.conductor import Conductor


_PAGE = Path(__file__).parent / "web_tab.html"


def install(environment: Any, web_ui: Any, conductor: Conductor) -> None:
    """Add /llm, /llm/state and /llm/report, and a tab in locust's own page."""
    app = web_ui.app

    @app.route("/llm/state")
    def state() -> Any:
        return state_of(conductor)

    @app.route("/llm/report")
    def report() -> Any:
        if not conductor.results:
            return "The run is not over.", 404
        return (conductor.results.folder / "report.html").read_text(encoding="utf-8")

    @app.route("/llm")
    def page() -> Any:
        return _PAGE.read_text(encoding="utf-8")


def state_of(conductor: Conductor) -> dict[str, Any]:
    """How the run stands, as figures and as a line."""
    if conductor.refused:
        return {"line": "\n".join(conductor.refused), "rows": [], "over": True}
    if conductor.results:
        results = conductor.results
        rows = [table.SUMMARY_HEAD, *(table.summary_row(s) for s in results.summaries if s.records)]
        return {"line": f"{results.verdict.words}\n{table.books(results)}", "rows": rows,
                "over": True}  # fmt: skip
    collector = conductor.collector
    if not collector or not collector.history:
        return {"line": "No run yet: start one on locust's page.", "rows": [], "over": False}
    last = collector.history[-1]
    rows = [["figure", "now"], *([name, f"{value:.4g}"] for name, value in last.items())]
    return {"line": escape(live.line(last, collector.plan)), "rows": rows, "over": False}
