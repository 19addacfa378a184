"""TTFT, ITL and tokens per second in locust's own statistics, and so on its web page."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from loadtests.client.record import Record

# Locust's table has requests per second; the row of tokens has one "request" per token.
TTFT, ITL = "TTFT", "ITL"
TOKENS_NAME = "{} (RPS: output tokens/s)"


def bucket(milliseconds: float) -> float:
    """Three significant digits: locust's own two put 54 and 46 seconds ten apart."""
    return float(f"{milliseconds:.3g}")


@dataclass
class Rows:
    """Writes finished requests into locust's statistics.

    The request itself goes through locust's event, with its time to the end; the first token and
    the tokens get rows of their own, which do not count in locust's total.
    """

    environment: Any

    def log(self, record: Record) -> None:
        """One request that ended, or was cut off."""
        self.environment.events.request.fire(
            request_type="E2E",
            name=record.traffic,
            response_time=(record.e2e or 0.0) * 1e3,
            response_length=0,
            exception=None if record.ok else f"{record.outcome}: {record.detail}"[:200],
            context={"record": record.id},
        )
        if record.ttft is not None:
            self._add(TTFT, record.traffic, {bucket(record.ttft * 1e3): 1})
        gaps: dict[float, int] = {}
        for seconds, tokens in record.itl():
            value = bucket(max(seconds, 0.0) * 1e3)
            gaps[value] = gaps.get(value, 0) + tokens
        if gaps:
            self._add(ITL, TOKENS_NAME.format(record.traffic), gaps)

    def _add(self, method: str, name: str, milliseconds: dict[float, int]) -> None:
        """Many samples at once: locust's own method takes one, and 5 microseconds."""
        entry = self.environment.stats.entries[(name, method)]
        count, now = sum(milliseconds.values()), time.time()
        least, most = min(milliseconds), max(milliseconds)
        entry.num_requests += count
        entry.num_reqs_per_sec[int(now)] += count
        entry.last_request_timestamp = now
        entry.total_response_time += sum(value * n for value, n in milliseconds.items())
        known = entry.min_response_time
        entry.min_response_time = least if known is None else min(known, least)
        entry.max_response_time = max(entry.max_response_time, most)
        for value, n in milliseconds.items():
            entry.response_times[value] += n
