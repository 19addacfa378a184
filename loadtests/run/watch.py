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

    def run(self) -> None:
        """Look until killed."""
        used, since = time.process_time(), time.monotonic()
        while True:
            before = time.monotonic()
            gevent.sleep(_EVERY_SECONDS)
            now = time.monotonic()
            self.lags.append((now - self.origin, max(now - before - _EVERY_SECONDS, 0.0)))
            if now - since >= _CPU_SECONDS:
                spent = time.process_time()
                self.cpu.append((now - self.origin, (spent - used) / (now - since)))
                used, since = spent, now

    def take(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """The samples, which are then forgotten here."""
        taken = [(round(at, 3), round(lag, 5)) for at, lag in self.lags], list(self.cpu)
        self.lags, self.cpu = [], []
        return taken
