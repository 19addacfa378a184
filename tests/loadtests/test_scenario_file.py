"""Scenarios: those we ship are right, and every fault in one is named at once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from deploy.loader import CONFIGS
from loadtests.client.outcomes import Refused
from loadtests.run import options
from loadtests.schema import scenario_file
from loadtests.schema.slo import with_limits

NAMES = sorted(path.stem for path in scenario_file.FOLDER.glob("*.yaml"))
GOOD = {
    "summary": "x",
    "phases": {"steady_seconds": 5},
    "traffic": [{"name": "a", "answer": {"tokens": 5}, "prompt": {"tokens": 100},
                 "load": {"users": 1}}],
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_scenario_fits_the_model(name: str) -> None:
    scenario = scenario_file.load(scenario_file.find(name), [])
    scenario_file.check_context(scenario, 202_752)
    assert scenario.slo


class Names(list[str]):
    """Takes the place of a parser and keeps the options' names."""

    def add_argument(self, name: str, **_: Any) -> None:
        self.append(name)

    def set_defaults(self, **_: Any) -> None:
        pass


def test_the_documentation_lists_every_option() -> None:
    """Locust's --help cannot: it is printed before a locustfile is read."""
    names = Names()
    options.add(names)
    text = (CONFIGS.parent / "docs/load-testing.md").read_text()
    assert re.findall(r"^\| `(--[a-z-]+)", text, re.M) == names


def test_json_is_the_same_as_yaml(tmp_path: Path) -> None:
    """The chart hands scenarios over as JSON: the stock locust image reads no YAML."""
    path = tmp_path / "x.json"
    path.write_text(json.dumps(scenario_file.read(scenario_file.find("mixed"))))
    mixed = scenario_file.load(scenario_file.find("mixed"), [])
    assert scenario_file.load(path, []) == mixed


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    traffic = [
        {"name": "a", "answer": {"tokens": 0}, "prompt": {"tokens": 50}, "lod": 1},
        {"name": "a", "answer": {"tokens": "5"}, "load": {"users": True, "arrivals": "possion"}},
    ]
    path.write_text(json.dumps({**GOOD, "traffic": traffic, "phases": {}}))
    with pytest.raises(Refused) as refused:
        scenario_file.load(path, [])
    text = "\n".join(refused.value.lines)
    for words in (
        "traffic[0].answer.tokens: 0 is not above 0",
        'traffic[0].lod: unknown key\n       fix: did you mean "load"?',
        "traffic[1].answer.tokens: not a whole number: '5'",
        "traffic[1].load.users: not a whole number: True",
        "traffic[1].load.arrivals: unknown value 'possion'",
        'did you mean "poisson"?',
        "phases.steady_seconds: missing",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("traffic.0.load.rate=1", "needs users (closed loop) or rate (open loop)"),
        ("traffic.0.prompt.shared_tokens=50", "leaves no room"),
        ("traffic.0.session={}", "missing"),
        ('slo={"b": {}}', "no traffic has this name"),
        ('slo={"a": {"ttft_seconds": {"p101": 1}}}', "not a percentile"),
        ('slo={"a": {"ttft_seconds": {"p50": -1}}}', "not above 0"),
        ('search={"levels": 3}', "a search needs one to miss"),
        ("traffic=[]", "empty"),
        ("nonsense", "has no ="),
        ("traffic.5.name=x", "leads nowhere"),
        ("phases.steady_seconds=NaN", "not a finite number"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, change: str, words: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(GOOD))
    scenario_file.load(path, [])
    with pytest.raises(Refused) as refused:
        scenario_file.load(path, [change])
    assert words in "\n".join(refused.value.lines)


def test_a_profile_gives_the_limits_that_a_scenario_lacks(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(GOOD))
    scenario = scenario_file.load(path, ['slo={"a": {"itl_seconds": {"p50": 1}}}'])
    limits = {"context_tokens": 1000, "ttft_p99_seconds": 3, "itl_p99_seconds": 2}
    slo = with_limits(scenario, limits).slo["a"]
    assert slo.ttft_seconds == {"p99": 3.0}
    assert slo.itl_seconds == {"p50": 1.0}
    with pytest.raises(Refused, match="exceed the server's 104"):
        with_limits(scenario, {"context_tokens": 104})
    real = scenario_file.read(CONFIGS / "b300.yaml")["limits"]
    with_limits(scenario_file.load(scenario_file.find("cold-200k"), []), real)
