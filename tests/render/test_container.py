from __future__ import annotations

import shlex
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy.errors import Refused
from deploy.profile import Profile
from deploy.render.container import Container, Sources, container, warnings
from tests.render.containers import (
    ALL_SOURCES,
    NAMES,
    NO_SOURCES,
    container_of,
    profile_of,
    with_env,
)


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_gets_the_profiles_own_command(name: str) -> None:
    profile, found = profile_of(name), container_of(name)
    assert profile.host == "0.0.0.0"
    assert found.argv == profile.command().argv
    assert dict(found.env) == {**found.env, **profile.command().env}
    assert (found.image, found.gpus) == (profile.engine.image, profile.hardware.count)
    assert found.stop_seconds > profile.limits.drain_seconds


@pytest.mark.parametrize(
    ("host", "published"),
    [
        ("127.0.0.1", "127.0.0.1:30000:30000"),
        ("localhost", "127.0.0.1:30000:30000"),
        ("10.0.0.7", "10.0.0.7:30000:30000"),
        ("::1", "[::1]:30000:30000"),
        (None, "127.0.0.1:30000:30000"),  # the engine's default
    ],
)
def test_the_hosts_address_is_for_docker_and_the_container_binds_all(
    host: str | None, published: str
) -> None:
    found = container_of(profile=profile_of().with_argument("host", host))
    assert found.publish == published
    assert found.argv == profile_of().with_argument("host", "0.0.0.0").command().argv
    assert any("in the container the server binds 0.0.0.0" in note for note in found.notes)


def test_the_port_is_the_profiles() -> None:
    found = container_of(profile=profile_of().with_argument("port", 8000))
    assert found.publish == "0.0.0.0:8000:8000"
    assert "8000" in found.health.command[-1]


def test_keys_and_token_are_files() -> None:
    found = container_of(sources=ALL_SOURCES)
    assert found.argv == (*profile_of().command().argv, "--config", "/run/secrets/keys.yaml")
    assert [(secret.name, secret.source) for secret in found.secrets] == [
        ("keys", "/etc/glm-serving/glm-b300-keys.yaml"),
        ("hub-token", "/keys/hub"),
    ]
    assert found.env["HF_TOKEN_PATH"] == "/run/secrets/hub-token"
    assert not container_of().secrets
    assert "HF_TOKEN_PATH" not in container_of().env


@pytest.mark.parametrize("name", ["b300", "vllm-b300"])
def test_caches_outlive_the_container_in_volumes_or_in_a_directory(name: str) -> None:
    volumes, directories = container_of(name).mounts, container_of(name, ALL_SOURCES).mounts
    assert all(mount.is_volume and not mount.read_only for mount in volumes)
    assert [mount.source for mount in directories] == [
        "/data/it's $HERE/huggingface",
        "/data/it's $HERE/kernels",
    ]
    targets = tuple(mount.target for mount in volumes)
    assert targets == tuple(mount.target for mount in directories)
    kept = {*profile_of(name).driver.cache_dirs, "HF_HOME"}
    places = [container_of(name).env[variable] for variable in kept]
    assert all(place.startswith(targets) for place in places)
    assert len(set(places)) == len(places)


def test_what_the_profile_sets_is_not_overridden() -> None:
    found = container_of(profile=with_env(profile_of(), {"HF_HOME": "/mine", "A": "b"}))
    assert (found.env["HF_HOME"], found.env["A"]) == ("/mine", "b")


def test_paths_that_options_name_are_mounted_once_to_be_read() -> None:
    profile = profile_of().with_argument("model-path", "/data/GLM")
    profile = profile.with_argument("tokenizer-path", "/data/GLM")
    profile = profile.with_argument("chat-template", "/etc/template.jinja")
    mounts = [mount for mount in container_of(profile=profile).mounts if not mount.is_volume]
    assert [(mount.source, mount.target, mount.read_only) for mount in mounts] == [
        ("/data/GLM", "/data/GLM", True),
        ("/etc/template.jinja", "/etc/template.jinja", True),
    ]


def with_nodes(nodes: int) -> Profile:
    hardware = profile_of().hardware.model_copy(update={"nodes": nodes})
    return profile_of().model_copy(update={"hardware": hardware})


@pytest.mark.parametrize(
    ("profile", "codes"),
    [
        (profile_of("cpu"), ["render-cpu", "render-model"]),
        (with_nodes(2), ["render-nodes"]),
        (profile_of().with_argument("host", "gpu-node.example"), ["render-host"]),
        (profile_of().with_argument("model-path", "~/GLM"), ["render-model"]),
    ],
)
def test_what_one_hosts_docker_cannot_run_is_refused(profile: Profile, codes: list[str]) -> None:
    with pytest.raises(Refused) as caught:
        container(profile, "x", NO_SOURCES)
    assert [finding.code for finding in caught.value.findings] == codes


def test_an_open_port_is_warned_of_until_it_has_every_key_of_its_engine() -> None:
    profile = profile_of()
    [finding] = warnings(profile, NO_SOURCES)
    assert finding.code == "port-open"
    [finding] = warnings(profile, ALL_SOURCES)
    assert finding.fix.startswith("render with --admin-api-key-file")
    assert not list(warnings(profile, Sources({"api-key": "/k", "admin-api-key": "/a"})))
    assert not list(warnings(profile_of("vllm-b300"), ALL_SOURCES))
    assert not list(warnings(profile.with_argument("host", "127.0.0.1"), NO_SOURCES))


def test_a_key_that_the_engine_has_no_option_for_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        container_of("vllm-b300", Sources({"admin-api-key": "/a"}))
    assert [finding.code for finding in caught.value.findings] == ["key-unknown"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("b300", "glm-b300"), ("My Profile!", "glm-my-profile"), ("é", "glm-server")],
)
def test_the_name_is_one_that_docker_and_compose_take(name: str, expected: str) -> None:
    assert container(profile_of(), name, NO_SOURCES).name == expected


class _Engine(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: pytest shows what fails."""


class _Server(ThreadingHTTPServer):
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Engine)
        self.asked: list[str] = []


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def healthy(found: Container) -> bool:
    """The health check's verdict, run as Docker runs it, by a shell; this Python is python3."""
    command = shlex.join((sys.executable, *found.health.command[1:]))
    assert subprocess.run(["sh", "-n", "-c", command]).returncode == 0
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30)
    assert done.returncode in (0, 1), done  # Docker reserves all others
    return done.returncode == 0


@pytest.mark.parametrize(("name", "path"), [("b300", "/ready"), ("vllm-b300", "/health")])
def test_the_health_check_asks_whether_requests_are_welcome(
    name: str, path: str, server: _Server
) -> None:
    found = container_of(profile=profile_of(name).with_argument("port", server.server_port))
    assert found.health.command[0] == "python3"
    assert healthy(found)
    server.status = 503
    assert not healthy(found)
    assert server.asked == [path, path]


def test_nobody_listening_is_not_healthy() -> None:
    with _Server() as closed:
        port = closed.server_port
    assert not healthy(container_of(profile=profile_of().with_argument("port", port)))


def test_the_health_check_speaks_tls_where_the_server_does(server: _Server, tmp_path: Path) -> None:
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    made = subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other.example "
        f"-keyout {shlex.quote(key)} -out {shlex.quote(certificate)}",
        shell=True,
        capture_output=True,
    )
    assert made.returncode == 0, made.stderr
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    profile = profile_of().with_argument("port", server.server_port)
    assert healthy(container_of(profile=profile.with_argument("ssl-certfile", certificate)))
