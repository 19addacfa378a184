"""What is derived for the chart is current, and the chart stays small."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from deploy.chart import CHART, MANIFESTS, generate, manifests, profiles, tools
from tests.chart.rendering import MAJORS, objects
from tests.chart.test_objects import FULL


def test_the_charts_files_and_its_table_are_current() -> None:
    stale = [
        str(path)
        for path, text in generate.files().items()
        if path.read_text(encoding="utf-8") != text
    ]
    assert not stale, "run make generate"


def test_the_manifests_are_current() -> None:
    assert not manifests.stale(MANIFESTS, manifests.manifests()), "run make generate"


def test_what_is_stale_is_found(tmp_path: object) -> None:
    files = dict(manifests.manifests())
    name = next(iter(files))
    assert manifests.stale(MANIFESTS, {**files, name: files[name] + "\n"}) == [name]
    assert manifests.stale(MANIFESTS, {**files, "new/new.yaml": ""}) == ["new/new.yaml"]
    del files[name]
    assert manifests.stale(MANIFESTS, files) == [name]


@pytest.mark.parametrize("name", profiles.names())
def test_kustomize_builds_the_manifests(name: str) -> None:
    command = [str(tools.kubectl()), "kustomize", str(MANIFESTS / name)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    there = objects({"profile": name, "verify": {"enabled": False}})
    assert done.stdout.count("\nkind: ") == len(there)


@pytest.mark.parametrize("major", MAJORS)
def test_helm_finds_nothing_to_complain_of(major: int) -> None:
    command = [str(tools.helm(major)), "lint", "--strict", str(CHART)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout


@pytest.mark.parametrize("major", MAJORS)
def test_a_package_is_the_chart(major: int, tmp_path: Path) -> None:
    """Links are followed; what neither a server nor a check needs stays behind."""
    helm = str(tools.helm(major))
    command = [helm, "package", str(CHART), "--destination", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    package = tmp_path / "glm-serving-0.1.0.tgz"
    rendered = [
        subprocess.run(
            [helm, "template", "glm", chart, "--set", "loadTest.enabled=true"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for chart in (str(package), str(CHART))
    ]
    assert rendered[0] == rendered[1]
    with tarfile.open(package) as archive:
        names = [name.removeprefix("glm-serving/") for name in archive.getnames()]
    assert {"launch.py", "deploy/verify/suite.py", "deploy/evaluate/questions.jsonl"} <= {*names}
    unwanted = ("__pycache__", "deploy/cpu", "deploy/plan", "deploy/chart", ".safetensors")
    assert not [name for name in names if any(word in name for word in unwanted)]
    assert package.stat().st_size < 512 * 1024


def test_a_release_fits_into_its_secret() -> None:
    """Helm keeps the chart, its values and all that it rendered in a Secret of at most 1 MiB."""
    command = [str(tools.helm()), "install", "glm", str(CHART), "--values", "-"]
    done = subprocess.run(
        [*command, "--dry-run=client", "--output", "json"],
        input=json.dumps(FULL),
        check=True,
        capture_output=True,
        text=True,
    )
    kept = json.dumps(json.loads(done.stdout), separators=(",", ":"), ensure_ascii=False)
    size = len(base64.b64encode(gzip.compress(kept.encode())))
    assert 500_000 < size < 900_000


def test_templates_stay_small() -> None:
    long = {
        path.name: lines
        for path in (CHART / "templates").rglob("*")
        if path.is_file() and (lines := len(path.read_text().splitlines())) > 100
    }
    assert not long, "a template that outgrows 100 lines is asking to be split"
