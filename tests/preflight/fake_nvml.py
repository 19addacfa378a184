"""NVML that answers from a recording, in the place of the driver's library.

Everything but the answers is pynvml's own: constants, structures and exceptions.
"""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import pynvml

from deploy.preflight.host import Device, Nvml

# NVML's errors by what it says of them.
_ERRORS = {str(pynvml.NVMLError(code)): code for code in (*range(1, 31), pynvml.NVML_ERROR_UNKNOWN)}
_FABRIC = ("not supported", "not started", "in progress", "completed")
_HEALTH = ("not supported", "healthy", "unhealthy", "limited capacity")
_RECOVERY = ("none", "reset", "reboot", "drain P2P", "drain and reset")


class FakeNvml:
    """Stands for the module pynvml. ``errors`` are NVML's, by function; -1 takes it away."""

    def __init__(self, recorded: Nvml, **errors: int) -> None:
        self._recorded = recorded
        self._errors = errors
        self.open = 0

    def __getattr__(self, name: str) -> Any:
        answer = getattr(type(self), f"_{name}", None)
        if answer is None:
            if name.startswith("nvml") and callable(getattr(pynvml, name)):
                return lambda *_: self._fail(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
            return getattr(pynvml, name)
        error = self._errors.get(name)
        if error == -1:
            raise AttributeError(name)
        return lambda *args: self._fail(error) if error else answer(self, *args)

    def _fail(self, error: int) -> Any:
        raise pynvml.NVMLError(error)

    def _known(self, value: Any) -> Any:
        return self._fail(pynvml.NVML_ERROR_NOT_SUPPORTED) if value is None else value

    def _nvmlInit(self) -> None:
        self.open += 1

    def _nvmlShutdown(self) -> None:
        self.open -= 1

    def _nvmlSystemGetDriverVersion(self) -> Any:
        return self._known(self._recorded.driver)

    def _nvmlSystemGetCudaDriverVersion_v2(self) -> int:
        major, minor = self._known(self._recorded.cuda).split(".")
        return int(major) * 1000 + int(minor) * 10

    def _nvmlDeviceGetCount(self) -> int:
        return len(self._recorded.devices)

    def _nvmlDeviceGetHandleByIndex(self, index: int) -> Any:
        device = self._recorded.devices[index]
        return self._fail(_ERRORS[device.fault]) if device.fault else device

    def _nvmlDeviceGetName(self, device: Device) -> Any:
        return self._known(device.name)

    def _nvmlDeviceGetUUID(self, device: Device) -> Any:
        return self._known(device.uuid)

    def _nvmlDeviceGetCudaComputeCapability(self, device: Device) -> Any:
        return self._known(device.compute_capability)

    def _nvmlDeviceGetMemoryInfo(self, device: Device, version: int | None = None) -> Any:
        assert version in (None, pynvml.nvmlMemory_v2)
        return SimpleNamespace(total=self._known(device.memory_bytes), used=device.used_bytes)

    def _nvmlDeviceGetComputeRunningProcesses(self, device: Device) -> Any:
        return [
            SimpleNamespace(pid=process.pid, usedGpuMemory=process.used_bytes)
            for process in device.processes
        ]

    def _nvmlDeviceGetMigMode(self, device: Device) -> Any:
        return [int(self._known(device.mig)), 0]

    def _nvmlDeviceGetPersistenceMode(self, device: Device) -> int:
        return int(self._known(device.persistence))

    def _nvmlDeviceGetTotalEccErrors(self, device: Device, kind: int, counter: int) -> Any:
        assert (kind, counter) == (1, 0)  # uncorrected, volatile
        return self._known(device.uncorrected_errors)

    def _nvmlDeviceGetRemappedRows(self, device: Device) -> Any:
        pending, failed = self._known(device.remap_pending), self._known(device.remap_failed)
        return (0, 0, int(pending), int(failed))

    def _nvmlDeviceGetFieldValues(self, device: Device, fields: list[int]) -> Any:
        assert fields == [pynvml.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION]
        if device.recovery is None:
            return [SimpleNamespace(nvmlReturn=pynvml.NVML_ERROR_NOT_SUPPORTED)]
        value = SimpleNamespace(uiVal=_RECOVERY.index(device.recovery))
        return [SimpleNamespace(nvmlReturn=pynvml.NVML_SUCCESS, value=value)]

    def _nvmlDeviceGetNvLinkState(self, device: Device, link: int) -> int:
        links = device.links or self._fail(pynvml.NVML_ERROR_NO_PERMISSION)
        if link >= links.total:
            self._fail(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return int(link < links.active)

    def _nvmlDeviceGetGpuFabricInfoV(self, device: Device, reference: Any) -> int:
        info, fabric = reference._obj, self._known(device.fabric)
        assert isinstance(info, ctypes.Structure)
        info.state, info.status = _FABRIC.index(fabric.state), _ERRORS.get(fabric.status, 0)
        info.healthSummary = _HEALTH.index(fabric.health)
        return 0

    def _nvmlDeviceGetP2PStatus(self, device: Device, other: Device, index: int) -> int:
        assert index == 2  # NVLink
        peers = self._known(device.nvlink_peers)
        others = [each for each in self._recorded.devices if each != device and not each.fault]
        return 0 if others.index(other) < peers else 5
