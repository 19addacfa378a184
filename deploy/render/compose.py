"""A container as a file of the Compose Specification."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from deploy.render.container import (
    CAPABILITY,
    LOG_FILE_MEGABYTES,
    LOG_FILES,
    SHM_BYTES,
    ULIMITS,
    Container,
    Mount,
)
from deploy.render.shell import comments, one_option_a_row

# Why a key of the service is there, above it.
_COMMENTS = {
    "init": "PID 1 that passes signals on, so that a stop works while the engine still loads.",
    "shm_size": "NCCL and the workers exchange data through /dev/shm; Docker gives it 64 MB.",
    "cap_add": "With it the engine binds each worker to its GPU's NUMA node.",
    "ports": "Docker opens it past the host's firewall.",
    "volumes": "The hub's files and compiled kernels outlive the container.",
    "healthcheck": "Docker labels the container by it, and restarts nothing.",
    "stop_grace_period": "The drain of limits.drain_seconds, and what the engine needs around it.",
}
# What YAML 1.1 and 1.2 both read as the text it is.
_PLAIN = re.compile(r"[A-Za-z/_][\w./@-]*(:[\w./@-]+)*", re.ASCII)
_WORDS = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}


def text(container: Container) -> str:
    """The file, with comments and with what root must run once before."""
    usage = "Start: docker compose -f FILE up --detach. Stop: docker compose -f FILE down."
    head = comments([*container.notes, usage], container.setup)
    return "\n".join([head, *_lines(document(container), 0)])


def document(container: Container) -> dict[str, Any]:
    """The file's value; dollars are doubled, as Compose interpolates every text."""
    health = container.health
    devices = {"driver": "nvidia", "count": container.gpus, "capabilities": ["gpu"]}
    service = {
        "image": container.image,
        "container_name": container.name,
        "restart": "unless-stopped",
        "init": True,
        "entrypoint": [container.argv[0]],
        "command": list(container.argv[1:]),
        "environment": dict(container.env),
        "ports": [container.publish],
        "volumes": [_mount(mount) for mount in container.mounts],
        "secrets": [
            {"source": secret.name, "target": secret.target} for secret in container.secrets
        ],
        "shm_size": SHM_BYTES,
        "ulimits": ULIMITS,
        "cap_drop": ["ALL"],
        "cap_add": [CAPABILITY],
        "security_opt": ["no-new-privileges"],
        "healthcheck": {
            "test": ["CMD", *health.command],
            "interval": f"{health.interval_seconds}s",
            "timeout": f"{health.timeout_seconds}s",
            "retries": health.retries,
            "start_period": f"{health.start_period_seconds}s",
        },
        "stop_signal": "SIGTERM",
        "stop_grace_period": f"{container.stop_seconds}s",
        "logging": {
            "driver": "local",
            "options": {"max-size": f"{LOG_FILE_MEGABYTES}m", "max-file": str(LOG_FILES)},
        },
        "deploy": {"resources": {"reservations": {"devices": [devices]}}},
    }
    value = {
        "name": container.name,
        "services": {"server": service},
        "volumes": {
            mount.source: {"name": mount.source} for mount in container.mounts if mount.is_volume
        },
        "secrets": {secret.name: {"file": secret.source} for secret in container.secrets},
    }
    filled: dict[str, Any] = _filled(value)
    return filled


def _mount(mount: Mount) -> dict[str, Any]:
    kind = "volume" if mount.is_volume else "bind"
    value: dict[str, Any] = {"type": kind, "source": mount.source, "target": mount.target}
    if mount.read_only:
        value["read_only"] = True
    if not mount.is_volume:
        # A path that is missing is a mistake to be told, not a directory to be made.
        value["bind"] = {"create_host_path": False}
    return value


def _filled(value: Any) -> Any:
    """The value without its empty parts and with its dollars doubled."""
    if isinstance(value, dict):
        return {key: _filled(item) for key, item in value.items() if item not in ({}, [])}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    return value.replace("$", "$$") if isinstance(value, str) else value


def _lines(value: dict[str, Any], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for key, item in value.items():
        # The service's own keys stand two levels down.
        if depth == 2 and key in _COMMENTS:
            yield f"{pad}# {_COMMENTS[key]}"
        if isinstance(item, dict):
            yield f"{pad}{_scalar(key)}:"
            yield from _lines(item, depth + 1)
        elif not isinstance(item, list):
            yield f"{pad}{_scalar(key)}: {_scalar(item)}"
        elif isinstance(item[0], dict):
            yield f"{pad}{_scalar(key)}:"
            for entry in item:
                first, *rest = _lines(entry, depth + 2)
                yield f"{pad}  - {first.strip()}"
                yield from rest
        elif key == "command":
            yield f"{pad}{_scalar(key)}: ["
            for row in one_option_a_row(item):
                yield f"{pad}  {', '.join(map(_quoted, row))},"
            yield f"{pad}  ]"
        else:
            yield f"{pad}{_scalar(key)}: [{', '.join(map(_scalar, item))}]"


def _scalar(value: Any) -> str:
    if not isinstance(value, str):
        return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return _quoted(value)


def _quoted(text: str) -> str:
    value = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=float("inf"))
    return str(value).rstrip("\n")
