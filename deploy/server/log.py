"""The engine's output: to the console, to a file, to the progress, and never with a key in it."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import re
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable
from io import TextIOWrapper
from pathlib import Path

from deploy.server.console import Console
from deploy.server.progress import Progress

# Log files: the last start and five older pieces, so a server left alone keeps under 400 MiB.
_FILE_BYTES = 64 * 2**20
_OLDER_FILES = 5
# Lines kept for the diagnosis: tracebacks of 8 workers run to some hundred lines each.
_TAIL_LINES = 5000
_PIECE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)")


def default_path(name: str, port: int) -> Path:
    """Where a server's log goes: the user's state directory, or else the temporary one."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    for directory in (Path(state) / "glm-serving", Path(tempfile.gettempdir()) / "glm-serving"):
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(directory, os.W_OK):
            return directory / f"{name}-{port}.log"
    return Path(os.devnull)


class LogFile(logging.handlers.RotatingFileHandler):
    """A rotating file that its owner alone can read: a request log holds prompts.

    Raises OSError where the file cannot be written. Later failures, such as a full disk, are told
    once to ``on_failure`` and stop nothing.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.on_failure: Callable[[], None] = lambda: None
        self._failed = False
        super().__init__(path, maxBytes=_FILE_BYTES, backupCount=_OLDER_FILES, encoding="utf-8")
        if path.is_file() and path.stat().st_size:
            self.doRollover()

    def write(self, line: str) -> None:
        """Add one line."""
        if not self._failed:
            self.emit(logging.makeLogRecord({"msg": line}))

    def handleError(self, record: logging.LogRecord) -> None:
        """Give the file up; logging calls this in the handler of the failure."""
        self._failed = True
        self.on_failure()

    def close(self) -> None:
        """Close the file, whatever it could not take."""
        with contextlib.suppress(OSError):
            super().close()

    def _open(self) -> TextIOWrapper:
        stream = super()._open()
        if self.path.is_file():
            os.fchmod(stream.fileno(), 0o600)
        return stream


class EngineLog:
    """Reads a pipe to its end in a thread of its own."""

    def __init__(
        self,
        pipe: int,
        file: LogFile,
        console: Console,
        progress: Progress,
        secrets: Iterable[str],
    ) -> None:
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._pipe = pipe
        self._file = file
        self._console = console
        self._progress = progress
        # As they are, and as Python prints them inside a dictionary.
        forms = {form for secret in secrets for form in (secret, repr(secret)[1:-1])}
        self._secrets = [form.encode() for form in forms]
        file.on_failure = lambda: console.say(
            f"warning: {file.path} cannot be written any more; the log goes on here"
        )
        self._thread = threading.Thread(target=self._read, name="engine-log", daemon=True)
        self._thread.start()

    def finish(self, patience_seconds: float = 5.0) -> None:
        """Wait for the rest of the output, which ends when every engine process has gone."""
        self._thread.join(patience_seconds)
        self._file.close()

    def _read(self) -> None:
        rest = b""
        while chunk := os.read(self._pipe, 65536):
            rest += chunk
            end = 0
            for piece in _PIECE.finditer(rest):
                self._take(piece.group())
                end = piece.end()
            rest = rest[end:]
        if rest:
            self._take(rest + b"\n")

    def _take(self, piece: bytes) -> None:
        for secret in self._secrets:
            piece = piece.replace(secret, b"***")
        self._console.log(piece)
        line = piece.decode("utf-8", errors="replace").rstrip("\r\n")
        if line:
            self.tail.append(line)
            self._progress.feed(line)
            self._file.write(line)
