"""Start an engine that cannot outlive its launcher, not even one killed with SIGKILL.

Run as ``python guard.py LIFE_FD PROGRAM ARG...``, in a session of its own. It leaves a guard
behind and becomes the program, so the launcher's child is the engine itself and its exit status
is the engine's. The guard, outside the engine's process tree, waits on LIFE_FD, a pipe that only
the launcher holds open for writing: when that closes without a word, the launcher is dead, and
the guard kills every process of the engine's session.

Standard library only, and no import from the package: it starts in milliseconds.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path


def session_members(session: int) -> list[int]:
    """The process ids of a session, zombies left out. Reads /proc."""
    members = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # Fields after the command's name, which may hold spaces: state, ppid, pgrp, session.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] not in "ZX":
                members.append(int(entry.name))
    return members


def kill_session(session: int, patience_seconds: float = 10.0) -> list[int]:
    """SIGKILL every process of a session until none is left; those that stay are returned.

    A process in an uninterruptible driver call can take seconds to go, hence the patience.
    """
    deadline = time.monotonic() + patience_seconds
    while members := session_members(session):
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return members


def main() -> None:
    """Leave the guard, then become the program."""
    life, program = int(sys.argv[1]), sys.argv[2:]
    session = os.getpid()
    if os.fork() == 0:
        if os.fork() == 0:
            _guard(life, session)
        os._exit(0)
    os.wait()
    os.close(life)
    try:
        os.execvp(program[0], program)
    except OSError as error:
        sys.exit(f"{program[0]}: {error.strerror}")


def _guard(life: int, session: int) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # The engine's output must close with the engine.
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    if not os.read(life, 1):
        kill_session(session)
    os._exit(0)


if __name__ == "__main__":
    main()
