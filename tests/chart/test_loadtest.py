"""The load test in the cluster: the files of loadtests/, two Jobs, and who talks to whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.chart import ROOT
from tests.chart.kubelet import Kubelet
from tests.chart.rendering import MAJORS, Object, helm, objects, only, pod, text
from tests.chart.validation import faults, schema_faults
from tests.launching import free_port
from tests.loadtests.conftest import fault_server

LOADTESTS = ROOT / "loadtests"
SCENARIOS = sorted(path.stem for path in (LOADTESTS / "scenarios").glob("*.yaml"))


def on(**more: Any) -> dict[str, Any]:
    return {"loadTest": {"enabled": True, **more}}


def command(found: list[Object], part: str) -> list[str]:
    job = only("Job", found, part)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    words: list[str] = container["command"]
    return words


def test_there_is_none_by_default() -> None:
    assert "loadtest" not in text()


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_it_is_valid_and_hands_the_scenario_over_as_json(scenario: str, major: int) -> None:
    found = objects({**on(scenario=scenario), "auth": {"secret": "keys"}}, major=major)
    assert not faults(found)
    assert not [fault for item in found for fault in schema_faults(item, "1.37")]
    maps = {item["metadata"]["name"]: item["data"] for item in found if item["kind"] == "ConfigMap"}
    given = yaml.safe_load((LOADTESTS / "scenarios" / f"{scenario}.yaml").read_text())
    assert json.loads(maps["glm-scenario"]["scenario.json"]) == given
    assert "context_tokens" in json.loads(maps["glm-scenario"]["limits.json"])["limits"]
    files = [path.read_text() for path in LOADTESTS.rglob("*.py")]
    assert sorted(files) == sorted(
        text
        for key, text in maps["glm-loadtests"].items()
        if key.startswith("loadtests--") and key.endswith(".py")
    )


def test_the_pods_commands_run_a_test(tmp_path: Path) -> None:
    """In an interpreter that has what locust's image has, and the files from ConfigMaps alone."""
    steps = ["phases.warmup_seconds=1", "phases.steady_seconds=3", "slo.chat.ttft_seconds.p50=60"]
    steps += ["generator.most_lag_seconds=30", "generator.most_cpu=2"]
    steps += ["generator.most_schedule_delay_seconds=30"]
    found = objects(
        {
            **on(set=steps, workers=1),
            "profile": "cpu",
            "engine": {"args": {"served-model-name": "fault-model"}},
            "auth": {"secret": "keys"},
        }
    )
    kubelet = Kubelet(found, tmp_path, ["locust"], {"keys": {"api-key": "sk-test"}})
    port = str(free_port())
    with fault_server("--gap", "0.005", "--ttft", "0.01", "--key", "sk-test") as url:
        job = only("Job", found, "loadtest")
        kubelet.prepare(job, {"http://glm:30000": url, "glm-rollout": "127.0.0.1"})
        master = kubelet.start(
            job,
            {"http://glm:30000": url},
            *("--master-bind-host", "127.0.0.1", "--master-bind-port", port),
        )
        worker = kubelet.start(
            only("Job", found, "loadtest-worker"),
            {"glm-loadtest": "127.0.0.1"},
            *("--master-port", port),
        )
        try:
            out, err = master.communicate(timeout=120)
            worker.communicate(timeout=60)
        finally:
            master.kill()
            worker.kill()
    assert master.returncode == worker.returncode == 0, out + err
    (report,) = tmp_path.glob("Job-glm-loadtest-*/tmp/results/*/report.json")
    assert json.loads(report.read_text())["accounting"]["completed"] > 0


def test_master_and_workers_are_told_of_each_other_and_of_the_server() -> None:
    found = objects(on(workers=3, set=["traffic.0.load.users=4"]))
    master, worker = command(found, "loadtest"), command(found, "loadtest-worker")
    assert master[master.index("--expect-workers") + 1] == "3"
    assert master[master.index("--host") + 1] == "http://glm:30000"
    assert master[master.index("--model") + 1] == "glm-5.1"
    assert master[-2:] == ["--set", "traffic.0.load.users=4"]
    name = only("Service", found, "loadtest")["metadata"]["name"]
    assert worker[worker.index("--master-host") + 1] == name
    assert only("Job", found, "loadtest-worker")["spec"]["parallelism"] == 3
    # The verdict is the first and only try's.
    assert only("Job", found, "loadtest")["spec"]["backoffLimit"] == 0
    # Away from the GPU nodes.
    assert "affinity" not in only("Job", found, "loadtest")["spec"]["template"]["spec"]


def test_another_run_is_another_job_and_no_other_server() -> None:
    first, second = objects(on()), objects(on(run=2))
    names = [only("Job", found, "loadtest")["metadata"]["name"] for found in (first, second)]
    assert names[0] != names[1]
    assert pod(on()) == pod(on(run=2)) == pod()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (on(scenario="smok"), "loadTest.scenario"),
        (on(workers=0), "/loadTest/workers"),
        (on(image="locustio/locust:latest"), "/loadTest/image"),
        (on(set=["users"]), "/loadTest/set/0"),
        (on(memory="lots"), "/loadTest/memory"),
        (on(users=3), "users"),
    ],
)
def test_a_wrong_value_is_refused_by_name(values: dict[str, Any], words: str) -> None:
    done = helm(values)
    assert done.returncode != 0
    assert words in done.stderr
