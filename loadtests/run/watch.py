"""The generator watches itself: how late its hub is, and how much of its core it uses."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import gevent

_EVERY_SECONDS = 0.02  # 50 looks a second: a stall of a few milliseconds is seen
_CPU_SECONDS = 1.0


@dataclass
class Watch:
    """Samples since the last ``take``: (second, lag in seconds) and (second, share of a core)."""

    origin: float
    lags: list[tuple[float, float]] = field(default_factory=list)
    cpu: list[tuple[float, float]] = field(default_factory=list)
    _before: float = 0.0

    def run(self) -> None:
        """Look until killed."""
        self._before = time.monotonic()
        # In the hub itself: a greenlet that sleeps costs five times as much.
        timer = gevent.get_hub().loop.timer(_EVERY_SECONDS, _EVERY_SECONDS)
        timer.start(self._look)
        used, since = time.process_time(), self._before
        try:
            while True:
                gevent.sleep(_CPU_SECONDS)
                spent, now = time.process_time(), time.monotonic()
                self.cpu.append((now - self.origin, (spent - used) / (now - since)))
                used, since = spent, now
        finally:
            timer.stop()
            timer.close()

    def _look(self) -> None:
        now = time.monotonic()
        self.lags.append((now - self.origin, max(now - self._before - _EVERY_SECONDS, 0.0)))
        self._before = now

    def take(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """The samples, which are then forgotten here."""
        taken = [(round(at, 3), round(lag, 5)) for at, lag in self.lags], list(self.cpu)
        self.lags, self.cpu = [], []
        return taken
