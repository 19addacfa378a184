from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deploy.render import compose
from deploy.render.container import Container, Sources
from tests.render.containers import (
    ALL_SOURCES,
    NAMES,
    NASTY,
    NO_SOURCES,
    container_of,
    nasty_container,
)

# make install puts one beside the interpreter.
COMPOSE = shutil.which("docker-compose", path=str(Path(sys.executable).parent)) or shutil.which(
    "docker-compose"
)


def undone(value: Any) -> Any:
    """What Compose's interpolation makes of a file's values; a single dollar is a mistake."""
    if isinstance(value, dict):
        return {key: undone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [undone(item) for item in value]
    if isinstance(value, str):
        assert "$" not in value.replace("$$", "")
        return value.replace("$$", "$")
    return value


def check(service: dict[str, Any], container: Container) -> None:
    assert [*service["entrypoint"], *service["command"]] == list(container.argv)
    assert service["environment"] == container.env
    assert service["image"] == container.image
    assert service["healthcheck"]["test"] == ["CMD", *container.health.command]
    [devices] = service["deploy"]["resources"]["reservations"]["devices"]
    assert devices == {"driver": "nvidia", "count": container.gpus, "capabilities": ["gpu"]}
    assert (service["cap_drop"], service["cap_add"]) == (["ALL"], ["SYS_NICE"])
    assert service["security_opt"] == ["no-new-privileges"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sources", [NO_SOURCES, ALL_SOURCES])
def test_the_file_is_the_container(name: str, sources: Sources) -> None:
    container = container_of(name, sources)
    value = undone(yaml.safe_load(compose.text(container)))
    assert "version" not in value
    assert value["name"] == container.name
    service = value["services"]["server"]
    check(service, container)
    mounts = [(mount["type"], mount["source"], mount["target"]) for mount in service["volumes"]]
    kinds = {True: "volume", False: "bind"}
    assert mounts == [
        (kinds[mount.is_volume], mount.source, mount.target) for mount in container.mounts
    ]
    files = {secret.name: {"file": secret.source} for secret in container.secrets}
    assert value.get("secrets", {}) == files
    assert service["ports"] == [container.publish]


@pytest.mark.parametrize("value", NASTY)
def test_every_value_survives_yaml_and_interpolation(value: str) -> None:
    container = nasty_container(value)
    document = yaml.safe_load(compose.text(container))
    assert document == compose.document(container)
    check(undone(document)["services"]["server"], container)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_survives(value: str) -> None:
    container = nasty_container(value)
    assert yaml.safe_load(compose.text(container)) == compose.document(container)


def compose_config(text: str, directory: Path) -> subprocess.CompletedProcess[str]:
    assert COMPOSE
    file = directory / "compose.yaml"
    file.write_text(text, encoding="utf-8")
    command = [COMPOSE, "-f", str(file), "config", "--format", "json"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(COMPOSE is None, reason="no docker-compose here")
@pytest.mark.parametrize("value", NASTY)
def test_compose_itself_reads_the_same(value: str, tmp_path: Path) -> None:
    container = nasty_container(value, ALL_SOURCES)
    done = compose_config(compose.text(container), tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    # config prints a file again, so its dollars are doubled again.
    config = undone(json.loads(done.stdout))
    service = config["services"]["server"]
    check(service, container)
    assert service["shm_size"] == str(32 * 2**30)
    assert service["stop_grace_period"] == "33m25s"
    assert service["ulimits"]["memlock"] == -1
    assert config["secrets"]["keys"]["file"] == "/etc/glm-serving/glm-b300-keys.yaml"


@pytest.mark.skipif(COMPOSE is None, reason="no docker-compose here")
def test_compose_would_refuse_a_key_that_it_does_not_know(tmp_path: Path) -> None:
    text = compose.text(container_of()).replace("cap_drop:", "cap_dorp:")
    assert "cap_dorp" in compose_config(text, tmp_path).stderr
