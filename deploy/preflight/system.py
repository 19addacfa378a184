"""Reads this host: GPUs, memory, limits, directories and versions."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import resource
from collections.abc import Mapping
from pathlib import Path

from deploy.engines.judge import installed
from deploy.preflight import hub, nvml
from deploy.preflight.host import Folder, Host, Limit, Limits, Memory, Software
from deploy.profile import Profile

# Where each engine keeps the kernels it compiles: the variable that says so, and the default.
_KERNELS = {
    "sglang": ("SGLANG_CACHE_DIR", "~/.cache/sglang"),
    "vllm": ("VLLM_CACHE_ROOT", "~/.cache/vllm"),
}
# Control groups of version 1 write "no limit" as the last page below 2**63.
_UNLIMITED = 2**62


def read(profile: Profile, environ: Mapping[str, str]) -> Host:
    """This host as the profile's engine will find it under this environment."""
    root, shm = Path("/"), Path("/dev/shm")
    variable, default = _KERNELS[profile.engine.name]
    return Host(
        container=container(root, environ),
        kernel=platform.release(),
        nvml=nvml.read(),
        visible_devices=environ.get("CUDA_VISIBLE_DEVICES"),
        memory=memory(root),
        shm=folder(shm) if shm.is_dir() else None,
        limits=Limits(
            nofile=_limit(resource.RLIMIT_NOFILE),
            memlock=_limit(resource.RLIMIT_MEMLOCK),
            stack=_limit(resource.RLIMIT_STACK),
        ),
        weights=folder(hub.cache(profile, environ)),
        kernels=folder(Path(os.path.expanduser(environ.get(variable) or default))),
        software=_software(profile.driver.distribution),
    )


def container(root: Path, environ: Mapping[str, str]) -> str | None:
    """The kind of container this is, None on a bare host; by the marks each kind leaves."""
    if "KUBERNETES_SERVICE_HOST" in environ:
        return "kubernetes"
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    return environ.get("container")  # systemd-nspawn, LXC and Apptainer set it


def memory(root: Path) -> Memory:
    """Host memory as the kernel and this process's control groups give it."""
    lines = re.findall(r"^(\w+): +(\d+) kB$", _text(root / "proc/meminfo"), re.MULTILINE)
    sizes = {name: int(number) * 1024 for name, number in lines}
    return Memory(sizes["MemTotal"], sizes["MemAvailable"], _memory_limit(root))


def _memory_limit(root: Path) -> int | None:
    """The tightest limit, in bytes, of the control groups that this process is in."""
    limits = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):  # version 1
            top, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        group = top / path.lstrip("/")
        # A container without its own cgroup namespace sees the host's path, which is not there.
        for directory in (group, *group.parents):
            text = _text(directory / name).strip()
            if text.isdigit() and int(text) < _UNLIMITED:
                limits.append(int(text))
            if directory == top:
                break
    return min(limits, default=None)


def folder(path: Path) -> Folder:
    """The directory, or what is there of the way to it."""
    there = path.absolute()
    while not os.path.exists(there):
        there = there.parent
    room = os.statvfs(there)
    return Folder(
        path=str(path),
        total_bytes=room.f_blocks * room.f_frsize,
        free_bytes=room.f_bavail * room.f_frsize,
        writable=os.path.isdir(there) and os.access(there, os.W_OK | os.X_OK),
    )


def torch_versions(package: Path) -> tuple[str | None, str | None]:
    """torch's version and CUDA version as its files say them: importing it takes seconds."""
    text = _text(package / "version.py")
    found = dict(re.findall(r"^(__version__|cuda)\b[^=\n]*= '([^']*)'", text, re.MULTILINE))
    return found.get("__version__"), found.get("cuda")


def _software(distribution: str) -> Software:
    demand = None
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        demand = importlib.metadata.metadata(distribution).json.get("requires_python")
    spec = importlib.util.find_spec("torch")
    torch, cuda = torch_versions(Path(spec.origin).parent) if spec and spec.origin else (None, None)
    return Software(
        python=platform.python_version(),
        engine=installed(distribution),
        requires_python=str(demand) if demand else None,
        torch=torch,
        torch_cuda=cuda,
    )


def _limit(kind: int) -> Limit:
    soft, hard = (
        None if value == resource.RLIM_INFINITY else value for value in resource.getrlimit(kind)
    )
    return Limit(soft, hard)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
