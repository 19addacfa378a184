"""Host memory, shared memory, limits and disks against the profile."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.hardware import CPU, GIB, GPUS
from deploy.preflight.codes import Outcome, fault, passed
from deploy.preflight.host import Folder, Host
from deploy.profile import Profile

# NCCL's guide for containers (Runtime issues, Shared memory): --shm-size=1g at least.
_SHM_LEAST = GIB
# SGLang's installation guide starts its image with --shm-size 32g.
_SHM_GOOD = 32 * GIB
# What SGLang raises its own limits to at start, as far as the hard limits let it (set_ulimit in
# 0.5.20): 65535 files, and 1024 times as many bytes of stack.
_FILES = 65_535
_STACK = 1024 * _FILES
# hicache-size counts the target model's KV cache alone: 270 GB per rank became 335 in
# SemiAnalysisAI/InferenceX#2983.
_HICACHE_REAL = 335 / 270
# What SGLang leaves to the rest of the host when it sizes HiCache (pool_host/base.py in 0.5.20),
# and its default for hicache-ratio.
_HICACHE_RESERVE = 10 * GIB
_HICACHE_RATIO = 2.0
# On a CPU, measured: SGLang 0.5.20 takes 2.0 GB in three processes, vLLM 0.32.0 3.8 GB with a KV
# cache of 1 GiB; and float32 is twice the bytes of a 16-bit checkpoint.
_CPU_ENGINE = {"sglang": 2_000_000_000, "vllm": 3_800_000_000}
_CPU_WEIGHTS = 2
# Ours: nobody has published what the compiled kernels take; with less a start ends in "No space
# left on device".
_KERNELS = GIB


def check(
    profile: Profile, host: Host, weights_bytes: int, fetch_bytes: int | None
) -> Iterator[Outcome]:
    """Outcomes about this host's room.

    ``weights_bytes`` are on the disk already; ``fetch_bytes`` are to be downloaded, None where
    nobody knows how many.
    """
    yield _machine(host)
    if profile.hardware.gpu == CPU:
        yield _cpu_memory(profile, host, weights_bytes)
    else:
        yield _hicache(profile, host)
        if profile.hardware.count > 1:
            yield _shared_memory(host.shm)
        yield from _limits(host)
    yield _weights(host.weights, fetch_bytes)
    yield _kernels(host.kernels)


def _machine(host: Host) -> Outcome:
    kind = f"container ({host.container})" if host.container else "bare host"
    limit = host.memory.limit_bytes
    bound = f", limited to {_gib(limit)}" if limit else ""
    total = _gib(host.memory.total_bytes)
    return passed("machine", f"{kind}, {total} of memory{bound}, Linux {host.kernel}")


def _cpu_memory(profile: Profile, host: Host, weights_bytes: int) -> Outcome:
    needed = _CPU_ENGINE[profile.engine.name] + _CPU_WEIGHTS * weights_bytes
    usable = host.memory.usable_bytes
    if usable < needed:
        return fault("memory-low", f"{_gib(usable)} can be had", _gib(needed))
    return passed("host memory", f"{_gib(usable)} can be had, {_gib(needed)} needed")


def _hicache(profile: Profile, host: Host) -> Outcome:
    usable, ranks = host.memory.usable_bytes, profile.hardware.count
    had = f"{_gib(usable)} can be had"
    if not profile.argument("enable-hierarchical-cache"):
        return passed("host memory", f"{had}, no HiCache to hold")
    if size := float(profile.argument("hicache-size") or 0):
        needed = int(ranks * size * 1e9 * _HICACHE_REAL) + _HICACHE_RESERVE
        words = f"{_gib(needed)}: {ranks} ranks x {size:g} GB x {_HICACHE_REAL:.2f}, and 10 GiB"
        if usable < needed:
            fits = (usable - _HICACHE_RESERVE) / ranks / 1e9 / _HICACHE_REAL
            return fault("hicache-memory", had, words, fits=max(0, int(fits)))
        return passed("host memory", f"{had}, {words}")
    # The KV cache is no more than the fraction of the GPU; the weights' part of it is not taken
    # off here.
    ratio = float(profile.argument("hicache-ratio") or _HICACHE_RATIO)
    fraction = float(profile.argument("mem-fraction-static") or 1)
    most = int(ranks * ratio * fraction * GPUS[profile.hardware.gpu].memory_bytes)
    words = f"HiCache takes at most {_gib(most)} at a ratio of {ratio:g}"
    if usable < most + _HICACHE_RESERVE:
        return fault("hicache-unsized", f"{had}, {words}")
    return passed("host memory", f"{had}, {words}")


def _shared_memory(shm: Folder | None) -> Outcome:
    if shm is None:
        return fault("shm-small", "there is no /dev/shm")
    found = f"{_gib(shm.free_bytes)} free of {_gib(shm.total_bytes)} in {shm.path}"
    if shm.free_bytes < _SHM_LEAST:
        return fault("shm-small", found)
    return fault("shm-low", found) if shm.free_bytes < _SHM_GOOD else passed("shared memory", found)


def _limits(host: Host) -> Iterator[Outcome]:
    # The engine raises its own soft limits of files and stack.
    files, stack = host.limits.nofile.hard, host.limits.stack.hard
    locked = host.limits.memlock.soft
    if files is not None and files < _FILES:
        yield fault("nofile-low", f"at most {files}")
    else:
        yield passed("open files", "unlimited" if files is None else f"at most {files}")
    if stack is not None and stack < _STACK:
        yield fault("stack-low", f"at most {_gib(stack)}")
    else:
        yield passed("stack", "unlimited" if stack is None else f"at most {_gib(stack)}")
    if locked is not None:
        yield fault("memlock-low", f"at most {_gib(locked)}")
    else:
        yield passed("locked memory", "unlimited")


def _weights(folder: Folder, fetch_bytes: int | None) -> Outcome:
    free = f"{_gb(folder.free_bytes)} free for {folder.path}"
    if fetch_bytes == 0:
        return passed("disk for weights", "nothing is to be downloaded")
    if not folder.writable:
        return fault("weights-unwritable", f"{folder.path} cannot be written")
    if fetch_bytes is None:
        return passed("disk for weights", f"{free}; the download's size is not known")
    if folder.free_bytes < fetch_bytes:
        return fault("disk-full", free, f"{_gb(fetch_bytes)} for the download")
    return passed("disk for weights", f"{free}, {_gb(fetch_bytes)} to download")


def _kernels(folder: Folder) -> Outcome:
    if not folder.writable:
        return fault("cache-unwritable", f"{folder.path} cannot be written")
    free = f"{_gb(folder.free_bytes)} free for {folder.path}"
    return (
        fault("cache-full", free) if folder.free_bytes < _KERNELS else passed("kernel cache", free)
    )


def _gib(size: int) -> str:
    for unit, name in ((GIB, "GiB"), (2**20, "MiB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size / 1024:.0f} KiB"


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
