"""What a GPU is: the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GpuName = Literal["B300", "B200", "H200", "cpu"]
CPU = "cpu"
GIB = 2**30


@dataclass(frozen=True)
class Gpu:
    """A GPU product: NVIDIA's name, CUDA compute capability, and memory in bytes."""

    name: str
    compute_capability: tuple[int, int]
    memory_bytes: int


# Compute capabilities: NVIDIA's CUDA GPU list. Memory as seen by the driver: B200 178.35 GiB and
# B300 275,040 MiB in published SGLang logs, H200 143,771 MiB in nvidia-smi.
GPUS = {
    gpu.name: gpu
    for gpu in (
        Gpu("B300", (10, 3), 275_040 * 2**20),
        Gpu("B200", (10, 0), int(178.35 * GIB)),
        Gpu("H200", (9, 0), 143_771 * 2**20),
    )
}
