"""What is read of a host, from files as kernels and containers write them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.preflight import system
from tests.preflight.hosts import profile_of

MEMINFO = (
    "MemTotal:       2113929216 kB\nMemFree:   1 kB\nMemAvailable:   2100000000 kB\nHugePages: 0\n"
)
GIB = 2**30


def root_of(tmp_path: Path, cgroup: str, **files: str) -> Path:
    """A root directory with these files; ``__`` in a name stands for a slash."""
    for name, text in {"proc__meminfo": MEMINFO, "proc__self__cgroup": cgroup, **files}.items():
        path = tmp_path.joinpath(*name.split("__"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


V2 = "sys__fs__cgroup"
V1 = f"{V2}__memory"


@pytest.mark.parametrize(
    ("cgroup", "files", "limit"),
    [
        ("0::/\n", {}, None),
        ("0::/\n", {f"{V2}__memory.max": "max\n"}, None),
        ("0::/\n", {f"{V2}__memory.max": f"{64 * GIB}\n"}, 64 * GIB),
        # The tightest of a group and those above it.
        (
            "0::/pod/box\n",
            {f"{V2}__pod__memory.max": f"{8 * GIB}", f"{V2}__pod__box__memory.max": "max"},
            8 * GIB,
        ),
        # The host's path inside a container: only the top is there.
        ("0::/kubepods/x/y\n", {f"{V2}__memory.max": f"{32 * GIB}"}, 32 * GIB),
        # Version 1, and its way to say that there is no limit.
        (
            "9:cpu,memory:/box\n8:pids:/box\n",
            {f"{V1}__box__memory.limit_in_bytes": f"{16 * GIB}\n"},
            16 * GIB,
        ),
        ("9:memory:/\n", {f"{V1}__memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ("", {}, None),
    ],
)
def test_memory_is_bounded_by_control_groups(
    cgroup: str, files: dict[str, str], limit: int | None, tmp_path: Path
) -> None:
    memory = system.memory(root_of(tmp_path, cgroup, **files))
    assert memory.total_bytes == 2_113_929_216 * 1024
    assert memory.limit_bytes == limit
    assert memory.usable_bytes == (limit or 2_100_000_000 * 1024)


@pytest.mark.parametrize(
    ("files", "environ", "kind"),
    [
        ({}, {}, None),
        ({".dockerenv": ""}, {}, "docker"),
        ({"run__.containerenv": ""}, {}, "podman"),
        ({".dockerenv": ""}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
        ({}, {"container": "lxc"}, "lxc"),
    ],
)
def test_a_container_is_known_by_its_marks(
    files: dict[str, str], environ: dict[str, str], kind: str | None, tmp_path: Path
) -> None:
    assert system.container(root_of(tmp_path, "", **files), environ) == kind


def test_a_directory_that_is_to_come_is_judged_by_what_is_there(tmp_path: Path) -> None:
    found = system.folder(tmp_path / "a" / "b")
    assert found.path == str(tmp_path / "a" / "b")
    assert found.writable and 0 < found.free_bytes <= found.total_bytes
    (tmp_path / "a").write_text("in the way")
    assert not system.folder(tmp_path / "a").writable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("__version__ = '2.13.0+cu130'\ncuda: Optional[str] = '13.0'\n", ("2.13.0+cu130", "13.0")),
        ("__version__ = '2.13.0+cpu'\ncuda: Optional[str] = None\n", ("2.13.0+cpu", None)),
        ("", (None, None)),
    ],
)
def test_torchs_version_is_read_without_importing_it(
    text: str, expected: tuple[str | None, str | None], tmp_path: Path
) -> None:
    (tmp_path / "version.py").write_text(
        f"from typing import Optional\n\n__all__ = ['__version__', 'cuda']\n{text}"
    )
    assert system.torch_versions(tmp_path) == expected


def test_this_host_is_read_whole() -> None:
    import torch

    environ = {"HF_HOME": "/hf", "SGLANG_CACHE_DIR": "/kernels", "CUDA_VISIBLE_DEVICES": "1"}
    host = system.read(profile_of("b300"), environ)
    assert host.memory.total_bytes == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert host.software.torch == torch.__version__
    assert host.software.torch_cuda == torch.version.cuda
    assert host.software.engine == profile_of("b300").engine.version
    assert host.software.requires_python == ">=3.10"
    assert (host.weights.path, host.kernels.path) == ("/hf/hub", "/kernels")
    assert host.visible_devices == "1"
    assert system.read(profile_of("vllm-b300"), {"VLLM_CACHE_ROOT": "/v"}).kernels.path == "/v"
