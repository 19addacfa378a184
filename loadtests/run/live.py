"""The line on the terminal while a run goes; plain lines where there is no terminal."""

from __future__ import annotations

import math
import sys
import time

from loadtests.schema.plan import Plan

_PLAIN_SECONDS = 10.0  # between lines that cannot be overwritten
_last = [0.0]


def say(words: str) -> None:
    """One line, which the next one replaces on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{words}", end="", file=sys.stderr, flush=True)
    else:
        print(words, file=sys.stderr, flush=True)


def show(state: dict[str, float], plan: Plan) -> None:
    """How the run stands."""
    if sys.stderr.isatty() or time.monotonic() - _last[0] >= _PLAIN_SECONDS:
        _last[0] = time.monotonic()
        say(line(state, plan))


def line(state: dict[str, float], plan: Plan) -> str:
    """Phase, time, requests and tokens in one line."""
    name = phase_of(state["at"], plan)
    ttft = "-" if math.isnan(state["ttft"]) else seconds(state["ttft"])
    failed = f", {state['failed']:.0f} failed" if state["failed"] else ""
    return (
        f"{name} {state['at']:.0f}/{plan.end:.0f} s, {state['in_flight']:.0f} in flight, "
        f"{state['ended']:.0f} ended{failed}, TTFT p50 {ttft}, "
        f"{state['tokens_per_second']:.0f} tokens/s"
    )


def phase_of(second: float, plan: Plan) -> str:
    """The phase, with its level where there are several."""
    phase, level = plan.at(second)
    return f"{phase} {level}" if plan.levels > 1 else phase


def clear() -> None:
    """Nothing more is overwritten."""
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def seconds(value: float) -> str:
    """A time with the unit that suits it."""
    if value < 1:
        return f"{value * 1e3:.3g} ms"
    return f"{value:.3g} s" if value < 1000 else f"{value:.0f} s"
