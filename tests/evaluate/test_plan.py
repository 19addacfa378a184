from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.errors import Refused
from deploy.evaluate import harness, plan
from deploy.evaluate.endpoint import Endpoint
from deploy.evaluate.store import Key, Sample, Store

SERVER = Endpoint("http://127.0.0.1:1/v1", "glm", described={"root": "nvidia/GLM-5.1-NVFP4"})


def make(name: str = "card", **changed: Any) -> plan.Plan:
    options: dict[str, Any] = {
        "only": [],
        "repeats": None,
        "quick": False,
        "references": [],
        "against": None,
        "measure_only": False,
    }
    return plan.make(name, **(options | changed))


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [finding.code for finding in refused.value.findings]


def test_small_sets_are_asked_more_often() -> None:
    assert make().repeats == {
        "gpqa_diamond": 8,
        "scicode": 4,
        "ifbench": 4,
        "aime26": 16,
        "aa_lcr": 3,
    }


def test_the_quick_gate_asks_what_needs_nothing_and_has_a_reference() -> None:
    quick = make(quick=True)
    assert quick.repeats == {"gpqa_diamond": 2}
    assert quick.rule.margin == 0.06
    assert make(quick=True, only=["aime26"], references=["aime26=90"]).repeats == {"aime26": 1}
    assert make(only=["gpqa_diamond"], repeats=17).repeats == {"gpqa_diamond": 17}


def test_nvfp4_decides_and_fp8_is_shown_beside_it() -> None:
    assert list(make().published("gpqa_diamond")) == ["card NVFP4", "card FP8"]
    own = make(references=["gpqa_diamond=84.5"])
    assert list(own.published("gpqa_diamond")) == ["reference", "card NVFP4", "card FP8"]
    assert own.published("gpqa_diamond")["reference"].accuracy == 0.845


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"only": ["gpqa"]}, "benchmark"),
        ({"references": ["gpqa_diamond"]}, "reference"),
        ({"references": ["gpqa_diamond=850"]}, "reference"),
        ({"references": ["nothing=85"]}, "reference"),
        ({"only": ["aime26"]}, "no-reference"),
        ({"name": "bundled"}, "no-reference"),
    ],
)
def test_faults_of_the_command_line_are_refused(changed: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        make(**changed)
    assert code in codes(refused)


def test_what_is_needed_is_said_before_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr("os.access", lambda *_: False)
    found = list(plan.check(make(), Path("/nowhere/python"), None, {}))
    told = [(finding.severity, finding.code) for finding in found]
    assert told == [
        ("error", "harness-missing"),
        ("error", "sandbox-missing"),
        ("error", "judge-missing"),
        ("warning", "download"),
        ("warning", "no-reference"),
    ]
    assert "make install-evaluate" in found[0].fix
    assert "--only gpqa_diamond,ifbench,aime26" in found[1].fix
    assert "gated" in found[3].message
    assert found[4].where == "scicode, ifbench, aime26, aa_lcr"


def test_what_is_there_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setattr(harness, "version", lambda python: "1.14.1")
    judge = harness.Judge("http://127.0.0.1:2/v1", "judge")
    local = dict.fromkeys(make().repeats, "/data")
    found = list(plan.check(make(), Path(sys.executable), judge, local))
    assert [finding.code for finding in found] == ["no-reference"]
    assert not list(plan.check(make("bundled", measure_only=True), Path("x"), None, {}))


def test_the_harness_version_is_asked_of_its_own_interpreter() -> None:
    assert harness.version(Path(sys.executable)) is None  # evalscope is not in this environment
    assert harness.version(Path("/nowhere/python")) is None


def test_an_earlier_run_must_have_asked_the_same_way(tmp_path: Path) -> None:
    first = make("bundled", measure_only=True)
    before = plan.settings(first, SERVER, None, {})
    store = Store(tmp_path, before, resume=False)
    store.add(Sample(Key("bundled", "echo-01", 0), 1.0))
    store.close()
    later = make("bundled", against=tmp_path)
    assert later.decides("bundled")
    other = Endpoint("http://127.0.0.1:9/v1", "another model")
    plan.check_earlier(later, plan.settings(later, other, None, {}))
    with pytest.raises(Refused, match=r"sampling\.temperature"):
        plan.check_earlier(later, before | {"sampling": {"temperature": 0.0}})
