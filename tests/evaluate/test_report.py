from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from deploy.evaluate.plan import FULL
from deploy.evaluate.report import Report, Row, as_json, as_junit, table
from deploy.evaluate.statistics import Comparison, Reference, Verdict, compare, estimate


def row(name: str, right: int, wrong: int, reference: float | None, expected: int) -> Row:
    count = right + wrong
    found = estimate({str(i): [float(i < right)] for i in range(count)}, count)
    comparisons: dict[str, Comparison] = {}
    if reference is not None:
        comparisons["card NVFP4"] = compare(found, Reference(reference), count, FULL)
        comparisons["card FP8"] = compare(found, Reference(reference + 0.01), count, FULL)
    gate = next(iter(comparisons), None)
    return Row(name, name, count, count, count, expected, 1, found.accuracy, comparisons, gate)


def report(*rows: Row) -> Report:
    tests = sum(row.gate is not None for row in rows)
    return Report("m", "http://h/v1", "/results", FULL, tests, rows)


GOOD = row("good", 1900, 100, 0.95, 2000)
BAD = row("bad", 1800, 200, 0.95, 2000)
FEW = row("few", 48, 2, 0.95, 50)
PARTIAL = row("partial", 1900, 100, 0.95, 2400)
LONE = row("lone", 20, 10, None, 30)


@pytest.mark.parametrize(
    ("rows", "verdict", "passed"),
    [
        ((GOOD,), "consistent", True),
        ((BAD,), "worse", False),
        ((FEW,), "too few samples to tell", False),
        ((PARTIAL,), "consistent", False),
        ((GOOD, LONE), "consistent", True),
        ((GOOD, BAD), "consistent", False),
    ],
)
def test_the_gate_passes_where_all_is_asked_and_consistent(
    rows: tuple[Row, ...], verdict: Verdict, passed: bool
) -> None:
    made = report(*rows)
    assert made.rows[0].verdict == verdict
    assert made.passed is passed


def test_a_comparison_that_was_promised_and_is_not_there_fails() -> None:
    assert not Report("m", "u", "d", FULL, 2, (GOOD, LONE)).passed


def test_the_table_holds_the_numbers_and_what_would_tell() -> None:
    text = table(report(GOOD, BAD, FEW, PARTIAL, LONE))
    lines = text.splitlines()
    assert "% interval" in lines[0]
    assert max(map(len, lines)) <= 110
    bad = next(line for line in lines if line.startswith("bad "))
    assert "90.00 %" in bad
    assert "card NVFP4 95.00 %" in bad
    assert "-5.00 points" in bad
    assert bad.endswith("worse")
    assert "(worse)" in lines[lines.index(bad) + 1]
    told = " ".join(text.split())
    assert "few: too few samples to tell" in told
    assert "go on with --repeats" in told
    assert "400 samples of 2400 are missing" in told
    assert "lone: no reference; 1 answers were cut off" in told
    assert "error rate 5%" in told
    assert "power 80% at 3 points" in told


def test_json_and_junit_say_the_same() -> None:
    made = report(GOOD, BAD, LONE)
    value = json.loads(as_json(made))
    assert [one["verdict"] for one in value["rows"]] == ["consistent", "worse", "no reference"]
    assert value["passed"] is False
    assert value["rows"][1]["comparisons"]["card NVFP4"]["difference"] == pytest.approx(-0.05)
    suite = ElementTree.fromstring(as_junit(made))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    cases = {case.get("name"): [child.tag for child in case] for case in suite}
    assert cases == {
        "good": ["system-out"],
        "bad": ["failure", "system-out"],
        "lone": ["skipped", "system-out"],
    }
