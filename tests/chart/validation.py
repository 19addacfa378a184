"""What must hold of rendered objects beside their schemas: names, references, quantities."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from tests.chart.rendering import Object

# Kinds that Kubernetes does not know by itself.
CUSTOM = {"PodMonitor", "HTTPRoute"}
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|[KMGTP]i?)?")
_KEY = re.compile(r"(?!\.\.)[-._a-zA-Z0-9]{1,253}")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
# What kubectl apply can keep of an object in its annotation, and Argo CD with it.
_APPLIED_BYTES = 262_144
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
# What this chart may say of a custom kind: a mistyped key fails here though no CRD is at hand.
_SPECS: dict[str, Any] = {
    "PodMonitor": {
        "selector": {"matchLabels": dict},
        "podMetricsEndpoints": [{"port": str, "path": str, "scheme": str, "interval": str}],
    },
    "HTTPRoute": {
        "parentRefs": [{"name": str, "namespace": str, "sectionName": str}],
        "hostnames": [str],
        "rules": [
            {
                "matches": [{"path": {"type": str, "value": str}}],
                "timeouts": {"request": str, "backendRequest": str},
                "backendRefs": [{"name": str, "port": int}],
            }
        ],
    },
}


def faults(found: Sequence[Object]) -> list[str]:
    """Everything that is wrong with the objects of one release, in words."""
    return [
        f"{item['kind']} {item['metadata']['name']}: {fault}"
        for item in found
        for fault in (*_own(item), *_references(item, found))
    ]


def schema_faults(item: Object, release: str) -> list[str]:
    """What Kubernetes' own schema of a release, or a custom kind's, says against an object."""
    if item["kind"] in CUSTOM:
        given = os.environ.get("GLM_CRDS")
        return [*_shape(item["spec"], _SPECS[item["kind"]], "spec"), *_against_crd(item, given)]
    return _against_kubernetes(json.dumps(item, sort_keys=True), release)


@functools.cache
def _against_kubernetes(text: str, release: str) -> list[str]:
    """Kept: profiles differ in few of their objects."""
    item = json.loads(text)
    try:
        kubernetes_validate.validate(item, release, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        return [f"{item['kind']} under {release}: {error.message}"]
    return []


def _against_crd(item: Object, directory: str | None) -> list[str]:
    """Against the CustomResourceDefinitions in GLM_CRDS, where that is given."""
    if directory is None:
        return []
    group, version = item["apiVersion"].split("/")
    for path in sorted(Path(directory).glob("*.yaml")):
        for crd in yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader):
            spec = (crd or {}).get("spec", {})
            if spec.get("group") == group and spec["names"]["kind"] == item["kind"]:
                (schema,) = (
                    entry["schema"]["openAPIV3Schema"]
                    for entry in spec["versions"]
                    if entry["name"] == version
                )
                validator = jsonschema.Draft202012Validator(_strict(schema))
                return [error.message for error in validator.iter_errors(item)]
    return [f"no definition of {item['kind']} in {directory}"]


def _strict(schema: Any) -> Any:
    """The schema with unknown keys refused, as a server does that validates fields strictly."""
    if isinstance(schema, list):
        return [_strict(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: _strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        free = schema.get("x-kubernetes-preserve-unknown-fields")
        if "additionalProperties" not in schema and not free and schema["properties"].get("spec"):
            return result
        if "additionalProperties" not in schema and not free:
            result["additionalProperties"] = False
    if result.get("properties", {}).get("metadata") == {"type": "object"}:
        result["properties"]["metadata"] = {}
    return result


def _shape(value: Any, shape: Any, where: str) -> Iterator[str]:
    if isinstance(shape, dict):
        for key, item in value.items():
            if key not in shape:
                yield f"{where}.{key} is not known"
            else:
                yield from _shape(item, shape[key], f"{where}.{key}")
    elif isinstance(shape, list):
        for index, item in enumerate(value):
            yield from _shape(item, shape[0], f"{where}[{index}]")
    elif not isinstance(value, shape):
        yield f"{where} is {value!r}"


def pod_of(item: Object) -> Object | None:
    """The pod that an object is or makes, with metadata and spec."""
    if item["kind"] == "Pod":
        return item
    template = item.get("spec", {}).get("template")
    return template if isinstance(template, dict) and "spec" in template else None


def containers(pod: Object) -> list[Object]:
    """A pod's containers, those that come first included."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def _own(item: Object) -> Iterator[str]:
    if not _NAME.fullmatch(item["metadata"]["name"]):
        yield "its name is not legal"
    for key in item.get("data", {}):
        if not _KEY.fullmatch(key):
            yield f"its key {key} is not legal"
    for key, value in item["metadata"].get("labels", {}).items():
        if not _LABEL.fullmatch(str(value)):
            yield f"label {key}={value}"
    pod = pod_of(item)
    if pod:
        yield from _pod(pod)


def _pod(pod: Object) -> Iterator[str]:
    spec = pod["spec"]
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    mounted = set()
    if spec.get("automountServiceAccountToken") is not False:
        yield "its pods hold a token of the API"
    for container in containers(pod):
        ports = {port["name"] for port in container.get("ports", [])}
        for mount in container.get("volumeMounts", []):
            mounted.add(mount["name"])
            if mount["name"] not in volumes:
                yield f"{container['name']} mounts {mount['name']}, which is no volume"
        paths = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
        if len(paths) != len(set(paths)):
            yield f"{container['name']} mounts two volumes at one path"
        names = [entry["name"] for entry in container.get("env", [])]
        if len(names) != len(set(names)):
            yield f"{container['name']} has a variable twice"
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = container.get(kind, {})
            port = (probe.get("httpGet") or probe.get("tcpSocket") or {}).get("port")
            if port is not None and port not in ports:
                yield f"{container['name']}: {kind} asks port {port}"
        for sizes in container["resources"].values():
            for name, size in sizes.items():
                if not _QUANTITY.fullmatch(str(size)):
                    yield f"{container['name']}: {name} {size} is no quantity"
        if re.search(r":(latest|main|nightly|dev[^@]*)$", container["image"]) or (
            ":" not in container["image"]
        ):
            yield f"{container['name']}: {container['image']} floats"
        rights = container["securityContext"]
        if rights["capabilities"]["drop"] != ["ALL"] or rights["allowPrivilegeEscalation"]:
            yield f"{container['name']} keeps rights"
    if volumes - mounted:
        yield f"nobody mounts {volumes - mounted}"
    for volume in spec.get("volumes", []):
        size = volume.get("emptyDir", {}).get("sizeLimit")
        if "emptyDir" in volume and not (size and _QUANTITY.fullmatch(size)):
            yield f"{volume['name']} has no bound"


def _references(item: Object, found: Sequence[Object]) -> Iterator[str]:
    """Whether what an object names is among the objects."""
    names = {(other["kind"], other["metadata"]["name"]) for other in found}
    pods = [pod for other in found if (pod := pod_of(other))]
    spec = item.get("spec", {})
    pod = pod_of(item)
    if pod:
        wanted = [("ServiceAccount", pod["spec"]["serviceAccountName"])]
        for volume in pod["spec"].get("volumes", []):
            sources = [volume, *volume.get("projected", {}).get("sources", [])]
            maps = [source["configMap"] for source in sources if "configMap" in source]
            wanted += [("ConfigMap", given["name"]) for given in maps]
            yield from _entries(maps, found)
        yield from (
            f"there is no {kind} {name}" for kind, name in wanted if (kind, name) not in names
        )
    if item["kind"] == "ConfigMap" and len(json.dumps(item)) > _APPLIED_BYTES:
        yield "it is too large for kubectl apply"
    if item["kind"] in (
        "Deployment",
        "PodDisruptionBudget",
        "PodMonitor",
        "NetworkPolicy",
        "Service",
    ):
        selector = spec.get("selector") or spec.get("podSelector")
        labels = selector.get("matchLabels", selector)
        chosen = [pod for pod in pods if labels.items() <= pod["metadata"]["labels"].items()]
        parts = {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in chosen}
        if len(parts) != 1:
            yield f"its selector chooses {len(parts)} kinds of pods"
        ports = {p["name"] for pod in chosen for c in containers(pod) for p in c.get("ports", [])}
        for entry in [
            *(port["targetPort"] for port in spec.get("ports", [])),
            *(end["port"] for end in spec.get("podMetricsEndpoints", [])),
            *(port["port"] for rule in spec.get("ingress", []) for port in rule.get("ports", [])),
        ]:
            if entry not in ports:
                yield f"no pod of it has the port {entry}"
    for backend in _backends(item):
        if ("Service", backend) not in names:
            yield f"there is no Service {backend}"


def _entries(maps: Sequence[Object], found: Sequence[Object]) -> Iterator[str]:
    """Whether the entries that a volume takes are there, each in a place of its own."""
    data = {
        other["metadata"]["name"]: other["data"] for other in found if other["kind"] == "ConfigMap"
    }
    paths: list[str] = []
    for given in maps:
        for entry in given.get("items", []):
            paths.append(entry["path"])
            if entry["key"] not in data.get(given["name"], {}):
                yield f"{given['name']} has no entry {entry['key']}"
    if len(paths) != len(set(paths)):
        yield "two entries of ConfigMaps are put into one place"


def _backends(item: Object) -> Iterator[str]:
    for rule in item.get("spec", {}).get("rules", []):
        for backend in rule.get("backendRefs", []):
            yield backend["name"]
        for path in rule.get("http", {}).get("paths", []):
            yield path["backend"]["service"]["name"]
