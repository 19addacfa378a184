"""The end of a run on the terminal: a table, the books and the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtests.report.quantiles import Quantile
from loadtests.report.summary import Summary
from loadtests.report.verdict import Check
from loadtests.run.live import seconds

if TYPE_CHECKING:
    from loadtests.report.results import Results

Rows = list[list[str]]
_METRICS = ("ttft", "itl", "tpot", "e2e")


def render(results: Results) -> str:
    """The text, without colour: it goes to logs as well."""
    parts = [_table(_summary_rows(results))]
    checks = results.verdict.checks
    if checks:
        parts.append(_table([CHECK_HEAD, *(check_row(check) for check in checks)]))
    lines = [books(results), *caches(results)]
    lines += [f"capacity: {words}" for words in results.verdict.capacity]
    lines += [f"invalid: {words}" for words in results.verdict.invalid]
    lines.append(f"results: {results.folder}")
    lines.append(f"verdict: {results.verdict.words} (status {results.verdict.status})")
    return "\n\n".join([*parts, "\n".join(lines)])


CHECK_HEAD = ["traffic", "limit", "wanted", "observed", "95 % interval", "samples", "result"]


def check_row(check: Check) -> list[str]:
    """One limit as a row."""
    latency = check.name.split()[0] in _METRICS
    show = seconds if latency else _plain
    interval = "-"
    if check.low is not None or check.high is not None:
        ends = (("..." if end is None else show(end)) for end in (check.low, check.high))
        interval = " to ".join(ends)
    name = f"{check.traffic} {check.level}" if check.level else check.traffic
    sure = "" if check.certain or check.low is None else ", not certain"
    note = f" ({check.note})" if check.note else sure
    observed = "-" if check.observed is None else show(check.observed)
    return [name, check.name, show(check.limit), observed, interval, str(check.samples),
            f"{check.state}{note}"]  # fmt: skip


def books(results: Results) -> str:
    """The accounting in one line, then every class that is not ok."""
    b = results.books
    line = (
        f"requests: {b['started']} started = {b['completed']} completed + {b['failed']} failed + "
        f"{b['in_flight']} in flight at the end"
    )
    if b["lost"]:
        line += f" + {b['lost']} LOST"
    bad = {name: n for name, n in sorted(b["outcomes"].items()) if name not in ("ok", "in_flight")}
    told = ", ".join(f"{n} {name}" for name, n in bad.items())
    return line + (f"\nfailed: {told}" if told else "")


SUMMARY_HEAD = ["traffic", "requests", "right", "needles", "TTFT p50", "p99", "ITL p50", "p99",
                "E2E p50", "tokens/s", "cached", "expected", "as expected"]  # fmt: skip


def summary_row(summary: Summary) -> list[str]:
    """One traffic at one level as a row."""
    cache = summary.cache
    graded = [r for r in summary.ended if r.needle_found is not None]
    found = sum(bool(r.needle_found) for r in graded)
    latencies = [("ttft", 0.5), ("ttft", 0.99), ("itl", 0.5), ("itl", 0.99), ("e2e", 0.5)]
    return [
        _name(summary),
        str(len(summary.records)),
        str(len(summary.right)),
        f"{found}/{len(graded)}" if graded else "-",
        *(_quantile(summary.quantile(metric, q)) for metric, q in latencies),
        f"{summary.tokens_in_steady() / summary.seconds:.1f}",
        _share(cache.cached_tokens, cache.prompt_tokens),
        _share(cache.expected_tokens, cache.compared_prompt_tokens),
        f"{cache.matched}/{cache.compared}" if cache.compared else "-",
    ]


def caches(results: Results) -> list[str]:
    """Where the server's cached tokens are not those that were expected, traffic by traffic."""
    lines = []
    for summary in results.summaries:
        cache, name = summary.cache, _name(summary)
        if cache.matched < cache.compared:
            lines.append(
                f"cache: {name}: {cache.compared - cache.matched} of {cache.compared} requests not "
                f"as expected ({cache.fewer} with fewer cached tokens, {cache.more} with more): "
                f"{cache.compared_cached_tokens} cached tokens, {cache.expected_tokens} expected"
            )
        if cache.untold:
            lines.append(
                f"cache: {name}: {cache.untold} answers should have had cached tokens, and the "
                "server tells none: all missed, or SGLang without --enable-cache-report"
            )
    return lines


def _name(summary: Summary) -> str:
    return f"{summary.traffic} {summary.level}" if summary.level else summary.traffic


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _summary_rows(results: Results) -> Rows:
    return [SUMMARY_HEAD, *(summary_row(s) for s in results.summaries if s.records)]


def _quantile(quantile: Quantile | None) -> str:
    if quantile is None:
        return "-"
    return (">= " if quantile.at_least else "") + seconds(quantile.value)


def _plain(value: float) -> str:
    return f"{value:.4g}"


def _table(rows: Rows) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)
