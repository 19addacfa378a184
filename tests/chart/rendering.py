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


def _parsed(rendered: str) -> list[Object]:
    values = [_part(f"{part}\n") for part in f"\n{rendered}".split("\n---\n")]
    return [value for value in values if value]


@functools.cache
def _part(text: str) -> Object | None:
    """The object of a text that every reader of YAML takes for the same; many come up again."""
    document = yamlfile.parse(text, "rendered")
    assert not [str(finding) for finding in document.findings]
    assert document.value == yaml.load(text, yaml.CSafeLoader)
    value: Object | None = document.value
    return value


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
