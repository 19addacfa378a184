"""What a GPU and an engine say of themselves while a test runs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

import pynvml

# Often enough to see a prefill step that takes tens of milliseconds.
_SAMPLE_SECONDS = 0.02
_PACKAGES = ("sglang", "torch", "sglang-kernel", "flashinfer-python", "sgl-deep-gemm", "triton")
# Lines of SGLang's log that say what it decided and what it allocated.
_TELLING = re.compile(
    r"^(Set DSA backends|Setting KV cache|Use \w+ attention backend|KV Cache is allocated|"
    r"Load weight (begin|end)|Memory pool end|Capture .* graph end|max_total_num_tokens=|NVFP4 )|"
    r"Error: "
)


def host() -> dict[str, Any]:
    """This host's first GPU, driver, CPUs and memory in bytes."""
    pynvml.nvmlInit()
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        return {
            "gpu": str(pynvml.nvmlDeviceGetName(handle)),
            "gpus": pynvml.nvmlDeviceGetCount(),
            "gpu_bytes": int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
            "driver": str(pynvml.nvmlSystemGetDriverVersion()),
            "cuda_driver": pynvml.nvmlSystemGetCudaDriverVersion() / 1000,
            "cpus": os.cpu_count(),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        }
    finally:
        pynvml.nvmlShutdown()


def versions() -> dict[str, str]:
    """Python, kernel and the packages that compute; absent ones are left out."""
    found = {"python": platform.python_version(), "kernel": platform.release()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def telling_lines(log: str) -> list[str]:
    """The lines of an engine's log that a report quotes, each once, without time stamps."""
    lines = (re.sub(r"^\[[^\]]*\]\s*", "", line.strip()) for line in log.splitlines())
    return list(dict.fromkeys(line for line in lines if _TELLING.search(line)))


def allocations(lines: list[str]) -> dict[str, float | None]:
    """GiB free before loading, and of weights and KV cache, the draft's included; SGLang's "GB".

    None where the log does not say.
    """
    text = "\n".join(lines)

    def total(pattern: str) -> float | None:
        found = [float(size) for size in re.findall(pattern, text)]
        return sum(found) if found else None

    free = re.search(r"Load weight begin\. avail mem=([\d.]+) GB", text)
    return {
        "free": float(free[1]) if free else None,
        "weights": total(r"Load weight end\..*mem usage=([\d.]+) GB"),
        "kv_cache": total(r"\b[KV]+ size: ([\d.]+) GB"),
        "graphs": total(r"graph end\..*mem usage=([\d.]+) GB"),
    }


def gpu_used_bytes() -> int:
    """Memory in use on the first GPU, in bytes, by the driver."""
    pynvml.nvmlInit()
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        return int(pynvml.nvmlDeviceGetMemoryInfo(handle).used)
    finally:
        pynvml.nvmlShutdown()


class PeakMemory:
    """The most memory in use while the block runs, in bytes; ``used_bytes`` reads it."""

    def __init__(self, used_bytes: Callable[[], int]) -> None:
        self._used_bytes = used_bytes
        self.before_bytes = self.peak_bytes = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> PeakMemory:
        self.before_bytes = self.peak_bytes = self._used_bytes()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._done.wait(_SAMPLE_SECONDS):
            self.peak_bytes = max(self.peak_bytes, self._used_bytes())
