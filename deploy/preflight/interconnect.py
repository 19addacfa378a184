"""NVLink and NVSwitch between the GPUs of one host."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.hardware import CPU
from deploy.preflight.codes import Outcome, passed
from deploy.preflight.gpus import told, used
from deploy.preflight.host import Device, Host
from deploy.profile import Profile

# Links per GPU on HGX H200, B200 and B300 boards: 900 GB/s at 50 GB/s each on NVLink 4, 1800 GB/s
# at 100 GB/s each on NVLink 5 (NVIDIA's data sheets); NV18 in nvidia-smi topo -m.
_LINKS = 18


def check(profile: Profile, host: Host) -> Iterator[Outcome]:
    """Outcomes about fabric and links; links only where several GPUs work together."""
    if profile.hardware.gpu == CPU or host.nvml.fault:
        return
    devices = [device for device in used(profile, host) if not device.fault]
    if not devices:
        return
    fabric = [*told("fabric-not-ready", devices, _fabric)]
    yield from fabric
    if not fabric:
        states = {device.fabric.state for device in devices if device.fabric}
        yield passed("NVSwitch fabric", ", ".join(sorted(states)) or "not told by the driver")
    if profile.hardware.count > 1:
        # Without a fabric no GPU reaches another, which needs no second finding.
        yield from _links(devices, reach=not fabric)


def _links(devices: list[Device], reach: bool) -> Iterator[Outcome]:
    others = len(devices) - 1

    def peers(device: Device) -> str | None:
        found = device.nvlink_peers
        return f"{found} of {others}" if found is not None and found < others else None

    faults = [*told("nvlink-down", devices, _down)]
    if reach and not faults:
        faults = [*told("nvlink-peers", devices, peers)]
    yield from faults
    if not faults:
        known = all(device.links for device in devices)
        yield passed("NVLink", f"{_LINKS} links up each" if known else "not told by the driver")


def _down(device: Device) -> str | None:
    if device.links is None or device.links.active >= _LINKS:
        return None
    return f"{device.links.active} of {_LINKS} links up"


def _fabric(device: Device) -> str | None:
    """What keeps CUDA waiting; a GPU without NVSwitch, or a driver that does not tell, is well."""
    fabric = device.fabric
    if fabric is None or fabric.state == "not supported":
        return None
    if fabric.state != "completed":
        return fabric.state
    if fabric.status != "success":
        return f"completed with {fabric.status}"
    return "unhealthy" if fabric.health == "unhealthy" else None
