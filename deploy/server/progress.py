"""Which phase of its start an engine is in, read from its log."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from deploy.server.console import seconds

_FIRST = "starting the engine"
# tqdm's bar over weight files, in every loader of SGLang and vLLM.
_SHARDS = re.compile(r"% Completed \| (\d+)/(\d+)")


class Progress:
    """Fed with the log's lines; phases only go forward, as several workers log each of them."""

    def __init__(self, phases: Sequence[tuple[str, str]]) -> None:
        self._phases = [(re.compile(pattern), phase) for pattern, phase in phases]
        self._reached = -1
        self._started = self._phase_started = time.monotonic()
        self._shards: tuple[int, int] | None = None

    @property
    def phase(self) -> str:
        """The phase now, in words."""
        return self._phases[self._reached][1] if self._reached >= 0 else _FIRST

    @property
    def complete(self) -> bool:
        """Whether the log shows the last phase."""
        return self._reached == len(self._phases) - 1

    @property
    def elapsed_seconds(self) -> float:
        """Since the start of the engine."""
        return time.monotonic() - self._started

    def feed(self, line: str) -> None:
        """Take in one line of the log."""
        if shards := _SHARDS.search(line):
            self._shards = (int(shards[1]), int(shards[2]))
        for index in range(self._reached + 1, len(self._phases)):
            if self._phases[index][0].search(line):
                self._reached, self._phase_started = index, time.monotonic()

    def detail(self) -> str:
        """Elapsed time and, while weights load, the shards and how long they may still take."""
        text = f"{seconds(self.elapsed_seconds)} since the start"
        if self.phase != "loading weights" or self._shards is None:
            return text
        done, total = self._shards
        text += f", weight shard {done} of {total}"
        spent = time.monotonic() - self._phase_started
        return f"{text}, about {seconds(spent / done * (total - done))} left" if done else text
