"""What is derived is current, and what must not be in the repository is not."""

from __future__ import annotations

import json
import subprocess
import typing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deploy import generate, loader
from deploy.hardware import CPU, GPUS, GpuName
from tests.launching import ROOT


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    # The chart reaches the profiles through a link to their directory.
    return [path for path in paths if path.is_file()]


def schema() -> dict[str, Any]:
    value: dict[str, Any] = json.loads(generate.SCHEMA.read_text(encoding="utf-8"))
    return value


def test_the_schema_is_current() -> None:
    assert generate.SCHEMA.read_text(encoding="utf-8") == generate.schema(), "run make generate"


def test_the_readme_lists_the_profiles_as_they_are() -> None:
    text = generate.README.read_text(encoding="utf-8")
    assert text == generate.readme(text), "run make generate"
    assert "| `b300` |" in text


@pytest.mark.parametrize("name", loader.names())
def test_profiles_satisfy_the_schema(name: str) -> None:
    text = (loader.CONFIGS / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=profile.schema.json\n")
    jsonschema.Draft202012Validator(schema()).validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("engine", "args", "prot"), 1),
        (("engine", "args", "port"), "1"),
        (("engine", "args", "quantization"), "nvfp4"),
        (("engine", "name"), "x"),
        (("hardware", "gpu"), "B3"),
        (("extra",), 1),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(path: tuple[str, ...], value: object) -> None:
    document = yaml.safe_load((loader.CONFIGS / "b300.yaml").read_text(encoding="utf-8"))
    target = document
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    assert list(jsonschema.Draft202012Validator(schema()).iter_errors(document))


def test_every_gpu_name_is_in_the_catalogue() -> None:
    assert set(typing.get_args(GpuName)) == {*GPUS, CPU}


def test_the_pins_are_what_the_engine_asks_for() -> None:
    pins = dict(
        line.split("==")
        for name in ("cpu", "cpu-engine", "gpu")
        for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    profile, _ = loader.load("b300")
    assert pins["sglang"] == profile.engine.version == version("sglang")
    assert pins["torch"] == "2.13.0"
    assert pins["flashinfer-python"] == "0.6.18"


def test_no_file_holds_what_a_repository_must_not() -> None:
    # Written in pieces, so that this file does not hold them either.
    hosts = [
        "pypi." + "org",
        "files.python" + "hosted",
        "download." + "pytorch",
        "registry." + "npm",
    ]
    paths = ["/work/" + "main", "/root/" + ".", "/tmp/" + "w/"]
    for path in tracked():
        data = path.read_bytes()
        assert len(data) <= 5 * 10**6, path
        for word in (*hosts, *paths):
            assert word.encode() not in data, (path, word)


def test_modules_stay_small() -> None:
    long = {
        path: lines
        for path in tracked()
        if path.suffix == ".py"
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 300
    }
    assert not long, "a module that outgrows 300 lines is asking to be split"
