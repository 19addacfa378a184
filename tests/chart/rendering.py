"""The chart as Helm renders it, for tests."""

from __future__ import annotations

import copy
import functools
import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from deploy import yamlfile
from deploy.chart import CHART, tools

Object = dict[str, Any]
MAJORS = (4, 3)
# The Kubernetes releases that the chart is for.
RELEASES = tuple(f"1.{minor}" for minor in range(30, 38))
MONITOR = "monitoring.coreos.com/v1/PodMonitor"


def helm(
    values: Mapping[str, Any] | None = None,
    sets: Sequence[str] = (),
    major: int = 4,
    release: str = "glm",
    more: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """``helm template`` with ``values`` as a values file and ``sets`` as --set."""
    command = [str(tools.helm(major)), "template", release, str(CHART), *more]
    for text in sets:
        command += ["--set", text]
    if values:
        command += ["--values", "-"]
    text = json.dumps(values) if values else ""
    return subprocess.run(command, input=text, capture_output=True, text=True)


@functools.cache
def _rendered(arguments: str) -> str:
    done = helm(**json.loads(arguments))
    assert done.returncode == 0, done.stderr
    return done.stdout


def text(values: Mapping[str, Any] | None = None, **more: Any) -> str:
    """What Helm prints; kept, so that many tests may ask for the same."""
    return _rendered(json.dumps({"values": values, **more}, sort_keys=True))


def objects(values: Mapping[str, Any] | None = None, **more: Any) -> list[Object]:
    """The rendered objects."""
    return copy.deepcopy(_parsed(text(values, **more)))


@functools.cache
def _parsed(rendered: str) -> list[Object]:
    """Objects of a text that every reader of YAML takes for the same."""
    parts = [f"{part}\n" for part in f"\n{rendered}".split("\n---\n")]
    documents = [yamlfile.parse(part, "rendered") for part in parts]
    assert not [str(finding) for document in documents for finding in document.findings]
    values = [document.value for document in documents]
    assert values == [yaml.load(part, yaml.CSafeLoader) for part in parts]
    return [value for value in values if value]


def only(kind: str, found: Sequence[Object], component: str = "server") -> Object:
    """The one object of a kind and component."""
    label = "app.kubernetes.io/component"
    (item,) = (
        item
        for item in found
        if item["kind"] == kind and item["metadata"]["labels"][label] == component
    )
    return item


def deployment(values: Mapping[str, Any] | None = None, **more: Any) -> Object:
    """The server's Deployment."""
    return only("Deployment", objects(values, **more))


def pod(values: Mapping[str, Any] | None = None, **more: Any) -> Object:
    """The server's pod template."""
    template: Object = deployment(values, **more)["spec"]["template"]
    return template


def server(values: Mapping[str, Any] | None = None, **more: Any) -> Object:
    """The server's container."""
    (container,) = pod(values, **more)["spec"]["containers"]
    result: Object = container
    return result
