"""The GPUs against the profile: driver, product, count, and the health of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from deploy.hardware import CPU, GIB, GPUS
from deploy.preflight.codes import Outcome, fault, passed
from deploy.preflight.host import Device, Host, Nvml
from deploy.profile import Profile

# The least driver branch by CUDA major version (CUDA Toolkit release notes, table of drivers).
_DRIVERS = {12: 525, 13: 580}
# Firmware and ECC move a product's memory by less than 2 %; MIG and lesser models by far more.
_MEMORY_TOLERANCE = 0.97
# A CUDA context alone holds about half a GiB; monitoring agents hold one each.
_BUSY_BYTES = GIB

Describe = Callable[[Device], str | None]


def check(profile: Profile, host: Host) -> Iterator[Outcome]:
    """Outcomes about driver and GPUs; none for a profile that uses no GPU."""
    broken = host.nvml.fault
    if profile.hardware.gpu == CPU:
        return
    if broken and broken.absent:
        yield fault("driver-missing", f"there is no NVIDIA driver ({broken.text})")
        return
    if broken:
        yield fault("nvml-failed", broken.text)
        return
    yield _driver(profile, host)
    yield _count(profile, host)
    devices = used(profile, host)
    yield from _product(profile, devices)
    yield from _health(devices)


def used(profile: Profile, host: Host) -> list[Device]:
    """The GPUs that the engine will use, of those it can see."""
    first = int(profile.argument("base-gpu-id") or 0)
    step = int(profile.argument("gpu-id-step") or 1)
    return visible(host.nvml, host.visible_devices)[first::step][: profile.hardware.count]


def visible(nvml: Nvml, names: str | None) -> list[Device]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves, in its order; CUDA stops at a name it misses."""
    if names is None:
        return list(nvml.devices)
    found: list[Device] = []
    for name in (text.strip() for text in names.split(",")):
        known = [
            device
            for device in nvml.devices
            if name == str(device.index)
            or (name.startswith("GPU-") and (device.uuid or "").startswith(name))
        ]
        if len(known) != 1:
            break
        found += known
    return found


def cuda_major(profile: Profile, host: Host) -> int:
    """Of the torch that is here, else of the image by its tag (cu130), else 13."""
    tag = re.search(r"cu(\d\d)\d", profile.engine.image)
    return int((host.software.torch_cuda or (tag[1] if tag else "13")).partition(".")[0])


def told(code: str, devices: Sequence[Device], describe: Describe) -> Iterator[Outcome]:
    """One fault about all GPUs that ``describe`` has words for; GPUs with the same words share."""
    groups: dict[str, list[int]] = {}
    for device in devices:
        if words := describe(device):
            groups.setdefault(words, []).append(device.index)
    if groups:
        yield fault(code, "; ".join(f"{_numbered(who)}: {words}" for words, who in groups.items()))


def _numbered(indices: Sequence[int]) -> str:
    return f"GPU{'s'[: len(indices) - 1]} {', '.join(map(str, indices))}"


def _driver(profile: Profile, host: Host) -> Outcome:
    version, cuda = host.nvml.driver or "", cuda_major(profile, host)
    least = _DRIVERS.get(cuda, max(_DRIVERS.values()))
    branch = re.match(r"\d+", version)
    if branch is None:
        return passed("GPU driver", "its version is not told")
    if int(branch[0]) < least:
        return fault("driver-old", version, f"{least} or newer, for CUDA {cuda}", least=least)
    return passed("GPU driver", f"{version} (needed for CUDA {cuda}: {least} or newer)")


def _count(profile: Profile, host: Host) -> Outcome:
    devices, names = host.nvml.devices, host.visible_devices
    count, needed = profile.hardware.count, f"{profile.hardware.count} x {profile.hardware.gpu}"
    seen, taken = len(visible(host.nvml, names)), len(used(profile, host))
    if len(devices) < count:
        here = ", ".join(sorted({device.name or "unreadable" for device in devices})) or "none"
        return fault("gpu-missing", f"{len(devices)} ({here})", needed)
    if taken < count:
        cause = f"CUDA_VISIBLE_DEVICES={names}" if seen < count else "base-gpu-id"
        return fault("gpu-hidden", f"{taken} of {len(devices)}, by {cause}", needed)
    return passed("GPU count", f"{seen} to be seen, {count} to be used")


def _product(profile: Profile, devices: Sequence[Device]) -> Iterator[Outcome]:
    """The product, and what it should have; of a GPU of another product only that is told."""
    gpu = GPUS[profile.hardware.gpu]
    named = [device for device in devices if re.search(rf"\b{gpu.name}\b", device.name or "")]

    def product(device: Device) -> str | None:
        return None if device in named or device.fault else device.name

    def memory(device: Device) -> str | None:
        size = device.memory_bytes
        low = size is not None and size < gpu.memory_bytes * _MEMORY_TOLERANCE
        return f"{size / GIB:.1f} GiB" if size is not None and low else None

    def capability(device: Device) -> str | None:
        found = device.compute_capability
        return f"{found[0]}.{found[1]}" if found and found != gpu.compute_capability else None

    faults = [
        *told("gpu-unreadable", devices, lambda device: device.fault),
        *told("gpu-product", devices, product),
        *told("gpu-memory", named, memory),
        *told("gpu-capability", named, capability),
    ]
    yield from faults
    if named and not faults:
        size = named[0].memory_bytes
        shown = f", {size / GIB:.1f} GiB each" if size else ""
        yield passed("GPU product", f"{len(named)} x {named[0].name}{shown}")


def _health(devices: Sequence[Device]) -> Iterator[Outcome]:
    for subject, words, attribute, codes in _HEALTH:
        faults = [outcome for code, describe in codes for outcome in told(code, devices, describe)]
        yield from faults
        answers = [getattr(device, attribute) for device in devices if not device.fault]
        if answers and not faults:
            yield passed(subject, words if None not in answers else "not told by the driver")


def _busy(device: Device) -> str | None:
    if device.used_bytes is None or device.used_bytes < _BUSY_BYTES:
        return None
    holders = ", ".join(str(process.pid) for process in device.processes)
    return f"{device.used_bytes / GIB:.1f} GiB" + (f" (process {holders})" if holders else "")


# Subject, the words when all is well, the answer without which nobody knows, and the codes with
# what each says of a GPU.
_HEALTH: tuple[tuple[str, str, str, tuple[tuple[str, Describe], ...]], ...] = (
    ("MIG", "off", "mig", (("mig-on", lambda gpu: "on" if gpu.mig else None),)),
    ("GPU memory in use", "less than 1 GiB each", "used_bytes", (("gpu-busy", _busy),)),
    (
        "GPU health",
        "no uncorrected errors, no row to remap",
        "uncorrected_errors",
        (
            ("gpu-recovery", lambda gpu: None if gpu.recovery == "none" else gpu.recovery),
            ("remap-failed", lambda gpu: "failed" if gpu.remap_failed else None),
            ("remap-pending", lambda gpu: "pending" if gpu.remap_pending else None),
            ("ecc-errors", lambda gpu: str(gpu.uncorrected_errors or "") or None),
        ),
    ),
    (
        "persistence mode",
        "on",
        "persistence",
        (("persistence-off", lambda gpu: "off" if gpu.persistence is False else None),),
    ),
)
