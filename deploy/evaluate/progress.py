"""How far an evaluation is: done of all, time spent, time left, and the accuracy so far."""

from __future__ import annotations

import time

from deploy.server.console import Console, seconds


class Progress:
    """The status line of one benchmark; what an earlier run answered does not count as speed."""

    def __init__(self, console: Console, title: str, total: int, done: int) -> None:
        self._console, self._title, self._total = console, title, total
        self._before, self._shown = done, False
        self._started = time.monotonic()

    def show(self, done: int, accuracy: float | None) -> None:
        """Redraw the line."""
        if not self._shown:  # the harness's files may hold answers of an earlier run, too
            self._before, self._shown = max(self._before, done), True
        self._console.status(self._title, self.text(done, accuracy, time.monotonic()))

    def text(self, done: int, accuracy: float | None, now: float) -> str:
        """The line, without the title."""
        spent = now - self._started
        parts = [f"{done} of {self._total} samples", f"{seconds(spent)} so far"]
        if done - self._before > 0 and done < self._total:
            left = spent / (done - self._before) * (self._total - done)
            parts.append(f"about {seconds(left)} left")
        if accuracy is not None:
            parts.append(f"{100 * accuracy:.1f} % right")
        return ", ".join(parts)

    def end(self, done: int, accuracy: float | None) -> None:
        """Leave the line for good."""
        self._console.status("", "")
        self._console.say(f"[{self._title}] {self.text(done, accuracy, time.monotonic())}")
