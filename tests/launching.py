"""The launcher as a user starts it: a process of its own, watched from outside."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from deploy import loader
from deploy.loader import CONFIGS
from deploy.server.guard import kill_session, session_members

ROOT = CONFIGS.parent
# A machine with both cores busy took 68 s to start the engine; failure is told much sooner.
READY_SECONDS = 400.0


def run(*words: str, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    """One run of launch.py that ends by itself."""
    return subprocess.run(
        [sys.executable, str(ROOT / "launch.py"), *words],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=120,
    )


def profiles_of(engine: str) -> list[str]:
    """The names of the profiles that this engine serves."""
    return [name for name in loader.names() if loader.load(name)[0].engine.name == engine]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: object, seconds: float, what: str) -> None:
    """Poll a callable; fail with what was waited for."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


class Launched:
    """launch.py serving the CPU profile on a free port."""

    def __init__(self, directory: Path, *words: str, profile: str = "cpu", **env: str) -> None:
        self.port = free_port()
        self.log_path = directory / "engine.log"
        self._err = directory / "stderr"
        self._out = directory / "stdout"
        command = [
            sys.executable,
            "launch.py",
            "--profile",
            profile,
            "--port",
            str(self.port),
            "--log-file",
            str(self.log_path),
            *words,
        ]
        with self._err.open("wb") as err, self._out.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **env},
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def model(self) -> str:
        return "glm-smoke"

    @property
    def said(self) -> str:
        """The launcher's own words so far."""
        return self._err.read_text()

    @property
    def passed_through(self) -> str:
        """The engine's words on the launcher's stdout."""
        return self._out.read_text(errors="replace")

    @property
    def engine(self) -> int:
        """The engine's process, which leads its session."""
        found = re.search(r"process (\d+)", self.said)
        assert found, self.said
        return int(found[1])

    def engine_processes(self) -> list[int]:
        return session_members(self.engine)

    def scheduler(self) -> int:
        """The worker that computes, by the title SGLang gives it."""
        for pid in self.engine_processes():
            if b"sglang::scheduler" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        raise AssertionError("no scheduler is running")

    def metric(self, start: str, key: str = "top-secret-key") -> float:
        """The value of the first metric whose line starts so; keys do no harm where none is set."""
        headers = {"Authorization": f"Bearer {key}"}
        request = urllib.request.Request(f"{self.base}/metrics", headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            lines = answer.read().decode().splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(start)), 0)

    def wait_ready(self, seconds: float = READY_SECONDS) -> Launched:
        def ready_or_dead() -> bool:
            return "\nready after" in self.said or self.process.poll() is not None

        wait_until(ready_or_dead, seconds, "ready")
        assert self.process.poll() is None, self.said + self.passed_through[-3000:]
        return self

    def end(self) -> int:
        """Stop as an operator does; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextlib.contextmanager
def launched(directory: Path, *words: str, profile: str = "cpu", **env: str) -> Iterator[Launched]:
    """A launcher that is gone afterwards, with its engine, whatever happens."""
    server = Launched(directory, *words, profile=profile, **env)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait(30)
        if "process " in server.said:
            kill_session(server.engine)


class Request:
    """A chat request in flight in a thread of its own; ``status`` is 0 where it was cut off."""

    def __init__(self, server: Launched, tokens: int, key: str = "") -> None:
        body = {
            "model": server.model,
            "messages": [{"role": "user", "content": "Hello"}],
            "max_tokens": tokens,
            "min_tokens": tokens,
        }
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._request = urllib.request.Request(
            f"{server.url}/chat/completions", json.dumps(body).encode(), headers
        )
        self.status = -1
        self.tokens = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with urllib.request.urlopen(self._request, timeout=300) as answer:
                self.tokens = json.load(answer)["usage"]["completion_tokens"]
                self.status = answer.status
        except urllib.error.HTTPError as error:
            self.status = error.code
        except OSError:
            self.status = 0

    def wait(self) -> int:
        self._thread.join(300)
        return self.status


def key_file(directory: Path, name: str, key: str) -> str:
    path = directory / name
    path.write_text(f"{key}\n")
    path.chmod(0o600)
    return str(path)


def without_weights(directory: Path) -> str:
    """The path of a copy of the smoke model that lacks its weights."""
    model = directory / "model"
    shutil.copytree(ROOT / "deploy/cpu/model", model)
    for weights in model.glob("*.safetensors"):
        weights.unlink()
    return str(model)
