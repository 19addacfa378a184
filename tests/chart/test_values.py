"""Wrong values are refused with a message that names them; every value is documented."""

from __future__ import annotations

import re
from typing import Any

import pytest

from deploy.chart import CHART, values
from tests.chart.rendering import MAJORS, helm

EVALUATE = {"enabled": True, "image": "glm-serving-evaluate:1.14.1"}
# Wrong values, and what the message must say.
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"profile": "b3000"}, "/profile"),
    ({"profil": "b300"}, "profil"),
    ({"replicas": "2"}, "/replicas"),
    ({"replicas": -1}, "/replicas"),
    ({"replicas": 1.5}, "/replicas"),
    ({"nameOverride": "Glm"}, "/nameOverride"),
    ({"engine": {"arg": {}}}, "arg"),
    ({"engine": {"args": {"mem-fractoin-static": 0.8}}}, "mem-fractoin-static"),
    ({"engine": {"args": {"tensor-parallel-size": "eight"}}}, "/engine/args/tensor-parallel-size"),
    ({"engine": {"args": {"quantization": "nvfp4"}}}, "/engine/args/quantization"),
    ({"engine": {"args": {"mem-fraction-static": "much"}}}, "/engine/args/mem-fraction-static"),
    ({"engine": {"args": {"enable-metrics": "yes"}}}, "/engine/args/enable-metrics"),
    ({"engine": {"args": {"api-key": "sk-1"}}}, "api-key"),
    ({"engine": {"args": {"admin-api-key": "sk-1"}}}, "admin-api-key"),
    ({"engine": {"args": {"config": "x.yaml"}}}, "config"),
    ({"engine": {"args": {"port": 70000}}}, "engine.args.port"),
    ({"engine": {"args": {"host": "127.0.0.1"}}}, "engine.args.host"),
    ({"engine": {"args": {"hicache-size": 200}}}, "resources.memory"),
    ({"profile": "vllm-b300", "engine": {"args": {"chunked-prefill-size": 1}}}, "chunked-prefill"),
    ({"profile": "vllm-b300", "engine": {"version": "0.5.20"}}, "/engine/version"),
    ({"engine": {"version": "0.5.99"}}, "/engine/version"),
    ({"engine": {"version": "0.5.23"}}, "engine.version"),
    ({"engine": {"image": "lmsysorg/sglang"}}, "/engine/image"),
    ({"engine": {"image": "lmsysorg/sglang:latest"}}, "/engine/image"),
    ({"engine": {"env": {"A": ["b"]}}}, "/engine/env/A"),
    ({"engine": {"env": {"A-B": "c"}}}, "A-B"),
    ({"limits": {"drain_seconds": -5}}, "/limits/drain_seconds"),
    ({"limits": {"drainSeconds": 5}}, "drainSeconds"),
    ({"update": {"strategy": "BlueGreen"}}, "/update/strategy"),
    ({"update": {"strategy": "Recreate", "maxSurge": 1}}, "update.maxSurge"),
    ({"update": {"maxSurge": 1}}, "model.storage.accessMode"),
    ({"replicas": 2}, "model.storage.accessMode"),
    ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
    ({"image": {"pullSecrets": [{"name": "a"}]}}, "/image/pullSecrets/0"),
    ({"gpu": {"products": "NVIDIA-B300"}}, "/gpu/products"),
    ({"nodeSelector": {"a": 1}}, "/nodeSelector/a"),
    ({"tolerations": [{"key": "a", "effect": "Never"}]}, "/tolerations/0/effect"),
    ({"resources": {"memory": "500 GB"}}, "/resources/memory"),
    ({"resources": {"memory": 500}}, "/resources/memory"),
    ({"resources": {"cpu": "many"}}, "/resources/cpu"),
    ({"resources": {"sharedMemory": "0"}}, "/resources/sharedMemory"),
    ({"model": {"storage": {"kind": "nfs"}}}, "/model/storage/kind"),
    ({"model": {"storage": {"kind": "existing"}}}, "model.storage.claimName"),
    ({"model": {"storage": {"kind": "host"}}}, "model.storage.hostPath"),
    ({"model": {"storage": {"kind": "host", "hostPath": "nvme"}}}, "/model/storage/hostPath"),
    ({"model": {"download": "yes"}}, "/model/download"),
    ({"auth": {"secret": "Keys!"}}, "/auth/secret"),
    ({"auth": {"apiKey": "sk-1"}}, "apiKey"),
    ({"probes": {"livenessSeconds": 5}}, "/probes/livenessSeconds"),
    ({"shutdown": {"leaveSeconds": 0}}, "/shutdown/leaveSeconds"),
    ({"security": {"user": "root"}}, "/security/user"),
    ({"service": {"type": "External"}}, "/service/type"),
    ({"service": {"port": 123456}}, "/service/port"),
    ({"networkPolicy": {"clients": [{"podSelektor": {}}]}}, "podSelektor"),
    ({"networkPolicy": {"clients": [{}]}}, "/networkPolicy/clients/0"),
    ({"monitoring": {"podMonitor": True}}, "/monitoring/podMonitor"),
    ({"ingress": {"enabled": True, "host": "glm.example"}}, "networkPolicy.gateways"),
    ({"ingress": {"enabled": True}}, "ingress.host"),
    ({"ingress": {"host": "https://glm.example"}}, "/ingress/host"),
    ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs"),
    ({"httpRoute": {"hostnames": ["UPPER"]}}, "/httpRoute/hostnames/0"),
    ({"verify": {"only": ["tool.called"]}}, "/verify/only/0"),
    ({"verify": {"skip": "context"}}, "/verify/skip"),
    ({"verify": {"minutes": 0}}, "/verify/minutes"),
    ({"verify": {"maxContextTokens": "200k"}}, "/verify/maxContextTokens"),
    ({"verify": {"enabled": False, "afterRollout": True}}, "verify.afterRollout"),
    ({"verify": {"after": True}}, "after"),
    ({"evaluate": {"enabled": True}}, "evaluate.image"),
    ({"evaluate": {"afterRollout": True}}, "evaluate.image"),
    ({"evaluate": {"image": "evaluate:latest"}}, "/evaluate/image"),
    ({"evaluate": {"suite": "mmlu"}}, "/evaluate/suite"),
    ({"evaluate": {"only": ["gpqa"]}}, "/evaluate/only/0"),
    ({"evaluate": {"enabled": True, "suite": "bundled"}}, "evaluate.references"),
    ({"evaluate": {"references": {"bundled": 195}}}, "/evaluate/references/bundled"),
    ({"evaluate": {**EVALUATE, "only": ["scicode"]}}, "evaluate.only: scicode"),
    ({"evaluate": {**EVALUATE, "only": ["aa_lcr"]}}, "evaluate.judge.url"),
    ({"evaluate": {**EVALUATE, "quick": False}}, "evaluate.only: name"),
    ({"evaluate": {**EVALUATE, "judge": {"url": "http://judge"}}}, "evaluate.judge.model"),
    ({"evaluate": {**EVALUATE, "against": "run-1"}}, "evaluate.claimName"),
    ({"evaluate": {"against": "/results/run-1"}}, "/evaluate/against"),
    ({"customProfile": "summary: x"}, "customProfile"),
    ({"customProfile": (CHART / "profiles" / "b300.yaml").read_text()}, "probes.startupSeconds"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{str(wrong[0])[:60]}")
def test_a_wrong_value_is_refused_by_name(wrong: tuple[dict[str, Any], str]) -> None:
    given, words = wrong
    done = helm(given)
    assert done.returncode != 0
    assert words in done.stderr


@pytest.mark.parametrize("major", MAJORS)
def test_every_contradiction_is_told_at_once(major: int) -> None:
    given = {
        "replicas": 2,
        "engine": {"version": "0.5.23", "args": {"port": 0}},
        "httpRoute": {"enabled": True},
    }
    done = helm(given, major=major)
    assert done.returncode != 0
    for name in ("accessMode", "engine.version", "engine.args.port", "httpRoute.parentRefs"):
        assert name in done.stderr


def test_another_version_brings_its_own_options() -> None:
    image = "lmsysorg/sglang:v0.5.23-cu130"
    engine = {"version": "0.5.23", "image": image, "args": {"attn-dp-size": 8}}
    assert helm({"engine": engine}).returncode == 0
    assert "attn-dp-size" in helm({"engine": {"args": {"attn-dp-size": 8}}}).stderr


def test_every_value_is_documented() -> None:
    def silent(entries: tuple[values.Entry, ...]) -> list[str]:
        leaves = [entry for entry in entries if not entry.children]
        missing = [".".join(entry.path) for entry in leaves if not entry.text]
        return missing + [name for entry in entries for name in silent(entry.children)]

    assert not silent(values.read((CHART / "values.yaml").read_text(encoding="utf-8")))


def test_every_value_is_used() -> None:
    templates = "".join(
        path.read_text(encoding="utf-8")
        for path in (CHART / "templates").rglob("*")
        if path.is_file()
    )

    def unused(entries: tuple[values.Entry, ...]) -> list[str]:
        leaves = [entry for entry in entries if not entry.children]
        missing = [
            ".".join(entry.path)
            for entry in leaves
            if not re.search(rf"\.{entry.path[-1]}\b", templates)
        ]
        return missing + [name for entry in entries for name in unused(entry.children)]

    assert not unused(values.read((CHART / "values.yaml").read_text(encoding="utf-8")))
