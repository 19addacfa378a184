"""The documentation's numbers are the code's."""

from __future__ import annotations

import re

import pytest

from deploy.evaluate.plan import FULL, QUICK
from deploy.evaluate.statistics import Estimate, Reference, compare, quantile, repeats_needed
from deploy.evaluate.suites import card
from tests.launching import ROOT

TEXT = (ROOT / "docs" / "evaluate.md").read_text(encoding="utf-8")


def samples_table() -> list[str]:
    """The lines of "How many samples tell" beneath its head."""
    lines = []
    for name, benchmark in card().benchmarks.items():
        reference = benchmark.reference("nvfp4") or Reference(0.5)
        cells = []
        for rule in (FULL, QUICK):
            for share in (1, 0.5, 0.25):
                within = share * reference.accuracy * (1 - reference.accuracy)
                repeats = repeats_needed(within, reference, benchmark.questions, rule)
                assert repeats
                cells.append(f"{repeats} ({repeats * benchmark.questions:,})")
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return lines


def test_the_table_of_samples_is_computed() -> None:
    found = re.search(r"<!-- samples -->\n(.*)<!-- end -->", TEXT, re.DOTALL)
    assert found
    assert found[1].splitlines()[2:] == samples_table()


def test_the_table_of_benchmarks_is_the_data() -> None:
    for name, benchmark in card().benchmarks.items():
        line = next(line for line in TEXT.splitlines() if line.startswith(f"| `{name}` |"))
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[1:3] == [str(benchmark.questions), str(benchmark.repeats)]
        known = (benchmark.score.fp8, benchmark.score.nvfp4)
        assert cells[4] == ("unknown" if None in known else f"{known[0]}, {known[1]}")
        assert ("Docker" in cells[3]) == ("sandbox" in benchmark.needs)
        assert ("judge" in cells[3]) == ("judge" in benchmark.needs)
        assert ("gated" in cells[3]) == ("gated" in benchmark.needs)


def test_the_example_by_hand_comes_out_of_the_code() -> None:
    found = Estimate(0.8310, 198, 198 * 8, 0.05 / (198 * 8), 0.05)
    reference = card().benchmarks["gpqa_diamond"].reference("nvfp4")
    assert reference
    compared = compare(found, reference, 198, FULL)
    assert round(100 * compared.difference, 2) == -1.92
    assert [round(100 * compared.low, 2), round(100 * compared.high, 2)] == [-3.34, -0.50]
    assert round(100 * compared.detectable, 2) == 2.14
    assert round(quantile(0.95, 197), 3) == pytest.approx(1.653)
    assert round(quantile(0.80, 197), 3) == pytest.approx(0.843)
    assert compared.verdict == "worse"
    for number in ("-1.92 +- 1.42: from -3.34 to -0.50", "= 2.14 points", "1.653 and 0.843"):
        assert number in TEXT
