"""The reader against NVML's answers: recorded ones, and those that say no."""

from __future__ import annotations

import subprocess
import sys

import pynvml
import pytest

from deploy.preflight import nvml
from deploy.preflight.host import Device, Fabric, Links, Nvml, NvmlFault, Process
from tests.launching import ROOT
from tests.preflight.fake_nvml import FakeNvml
from tests.preflight.hosts import RECORDINGS, recorded, with_devices, with_nvml

NAMES = sorted(path.stem for path in RECORDINGS.glob("*.json"))


def read(monkeypatch: pytest.MonkeyPatch, answers: Nvml, **errors: int) -> Nvml:
    fake = FakeNvml(answers, **errors)
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    found = nvml.read()
    assert fake.open == 0, "NVML was left open"
    return found


@pytest.mark.parametrize("name", NAMES)
def test_recorded_answers_are_read_as_they_were_recorded(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = recorded(name).nvml
    assert answers.devices and read(monkeypatch, answers) == answers


@pytest.mark.parametrize(
    "changes",
    [
        {"mig": True, "remap_pending": None, "remap_failed": None},
        {"persistence": False, "uncorrected_errors": 3},
        {"remap_pending": True, "recovery": "drain and reset"},
        {"remap_failed": True, "recovery": "reboot"},
        {"links": Links(18, 16), "fabric": Fabric("in progress", "success", "unhealthy")},
        {"fabric": Fabric("completed", "Unknown Error", "healthy")},
        {"links": None, "fabric": None, "nvlink_peers": None, "recovery": None},
        {"nvlink_peers": 3, "processes": (Process(41, None), Process(42, 2**30))},
    ],
    ids=str,
)
def test_every_state_comes_through(
    changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = with_devices(recorded("b300"), [2, 5], **changes).nvml
    assert read(monkeypatch, answers) == answers


@pytest.mark.parametrize(
    ("error", "absent"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, True),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, True),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, False),
        (pynvml.NVML_ERROR_NO_PERMISSION, False),
        (pynvml.NVML_ERROR_UNKNOWN, False),
    ],
)
def test_a_driver_that_does_not_answer_is_told_of(
    error: int, absent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read(monkeypatch, Nvml(), nvmlInit=error)
    assert found == Nvml(fault=NvmlFault(absent, str(pynvml.NVMLError(error))))


def test_a_lost_gpu_is_told_of_and_the_others_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = str(pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST))
    host = with_devices(recorded("b300"), nvlink_peers=6)
    devices = tuple(Device(3, fault=lost) if d.index == 3 else d for d in host.nvml.devices)
    answers = with_nvml(host, devices=devices).nvml
    assert read(monkeypatch, answers) == answers


QUESTIONS = {name[1:] for name in vars(FakeNvml) if name.startswith("_nvmlDeviceGet")}
# The first has a test of its own; the second's answer is empty in the recording.
APART = {"nvmlDeviceGetHandleByIndex", "nvmlDeviceGetComputeRunningProcesses"}
# As old as NVML.
ALWAYS_THERE = {"nvmlDeviceGetName", "nvmlDeviceGetNvLinkState"}


@pytest.mark.parametrize(
    ("question", "error"),
    [
        *((name, pynvml.NVML_ERROR_NOT_SUPPORTED) for name in sorted(QUESTIONS - APART)),
        *((name, pynvml.NVML_ERROR_NO_PERMISSION) for name in sorted(QUESTIONS - APART)),
        *((name, -1) for name in sorted(QUESTIONS - APART - ALWAYS_THERE)),
    ],
)
def test_an_answer_that_is_refused_is_unknown(
    question: str, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read(monkeypatch, recorded("b300").nvml, **{question: error})
    assert found != recorded("b300").nvml
    assert len(found.devices) == (0 if question == "nvmlDeviceGetCount" else 8)


def test_without_rights_to_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    denied = {"nvmlDeviceGetHandleByIndex": pynvml.NVML_ERROR_NO_PERMISSION}
    found = read(monkeypatch, recorded("b300").nvml, **denied)
    assert {device.fault for device in found.devices} == {"Insufficient Permissions"}


def test_the_real_library_is_asked_on_this_host() -> None:
    """Without the fake: where there is a driver its version, elsewhere why there is none."""
    code = "from deploy.preflight import nvml; it = nvml.read(); print(it.fault or it.driver)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.strip() not in ("", "None"), done.stderr
