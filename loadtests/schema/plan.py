"""When load is sent: phases and levels, open-loop arrivals and closed-loop users, all known ahead.

Every process computes the same plan from the scenario and takes its share of it, so a run over
many workers sends exactly what one worker would.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from loadtests.schema.scenario import Load, Scenario

RAMP, WARMUP, STEADY, DRAIN = "ramp", "warmup", "steady", "drain"
_FLAT = 1e-12


@dataclass(frozen=True)
class Segment:
    """Part of a run: seconds since its start, and load as a multiple of the scenario's."""

    start: float
    end: float
    phase: str
    level: int
    first: float
    last: float


@dataclass(frozen=True)
class Plan:
    """The segments of a run, in order, the first from second 0."""

    segments: tuple[Segment, ...]
    drain_seconds: float

    @staticmethod
    def of(scenario: Scenario, traced_seconds: float = 0.0) -> Plan:
        """The plan of a scenario; a trace's steady state lasts as long as the trace."""
        phases, search = scenario.phases, scenario.search
        parts: list[tuple[float, str, int, float, float]] = [
            (phases.ramp_seconds, RAMP, 0, 0.0, 1.0)
        ]
        for level in range(search.levels if search else 1):
            factor = search.factor**level if search else 1.0
            parts.append((phases.warmup_seconds, WARMUP, level, factor, factor))
            steady = max(phases.steady_seconds, traced_seconds)
            parts.append((steady, STEADY, level, factor, factor))
        segments, at = [], 0.0
        for seconds, phase, level, first, last in parts:
            if seconds:
                segments.append(Segment(at, at + seconds, phase, level, first, last))
                at += seconds
        return Plan(tuple(segments), phases.drain_seconds)

    @property
    def end(self) -> float:
        """When the last request may be sent."""
        return self.segments[-1].end

    def at(self, second: float) -> tuple[str, int]:
        """The phase and level of a moment."""
        for segment in self.segments:
            if second < segment.end:
                return segment.phase, segment.level
        return DRAIN, self.segments[-1].level

    def steady(self, level: int = 0) -> Segment:
        """The steady segment of a level."""
        return next(s for s in self.segments if s.phase == STEADY and s.level == level)

    @property
    def levels(self) -> int:
        """How many levels there are."""
        return self.segments[-1].level + 1

    def user_starts(self, users: int) -> list[float]:
        """When each closed-loop user starts; the load never falls."""
        starts: list[float] = []
        for segment in self.segments:
            for index in range(len(starts), round(users * segment.last)):
                # User n comes when the load passes n.
                passed = index / users - segment.first
                rising = segment.last - segment.first
                share = passed / rising if rising > _FLAT and passed > 0 else 0.0
                starts.append(segment.start + share * (segment.end - segment.start))
        return starts

    def arrivals(self, load: Load, seed: str) -> Iterator[float]:
        """Open-loop arrival times: a renewal process in the units of the expected count."""
        rng = random.Random(seed)
        wanted, before = _gap(load, rng), 0.0
        for segment in self.segments:
            seconds = segment.end - segment.start
            first, last = load.rate * segment.first, load.rate * segment.last
            expected = (first + last) / 2 * seconds
            while wanted <= before + expected:
                slope = (last - first) / seconds
                at = segment.start + _when(wanted - before, first, slope)
                if at < self.end:
                    yield at
                wanted += _gap(load, rng)
            before += expected


def _gap(load: Load, rng: random.Random) -> float:
    """The next gap, with mean 1."""
    if load.arrivals == "constant":
        return 1.0
    if load.arrivals == "gamma":
        return rng.gammavariate(load.burstiness, 1 / load.burstiness)
    return rng.expovariate(1.0)


def _when(count: float, rate: float, slope: float) -> float:
    """Seconds until so many have arrived at a rate that rises by ``slope`` per second."""
    if abs(slope) < _FLAT:
        return count / rate
    return (math.sqrt(rate * rate + 2 * slope * count) - rate) / slope
