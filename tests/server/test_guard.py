"""The guard, with processes that refuse to die politely."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from deploy.server import guard
from deploy.server.guard import kill_session, session_members
from tests.launching import wait_until

# An "engine" that ignores signals and has a child that does, too.
STUBBORN = textwrap.dedent("""
    import os, signal, time
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.fork()
    print("up", flush=True)
    time.sleep(600)
""")
# A launcher that starts it through the guard and tells its process id.
LAUNCHER = textwrap.dedent("""
    import os, subprocess, sys, time
    life, write = os.pipe()
    engine = subprocess.Popen([sys.executable, sys.argv[1], str(life), sys.executable, "-c",
                               sys.argv[2]], pass_fds=(life,), start_new_session=True)
    os.close(life)
    print(engine.pid, flush=True)
    time.sleep(600)
""")


def test_nothing_outlives_a_killed_launcher() -> None:
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, guard.__file__, STUBBORN],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert launcher.stdout is not None
    session = int(launcher.stdout.readline())
    try:
        wait_until(lambda: len(session_members(session)) == 2, 20, "engine and child")
        launcher.kill()
        launcher.wait()
        wait_until(lambda: not session_members(session), 10, "the end of the engine")
    finally:
        kill_session(session)
        launcher.kill()
        launcher.stdout.close()


def start(life: int, *program: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, guard.__file__, str(life), *program],
        pass_fds=(life,),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_the_child_is_the_program_with_its_own_status_and_output() -> None:
    read, write = os.pipe()
    process = start(read, sys.executable, "-c", "print('words'); raise SystemExit(7)")
    os.close(read)
    # The output closes although the guard still lives.
    out, _ = process.communicate(timeout=20)
    assert (out, process.returncode) == (b"words\n", 7)
    os.write(write, b"x")
    os.close(write)


def test_a_guard_that_is_told_so_kills_nothing() -> None:
    read, write = os.pipe()
    process = start(read, sys.executable, "-c", "import time; time.sleep(600)")
    os.close(read)
    os.write(write, b"x")
    os.close(write)
    time.sleep(0.5)
    assert process.poll() is None
    assert kill_session(process.pid) == []
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGKILL


def test_a_program_that_is_not_there_is_named() -> None:
    read, write = os.pipe()
    process = start(read, "/no/such/program")
    os.close(read)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert err == b"/no/such/program: No such file or directory\n"
    os.close(write)


def test_a_session_is_found_whatever_its_processes_are_called(tmp_path: Path) -> None:
    odd = tmp_path / ") S 1 1 1 1"
    odd.symlink_to("/bin/sleep")
    process = subprocess.Popen([str(odd), "600"], start_new_session=True)
    try:
        wait_until(lambda: session_members(process.pid) == [process.pid], 10, "the session")
    finally:
        process.kill()
        process.wait()
    assert session_members(process.pid) == []
