"""A profile's limits as the SLO of a scenario that has none of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from loadtests.client.outcomes import Refused, fault
from loadtests.schema.scenario import Scenario, Slo
from loadtests.schema.scenario_file import check_context

# A key of a profile's limits: the metric and the percentile that it bounds.
_LATENCIES = {
    "ttft_p99_seconds": ("ttft_seconds", "p99"),
    "itl_p99_seconds": ("itl_seconds", "p99"),
}


def with_limits(scenario: Scenario, limits: dict[str, Any]) -> Scenario:
    """The scenario with the profile's promises wherever it sets no limit of its own.

    Refused where a prompt and its answer exceed the profile's context_tokens.
    """
    check_context(scenario, limits.get("context_tokens"))
    slos = dict(scenario.slo)
    for traffic in scenario.traffic:
        slos[traffic.name] = _filled(slos.get(traffic.name, Slo()), limits)
    return replace(scenario, slo=slos)


def _filled(slo: Slo, limits: dict[str, Any]) -> Slo:
    for key, (metric, name) in _LATENCIES.items():
        limit = limits.get(key)
        if limit is None or getattr(slo, metric):
            continue
        if not isinstance(limit, int | float) or limit <= 0:
            raise Refused([fault(f"limits.{key}", f"no seconds: {limit!r}", "give seconds")])
        changed: dict[str, Any] = {metric: {name: float(limit)}}
        slo = replace(slo, **changed)
    if slo.error_rate is None and limits.get("error_rate") is not None:
        slo = replace(slo, error_rate=float(limits["error_rate"]))
    return slo
