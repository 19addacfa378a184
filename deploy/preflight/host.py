"""A host as the checks see it: values only, and the same in JSON."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Links:
    """NVLinks of one GPU: how many there are, and how many are up."""

    total: int
    active: int


@dataclass(frozen=True)
class Fabric:
    """What NVSwitch makes of a GPU, in nvidia-smi's words; health is None where not told."""

    state: str
    status: str
    health: str | None = None


@dataclass(frozen=True)
class Process:
    """A process that holds GPU memory; bytes are None where the driver does not tell."""

    pid: int
    used_bytes: int | None


@dataclass(frozen=True)
class Device:
    """One GPU. Whatever the driver does not tell is None; ``fault`` says why it tells nothing.

    ``uncorrected_errors`` counts memory errors since the driver was loaded. ``recovery`` is what
    the driver asks for before the GPU is used again, ``none`` where it asks for nothing.
    ``nvlink_peers`` is the number of other GPUs that this one reaches over NVLink.
    """

    index: int
    fault: str | None = None
    uuid: str | None = None
    name: str | None = None
    compute_capability: tuple[int, int] | None = None
    memory_bytes: int | None = None
    used_bytes: int | None = None
    processes: tuple[Process, ...] = ()
    mig: bool | None = None
    persistence: bool | None = None
    uncorrected_errors: int | None = None
    remap_pending: bool | None = None
    remap_failed: bool | None = None
    recovery: str | None = None
    links: Links | None = None
    fabric: Fabric | None = None
    nvlink_peers: int | None = None


@dataclass(frozen=True)
class NvmlFault:
    """Why NVML does not answer; ``absent`` where there is no driver at all."""

    absent: bool
    text: str


@dataclass(frozen=True)
class Nvml:
    """What the driver says: its version, the CUDA version it brings, and the GPUs by index."""

    driver: str | None = None
    cuda: str | None = None
    devices: tuple[Device, ...] = ()
    fault: NvmlFault | None = None


@dataclass(frozen=True)
class Limit:
    """A resource limit of this process, in bytes or files; None is unlimited."""

    soft: int | None
    hard: int | None


@dataclass(frozen=True)
class Limits:
    """The limits that the engine inherits."""

    nofile: Limit
    memlock: Limit
    stack: Limit


@dataclass(frozen=True)
class Folder:
    """A directory that the engine writes to, and the room on its file system."""

    path: str
    total_bytes: int
    free_bytes: int
    writable: bool


@dataclass(frozen=True)
class Memory:
    """Host memory; ``limit_bytes`` is the control group's, None where it sets none."""

    total_bytes: int
    available_bytes: int
    limit_bytes: int | None = None

    @property
    def usable_bytes(self) -> int:
        """What a new process can have."""
        return min(self.available_bytes, self.limit_bytes or self.available_bytes)


@dataclass(frozen=True)
class Software:
    """Versions of this environment; None where a package is not installed.

    ``requires_python`` is the engine's own demand; ``torch_cuda`` is None for a CPU build.
    """

    python: str
    engine: str | None
    requires_python: str | None
    torch: str | None
    torch_cuda: str | None


@dataclass(frozen=True)
class Host:
    """Everything that is checked, model files and port apart.

    ``container`` names the kind, None on a bare host. ``visible_devices`` is
    CUDA_VISIBLE_DEVICES as the engine will see it, None where it is not set.
    """

    container: str | None
    kernel: str
    nvml: Nvml
    visible_devices: str | None
    memory: Memory
    shm: Folder | None
    limits: Limits
    weights: Folder
    kernels: Folder
    software: Software
