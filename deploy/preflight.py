"""What must be true of this host before a profile's engine is started on it."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.engines.judge import installed
from deploy.errors import Finding
from deploy.hardware import CPU, installed_gpus
from deploy.profile import Profile

ROOT = Path(__file__).resolve().parent.parent


def check(profile: Profile) -> Iterator[Finding]:
    """Every fault of this host, errors first stopping a start, warnings not."""
    yield from _engine(profile)
    yield from _gpus(profile)
    yield from _model(profile.model)
    yield from _port(profile.host, profile.port)


def model_directory(model: str) -> Path | None:
    """The directory a model path names, against the working directory and then this repository."""
    candidates = (Path(model).expanduser(), ROOT / model)
    return next((path.resolve() for path in candidates if path.is_dir()), None)


def _engine(profile: Profile) -> Iterator[Finding]:
    engine = profile.driver
    where = f"engine {engine.name} {profile.engine.version}"
    how = f"use an environment that has it (make install builds .venv), or {profile.engine.image}"
    version = installed(engine.distribution)
    if version is None:
        yield Finding("engine-missing", where, f"not installed for {sys.executable}", how)
        return
    if version != profile.engine.version:
        message = f"{version} is installed, so its options are unchecked"
        yield Finding("engine-version", where, message, how, "warning")


def _gpus(profile: Profile) -> Iterator[Finding]:
    hardware = profile.hardware
    if hardware.gpu == CPU:
        return
    names = installed_gpus()
    fitting = [name for name in names if re.search(rf"\b{hardware.gpu}\b", name)]
    if len(fitting) < hardware.count:
        have = ", ".join(sorted(set(names))) or "none"
        yield Finding(
            "gpu-missing",
            f"hardware.gpu {hardware.gpu}",
            f"{len(fitting)} of {hardware.count} are here; GPUs of this host: {have}",
            "start on such a node, or choose a profile for this host: python launch.py profiles",
        )


def _model(model: str) -> Iterator[Finding]:
    # A hub's repository is ORGANISATION/NAME or NAME; everything else is a path.
    is_path = model.startswith(("/", ".", "~")) or model.count("/") > 1
    directory = model_directory(model)
    if directory and not (directory / "config.json").is_file():
        yield Finding(
            "model-incomplete",
            f"model {model}",
            f"{directory} has no config.json",
            "name the directory that holds it, or finish the download",
        )
    if is_path and directory is None:
        yield Finding(
            "model-missing",
            f"model {model}",
            "there is no such directory",
            "name a directory with config.json and weights, or a repository of the hub",
        )


def _port(host: str, port: int) -> Iterator[Finding]:
    where, fix = f"{host}:{port}", "choose another with --port"
    if not 0 < port < 65536:
        yield Finding("port-number", where, "a port is a number from 1 to 65535", fix)
        return
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        yield Finding(
            "host-unknown",
            where,
            f"{host} is not an address: {error.strerror}",
            "use 127.0.0.1, 0.0.0.0 or an address of this host (--host)",
        )
        return
    family, kind, _, _, address = found[0]
    with socket.socket(family, kind) as probe:
        # As the engine does: connections of an earlier server that linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            message = f"cannot be bound: {error.strerror}"
            yield Finding("port-taken", where, message, f"stop what listens there, or {fix}")
