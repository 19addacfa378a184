"""Ends of a running server: drains, deaths, and that nothing is ever left behind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from deploy.server.guard import session_members
from tests.launching import Launched, Request, key_file, launched, wait_until, without_weights

pytestmark = pytest.mark.engine


def wait_running(server: Launched) -> None:
    """Until the engine computes a request."""
    wait_until(lambda: server.metric("sglang:num_running_reqs{") > 0, 60, "a running request")


def test_keys_are_enforced_and_leak_nowhere_and_sigterm_drains(tmp_path: Path) -> None:
    key, admin = "top-secret-key", "very-secret-admin"
    words = ("--api-key-file", key_file(tmp_path, "key", key))
    before = set(Path("/dev/shm").glob("glm-keys-*"))
    with launched(tmp_path, *words, GLM_ADMIN_API_KEY=admin) as server:
        wait_until(lambda: set(Path("/dev/shm").glob("glm-keys-*")) - before, 20, "the keys' file")
        (config,) = set(Path("/dev/shm").glob("glm-keys-*")) - before
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        server.wait_ready()
        assert not config.exists()
        for pid in server.engine_processes():
            for name in ("cmdline", "environ"):
                data = Path(f"/proc/{pid}/{name}").read_bytes()
                assert key.encode() not in data and admin.encode() not in data
        assert Request(server, 1).wait() == 401
        assert Request(server, 1, key).wait() == 200
        line = next(line for line in server.said.splitlines() if line.startswith("  try"))
        assert key not in line and f"Bearer $(cat {tmp_path / 'key'})" in line
        header = subprocess.run(
            ["sh", "-c", f"echo {line.split(' -H ')[1]}"], capture_output=True, text=True
        )
        assert header.stdout == f"Authorization: Bearer {key}\n"

        request = Request(server, 500, key)
        wait_running(server)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "SIGTERM: stopping" in server.said, 20, "the drain")
        assert request.wait() == 200
        assert request.tokens == 500
        assert server.process.wait(60) == 0
        assert "stopped cleanly" in server.said
        assert session_members(server.engine) == []
        for text in (server.said, server.passed_through, server.log_path.read_text()):
            assert key not in text and admin not in text
        # The engine prints its arguments, keys included: they were there to be hidden.
        assert "'api_key': '***'" in server.log_path.read_text()
    assert set(Path("/dev/shm").glob("glm-keys-*")) == before


def test_a_deadline_bounds_the_drain(tmp_path: Path) -> None:
    with launched(tmp_path, "--drain-seconds", "3") as server:
        server.wait_ready()
        request = Request(server, 100_000)
        wait_running(server)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(60) == 128 + signal.SIGKILL
        assert request.wait() == 0
        assert "did not finish within 3 s and were cut off [drain-deadline]" in server.said
        assert session_members(server.engine) == []


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with launched(tmp_path) as server:
        server.wait_ready()
        request = Request(server, 100_000)
        wait_running(server)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "SIGTERM: stopping" in server.said, 20, "the drain")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 128 + signal.SIGKILL
        assert request.wait() == 0
        assert "at once (a second signal)" in server.said
        assert session_members(server.engine) == []


def test_a_start_that_is_called_off_ends_cleanly(tmp_path: Path) -> None:
    with launched(tmp_path) as server:
        wait_until(lambda: "[starting the engine]" in server.said, 20, "the start")
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(20) == 0
        assert "at once (not ready yet)" in server.said
        assert session_members(server.engine) == []


def test_the_engine_does_not_outlive_a_killed_launcher(tmp_path: Path) -> None:
    with launched(tmp_path) as server:
        server.wait_ready()
        assert len(server.engine_processes()) >= 3
        server.process.kill()
        server.process.wait(20)
        wait_until(lambda: not server.engine_processes(), 10, "the end of the engine")


def test_a_killed_scheduler_is_diagnosed(tmp_path: Path) -> None:
    with launched(tmp_path) as server:
        server.wait_ready()
        os.kill(server.scheduler(), signal.SIGKILL)
        assert server.process.wait(120) not in (0, 2)
        words = server.said
        assert "error: sglang died while serving, after " in words
        assert "[worker-killed]" in words
        assert "meaning: a worker was killed from outside" in words
        assert words.rstrip().endswith(f"log: {server.log_path}")
        assert session_members(server.engine) == []


def test_a_death_while_loading_is_diagnosed(tmp_path: Path) -> None:
    # The real thing: without a memory fraction the engine's heuristic goes negative.
    with launched(tmp_path, "--set", "engine.args.mem-fraction-static=null") as server:
        assert server.process.wait(200) not in (0, 2)
        assert "died while allocating the KV cache" in server.said
        assert "[chunk-without-fraction]" in server.said
        assert session_members(server.engine) == []


def test_missing_weights_are_diagnosed(tmp_path: Path) -> None:
    # The checks before the start would say so, too.
    words = ("--model", without_weights(tmp_path), "--skip-check", "model-no-weights")
    with launched(tmp_path, *words) as server:
        assert server.process.wait(200) not in (0, 2)
        assert "died while loading weights" in server.said
        assert "[weights-missing]" in server.said
