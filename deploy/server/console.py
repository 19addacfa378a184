"""What the launcher shows: the engine's log on stdout, its own words on stderr."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time

# Without a terminal there is no line to redraw, so the state is written this often.
_PLAIN_INTERVAL_SECONDS = 30.0


class Console:
    """Two writers share it: the thread that reads the engine's log, and the main thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._status = ""
        self._plain_status = ""
        self._plain_time = 0.0

    def log(self, line: bytes) -> None:
        """Pass a piece of the engine's output through as it is."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            # A reader that went away must not take the server with it.
            self._erase()
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            self._draw()

    def say(self, text: str) -> None:
        """Print words of ours, above the status line where there is one."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._erase()
            print(text, file=sys.stderr, flush=True)
            self._draw()

    def status(self, phase: str, detail: str) -> None:
        """Show what is going on: redrawn on a terminal, else once a phase and now and then."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._erase()
            self._status = f"[{phase}] {detail}" if phase else ""
            if self._terminal:
                self._draw()
                return
            late = time.monotonic() - self._plain_time > _PLAIN_INTERVAL_SECONDS
            if phase and (phase != self._plain_status or late):
                self._plain_status, self._plain_time = phase, time.monotonic()
                print(self._status, file=sys.stderr, flush=True)

    def _erase(self) -> None:
        if self._terminal and self._status:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _draw(self) -> None:
        if self._terminal and self._status:
            width = os.get_terminal_size(sys.stderr.fileno()).columns
            sys.stderr.write(self._status[: max(width - 1, 20)])
            sys.stderr.flush()


def seconds(duration: float) -> str:
    """A duration as people say it: ``42 s``, ``3 min 05 s``, ``1 h 02 min``."""
    total = round(duration)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02} s"
    return f"{total // 3600} h {total % 3600 // 60:02} min"
