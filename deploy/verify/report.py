"""What came of the checks: a table for people, JSON for programs, JUnit for pipelines."""

from __future__ import annotations

import json
import re
import textwrap
from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree

from deploy.verify.check import Check, Outcome
from deploy.verify.target import Target

_WIDTH = 100
_WORDS = {"passed": "ok", "failed": "FAILED", "not-applicable": "n/a"}
# XML 1.0 has no way to write most control characters, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def line(outcome: Outcome, width: int) -> str:
    """One check's result, wrapped; a failure also says what it means and what was said."""
    head = f"{_WORDS[outcome.status]:<6}  {outcome.check.name:<{width}}  "
    indent = " " * len(head)
    texts = [outcome.meaning]
    if outcome.status == "failed":
        texts.append(f"means: {outcome.check.failure}")
        if outcome.exchanges:
            last = outcome.exchanges[-1]
            texts += [f"sent: {last.sent}", f"came back: {last.received}"]
    lines = [
        piece
        for text in texts
        for piece in textwrap.wrap(text, _WIDTH - len(indent), break_on_hyphens=False)
    ]
    return head + f"\n{indent}".join(lines)


def is_good(outcomes: Sequence[Outcome]) -> bool:
    """Whether nothing failed, and something was checked at all."""
    statuses = {outcome.status for outcome in outcomes}
    return "failed" not in statuses and "passed" in statuses


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many passed, failed and did not apply."""
    count = Counter(outcome.status for outcome in outcomes)
    total = sum(outcome.seconds for outcome in outcomes)
    nothing = "" if count["passed"] or count["failed"] else "; nothing was checked"
    return (
        f"{count['passed']} passed, {count['failed']} failed, "
        f"{count['not-applicable']} not applicable, in {total:.0f} s{nothing}"
    )


def as_json(target: Target, outcomes: Sequence[Outcome]) -> str:
    """For programs, everything that was sent and came back included."""
    value = {
        "url": target.url,
        "model": target.model,
        "engine": target.engine,
        "context_tokens": target.context_tokens,
        "passed": is_good(outcomes),
        "checks": [outcome.as_dict() for outcome in outcomes],
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def as_junit(outcomes: Sequence[Outcome]) -> str:
    """JUnit XML: a test case a check, grouped by topic; not applicable is skipped."""
    count = Counter(outcome.status for outcome in outcomes)
    suite = ElementTree.Element(
        "testsuite",
        name="verify",
        tests=str(len(outcomes)),
        failures=str(count["failed"]),
        skipped=str(count["not-applicable"]),
        time=f"{sum(outcome.seconds for outcome in outcomes):.3f}",
    )
    for outcome in outcomes:
        topic, _, name = outcome.check.name.partition(".")
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"verify.{topic}", name=name, time=f"{outcome.seconds:.3f}"
        )
        if outcome.status == "failed":
            failure = ElementTree.SubElement(case, "failure", message=_xml(outcome.meaning))
            said = [f"sent: {e.sent}\ncame back: {e.received}" for e in outcome.exchanges]
            failure.text = _xml("\n\n".join([outcome.check.failure, *said]))
        elif outcome.status == "not-applicable":
            ElementTree.SubElement(case, "skipped", message=_xml(outcome.meaning))
        else:
            ElementTree.SubElement(case, "system-out").text = _xml(outcome.meaning)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def markdown(checks: Sequence[Check]) -> str:
    """The table in docs/verify.md."""
    lines = ["| check | promise | a failure means |", "|---|---|---|"]
    lines += [f"| `{check.name}` | {check.promise} | {check.failure} |" for check in checks]
    return "\n".join(lines)


def _xml(text: str) -> str:
    return _NOT_XML.sub("?", text)
