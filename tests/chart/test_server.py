"""What keeps a server safe when nobody watches: probes, stopping, memory, rights, secrets."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from deploy import loader
from deploy.chart import CHART, facts, profiles, values
from deploy.hardware import GIB
from deploy.plan import plan
from deploy.plan.source import config_of
from deploy.render.container import STOP_MARGIN_SECONDS
from tests.chart.rendering import deployment, objects, only, pod, server, text
from tests.chart.test_objects import FULL, HOST, VARIANTS
from tests.chart.validation import containers, faults, pod_of

OLD = {"version": "0.5.16", "image": "lmsysorg/sglang:v0.5.16-cu130"}


@pytest.mark.parametrize("name", profiles.names())
def test_the_startup_probe_waits_as_long_as_the_plan_says(name: str) -> None:
    profile, _ = loader.load(name)
    startup = plan(profile, config_of(profile.model, None)).startup
    probe = server({"profile": name})["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= startup.probe_seconds
    assert startup.probe_seconds > startup.cold_seconds
    given = deployment({"profile": name})["spec"]["progressDeadlineSeconds"]
    assert given > startup.probe_seconds


@pytest.mark.parametrize("name", profiles.names())
def test_the_grace_period_outlasts_the_longest_request(name: str) -> None:
    profile, _ = loader.load(name)
    spec = pod({"profile": name})["spec"]
    leave = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    least = leave + profile.limits.drain_seconds + STOP_MARGIN_SECONDS
    assert spec["terminationGracePeriodSeconds"] == least
    longer = pod({"profile": name, "limits": {"drain_seconds": 4000}})["spec"]
    assert longer["terminationGracePeriodSeconds"] == leave + 4000 + STOP_MARGIN_SECONDS


def test_probes_ask_what_a_long_prefill_does_not_hold_up() -> None:
    new, old = server(), server({"engine": OLD})
    assert new["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert old["readinessProbe"]["httpGet"]["path"] == "/health"
    # /health gives up on its token after 20 s.
    assert old["readinessProbe"]["timeoutSeconds"] > 20 < old["startupProbe"]["timeoutSeconds"]
    for container in (new, old):
        assert container["livenessProbe"]["httpGet"]["path"] == "/metrics"
    silent = server({"engine": {"args": {"enable-metrics": False}}})
    assert silent["livenessProbe"]["tcpSocket"] == {"port": "http"}
    probe = server({"probes": {"livenessSeconds": 600}})["livenessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == 600


def test_tls_of_the_engine_reaches_the_probes() -> None:
    args = {"ssl-certfile": "/run/tls/tls.crt", "ssl-keyfile": "/run/tls/tls.key"}
    container = server({"engine": {"args": args}})
    assert container["readinessProbe"]["httpGet"]["scheme"] == "HTTPS"


def test_an_update_never_waits_for_gpus_that_the_old_server_holds() -> None:
    strategy = deployment()["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 0, "maxUnavailable": 1}
    surge = {"update": {"maxSurge": 1}, "model": HOST["model"]}
    strategy = deployment(surge)["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 1, "maxUnavailable": 0}
    budget = only("PodDisruptionBudget", objects())
    assert budget["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize("name", profiles.names())
def test_memory_holds_what_is_in_it(name: str) -> None:
    profile, _ = loader.load(name)
    planned = plan(profile, config_of(profile.model, None))
    spec = pod({"profile": name})["spec"]
    (container,) = spec["containers"]
    sizes = container["resources"]
    assert sizes["requests"] == sizes["limits"]
    assert sizes["limits"].get("nvidia.com/gpu", "0") == str(profile.hardware.count)
    memory = int(sizes["limits"]["memory"].removesuffix("Gi")) * GIB
    shm = next(volume["emptyDir"] for volume in spec["volumes"] if volume["name"] == "shm")
    assert shm["medium"] == "Memory"
    pinned = planned.memory.host.node_bytes if planned.memory.host else 0
    held = int(shm["sizeLimit"].removesuffix("Gi")) * GIB + pinned
    assert memory > held + (planned.model.checkpoint_bytes if profile.hardware.count else 0)
    assert any(mount["mountPath"] == "/dev/shm" for mount in container["volumeMounts"])


@pytest.mark.parametrize("name", profiles.names())
def test_a_server_goes_where_its_gpus_are(name: str) -> None:
    gpu = loader.load(name)[0].hardware.gpu
    affinity = pod({"profile": name})["spec"].get("affinity")
    if gpu == "cpu":
        assert affinity is None
        return
    (term,) = affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert term["matchExpressions"][0]["values"] == facts.gpus()[gpu]


@pytest.mark.parametrize("variant", [None, *VARIANTS])
def test_pods_have_no_more_rights_than_they_need(variant: str | None) -> None:
    for item in objects(VARIANTS[variant] if variant else None):
        made = pod_of(item)
        for container in containers(made) if made else ():
            rights = container["securityContext"]
            assert rights["readOnlyRootFilesystem"]
            numa = variant == "full" and container["name"] in ("server", "keys")
            assert rights["capabilities"].get("add", []) == ["SYS_NICE"] * numa
            assert made is not None
            assert made["spec"]["securityContext"]["runAsNonRoot"]
            assert made["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            assert (rights.get("runAsUser") == 0) == numa


def test_root_is_a_choice() -> None:
    spec = pod({"security": {"user": 0, "readOnlyRootFilesystem": False}})["spec"]
    assert "runAsNonRoot" not in spec["securityContext"]
    assert not spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"]


def test_keys_reach_the_engine_through_a_file_alone() -> None:
    without, with_keys = server(), server(FULL)
    assert with_keys["command"][-2:] == ["--config", "/run/glm/keys.yaml"]
    assert "--config" not in without["command"]
    spec = pod(FULL)["spec"]
    keys = next(item for item in spec["initContainers"] if item["name"] == "keys")
    assert keys["command"][-2:] == ["admin-api-key", "api-key"]
    (vllm,) = (
        item
        for item in pod({"profile": "vllm-b300", "auth": {"secret": "k"}})["spec"]["initContainers"]
        if item["name"] == "keys"
    )
    assert vllm["command"][-1] == "api-key"
    # The server itself does not see the Secret, and nobody is handed one in a variable.
    assert all(mount["name"] != "secret" for mount in with_keys["volumeMounts"])
    assert "secretKeyRef" not in text(FULL) and "envFrom" not in text(FULL)


def test_no_secret_is_in_any_rendered_byte() -> None:
    for given in (None, *VARIANTS.values()):
        rendered = text(given)
        assert not re.search(r"\b(sk-|hf_)[A-Za-z0-9]{8}|BEGIN .*PRIVATE KEY", rendered)
        assert all(item["kind"] != "Secret" for item in objects(given))


def test_the_model_is_downloaded_once_and_waited_for() -> None:
    found = objects(FULL)
    job = only("Job", found, "model")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    revision = FULL["engine"]["args"]["revision"]
    assert container["command"][2:] == ["download", "nvidia/GLM-5.1-NVFP4", revision]
    assert "nvidia.com/gpu" not in json.dumps(container["resources"])
    waiting = pod(FULL)["spec"]["initContainers"][0]
    assert waiting["command"][2:] == ["wait", "nvidia/GLM-5.1-NVFP4", revision]
    argv = server(FULL)["command"]
    assert argv[argv.index("--revision") + 1] == revision
    claim = only("PersistentVolumeClaim", found, "model")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert claim["spec"]["resources"]["requests"]["storage"] == "543Gi"


def test_a_directory_of_the_node_is_filled_by_each_server_itself() -> None:
    names = [item["metadata"]["name"] for item in objects(HOST)]
    assert not [name for name in names if name.startswith("glm-model")]
    assert pod(HOST)["spec"]["initContainers"][0]["command"][2] == "download"


def test_a_model_in_the_image_or_on_the_volume_is_not_downloaded() -> None:
    cpu = [item["kind"] for item in objects({"profile": "cpu"})]
    assert "Job" not in cpu and "PersistentVolumeClaim" not in cpu
    local = {"engine": {"args": {"model-path": "/models/GLM-5.1-NVFP4"}}}
    assert "initContainers" not in pod(local)["spec"]
    assert "HF_HUB_OFFLINE" not in {entry["name"] for entry in server(local)["env"]}
    assert "/models" in [mount["mountPath"] for mount in server(local)["volumeMounts"]]


def test_compiled_kernels_outlive_the_pod_and_belong_to_one_version() -> None:
    def directories(**engine: Any) -> set[str]:
        env = {entry["name"]: entry["value"] for entry in server({"engine": engine})["env"]}
        return {env[name] for name in loader.load("b300")[0].driver.cache_dirs}

    assert all(path.startswith("/models/kernels/sglang-0.5.20-b300/") for path in directories())
    assert not directories() & directories(**OLD)


def test_only_named_peers_come_in_and_a_server_calls_nobody() -> None:
    policy = only("NetworkPolicy", objects())["spec"]
    (rule,) = policy["ingress"]
    peers = [json.dumps(peer) for peer in rule["from"]]
    assert [("glm-serving/client" in peer, "monitoring" in peer) for peer in peers] == [
        (False, False),
        (True, False),
        (False, True),
    ]
    assert policy["egress"] == []
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (names, hub) = only("NetworkPolicy", objects(), "model")["spec"]["egress"]
    assert {port["port"] for port in names["ports"]} == {53}
    assert [port["port"] for port in hub["ports"]] == [443]
    assert len(only("NetworkPolicy", objects(HOST))["spec"]["egress"]) == 2


def test_only_the_api_is_published_with_time_for_the_longest_request() -> None:
    found = objects(FULL)
    ingress, route = only("Ingress", found), only("HTTPRoute", found)
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["path"] == "/v1"
    annotations = ingress["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "1920"
    assert annotations["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"
    (rule,) = route["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/v1"}}]
    assert rule["timeouts"] == {"request": "1920s", "backendRequest": "1920s"}


def test_the_shutdown_margin_is_the_launchers() -> None:
    entries = values.read((CHART / "values.yaml").read_text(encoding="utf-8"))
    (shutdown,) = (entry.default for entry in entries if entry.path == ("shutdown",))
    assert shutdown["marginSeconds"] == STOP_MARGIN_SECONDS


def test_the_cpu_profile_installs_without_gpu_volume_or_download() -> None:
    values = yaml.safe_load((CHART.parent / "cpu" / "values.yaml").read_text(encoding="utf-8"))
    found = objects(values)
    assert not faults(found)
    assert {item["kind"] for item in found} == {
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "Pod",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
    }
    assert "nvidia.com/gpu" not in server(values)["resources"]["limits"]
    # The image that the Dockerfile says how to build, with the engine that the profile pins.
    image = server(values)["image"]
    assert image in (CHART.parent / "cpu" / "Dockerfile").read_text(encoding="utf-8")
    assert image.endswith(f":{loader.load('cpu')[0].engine.version}")
