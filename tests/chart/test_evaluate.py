"""The accuracy gate in the cluster: on demand, behind a rollout, and gone on with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.chart import CHART, ROOT
from tests.chart.kubelet import Kubelet
from tests.chart.rendering import Object, objects, pod, server
from tests.chart.test_verify import PACKAGES
from tests.chart.validation import containers
from tests.launching import Launched

IMAGE = "glm-serving-evaluate:1.14.1"
CARD = {"enabled": True, "image": IMAGE, "claimName": "results"}
BUNDLED = {"enabled": True, "suite": "bundled", "measure": True, "claimName": "results"}


def jobs(values: dict[str, Any]) -> dict[str, Object]:
    """Jobs of the gate by name."""
    found = objects(values)
    label = "app.kubernetes.io/component"
    return {
        item["metadata"]["name"]: item
        for item in found
        if item["kind"] == "Job" and item["metadata"]["labels"][label] == "evaluate"
    }


def job(evaluate: dict[str, Any], **values: Any) -> Object:
    (found,) = jobs({**values, "evaluate": evaluate}).values()
    return found


def words(item: Object) -> list[str]:
    (_, container) = containers(item["spec"]["template"])
    command: list[str] = container["command"]
    return command


def test_there_is_none_by_default() -> None:
    assert not jobs({})
    assert not jobs({"evaluate": CARD, "replicas": 0})


def test_the_quick_gate_runs_in_evalscopes_image_and_the_questions_in_the_engines() -> None:
    card, bundled = job(CARD), job({**BUNDLED, "references": {"bundled": 95}})
    assert {entry["image"] for entry in containers(card["spec"]["template"])} == {IMAGE}
    assert "--quick" in words(card) and "--suite card" in " ".join(words(card))
    assert "affinity" not in card["spec"]["template"]["spec"]
    (_, container) = containers(bundled["spec"]["template"])
    assert container["image"] == server()["image"]
    assert "--quick" not in words(bundled)
    assert " ".join(words(bundled)).endswith("--measure --reference bundled=95")


def test_values_become_options() -> None:
    values = {
        **CARD,
        "quick": False,
        "only": ["gpqa_diamond", "aa_lcr"],
        "repeats": 3,
        "references": {"aa_lcr": 61.25},
        "against": "run-1-abc",
        "datasets": {"gpqa_diamond": "data/gpqa"},
        "judge": {"url": "http://judge:8000", "model": "judge", "secret": "judge-key"},
    }
    said = " ".join(words(job(values, auth={"secret": "keys"})))
    for text in (
        "keyed.py /run/secrets/keys api-key python3 /glm/evaluation.py",
        "--only gpqa_diamond,aa_lcr --repeats 3 --reference aa_lcr=61.25",
        "--against /results/run-1-abc --dataset gpqa_diamond=/results/data/gpqa",
        "--judge-url http://judge:8000 --judge-model judge",
        "--judge-key-file /run/secrets/judge/api-key",
    ):
        assert text in said


def test_a_verdict_stands_and_what_was_cut_off_goes_on() -> None:
    spec = job(CARD)["spec"]
    ignore, fail = spec["podFailurePolicy"]["rules"]
    assert ignore["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert (fail["action"], fail["onExitCodes"]["values"]) == ("FailJob", [1])
    assert spec["backoffLimit"] > 0
    (_, container) = containers(spec["template"])
    assert words(job(CARD))[2] == "/results/run-1-$(JOB)"
    (name,) = (entry for entry in container["env"] if entry["name"] == "JOB")
    # The Job's own number: the same for the pods that follow, another for every other Job.
    assert "controller-uid" in name["valueFrom"]["fieldRef"]["fieldPath"]


def test_another_run_is_another_job_and_a_rollout_has_its_own_behind_the_checks() -> None:
    (first,), (second,) = jobs({"evaluate": CARD}), jobs({"evaluate": {**CARD, "run": 2}})
    assert first != second
    both = jobs({"evaluate": {**CARD, "afterRollout": True}})
    assert both.keys() == {first, "glm-evaluate"}
    notes = both["glm-evaluate"]["metadata"]["annotations"]
    assert notes["helm.sh/hook"] == "post-install,post-upgrade"
    assert int(notes["helm.sh/hook-weight"]) > 0
    assert pod({"evaluate": CARD}) == pod()
    # More servers are no reason to ask again.
    host = {"storage": {"kind": "host", "hostPath": "/m"}}
    assert jobs({"evaluate": CARD, "replicas": 2, "model": host}).keys() == {first}


def test_the_image_holds_the_pinned_harness() -> None:
    text = (CHART.parent / "evaluate" / "Dockerfile").read_text(encoding="utf-8")
    assert IMAGE in text and "requirements/evaluate.txt" in text
    pins = (ROOT / "requirements" / "evaluate.txt").read_text().splitlines()
    assert f"evalscope=={IMAGE.partition(':')[2]}" in pins


@pytest.mark.engine
def test_a_pod_goes_on_where_another_was_cut_off(server: Launched, tmp_path: Path) -> None:
    found = objects({"profile": "cpu", "evaluate": {**BUNDLED, "repeats": 1}})
    item = job({**BUNDLED, "repeats": 1}, profile="cpu")
    kubelet = Kubelet(found, tmp_path, PACKAGES)

    def run() -> tuple[subprocess.CompletedProcess[str], list[str]]:
        done = kubelet.run(item, {"http://glm:30000": server.base}, JOB="6d70")
        samples = tmp_path / "claim-results" / "run-1-6d70" / "samples.jsonl"
        return done, samples.read_text().splitlines(keepends=True)

    said = kubelet.prepare(item, {"http://glm:30000": server.base, "glm-rollout": "127.0.0.1"})
    assert f"1 of 1 servers of this rollout are ready, and {server.base} listens" in said
    done, lines = run()
    assert done.returncode == 0, done.stderr
    assert len(lines) == 40
    # As if it had been killed behind the thirtieth.
    path = tmp_path / "claim-results" / "run-1-6d70" / "samples.jsonl"
    path.write_text("".join(lines[:30]))
    done, after = run()
    assert done.returncode == 0, done.stderr
    assert after[:30] == lines[:30] and len(after) == 40
    assert "40 of 40 samples" in done.stderr


@pytest.mark.engine
@pytest.mark.harness
def test_the_pinned_packages_are_all_that_the_image_needs(server: Launched, tmp_path: Path) -> None:
    """evalscope's environment runs launch.py, too, and finds itself as the harness."""
    values = {**CARD, "quick": False, "only": ["aime26"], "repeats": 1, "measure": True}
    values |= {"datasets": {"aime26": "aime26"}, "concurrency": 4}
    found = objects({"profile": "cpu", "evaluate": values})
    python = str(ROOT / ".venv-evaluate" / "bin" / "python")
    kubelet = Kubelet(found, tmp_path, None, python=python)
    problems = tmp_path / "claim-results" / "aime26"
    problems.mkdir(parents=True)
    (problems / "test.jsonl").write_text(
        json.dumps({"problem": "The code word is 17. What is the code word?", "answer": "17"})
    )
    done = kubelet.run(job(values, profile="cpu"), {"http://glm:30000": server.base}, JOB="6d70")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 30 samples" in done.stderr
    assert sys.executable not in done.stderr
