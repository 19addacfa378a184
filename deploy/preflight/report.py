"""What the checks found, as text for people and programs."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections import Counter

from deploy.preflight.check import Report

_WIDTH = 100


def table(report: Report) -> str:
    """For people: a line for what is well, and what to do about what is not."""
    subject = max(len(outcome.subject) for outcome in report.outcomes)
    indent = " " * (len("warning  ") + subject + 2)
    lines = []
    for outcome in report.outcomes:
        head = f"{outcome.status:<9}{outcome.subject:<{subject}}  "
        lines += _wrapped(outcome.found, head, indent)
        if outcome.code:
            lines += _wrapped(outcome.needed, f"{indent}needed: ", f"{indent}  ")
            lines += _wrapped(f"{outcome.fix} [{outcome.code}]", f"{indent}fix: ", f"{indent}  ")
    return "\n".join([*lines, "", _verdict(report)])


def as_json(report: Report) -> str:
    """For programs and bug reports: every outcome, and the host as it was found."""
    return json.dumps(dataclasses.asdict(report), indent=2, ensure_ascii=False)


def _verdict(report: Report) -> str:
    counts: Counter[str] = Counter(outcome.status for outcome in report.outcomes)
    plural = {"error": "errors", "warning": "warnings", "skipped": "skipped", "ok": "ok"}
    summed = ", ".join(
        f"{counts[status]} {status if counts[status] == 1 else words}"
        for status, words in plural.items()
        if counts[status]
    )
    return f"{summed}: a start would {'be refused' if report.failed else 'go ahead'}"


def _wrapped(text: str, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
