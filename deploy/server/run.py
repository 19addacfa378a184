"""Run an engine from start to end: readiness, signals, drain, and the exit status."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import select
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from deploy.errors import FAILED
from deploy.profile import Profile
from deploy.server import guard
from deploy.server.console import Console, seconds
from deploy.server.diagnosis import signature, status_in_words
from deploy.server.log import EngineLog, LogFile
from deploy.server.progress import Progress

# Between two looks around while loading; half of this is what the launcher adds to a start.
_TICK_SECONDS = 0.2
# Between two questions for readiness before the log says that it is reached: each leaves a line
# in the engine's own log.
_PROBE_SECONDS = 5.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Launch:
    """What is run: argv and environment as the engine gets them, and what people are told."""

    profile: Profile
    argv: tuple[str, ...]
    env: Mapping[str, str]
    log: LogFile
    drain_seconds: float
    # The keys, to be kept out of the log, and the words a curl line needs for the API key.
    secrets: tuple[str, ...] = ()
    authorization: str = ""
    # The engine's file with the keys, not needed any more once the engine is ready.
    config: Path | None = None


def run(launch: Launch) -> int:
    """Start the engine, wait for its end, and give the exit status for the launcher's own."""
    with _signals() as wakeups:
        return _Run(launch, wakeups).to_the_end()


class _Run:
    def __init__(self, launch: Launch, wakeups: int) -> None:
        self._launch = launch
        self._wakeups = wakeups
        self._engine = launch.profile.driver
        self._console = Console()
        self._progress = Progress(self._engine.phases)
        self._process, self._life, pipe = _start(launch.argv, launch.env)
        self._log = EngineLog(pipe, launch.log, self._console, self._progress, launch.secrets)
        self._ready = False
        self._probed = time.monotonic()
        self._drain_started: float | None = None
        self._ended_by_us = False

    def to_the_end(self) -> int:
        self._console.say(
            f"starting {self._engine.name}, process {self._process.pid}; "
            f"log: {self._launch.log.path}"
        )
        try:
            while self._process.poll() is None:
                self._step()
        finally:
            left = guard.kill_session(self._process.pid)
            self._log.finish()
            self._console.status("", "")
            if not left:
                os.write(self._life, b"x")  # tells the guard that nothing is left to kill
            os.close(self._life)
        return self._last_words(left)

    def _step(self) -> None:
        for number in self._wait():
            if number in _STOP_SIGNALS:
                self._stop(signal.Signals(number))
        if self._drain_started is not None:
            self._show_drain()
        elif not self._ready:
            self._console.status(self._progress.phase, self._progress.detail())
            late = time.monotonic() - self._probed > _PROBE_SECONDS
            if self._progress.complete or late:
                self._probed = time.monotonic()
                if _answers(self._launch.profile):
                    self._announce()

    def _wait(self) -> bytes:
        """The numbers of the signals that arrived; empty when it was time to look around."""
        patience = None if self._ready and self._drain_started is None else _TICK_SECONDS
        if self._process.poll() is not None:
            patience = 0
        readable, _, _ = select.select([self._wakeups], [], [], patience)
        return os.read(self._wakeups, 64) if readable else b""

    def _announce(self) -> None:
        self._ready = True
        if self._launch.config:
            self._launch.config.unlink(missing_ok=True)
        profile = self._launch.profile
        self._console.status("", "")
        self._console.say(
            f"ready after {seconds(self._progress.elapsed_seconds)}\n"
            f"  url    {url(profile)}/v1\n"
            f"  model  {profile.served_model_name}\n"
            f"  try    {curl(profile, self._launch.authorization)}"
        )

    def _stop(self, number: signal.Signals) -> None:
        # Clients may have seen it ready a moment before we did.
        self._ready = self._ready or _answers(self._launch.profile)
        if self._drain_started is not None or not self._ready:
            why = "a second signal" if self._drain_started is not None else "not ready yet"
            self._console.say(f"{number.name}: ending {self._engine.name} at once ({why})")
            self._ended_by_us = True
            guard.kill_session(self._process.pid)
            return
        self._drain_started = time.monotonic()
        self._console.say(
            f"{number.name}: stopping; requests in flight may take "
            f"{seconds(self._launch.drain_seconds)} to finish, another signal ends them at once"
        )
        self._process.send_signal(signal.SIGTERM)

    def _show_drain(self) -> None:
        assert self._drain_started is not None
        spent = time.monotonic() - self._drain_started
        if spent > self._launch.drain_seconds and not self._ended_by_us:
            self._console.say(
                f"error: {self._in_flight()} did not finish within "
                f"{seconds(self._launch.drain_seconds)} and were cut off [drain-deadline]\n"
                "       fix: allow more with --drain-seconds or limits.drain_seconds"
            )
            self._ended_by_us = True
            guard.kill_session(self._process.pid)
        left = self._launch.drain_seconds - spent
        self._console.status("draining", f"{self._in_flight()}, at most {seconds(left)} more")

    def _in_flight(self) -> str:
        for line in reversed(self._log.tail):
            if found := re.search(self._engine.in_flight, line):
                return f"{found[1]} requests in flight"
        return "requests in flight"

    def _last_words(self, left: list[int]) -> int:
        code = self._process.returncode
        status = 128 - code if code < 0 else int(code)
        spent = seconds(self._progress.elapsed_seconds)
        if left:
            self._console.say(
                f"error: these processes of the engine do not end: {left} "
                "[engine-left]\n       fix: look for GPU errors in dmesg"
            )
        if self._ended_by_us:
            self._console.say(f"{self._engine.name} was ended after {spent}")
            # A start called off has lost nobody's request.
            return status if self._ready else 0
        if status == 0 and self._drain_started is not None:
            self._console.say(f"{self._engine.name} stopped cleanly after {spent}")
            return 0
        when = "serving" if self._ready else self._progress.phase
        when = "draining" if self._drain_started is not None else when
        words = [
            f"error: {self._engine.name} died while {when}, after {spent}, with "
            f"{status_in_words(status)}"
        ]
        if known := signature(self._log.tail):
            words[0] += f" [{known[0].code}]"
            words += [
                f"       it said: {known[1].strip()[:300]}",
                f"       meaning: {known[0].meaning}",
                f"       fix: {known[0].change}",
            ]
        else:
            words += [
                "       fix: read the first error or traceback in the log; it is none that "
                "this launcher knows"
            ]
        self._console.say("\n".join([*words, f"       log: {self._launch.log.path}"]))
        # vLLM ends with 0 when its engine died; nobody asked for an end.
        return status or FAILED


def url(profile: Profile) -> str:
    """Where this host reaches the server."""
    scheme = "https" if profile.argument("ssl-certfile") else "http"
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(profile.host, profile.host)
    return f"{scheme}://{host}:{profile.port}"


def curl(profile: Profile, authorization: str) -> str:
    """One line that asks the server something, ready to be pasted."""
    body = (
        f'{{"model": "{profile.served_model_name}", '
        '"messages": [{"role": "user", "content": "Who are you?"}]}'
    )
    insecure = "-k " if url(profile).startswith("https") else ""
    return (
        f"curl -s {insecure}{url(profile)}/v1/chat/completions {authorization}"
        f"-H 'Content-Type: application/json' -d '{body}'"
    )


def _answers(profile: Profile) -> bool:
    """Whether the server welcomes requests now."""
    host, port = url(profile).partition("//")[2].rsplit(":", 1)
    connection: http.client.HTTPConnection
    if url(profile).startswith("https"):
        # The question is whether our own process answers; its certificate names another host.
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(host, int(port), timeout=2, context=context)
    else:
        connection = http.client.HTTPConnection(host, int(port), timeout=2)
    try:
        connection.request("GET", profile.driver.ready_path(profile.engine.version))
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _start(
    argv: tuple[str, ...], env: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], int, int]:
    """The engine's process, our end of the guard's pipe, and the pipe with the engine's output."""
    life_read, life_write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", guard.__file__, str(life_read), *argv],
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(life_read,),
        start_new_session=True,
        bufsize=0,
    )
    os.close(life_read)
    assert process.stdout is not None
    return process, life_write, process.stdout.fileno()


@contextlib.contextmanager
def _signals() -> Iterator[int]:
    """A descriptor that yields the number of each signal as a byte, SIGCHLD included."""

    def noted(number: int, frame: FrameType | None) -> None:
        """The wakeup descriptor carries the number; without a handler nothing would arrive."""

    read, write = os.pipe()
    os.set_blocking(write, False)
    # What the parent had us ignore stays ignored (SIGHUP under nohup, SIGINT behind a shell's &),
    # except SIGTERM: there must be a way to drain.
    watched = [
        number
        for number in (*_STOP_SIGNALS, signal.SIGCHLD)
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, noted) for number in watched}
    wakeup = signal.set_wakeup_fd(write)
    try:
        yield read
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(read)
        os.close(write)
