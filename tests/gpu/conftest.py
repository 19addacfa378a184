from __future__ import annotations

import datetime
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import mini
from deploy.preflight import nvml
from tests.gpu import report, trial, watch
from tests.launching import ROOT

_OUT = Path(os.environ.get("GPU_REPORT", ROOT / "build" / "hardware-report" / "report.json"))


@pytest.fixture(scope="session")
def gpu_profile() -> str:
    """The mini profile for this host's GPU; skips where there is none."""
    gpus = [device.name for device in nvml.read().devices if device.name]
    if not gpus:
        pytest.skip("there is no NVIDIA GPU here, or no driver for it")
    name = trial.profile_here(gpus)
    if name is None:
        pytest.skip(f"no mini profile is for {', '.join(sorted(set(gpus)))}")
    return name


@pytest.fixture(scope="session")
def gpu_settings() -> list[str]:
    """KEY=VALUE words for every start, from GPU_SETTINGS, such as engine.version=0.5.23."""
    return shlex.split(os.environ.get("GPU_SETTINGS", ""))


@pytest.fixture(scope="session")
def mini_model(gpu_profile: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("model") / "mini"
    mini.make(directory, lambda line: None)
    return directory


@pytest.fixture(scope="session")
def figures(gpu_profile: str) -> Iterator[dict[str, Any]]:
    """The report in the making; written after each test, so that a run cut off leaves it."""
    yield {
        "profile": gpu_profile,
        "taken": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "model": "The mini model of make-mini: GLM-5.1's architecture, random weights.",
        "notes": [],
        "host": watch.host(),
        "versions": watch.versions(),
        "runs": [],
    }


@pytest.fixture
def runs(figures: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Where a test puts its run."""
    yield figures["runs"]
    report.write(figures, _OUT)
    print(f"\nreport: {_OUT} and {_OUT.with_suffix('.md').name}")
