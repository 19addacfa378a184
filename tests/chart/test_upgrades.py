"""What restarts a server and what does not, and that rendering is a function."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart.rendering import MAJORS, deployment, helm, objects, only, pod
from tests.chart.test_objects import VARIANTS

RESTARTS: list[dict[str, Any]] = [
    {"engine": {"args": {"mem-fraction-static": 0.85}}},
    {"engine": {"env": {"NCCL_DEBUG": "INFO"}}},
    {"engine": {"image": "mirror.example/sglang:v0.5.20-cu130"}},
    {"profile": "b300-low-latency"},
    {"limits": {"drain_seconds": 100}},
    {"resources": {"memory": "700Gi"}},
    {"auth": {"secret": "keys"}},
    {"nodeSelector": {"a": "b"}},
    {"podAnnotations": {"a": "b"}},
]
KEEPS: list[dict[str, Any]] = [
    {"replicas": 0},
    {"update": {"strategy": "Recreate"}},
    {"service": {"type": "LoadBalancer", "port": 80, "annotations": {"a": "b"}}},
    {"disruptionBudget": {"enabled": False}},
    {"networkPolicy": {"enabled": False}},
    {"networkPolicy": {"clients": []}},
    {"monitoring": {"podMonitor": "always", "interval": "30s"}},
    {"model": {"downloadSeconds": 20000}},
    {"model": {"storage": {"size": "1000Gi"}}},
    {"verify": {"enabled": False}},
    {"verify": {"afterRollout": True, "minutes": 20, "only": ["chat"]}},
    {"evaluate": {"enabled": True, "suite": "bundled", "measure": True}},
    {"evaluate": {"afterRollout": True, "image": "evaluate:1", "deadlineSeconds": 3600}},
    {
        "ingress": {"enabled": True, "host": "glm.example"},
        "networkPolicy": {"gateways": [{"podSelector": {"matchLabels": {"a": "b"}}}]},
    },
]


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("variant", [None, *VARIANTS])
def test_rendering_twice_is_identical(variant: str | None, major: int) -> None:
    given = VARIANTS[variant] if variant else None
    assert helm(given, major=major).stdout == helm(given, major=major).stdout


@pytest.mark.parametrize("values", RESTARTS, ids=str)
def test_what_concerns_the_pod_restarts_it(values: dict[str, Any]) -> None:
    assert pod(values) != pod()


@pytest.mark.parametrize("values", KEEPS, ids=str)
def test_what_does_not_concern_the_pod_leaves_it_running(values: dict[str, Any]) -> None:
    assert objects(values) != objects()
    assert pod(values) == pod()


@pytest.mark.parametrize("values", [*RESTARTS, *KEEPS], ids=str)
def test_the_selector_never_changes(values: dict[str, Any]) -> None:
    assert deployment(values)["spec"]["selector"] == deployment()["spec"]["selector"]


def test_a_job_is_never_changed_in_place() -> None:
    """Kubernetes refuses that, and Helm's upgrade with it: another pod has another name."""
    seen: dict[str, Any] = {}
    for values in [{}, *RESTARTS, *KEEPS]:
        job = only("Job", objects(values), "model")
        assert seen.setdefault(job["metadata"]["name"], job["spec"]) == job["spec"]
    assert len(seen) > 1
