"""Recorded hosts pass their profiles; each broken one is told of, by exactly its codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from deploy import loader
from deploy.hardware import CPU
from deploy.preflight.gpus import visible
from deploy.preflight.host import Device, Fabric, Folder, Host, Limit, Links, NvmlFault, Process
from tests.preflight.hosts import codes, judged, profile_of, recorded, with_devices, with_nvml

GIB = 2**30
Change = Callable[[Host], Host]


def with_engine_of(name: str, host: Host) -> Host:
    """The host in the environment that the profile names."""
    return replace(host, software=replace(host.software, engine=profile_of(name).engine.version))


@pytest.mark.parametrize("name", [n for n in loader.names() if profile_of(n).hardware.gpu != CPU])
def test_a_sound_host_passes_its_profiles(name: str) -> None:
    profile = profile_of(name)
    host = with_engine_of(name, recorded(profile.hardware.gpu.lower()))
    outcomes = judged(profile, host)
    assert codes(outcomes) == []
    subjects = [outcome.subject for outcome in outcomes]
    assert len(subjects) == len(set(subjects)), "one line for each thing that is well"
    assert {"GPU driver", "GPU product", "GPU health", "host memory"} <= set(subjects)
    assert ("NVLink" in subjects) == (profile.hardware.count > 1)
    assert all(outcome.found for outcome in outcomes)


def nvml(**changes: object) -> Change:
    return lambda host: with_nvml(host, **changes)


def gpu(*indices: int, **changes: object) -> Change:
    return lambda host: with_devices(host, indices or range(8), **changes)


def limits(**changes: Limit) -> Change:
    return lambda host: replace(host, limits=replace(host.limits, **changes))


def software(**changes: Any) -> Change:
    return lambda host: replace(host, software=replace(host.software, **changes))


def kernels(**changes: Any) -> Change:
    return lambda host: replace(host, kernels=replace(host.kernels, **changes))


def shm(free: int) -> Change:
    return lambda host: replace(host, shm=Folder("/dev/shm", free, free, True))


def seven(host: Host) -> Host:
    return with_nvml(host, devices=with_devices(host, nvlink_peers=6).nvml.devices[:7])


def lost(host: Host) -> Host:
    seen = with_devices(host, nvlink_peers=6).nvml.devices
    devices = (Device(3, fault="GPU is lost") if gpu.index == 3 else gpu for gpu in seen)
    return with_nvml(host, devices=tuple(devices))


def everything(host: Host) -> Host:
    return shm(64 * 2**20)(seven(with_nvml(host, driver="570.211.01", cuda="12.8")))


# What is broken, how, and what is told: every fault that a snapshot shows.
BROKEN: dict[str, tuple[Change, list[str]]] = {
    "no driver": (nvml(fault=NvmlFault(True, "Driver Not Loaded")), ["driver-missing"]),
    "driver updated under the system": (
        nvml(fault=NvmlFault(False, "Driver/library version mismatch")),
        ["nvml-failed"],
    ),
    "no rights to NVML": (
        nvml(fault=NvmlFault(False, "Insufficient Permissions")),
        ["nvml-failed"],
    ),
    "driver 570": (nvml(driver="570.211.01", cuda="12.8"), ["driver-old"]),
    "7 of 8 GPUs": (seven, ["gpu-missing"]),
    "no GPUs at all": (nvml(devices=()), ["gpu-missing"]),
    "GPUs hidden": (lambda host: replace(host, visible_devices="0,1,2,3"), ["gpu-hidden"]),
    "all GPUs hidden": (lambda host: replace(host, visible_devices=""), ["gpu-hidden"]),
    "B200 for b300": (lambda host: replace(host, nvml=recorded("b200").nvml), ["gpu-product"]),
    "one GPU lost": (lost, ["gpu-unreadable"]),
    "half the memory": (gpu(memory_bytes=137_520 * 2**20), ["gpu-memory"]),
    "another capability": (gpu(1, compute_capability=(10, 0)), ["gpu-capability"]),
    "MIG on": (gpu(0, mig=True, remap_pending=None, remap_failed=None), ["mig-on"]),
    "another process holds memory": (
        gpu(5, used_bytes=30 * GIB, processes=(Process(4242, 30 * GIB),)),
        ["gpu-busy"],
    ),
    "uncorrected errors": (gpu(2, uncorrected_errors=4), ["ecc-errors"]),
    "row remapping failed": (gpu(2, remap_failed=True), ["remap-failed"]),
    "row remapping pending": (gpu(2, remap_pending=True), ["remap-pending"]),
    "a reset is asked for": (gpu(2, recovery="reset"), ["gpu-recovery"]),
    "persistence off": (gpu(persistence=False), ["persistence-off"]),
    "two links down": (gpu(6, links=Links(18, 16)), ["nvlink-down"]),
    "a GPU without links": (gpu(6, links=Links(0, 0), nvlink_peers=0), ["nvlink-down"]),
    "fabric manager not started": (
        gpu(fabric=Fabric("not started", "success", "not supported"), nvlink_peers=0),
        ["fabric-not-ready"],
    ),
    "fabric manager waits": (
        gpu(fabric=Fabric("in progress", "success", "not supported"), nvlink_peers=0),
        ["fabric-not-ready"],
    ),
    "fabric failed": (
        gpu(3, fabric=Fabric("completed", "Unknown Error", "healthy")),
        ["fabric-not-ready"],
    ),
    "fabric unhealthy": (
        gpu(3, fabric=Fabric("completed", "success", "unhealthy")),
        ["fabric-not-ready"],
    ),
    "two partitions": (gpu(nvlink_peers=3), ["nvlink-peers"]),
    "64 MB of shared memory": (shm(64 * 2**20), ["shm-small"]),
    "no shared memory": (lambda host: replace(host, shm=None), ["shm-small"]),
    "8 GiB of shared memory": (shm(8 * GIB), ["shm-low"]),
    "little locked memory": (limits(memlock=Limit(8 * 2**20, 8 * 2**20)), ["memlock-low"]),
    "few open files": (limits(nofile=Limit(1024, 4096)), ["nofile-low"]),
    "small stack": (limits(stack=Limit(8 * 2**20, 8 * 2**20)), ["stack-low"]),
    "kernel cache on a full disk": (kernels(free_bytes=10**6), ["cache-full"]),
    "kernel cache read only": (kernels(writable=False), ["cache-unwritable"]),
    "engine missing": (software(engine=None, requires_python=None), ["engine-missing"]),
    "another engine": (software(engine="0.5.23"), ["engine-version"]),
    "an old Python": (software(python="3.9.18"), ["python-version"]),
    "torch for CPUs": (software(torch="2.13.0+cpu", torch_cuda=None), ["torch-cpu"]),
    "torch for CUDA 12": (software(torch="2.9.0+cu129", torch_cuda="12.9"), ["torch-cuda"]),
    "several things at once": (everything, ["driver-old", "gpu-missing", "shm-small"]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_host_is_told_of_by_exactly_its_codes(case: str) -> None:
    broken, expected = BROKEN[case]
    outcomes = judged(profile_of("b300"), broken(recorded("b300")))
    assert codes(outcomes) == expected
    for outcome in outcomes:
        if outcome.code:
            finding = outcome.finding()
            assert finding.message == f"{outcome.found}; needed: {outcome.needed}"
            assert finding.fix and "{" not in finding.fix
            assert finding.severity == outcome.status


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("no driver", "there is no NVIDIA driver (Driver Not Loaded); needed: an NVIDIA driver"),
        ("7 of 8 GPUs", "7 (NVIDIA B300 SXM6 AC); needed: 8 x B300"),
        ("driver 570", "570.211.01; needed: 580 or newer, for CUDA 13"),
        ("B200 for b300", "GPUs 0, 1, 2, 3, 4, 5, 6, 7: NVIDIA B200; needed"),
        ("GPUs hidden", "4 of 8, by CUDA_VISIBLE_DEVICES=0,1,2,3; needed: 8 x B300"),
        ("another process holds memory", "GPU 5: 30.0 GiB (process 4242); needed: less than 1"),
        ("two links down", "GPU 6: 16 of 18 links up; needed: 18 links up"),
        ("one GPU lost", "GPU 3: GPU is lost; needed"),
        ("64 MB of shared memory", "64.0 MiB free of 64.0 MiB in /dev/shm; needed: 1 GiB free"),
        ("few open files", "at most 4096; needed: a hard limit of 65535 open files"),
    ],
)
def test_a_finding_says_what_was_found_and_what_is_needed(case: str, words: str) -> None:
    outcomes = judged(profile_of("b300"), BROKEN[case][0](recorded("b300")))
    (found,) = [outcome.finding().message for outcome in outcomes if outcome.code]
    assert found.startswith(words)


def test_what_the_driver_does_not_tell_is_no_fault() -> None:
    host = recorded("b300")
    quiet = tuple(Device(device.index, name=device.name) for device in host.nvml.devices)
    outcomes = judged(profile_of("b300"), with_nvml(host, driver=None, devices=quiet))
    assert codes(outcomes) == []
    found = {outcome.subject: outcome.found for outcome in outcomes}
    for subject in ("MIG", "GPU memory in use", "GPU health", "NVLink", "NVSwitch fabric"):
        assert found[subject] == "not told by the driver", subject


def test_only_the_gpus_that_are_used_are_judged() -> None:
    """Four of eight: another server on the rest is no fault, on the used ones it is."""
    busy = with_devices(recorded("b300"), range(4, 8), used_bytes=200 * GIB)
    assert codes(judged(profile_of("b300-tp4"), busy)) == []
    moved = profile_of("b300-tp4", "engine.args.base-gpu-id=4")
    assert codes(judged(moved, busy)) == ["gpu-busy"]
    assert codes(judged(moved, replace(busy, visible_devices="4,5,6,7,0,1,2,3"))) == []
    too_far = profile_of("b300", "engine.args.base-gpu-id=4")
    assert codes(judged(too_far, recorded("b300"))) == ["gpu-hidden"]


@pytest.mark.parametrize(
    ("names", "seen"),
    [
        (None, [0, 1, 2, 3, 4, 5, 6, 7]),
        ("3, 1", [3, 1]),
        ("0,9,1", [0]),
        ("GPU-b3000002,GPU-b3000005-0000", [2, 5]),
        ("GPU-b300", []),  # fits all: CUDA takes none
        ("-1", []),
        ("", []),
    ],
)
def test_visible_devices_are_read_as_cuda_reads_them(names: str | None, seen: list[int]) -> None:
    assert [device.index for device in visible(recorded("b300").nvml, names)] == seen


def test_other_images_ask_for_other_drivers() -> None:
    bare = software(torch=None, torch_cuda=None)(with_nvml(recorded("h200"), driver="550.163.01"))
    cuda_12 = profile_of("h200", "engine.image=lmsysorg/sglang:v0.5.19-cu129")
    assert codes(judged(cuda_12, bare)) == []
    assert codes(judged(profile_of("h200"), bare)) == ["driver-old"]
    assert codes(judged(profile_of("h200", "engine.image=x/y:1"), bare)) == ["driver-old"]


def test_the_machine_with_one_real_h200() -> None:
    """A recording of real hardware: no engine, few open files, one GPU without NVSwitch."""
    one = profile_of("h200", "hardware.count=1", "engine.args.tensor-parallel-size=1")
    assert codes(judged(one, recorded("h200-vm"))) == ["engine-missing", "nofile-low"]
    busy = judged(one, recorded("h200-vm-busy"))
    assert codes(busy) == ["engine-missing", "gpu-busy", "nofile-low"]
    assert "GPU 0: 3.6 GiB (process 504)" in [outcome.found for outcome in busy]
    eight = judged(profile_of("h200"), recorded("h200-vm"))
    assert {"gpu-missing", "nvlink-down"} <= set(codes(eight))


@pytest.mark.parametrize(
    ("settings", "memory", "limit", "expected"),
    [
        (("hicache-size=100",), 1100, None, []),  # 8 x 124 GB and 10 GiB: 934 GiB
        (("hicache-size=100",), 930, None, ["hicache-memory"]),
        (("hicache-size=100",), 2048, 900, ["hicache-memory"]),
        (("hicache-ratio=2",), 2048, None, ["hicache-unsized"]),
        (("hicache-ratio=2",), 4096, None, []),  # 8 x 2 x 0.8 x 268.6 GiB: 3438 GiB
        ((), 2048, None, ["hicache-unsized"]),
    ],
)
def test_hicache_is_held_against_host_memory(
    settings: tuple[str, ...], memory: int, limit: int | None, expected: list[str]
) -> None:
    host = recorded("b300")
    bound = limit * GIB if limit else None
    host = replace(
        host, memory=replace(host.memory, available_bytes=memory * GIB, limit_bytes=bound)
    )
    options = [f"engine.args.{text}" for text in ("enable-hierarchical-cache=true", *settings)]
    assert codes(judged(profile_of("b300", *options), host)) == expected


def test_the_fix_for_hicache_names_a_size_that_fits() -> None:
    host = recorded("b300")
    host = replace(host, memory=replace(host.memory, available_bytes=512 * GIB))
    (outcome,) = [o for o in judged(profile_of("b300-agentic"), host) if o.code]
    assert "set hicache-size to 54 at most" in outcome.fix
    fits = profile_of("b300-agentic", "engine.args.hicache-size=54")
    assert codes(judged(fits, host)) == []


WEIGHTS = 465_900_000_000


@pytest.mark.parametrize(
    ("fetch", "free", "writable", "expected"),
    [
        (WEIGHTS, 500 * 10**9, True, []),
        (WEIGHTS, 400 * 10**9, True, ["disk-full"]),
        (WEIGHTS, 500 * 10**9, False, ["weights-unwritable"]),
        (0, 0, False, []),
        (None, 0, True, []),
    ],
)
def test_the_download_needs_room(
    fetch: int | None, free: int, writable: bool, expected: list[str]
) -> None:
    host = recorded("b300")
    disk = replace(host.weights, free_bytes=free, writable=writable)
    assert codes(judged(profile_of("b300"), replace(host, weights=disk), fetch)) == expected


@pytest.mark.parametrize(("name", "needed"), [("cpu", 2 * 10**9), ("cpu-vllm", 3.8 * 10**9)])
def test_a_cpu_profile_asks_for_memory_and_disk_only(name: str, needed: float) -> None:
    host = with_engine_of(name, recorded("b300"))
    host = nvml(fault=NvmlFault(True, "NVML Shared Library Not Found"))(host)
    host = limits(nofile=Limit(64, 64), memlock=Limit(0, 0))(shm(0)(host))
    for memory, expected in ((int(needed), []), (int(needed) - 1, ["memory-low"])):
        small = replace(host, memory=replace(host.memory, available_bytes=memory))
        assert codes(judged(profile_of(name), small)) == expected
