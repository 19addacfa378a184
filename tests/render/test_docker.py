from __future__ import annotations

import http.server
import itertools
import json
import os
import shlex
import shutil
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import keys
from deploy.render import docker
from deploy.render.container import Container, Sources
from tests.render.containers import (
    ALL_SOURCES,
    NAMES,
    NASTY,
    NO_SOURCES,
    container_of,
    nasty_container,
)


def run(text: str, directory: Path) -> list[str]:
    """What a pasted text hands to docker, under a real shell."""
    fake, told = directory / "docker", directory / "argv"
    fake.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" > {shlex.quote(str(told))}\n")
    fake.chmod(0o755)
    env = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", text], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return told.read_bytes().decode().split("\0")[:-1]


def values(argv: list[str], option: str) -> list[str]:
    return [value for key, value in itertools.pairwise(argv) if key == option]


def engine_argv(argv: list[str], container: Container) -> list[str]:
    """What runs in the container: the entry point and the words behind the image."""
    return [*values(argv, "--entrypoint"), *argv[argv.index(container.image) + 1 :]]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sources", [NO_SOURCES, Sources({}, "/keys/hub")])
def test_the_pasted_command_is_the_containers(name: str, sources: Sources, tmp_path: Path) -> None:
    container = container_of(name, sources)
    argv = run(docker.text(container), tmp_path)
    assert argv[:2] == ["run", "--detach"]
    assert engine_argv(argv, container) == list(container.argv)
    env = dict(pair.split("=", 1) for pair in values(argv, "--env"))
    assert env == container.env
    assert ["docker", *argv] == json.loads(docker.as_json(container))["argv"]


@pytest.mark.parametrize("value", NASTY)
def test_every_value_survives_the_shell(value: str, tmp_path: Path) -> None:
    container = nasty_container(value)
    argv = run(docker.text(container), tmp_path)
    assert engine_argv(argv, container) == list(container.argv)
    assert f"ODD={value}" in values(argv, "--env")


def test_the_setup_writes_the_keys_for_root_and_for_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.render.container._HOST_DIRECTORY", str(tmp_path / "etc"))
    # A key that unquoted YAML would read as a number, and one with quotes.
    secrets = {"api-key": "0x1F", "admin-api-key": "it's:\"q\\n"}
    files = {option: tmp_path / f"{option} file" for option in secrets}
    for option, key in secrets.items():
        files[option].write_text(f"{key}\n")
        files[option].chmod(0o600)
    cache = tmp_path / "the cache"
    names = {option: str(path) for option, path in files.items()}
    assert keys.read(names, {}) == secrets
    container = container_of(sources=Sources(names, cache_directory=str(cache)))
    text = docker.text(container)
    assert not [key for key in secrets.values() if key in text]
    argv = run(text, tmp_path)
    written = tmp_path / "etc" / "glm-b300-keys.yaml"
    assert yaml.safe_load(written.read_text()) == secrets
    assert written.stat().st_mode & 0o777 == 0o600
    assert f"type=bind,source={written},target=/run/secrets/keys.yaml,readonly" in argv
    assert sorted(path.name for path in cache.iterdir()) == ["huggingface", "kernels"]


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_no_server_starts_with_an_empty_key(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.render.container._HOST_DIRECTORY", str(tmp_path / "etc"))
    key = tmp_path / "key"
    if content is not None:
        key.write_text(content)
    text = docker.text(container_of(sources=Sources({"api-key": str(key)})))
    with pytest.raises(AssertionError):
        run(text, tmp_path)
    assert not (tmp_path / "argv").exists()


class _Daemon(http.server.BaseHTTPRequestHandler):
    """As much of Docker's engine as takes note of a container and refuses to make it."""

    protocol_version = "HTTP/1.1"
    asked: dict[str, Any]

    def do_HEAD(self) -> None:
        self._answer(200, b"")

    def do_GET(self) -> None:
        self._answer(200, b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "/containers/create" in self.path:
            type(self).asked = json.loads(body)
        self._answer(500, b'{"message": "noted"}')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Api-Version", "1.44")
        self.send_header("Ostype", "linux")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: pytest shows what fails."""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "docker.sock")
    with socketserver.ThreadingUnixStreamServer(path, _Daemon) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"unix://{path}"
        server.shutdown()
        thread.join()


@pytest.mark.skipif(shutil.which("docker") is None, reason="no docker client here")
@pytest.mark.parametrize("value", ["plain", 'it\'s $HOME, "100%"\n'])
def test_the_real_client_asks_the_engine_for_this_container(value: str, daemon: str) -> None:
    container = nasty_container(value, ALL_SOURCES)
    argv = json.loads(docker.as_json(container))["argv"]
    env = {**os.environ, "DOCKER_HOST": daemon}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60)
    assert "noted" in done.stderr, done.stderr
    asked = _Daemon.asked
    assert [*asked["Entrypoint"], *asked["Cmd"]] == list(container.argv)
    assert dict(pair.split("=", 1) for pair in asked["Env"]) == container.env
    assert asked["Image"] == container.image
    assert asked["Healthcheck"]["Test"] == ["CMD-SHELL", shlex.join(container.health.command)]
    assert asked["Healthcheck"]["StartPeriod"] == 3600 * 10**9
    assert (asked["StopSignal"], asked["StopTimeout"]) == ("SIGTERM", container.stop_seconds)
    host = asked["HostConfig"]
    [devices] = host["DeviceRequests"]
    assert (devices["Count"], devices["Capabilities"]) == (8, [["gpu"]])
    assert (host["CapDrop"], host["CapAdd"]) == (["ALL"], ["CAP_SYS_NICE"])
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert (host["Init"], host["Privileged"], host["ReadonlyRootfs"]) == (True, False, False)
    assert host["ShmSize"] == 32 * 2**30
    limits = {limit["Name"]: (limit["Soft"], limit["Hard"]) for limit in host["Ulimits"]}
    assert limits["memlock"] == (-1, -1)
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["LogConfig"]["Config"] == {"max-size": "100m", "max-file": "10"}
    assert host["PortBindings"] == {"30000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "30000"}]}
    mounts = {mount["Target"]: (mount["Source"], mount.get("ReadOnly")) for mount in host["Mounts"]}
    assert mounts == {
        "/cache/huggingface": ("/data/it's $HERE/huggingface", None),
        "/cache/kernels": ("/data/it's $HERE/kernels", None),
        "/run/secrets/keys.yaml": ("/etc/glm-serving/glm-b300-keys.yaml", True),
        "/run/secrets/hub-token": ("/keys/hub", True),
    }
