"""The contract checks in the cluster: `helm test`, and the gate behind a rollout."""

from __future__ import annotations

import json
import random
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from deploy import loader, yamlfile
from deploy.chart import CHART, ROOT, profiles, tools
from deploy.profile import Profile
from deploy.verify import suite
from tests.chart.kubelet import Kubelet
from tests.chart.rendering import MAJORS, Object, objects, only, pod, server
from tests.chart.test_command import drawn
from tests.chart.validation import containers
from tests.launching import Launched
from tests.verify.breakages import TABLE
from tests.verify.proxy import proxied

# What launch.py may ask of an image.
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
HOST_MODEL = {"model": {"storage": {"kind": "host", "hostPath": "/m"}}}
KEYS = {"api-key": "sk-test", "admin-api-key": "sk-admin"}
# The checks whose answers a so small a model does not choose, the long ones left out.
SURE = ["models", "structured", "limits", "parsing", "operations"]


def verify_pod(found: list[Object]) -> Object:
    return only("Pod", found, "verify")


def handed_over(values: dict[str, Any], major: int = 4) -> str:
    data = only("ConfigMap", objects(values, major=major), "verify")["data"]
    text: str = data["profile.json"]
    return text


def read(text: str) -> Profile:
    document = yamlfile.parse(text, "profile.json")
    assert not document.findings
    return Profile.model_validate(document.value)


def overlaid(name: str) -> dict[str, Any]:
    """Values that change engine options of every kind, the environment and the limits."""
    profile, _ = loader.load(name)
    assert profile.catalogue is not None
    args = drawn(profile.catalogue, random.Random(f"verify/{name}"))
    if profile.engine.name == "sglang":
        args["schedule-conservativeness"] = 1e-7  # a text to YAML 1.1
    engine = {"args": args, "env": {"NCCL_DEBUG": "INFO"}}
    return {"profile": name, "engine": engine, "limits": {"drain_seconds": 77}}


# Each with overrides of its own: two engines, and everything that an override can meet.
OVERLAID = ("b300-agentic", "cpu", "vllm-b300", "cpu-vllm")


@pytest.mark.parametrize(
    "values", [*({"profile": name} for name in profiles.names()), *map(overlaid, OVERLAID)]
)
def test_the_profile_handed_over_is_the_one_that_is_served(values: dict[str, Any]) -> None:
    given, container = read(handed_over(values)), server(values)
    command = given.command()
    assert list(command.argv) == container["command"]
    assert command.image == container["image"]
    served = {entry["name"]: entry["value"] for entry in container["env"]}
    assert command.env.items() <= served.items()
    limits = loader.load(values["profile"])[0].limits.model_dump()
    assert given.limits.model_dump() == {**limits, **values.get("limits", {})}


def test_both_helms_hand_the_same_over() -> None:
    values = overlaid("b300-agentic")
    assert handed_over(values) == handed_over(values, major=3)


def test_it_is_a_pod_in_the_engines_image_without_a_gpu() -> None:
    found = objects()
    spec = verify_pod(found)["spec"]
    (container,) = spec["containers"]
    assert container["image"] == server()["image"]
    assert not any("gpu" in name for name in container["resources"]["limits"])
    assert spec["activeDeadlineSeconds"] > 60 * 10
    long = verify_pod(objects({"verify": {"minutes": 45.5}}))["spec"]
    assert long["activeDeadlineSeconds"] > 60 * 45.5
    policy = only("NetworkPolicy", found, "verify")["spec"]
    assert policy["ingress"] == []
    names, servers = policy["egress"]
    assert {port["port"] for port in names["ports"]} == {53}
    labels = servers["to"][0]["podSelector"]["matchLabels"]
    assert labels.items() <= pod()["metadata"]["labels"].items()
    assert servers["ports"] == [{"port": "http"}]


def test_values_become_options() -> None:
    values = {"only": ["chat", "tools.called"], "skip": ["context"], "maxContextTokens": 32000}
    found = objects({"verify": {**values, "minutes": 3}, "auth": {"secret": "keys"}})
    words = verify_pod(found)["spec"]["containers"][0]["command"]
    assert words[:3] == ["python3", "/glm/keyed.py", "/run/secrets/keys"]
    assert words[words.index("--url") + 1] == "http://glm:30000"
    assert " ".join(words[words.index("--minutes") :]) == (
        "--minutes 3 --only chat --only tools.called --skip context --max-context-tokens 32000"
    )


def test_the_notes_say_how_long_to_wait() -> None:
    def notes(*sets: str) -> str:
        command = [str(tools.helm()), "install", "glm", str(CHART), "--dry-run=client"]
        command += [word for text in sets for word in ("--set", text)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert "<no value>" not in done.stdout
        return done.stdout.partition("NOTES:")[2]

    assert "helm -n default test glm --logs --timeout 1200s" in notes()
    assert "helm -n default test" not in notes("verify.enabled=false")
    gated = notes(
        "verify.afterRollout=true", "model.storage.kind=host", "model.storage.hostPath=/m"
    )
    (seconds,) = re.findall(r"the next upgrade needs --timeout (\d+)s", gated)
    job = only("Job", objects({"verify": {"afterRollout": True}, **HOST_MODEL}), "verify")
    assert int(seconds) == job["spec"]["activeDeadlineSeconds"]


def test_there_is_nothing_of_it_where_it_is_off() -> None:
    assert not {"verify", "rollout", "launcher"} & {
        item["metadata"]["name"].partition("-")[2]
        for item in objects({"verify": {"enabled": False}})
    }


def test_the_gate_waits_for_the_servers_of_its_own_rollout() -> None:
    values: dict[str, Any] = {"verify": {"afterRollout": True}}
    found = objects(values)
    job = only("Job", found, "verify")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "post-install,post-upgrade"
    (waiting, checking) = containers(job["spec"]["template"])
    assert checking == verify_pod(found)["spec"]["containers"][0]
    service = next(item for item in found if item["metadata"]["name"] == "glm-rollout")
    assert service["spec"]["clusterIP"] == "None"
    assert "publishNotReadyAddresses" not in service["spec"]
    assert service["spec"]["selector"].items() <= pod()["metadata"]["labels"].items()
    assert waiting["command"][2:] == ["/glm/rollout.json", "glm-rollout", "http://glm:30000"]
    rollout = json.loads(only("ConfigMap", found, "launcher")["data"]["rollout.json"])
    assert rollout["servers"] == 1
    # Long enough for an old server to drain, a download, and a start.
    spec, seconds = pod()["spec"], rollout["seconds"]
    probe = spec["containers"][0]["startupProbe"]
    start = probe["periodSeconds"] * probe["failureThreshold"]
    assert seconds >= spec["terminationGracePeriodSeconds"] + start + 10800
    assert job["spec"]["activeDeadlineSeconds"] > seconds + 600
    assert job["spec"]["backoffLimit"] == 0
    # Other servers are another rollout; without any there is nothing to wait for.
    changed = objects({**values, "engine": {"args": {"mem-fraction-static": 0.85}}})
    other = next(item for item in changed if item["metadata"]["name"] == "glm-rollout")
    assert other["spec"]["selector"] != service["spec"]["selector"]
    assert not [item for item in objects({**values, "replicas": 0}) if "rollout" in str(item)[:900]]


@pytest.mark.parametrize("major", MAJORS)
def test_a_pod_of_roots_can_read_the_keys(major: int) -> None:
    """launch.py refuses a file of root's own that its group may read, so there is no group."""
    for user, mode in ((10001, 0o440), (0, 0o400)):
        values = {"security": {"user": user}, "auth": {"secret": "keys"}}
        spec = verify_pod(objects(values, major=major))["spec"]
        (secret,) = (volume["secret"] for volume in spec["volumes"] if "secret" in volume)
        assert secret["defaultMode"] == mode
        assert spec["securityContext"].get("fsGroup", 0) == user


@pytest.mark.engine
def test_the_pods_command_passes_on_the_real_server(server: Launched, tmp_path: Path) -> None:
    """In an interpreter that has what the image has, and this repository from ConfigMaps alone."""
    found = objects(
        {
            "profile": "cpu",
            "verify": {"maxContextTokens": 4000, "only": SURE},
            "auth": {"secret": "keys"},
        }
    )
    kubelet = Kubelet(found, tmp_path, PACKAGES, {"keys": KEYS})
    tree = kubelet.mounts(verify_pod(found))["launcher"]
    before = sorted(tree.rglob("*"))
    with proxied(server.base) as proxy:
        done = kubelet.run(verify_pod(found), {"http://glm:30000": proxy.url})
        carried = {authorization for *_, authorization in proxy.kept}
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = [name for name in suite.NAMES if name.partition(".")[0] in SURE]
    lines = re.findall(r"^(ok|n/a) +([\w.-]+)", done.stdout, re.MULTILINE)
    assert [name for _, name in lines] == wanted
    assert [name for word, name in lines if word == "n/a"] == ["operations.speculative"]
    # The keys were read from the Secret, and sent.
    assert carried == {f"Bearer {KEYS['api-key']}"}
    assert not any(key in done.stdout + done.stderr for key in KEYS.values())
    assert sorted(tree.rglob("*")) == before


@pytest.mark.engine
def test_it_fails_where_a_promise_is_broken(server: Launched, tmp_path: Path) -> None:
    found = objects({"profile": "cpu", "verify": {"only": ["models"]}})
    breakage, named = TABLE["short context"]
    with proxied(server.base) as proxy:
        proxy.breakage = breakage
        done = Kubelet(found, tmp_path, PACKAGES).run(
            verify_pod(found), {"http://glm:30000": proxy.url}
        )
    assert done.returncode == 1
    assert re.search(rf"^FAILED +{re.escape(named)}", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.engine
def test_it_holds_the_server_to_the_values_too(server: Launched, tmp_path: Path) -> None:
    values = {"engine": {"args": {"served-model-name": "other"}}, "verify": {"only": ["models"]}}
    found = objects({"profile": "cpu", **values})
    done = Kubelet(found, tmp_path, PACKAGES).run(
        verify_pod(found), {"http://glm:30000": server.base}
    )
    assert done.returncode == 1
    assert "FAILED  models.listed" in done.stdout
