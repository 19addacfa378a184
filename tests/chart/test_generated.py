"""What is derived for the chart is current, and the chart stays small."""

from __future__ import annotations

import subprocess

import pytest

from deploy.chart import CHART, MANIFESTS, generate, manifests, profiles, tools
from tests.chart.rendering import MAJORS, objects


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
    assert done.stdout.count("\nkind: ") == len(
        [item for item in objects({"profile": name}) if not _is_hook(item)]
    )


@pytest.mark.parametrize("major", MAJORS)
def test_helm_finds_nothing_to_complain_of(major: int) -> None:
    command = [str(tools.helm(major)), "lint", "--strict", str(CHART)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout


@pytest.mark.parametrize("major", MAJORS)
def test_a_package_holds_the_profiles(major: int, tmp_path: object) -> None:
    helm = str(tools.helm(major))
    command = [helm, "package", str(CHART), "--destination", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    command = [helm, "template", "glm", f"{tmp_path}/glm-serving-0.1.0.tgz"]
    packed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "--chunked-prefill-size" in packed


def test_templates_stay_small() -> None:
    long = {
        path.name: lines
        for path in (CHART / "templates").rglob("*")
        if path.is_file() and (lines := len(path.read_text().splitlines())) > 100
    }
    assert not long, "a template that outgrows 100 lines is asking to be split"


def _is_hook(item: dict[str, object]) -> bool:
    metadata = item["metadata"]
    assert isinstance(metadata, dict)
    return "helm.sh/hook" in metadata.get("annotations", {})
