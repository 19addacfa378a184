"""JUnit XML: one case per limit, and one for the validity of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

from loadtests.report.verdict import State

if TYPE_CHECKING:
    from loadtests.report.results import Results


def render(results: Results) -> str:
    """The document."""
    verdict = results.verdict
    suite = ElementTree.Element("testsuite", name=f"loadtest.{results.name}")
    case = ElementTree.SubElement(suite, "testcase", classname=results.name, name="valid run")
    if verdict.invalid:
        ElementTree.SubElement(case, "error", message="; ".join(verdict.invalid))
    failures = 0
    for check in verdict.checks:
        name = f"{check.traffic} {check.level} {check.name}"
        case = ElementTree.SubElement(suite, "testcase", classname=results.name, name=name)
        told = f"wanted {check.limit:g}, observed {check.observed}, {check.samples} samples"
        if check.state is State.MISSED:
            failures += 1
            ElementTree.SubElement(case, "failure", message=f"{told}. {check.note}".strip())
        elif check.state is State.UNDECIDED:
            ElementTree.SubElement(case, "skipped", message=f"{told}. {check.note}".strip())
        ElementTree.SubElement(case, "system-out").text = told
    suite.set("tests", str(len(verdict.checks) + 1))
    suite.set("failures", str(failures))
    suite.set("errors", str(int(bool(verdict.invalid))))
    ElementTree.indent(suite)
    text = ElementTree.tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'
