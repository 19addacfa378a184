"""The mini model on this host's GPU, through launch.py: ``make test-gpu``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.gpu import trial

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("variant", trial.VARIANTS)
def test_it_serves(
    variant: str,
    gpu_profile: str,
    gpu_settings: list[str],
    mini_model: Path,
    runs: list[dict[str, Any]],
    tmp_path: Path,
) -> None:
    settings = [*gpu_settings, *trial.settings_of(variant, gpu_profile)]
    figures = trial.run(variant, gpu_profile, mini_model, settings, tmp_path)
    runs.append(figures)
    assert not trial.failures(figures)
