"""Reads the GPUs through NVML. What a driver, a GPU or a user's rights refuse is left unknown."""

from __future__ import annotations

import ctypes
from typing import Any

from deploy.preflight.host import Device, Fabric, Links, Nvml, NvmlFault, Process

# nvidia-smi's words for NVML's numbers.
_FABRIC_STATES = ("not supported", "not started", "in progress", "completed")
_FABRIC_HEALTH = ("not supported", "healthy", "unhealthy", "limited capacity")
_RECOVERY = ("none", "reset", "reboot", "drain P2P", "drain and reset")


def read() -> Nvml:
    """The driver and its GPUs; never raises for what NVML answers."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        absent = error.value in (
            pynvml.NVML_ERROR_LIBRARY_NOT_FOUND,
            pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
        )
        return Nvml(fault=NvmlFault(absent, str(error)))
    questions = _Questions(pynvml)
    try:
        cuda = questions.ask("nvmlSystemGetCudaDriverVersion_v2")
        return Nvml(
            driver=questions.ask("nvmlSystemGetDriverVersion"),
            cuda=f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None,
            devices=tuple(questions.devices()),
        )
    finally:
        questions.ask("nvmlShutdown")


class _Questions:
    """NVML's functions by name, since older bindings lack some of them."""

    def __init__(self, pynvml: Any) -> None:
        self._nvml = pynvml

    def ask(self, function: str, *args: Any) -> Any:
        """The answer, or None where there is none to be had."""
        try:
            return getattr(self._nvml, function)(*args)
        except (self._nvml.NVMLError, AttributeError):
            return None

    def devices(self) -> list[Device]:
        handles: list[Any] = []
        for index in range(self.ask("nvmlDeviceGetCount") or 0):
            try:
                handles.append(self._nvml.nvmlDeviceGetHandleByIndex(index))
            except self._nvml.NVMLError as error:
                handles.append(error)
        return [self._device(index, handles) for index in range(len(handles))]

    def _device(self, index: int, handles: list[Any]) -> Device:
        handle = handles[index]
        if isinstance(handle, self._nvml.NVMLError):
            return Device(index, fault=str(handle))
        try:
            name = str(self._nvml.nvmlDeviceGetName(handle))
        except self._nvml.NVMLError as error:  # a GPU that fell off the bus answers nothing
            return Device(index, fault=str(error))
        # Version 2 leaves out of "used" what the driver itself reserves.
        version = getattr(self._nvml, "nvmlMemory_v2", None)
        memory = self.ask("nvmlDeviceGetMemoryInfo", handle, version)
        memory = memory or self.ask("nvmlDeviceGetMemoryInfo", handle)
        mig = self.ask("nvmlDeviceGetMigMode", handle)
        persistence = self.ask("nvmlDeviceGetPersistenceMode", handle)
        rows = self.ask("nvmlDeviceGetRemappedRows", handle)
        recovery = self._field(handle, "NVML_FI_DEV_GET_GPU_RECOVERY_ACTION")
        return Device(
            index=index,
            uuid=self.ask("nvmlDeviceGetUUID", handle),
            name=name,
            compute_capability=self.ask("nvmlDeviceGetCudaComputeCapability", handle),
            memory_bytes=memory.total if memory else None,
            used_bytes=memory.used if memory else None,
            processes=tuple(
                Process(process.pid, process.usedGpuMemory)
                for process in self.ask("nvmlDeviceGetComputeRunningProcesses", handle) or ()
            ),
            mig=bool(mig[0]) if mig else None,
            persistence=None if persistence is None else bool(persistence),
            uncorrected_errors=self.ask(
                "nvmlDeviceGetTotalEccErrors",
                handle,
                self._nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
                self._nvml.NVML_VOLATILE_ECC,
            ),
            remap_pending=bool(rows[2]) if rows else None,
            remap_failed=bool(rows[3]) if rows else None,
            recovery=None if recovery is None else _word(_RECOVERY, recovery),
            links=self._links(handle),
            fabric=self._fabric(handle),
            nvlink_peers=self._peers(index, handles),
        )

    def _field(self, handle: Any, name: str) -> int | None:
        number = getattr(self._nvml, name, None)
        values = self.ask("nvmlDeviceGetFieldValues", handle, [number]) if number else None
        if not values or values[0].nvmlReturn != self._nvml.NVML_SUCCESS:
            return None
        return int(values[0].value.uiVal)

    def _links(self, handle: Any) -> Links | None:
        states = []
        for link in range(self._nvml.NVML_NVLINK_MAX_LINKS):
            try:
                states.append(self._nvml.nvmlDeviceGetNvLinkState(handle, link))
            except self._nvml.NVMLError as error:
                # What the driver says of links that this GPU does not have.
                none = (self._nvml.NVML_ERROR_NOT_SUPPORTED, self._nvml.NVML_ERROR_INVALID_ARGUMENT)
                if error.value not in none:
                    return None
        return Links(total=len(states), active=sum(states))

    def _fabric(self, handle: Any) -> Fabric | None:
        """By the newest of the structures that bindings and driver both know."""
        for version in (3, 2):
            structure = getattr(self._nvml, f"c_nvmlGpuFabricInfo_v{version}_t", None)
            info = structure() if structure else None
            if info and self.ask("nvmlDeviceGetGpuFabricInfoV", handle, ctypes.byref(info)) == 0:
                good = info.status == self._nvml.NVML_SUCCESS
                health = getattr(info, "healthSummary", None)
                return Fabric(
                    state=_word(_FABRIC_STATES, info.state),
                    status="success" if good else str(self._nvml.NVMLError(info.status)),
                    health=None if health is None else _word(_FABRIC_HEALTH, health),
                )
        return None

    def _peers(self, index: int, handles: list[Any]) -> int | None:
        statuses = [
            self.ask(
                "nvmlDeviceGetP2PStatus",
                handles[index],
                other,
                self._nvml.NVML_P2P_CAPS_INDEX_NVLINK,
            )
            for number, other in enumerate(handles)
            if number != index and not isinstance(other, self._nvml.NVMLError)
        ]
        return None if None in statuses else statuses.count(self._nvml.NVML_P2P_STATUS_OK)


def _word(words: tuple[str, ...], number: int) -> str:
    return words[number] if number < len(words) else f"state {number}"
