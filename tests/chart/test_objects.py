"""Every object of every profile is valid under every Kubernetes release, and hangs together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deploy import loader
from deploy.chart import profiles
from tests.chart.rendering import MAJORS, MONITOR, RELEASES, Object, helm, objects, only
from tests.chart.validation import faults, schema_faults

# Everything that is off by default, at once.
FULL: dict[str, Any] = {
    "replicas": 3,
    "auth": {"secret": "glm-keys"},
    "engine": {"args": {"revision": "9116eb1c3ef24dd38dfe61e2eb71399ddd8070c8"}},
    "gpu": {"products": ["NVIDIA-B300-SXM6-AC"]},
    "nodeSelector": {"pool": "serving"},
    "priorityClassName": "serving",
    "runtimeClassName": "nvidia",
    "image": {"pullSecrets": ["mirror"]},
    "model": {
        "storage": {"kind": "claim", "accessMode": "ReadWriteMany", "storageClass": "fast"},
        "tokenSecret": "hub",
        "env": {"HTTPS_PROXY": "http://proxy:3128"},
    },
    "security": {"numaBinding": True},
    "service": {"type": "LoadBalancer", "port": 443, "annotations": {"a/b": "c"}},
    "monitoring": {"podMonitor": "always", "labels": {"release": "prometheus"}},
    "networkPolicy": {
        "gateways": [{"namespaceSelector": {"matchLabels": {"name": "gateway"}}}],
        "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 4317}]}],
    },
    "ingress": {"enabled": True, "className": "nginx", "host": "glm.example", "tlsSecret": "tls"},
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "gw"}], "hostnames": ["glm.example"]},
    "verify": {"afterRollout": True, "only": ["chat"], "skip": ["cache"], "maxContextTokens": 1000},
    "evaluate": {
        "enabled": True,
        "afterRollout": True,
        "image": "glm-serving-evaluate:1.14.1",
        "only": ["gpqa_diamond", "aa_lcr"],
        "claimName": "results",
        "against": "run-1-abc",
        "datasets": {"gpqa_diamond": "data/gpqa"},
        "judge": {"url": "http://judge:8000", "model": "judge", "secret": "judge-key"},
        "env": {"HTTPS_PROXY": "http://proxy:3128"},
    },
    "loadTest": {"enabled": True},
    "podAnnotations": {"a": "b"},
    "podLabels": {"team": "serving"},
}
HOST = {
    "model": {"storage": {"kind": "host", "hostPath": "/mnt/nvme/glm"}},
    "replicas": 2,
    "evaluate": {"enabled": True, "suite": "bundled", "references": {"bundled": 95}},
}
BARE = {
    "verify": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "disruptionBudget": {"enabled": False},
    "monitoring": {"podMonitor": "never"},
    "model": {"download": False, "storage": {"kind": "existing", "claimName": "weights"}},
    "tolerations": [],
    "gpu": {"selectByProduct": False},
    "update": {"strategy": "Recreate"},
}
VARIANTS = {"full": FULL, "host": HOST, "bare": BARE}


@pytest.mark.parametrize("name", profiles.names())
def test_valid_under_every_release_with_and_without_the_optional_api(name: str) -> None:
    # The values are the same each time, and judging them by their schema is half of Helm's work.
    more = ["--skip-schema-validation", "--kube-version"]
    known = loader.load(name)[0]
    metrics = known.engine.name == "vllm" or known.argument("enable-metrics")
    for release in RELEASES:
        with_api = objects({"profile": name}, more=[*more, release, "--api-versions", MONITOR])
        assert not [fault for item in with_api for fault in schema_faults(item, release)]
        assert not faults(with_api)
        if release in (RELEASES[0], RELEASES[-1]):
            without = objects({"profile": name}, more=[*more, release])
            extra = [item["kind"] for item in with_api if item not in without]
            assert extra == ["PodMonitor"] * bool(metrics)


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_valid_with_everything_on_and_off(variant: str, major: int) -> None:
    found = objects(VARIANTS[variant], major=major)
    for release in (RELEASES[0], RELEASES[-1]):
        assert not [fault for item in found for fault in schema_faults(item, release)]
    assert not faults(found)


def test_both_helms_render_the_same() -> None:
    for values in ({"profile": name} for name in profiles.names()):
        assert objects(values) == objects(values, major=3)
    for values in VARIANTS.values():
        assert objects(values) == objects(values, major=3)


def test_names_are_legal_at_every_length() -> None:
    seen = set()
    for release in (
        "g",
        "1st",
        "a.b",
        "g" * 38,
        "g" * 39,
        "g" * 53,
        "g" * 52 + "h",
        "a-" * 20 + "b",
    ):
        found = objects(FULL, release=release)
        assert not faults(found), release
        seen.add(only("Deployment", found)["metadata"]["name"])
    assert len(seen) == 8


def test_helm_that_is_too_old_a_cluster_is_told() -> None:
    done = helm(more=["--kube-version", "1.29"])
    assert done.returncode and "1.30" in done.stderr


def _drop_volume(found: list[Object]) -> None:
    only("Deployment", found)["spec"]["template"]["spec"]["volumes"].pop(0)


def _rename_port(found: list[Object]) -> None:
    pod = only("Deployment", found)["spec"]["template"]["spec"]
    pod["containers"][0]["ports"][0]["name"] = "web"


def _other_label(found: list[Object]) -> None:
    labels = only("Deployment", found)["spec"]["template"]["metadata"]["labels"]
    labels["app.kubernetes.io/component"] = "other"


def _float(found: list[Object]) -> None:
    pod = only("Deployment", found)["spec"]["template"]["spec"]
    pod["containers"][0]["image"] = "lmsysorg/sglang:latest"


def _quantity(found: list[Object]) -> None:
    pod = only("Deployment", found)["spec"]["template"]["spec"]
    pod["containers"][0]["resources"]["limits"]["memory"] = "594 GiB"


def _claim(found: list[Object]) -> None:
    only("ConfigMap", found)["metadata"]["name"] = "other"


def _entry(found: list[Object]) -> None:
    del only("ConfigMap", found, "launcher")["data"]["launch.py"]


def _size(found: list[Object]) -> None:
    only("ConfigMap", found, "verify")["data"]["more"] = " " * 200_000


@pytest.mark.parametrize(
    "breakage",
    [
        _drop_volume,
        _rename_port,
        _other_label,
        _float,
        _quantity,
        _claim,
        _entry,
        _size,
    ],
)
def test_our_own_checks_can_fail(breakage: Callable[[list[Object]], None]) -> None:
    found = objects(FULL)
    assert not faults(found)
    breakage(found)
    assert faults(found)


def test_an_unknown_key_of_a_custom_kind_fails() -> None:
    monitor = only("PodMonitor", objects(FULL))
    assert not schema_faults(monitor, "1.37")
    monitor["spec"]["podMetricsEndpoints"][0]["intervall"] = "15s"
    assert schema_faults(monitor, "1.37")


def test_an_unknown_kind_fails() -> None:
    assert schema_faults({"apiVersion": "v1", "kind": "Pood", "metadata": {}, "spec": {}}, "1.37")
