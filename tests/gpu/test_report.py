"""The report and what it is made from, on figures recorded on an H200; needs no GPU."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy import loader, mini
from deploy.overrides import Setting
from deploy.plan import plan
from deploy.preflight import nvml
from tests.gpu import report, trial, watch
from tests.launching import ROOT

REPORTS = sorted((ROOT / "docs" / "hardware-reports").glob("*.json"))


def recorded() -> dict[str, Any]:
    value: dict[str, Any] = json.loads(REPORTS[0].read_text(encoding="utf-8"))
    return value


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_the_markdown_is_derived_from_the_json(path: Path, tmp_path: Path) -> None:
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    assert text == report.markdown(json.loads(path.read_text(encoding="utf-8")))
    report.write(json.loads(path.read_text(encoding="utf-8")), tmp_path / "sub" / path.name)
    assert (tmp_path / "sub" / path.with_suffix(".md").name).read_text(encoding="utf-8") == text
    assert path.stem in (path.parent / "README.md").read_text(encoding="utf-8")


def test_the_plan_beside_the_engine_is_that_of_the_log() -> None:
    run = next(run for run in recorded()["runs"] if run["name"] == "MTP, memory fraction 0.70")
    found = watch.allocations(run["log"])
    assert found["free"] == 139.09
    assert found["weights"] == pytest.approx(0.22 + 0.07)
    assert found["kv_cache"] == pytest.approx(77.64 + 19.41)
    compared = trial.against_plan(
        run["log"], run["token_capacity"], "mini-hopper", "./build/mini", run["settings"]
    )
    planned, tokens = compared["KV cache, tokens"]
    assert tokens == 16_231_360
    assert tokens == pytest.approx(planned, rel=0.01)
    planned, size = compared["KV cache, bytes"]
    assert size == pytest.approx(planned, rel=0.01)


def test_a_log_that_says_nothing_is_not_made_up() -> None:
    assert set(watch.allocations([]).values()) == {None}
    compared = trial.against_plan([], None, "mini-b300", "./build/mini", ())
    assert {found for _, found in compared.values()} == {None}
    figures = recorded()
    run = copy.deepcopy(figures["runs"][0]) | {"plan": compared}
    assert "not said" in report.markdown(figures | {"runs": [run]})


def test_only_telling_lines_are_quoted_and_once() -> None:
    log = "\n".join(
        [
            "[2026-11-23 16:02:07] Load weight begin. avail mem=139.09 GB",
            "[2026-11-23 16:02:08] Load weight begin. avail mem=139.09 GB",
            "[2026-11-23 16:02:09] server_args=ServerArgs(model_path='/secret')",
            "Multi-thread loading shards: 100% Completed",
            "torch.OutOfMemoryError: CUDA out of memory.",
        ]
    )
    assert watch.telling_lines(log) == [
        "Load weight begin. avail mem=139.09 GB",
        "torch.OutOfMemoryError: CUDA out of memory.",
    ]


def test_a_failed_check_fails_the_run_and_shows() -> None:
    run = recorded()["runs"][0]
    assert [text.partition(":")[0] for text in trial.failures(run)] == ["prompt of 200000 tokens"]
    assert "| prompt of 200000 tokens | NO |" in report.markdown(recorded())
    assert trial.failures({"failure": "it never was ready"}) == ["it never was ready"]


@pytest.mark.parametrize(
    ("gpus", "name"),
    [
        (["NVIDIA B300 SXM6 AC"], "mini-b300"),
        (["NVIDIA B200"] * 8, "mini-b200"),
        (["NVIDIA H200"], "mini-hopper"),
        (["NVIDIA L4"], None),
    ],
)
def test_the_profile_is_the_gpus(gpus: list[str], name: str | None) -> None:
    assert trial.profile_here(gpus) == name


@pytest.mark.parametrize("profile", ["mini-b300", "mini-b200", "mini-hopper"])
@pytest.mark.parametrize("variant", trial.VARIANTS)
def test_the_plan_finds_room_for_every_variant(variant: str, profile: str) -> None:
    settings = [Setting.of(text) for text in trial.settings_of(variant, profile)]
    found = plan(loader.load(profile, settings)[0], mini.config())
    codes = {finding.code for finding in found.findings}
    assert codes <= {"plan-indexer-scores", "plan-fraction-low"}
    assert found.memory.prefill.tokens == (
        32_768 if "FP8" in variant and "hop" in profile else 131_072
    )


def test_without_a_gpu_the_trial_skips_and_says_why() -> None:
    if nvml.read().devices:
        pytest.skip("there is a GPU here")
    words = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "tests/gpu/test_mini.py"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert "there is no NVIDIA GPU here" in done.stdout
    assert f"{len(trial.VARIANTS)} skipped" in done.stdout
