"""What came out: as a table for people, as JSON for programs, as JUnit for CI."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from dataclasses import dataclass
from xml.etree import ElementTree

from deploy.evaluate.statistics import Comparison, Rule

NO_REFERENCE = "no reference"
_COLUMNS = 100
_HEAD = ("benchmark", "samples", "right", "compared with", "difference", "interval", "verdict")


@dataclass(frozen=True)
class Row:
    """One benchmark. ``gate`` names the comparison that decides, None where there is none.

    ``accuracy`` is 0 to 1 over the questions asked; ``expected`` how many samples were wanted;
    ``cut_off`` how many answers max_tokens ended.
    """

    name: str
    title: str
    questions: int
    population: int
    samples: int
    expected: int
    cut_off: int
    accuracy: float
    comparisons: dict[str, Comparison]
    gate: str | None

    @property
    def decisive(self) -> Comparison | None:
        """The comparison that decides."""
        return self.comparisons[self.gate] if self.gate else None

    @property
    def verdict(self) -> str:
        """The decisive comparison's verdict, or that there is no reference."""
        return self.decisive.verdict if self.decisive else NO_REFERENCE

    @property
    def passed(self) -> bool:
        """Whether it is consistent, and all of it was asked."""
        return self.verdict == "consistent" and self.samples >= self.expected


@dataclass(frozen=True)
class Report:
    """All benchmarks of a run, the rule they were judged by, and where the samples are."""

    model: str
    url: str
    directory: str
    rule: Rule
    tests: int
    rows: tuple[Row, ...]

    @property
    def passed(self) -> bool:
        """Whether every benchmark that has a reference is consistent with it, in full."""
        judged = [row for row in self.rows if row.gate]
        return len(judged) == self.tests and all(row.passed for row in judged)


def table(report: Report) -> str:
    """Columns in text, and beneath them what each verdict rests on."""
    interval = f"{100 * (1 - 2 * _each(report).alpha):.3g} % {_HEAD[5]}"
    lines = [[*_HEAD[:5], interval, _HEAD[6]]]
    for row in report.rows:
        first = [row.name, str(row.samples), f"{100 * row.accuracy:.2f} %"]
        if not row.comparisons:
            lines.append([*first, "nothing", "", "", NO_REFERENCE])
        for label, found in row.comparisons.items():
            verdict = found.verdict if label == row.gate else f"({found.verdict})"
            reference = f"{label} {100 * found.reference:.2f} %"
            between = f"{100 * found.low:+.2f} to {100 * found.high:+.2f}"
            difference = f"{100 * found.difference:+.2f} points"
            lines.append([*first, reference, difference, between, verdict])
            first = ["", "", ""]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    told = [*(words(row, report.rule) for row in report.rows), promise(report)]
    wrapped = [textwrap.fill(line, _COLUMNS, subsequent_indent="  ") for line in told]
    return "\n".join([*text, "", *wrapped])


def words(row: Row, rule: Rule) -> str:
    """What a verdict rests on, and what would tell where it does not."""
    found, margin = row.decisive, 100 * rule.margin
    text = f"{row.name}: {row.verdict}"
    if found:
        shown = f"this many samples show a drop of {100 * found.detectable:.1f} points or more"
        text += f"; {shown} (power {rule.power:.0%})"
        if found.verdict == "too few samples to tell":
            text += f"; {_enough(found, row, margin)}"
    if row.samples < row.expected:
        text += f"; {row.expected - row.samples} samples of {row.expected} are missing"
    if row.cut_off:
        text += f"; {row.cut_off} answers were cut off at max_tokens and count as they stand"
    return text


def promise(report: Report) -> str:
    """The error rate and the power of the whole, in words."""
    rule = report.rule
    shared = f", each of {report.tests} comparisons {_each(report).alpha:.2%}"
    return (
        f"error rate {rule.alpha:.0%}: so often a server as good as the reference is called worse"
        f"{shared if report.tests > 1 else ''}; power {rule.power:.0%} at "
        f"{100 * rule.margin:g} points: so often, at least, one that much lower is, where "
        "the verdict is not too few samples"
    )


def as_json(report: Report) -> str:
    """The same for programs; accuracies and differences are fractions, not percent."""
    value = dataclasses.asdict(report)
    value["passed"] = report.passed
    for row, given in zip(report.rows, value["rows"], strict=True):
        given["verdict"] = row.verdict
    return json.dumps(value, indent=2, ensure_ascii=False)


def as_junit(report: Report) -> str:
    """One test case per benchmark: worse and too few fail, no reference is skipped."""
    suite = ElementTree.Element("testsuite", name="evaluate", tests=str(len(report.rows)))
    failures = skipped = 0
    for row in report.rows:
        case = ElementTree.SubElement(suite, "testcase", classname="evaluate", name=row.name)
        if row.gate is None:
            ElementTree.SubElement(case, "skipped", message=NO_REFERENCE)
            skipped += 1
        elif not row.passed:
            message = words(row, report.rule)
            ElementTree.SubElement(case, "failure", message=message, type=row.verdict)
            failures += 1
        ElementTree.SubElement(case, "system-out").text = words(row, report.rule)
    suite.set("failures", str(failures))
    suite.set("skipped", str(skipped))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _enough(found: Comparison, row: Row, margin: float) -> str:
    if found.repeats_needed is None:
        return f"no number shows {margin:g} points: the reference rests on too few samples itself"
    samples = found.repeats_needed * row.population
    return (
        f"{margin:g} points need about {found.repeats_needed} repeats of {row.population} "
        f"questions, {samples:,} samples: go on with --repeats {found.repeats_needed} and --resume"
    )


def _each(report: Report) -> Rule:
    return report.rule.shared(report.tests)
