"""A container as a docker run command, ready to paste."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Iterator

from deploy.render.container import (
    CAPABILITY,
    LOG_FILE_MEGABYTES,
    LOG_FILES,
    SHM_BYTES,
    ULIMITS,
    Container,
)
from deploy.render.shell import comments, one_option_a_row, paste


def text(container: Container) -> str:
    """Comments, what root must run once, and the command."""
    usage = f"Logs: docker logs -f {container.name}. Stop: docker stop {container.name}."
    steps = [container.setup] if container.setup else []
    commands = " &&\n".join([*steps, paste(_rows(container))])
    return f"{comments([*container.notes, usage])}\n{commands}"


def as_json(container: Container) -> str:
    """The command as argv for programs, and the shell text that root must run once before."""
    argv = [word for row in _rows(container) for word in row]
    return json.dumps({"setup": container.setup, "argv": argv}, indent=2, ensure_ascii=False)


def options(container: Container) -> Iterator[list[str]]:
    """What every docker run of this container says, an option a row, the secrets' mounts apart."""
    health = container.health
    yield ["--name", container.name]
    # PID 1 that passes signals on, so that a stop works while the engine still loads.
    yield ["--init"]
    yield ["--gpus", str(container.gpus)]
    yield ["--shm-size", str(SHM_BYTES)]
    for name, limit in ULIMITS.items():
        yield ["--ulimit", f"{name}={limit}:{limit}"]
    yield ["--cap-drop", "ALL"]
    yield ["--cap-add", CAPABILITY]
    yield ["--security-opt", "no-new-privileges"]
    yield ["--publish", container.publish]
    for mount in container.mounts:
        kind = "volume" if mount.is_volume else "bind"
        yield mount_option(kind, mount.source, mount.target, mount.read_only)
    for name, value in container.env.items():
        yield ["--env", f"{name}={value}"]
    yield ["--health-cmd", shlex.join(health.command)]
    yield ["--health-interval", f"{health.interval_seconds}s"]
    yield ["--health-timeout", f"{health.timeout_seconds}s"]
    yield ["--health-retries", str(health.retries)]
    yield ["--health-start-period", f"{health.start_period_seconds}s"]
    yield ["--stop-signal", "SIGTERM"]
    yield ["--stop-timeout", str(container.stop_seconds)]
    yield ["--entrypoint", container.argv[0]]


def engine_rows(container: Container) -> list[list[str]]:
    """The image, and the engine's argv behind its first word, which is the entry point."""
    return [[container.image], *one_option_a_row(container.argv[1:])]


def mount_option(kind: str, source: str, target: str, read_only: bool) -> list[str]:
    """--mount, whose value Docker reads as one line of CSV; ``kind`` is bind or volume."""
    fields = [f"type={kind}", f"source={source}", f"target={target}"]
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([*fields, *(["readonly"] if read_only else [])])
    return ["--mount", line.getvalue()]


def _rows(container: Container) -> list[list[str]]:
    secrets = [
        mount_option("bind", secret.source, secret.target, True) for secret in container.secrets
    ]
    return [
        ["docker", "run", "--detach"],
        ["--restart", "unless-stopped"],
        ["--log-driver", "local"],
        ["--log-opt", f"max-size={LOG_FILE_MEGABYTES}m"],
        ["--log-opt", f"max-file={LOG_FILES}"],
        *options(container),
        *secrets,
        *engine_rows(container),
    ]
