"""Whether the run held what it should: one line per limit, and an exit status."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from loadtests.report.quantiles import Quantile
from loadtests.report.summary import Summary
from loadtests.schema.plan import Plan
from loadtests.schema.scenario import Scenario, Slo

MET, MISSED, INVALID = 0, 1, 2
_MEND = "add processes, or give it cores that nothing else uses"
_WORDS = {MET: "SLO met", MISSED: "SLO missed", INVALID: "run invalid"}


class State(StrEnum):
    """How one limit fared."""

    MET = "met"
    MISSED = "missed"
    UNDECIDED = "undecided"  # too few samples to tell


@dataclass(frozen=True)
class Check:
    """One limit and what was observed."""

    traffic: str
    level: int
    name: str
    limit: float
    observed: float | None
    low: float | None
    high: float | None
    samples: int
    state: State
    note: str = ""

    @property
    def certain(self) -> bool:
        """Whether the 95 % interval lies on one side of the limit."""
        if self.low is None or self.high is None:
            return False
        return not self.low < self.limit < self.high


@dataclass
class Verdict:
    """The result of a run."""

    checks: list[Check]
    invalid: list[str]
    capacity: list[str] = field(default_factory=list)  # of a search
    missed_search: bool = False

    @property
    def status(self) -> int:
        """0 met, 1 missed, 2 invalid: what an invalid run missed, it may have missed itself."""
        if self.invalid:
            return INVALID
        missed = any(check.state is State.MISSED for check in self.checks)
        return MISSED if (self.missed_search if self.capacity else missed) else MET

    @property
    def words(self) -> str:
        """The status in words."""
        return _WORDS[self.status]

    def to_json(self) -> dict[str, Any]:
        """For report.json."""
        return {
            "status": self.status,
            "words": self.words,
            "invalid": self.invalid,
            "capacity": self.capacity,
            "checks": [asdict(check) for check in self.checks],
        }


def judge(scenario: Scenario, summaries: list[Summary], faults: list[str]) -> Verdict:
    """The verdict over all summaries; ``faults`` are reasons for which the run is invalid."""
    slos = {summary.traffic: scenario.slo.get(summary.traffic, Slo()) for summary in summaries}
    checks = [check for summary in summaries for check in checks_of(summary, slos[summary.traffic])]
    invalid = list(faults)
    for summary in summaries:
        if not summary.records and not (scenario.search and summary.level):
            invalid.append(f"{summary.traffic}: no request in the steady state")
    if not scenario.search:
        undecided = [check for check in checks if check.state is State.UNDECIDED]
        invalid += [f"{check.traffic}: {check.name}: {check.note}" for check in undecided]
        return Verdict(checks, invalid)
    return _search(scenario, summaries, checks, invalid)


def checks_of(summary: Summary, slo: Slo) -> list[Check]:
    """Every limit of the SLO against one summary."""
    checks: list[Check] = []
    for metric in ("ttft", "itl", "tpot", "e2e"):
        limits: dict[str, float] = getattr(slo, f"{metric}_seconds")
        for name, limit in limits.items():
            quantile = summary.quantile(metric, float(name[1:]) / 100)
            checks.append(_latency(summary, f"{metric} {name}", limit, quantile))
    shares = (
        ("error rate", slo.error_rate, summary.error_share(), len(summary.ended), False),
        ("goodput", slo.goodput, summary.good_share(slo), len(summary.records), True),
    )
    for name, bound, (value, low, high), samples, at_least in shares:
        if bound is not None:
            held = value >= bound if at_least else value <= bound
            state = State.MET if held else State.MISSED
            state = state if samples else State.UNDECIDED
            note = "" if samples else "no request ended"
            checks.append(_check(summary, name, bound, value, low, high, samples, state, note))
    if slo.tokens_per_second is not None:
        value = summary.tokens_in_steady() / summary.seconds
        state = State.MET if value >= slo.tokens_per_second else State.MISSED
        samples = len(summary.records)
        limit = slo.tokens_per_second
        checks.append(_check(summary, "tokens/s", limit, value, None, None, samples, state))
    if slo.cache_match is not None:
        cache = summary.cache
        value = cache.matched / cache.compared if cache.compared else 0.0
        state = State.MET if value >= slo.cache_match else State.MISSED
        state, note = (state, "") if cache.compared else (State.UNDECIDED, "no cached tokens told")
        limit, n = slo.cache_match, cache.compared
        checks.append(_check(summary, "cache match", limit, value, None, None, n, state, note))
    return checks


def _latency(summary: Summary, name: str, limit: float, quantile: Quantile | None) -> Check:
    if quantile is None:
        note = "no right answer to measure"
        missed = State.MISSED if summary.ended else State.UNDECIDED
        return _check(summary, name, limit, None, None, None, 0, missed, note)
    value, low, high = quantile.value, quantile.low, quantile.high
    enough = quantile.samples >= quantile.wanted
    state, note = State.MET if value <= limit else State.MISSED, ""
    if low is not None and low > limit:
        state = State.MISSED
    elif quantile.at_least and value <= limit:
        state, note = State.UNDECIDED, "requests still in flight; lengthen drain_seconds"
    elif not enough:
        state = State.UNDECIDED
        note = f"{quantile.samples} samples, needs {quantile.wanted}; lengthen steady_seconds"
    return _check(summary, name, limit, value, low, high, quantile.samples, state, note)


def _check(
    summary: Summary,
    name: str,
    limit: float,
    observed: float | None,
    low: float | None,
    high: float | None,
    samples: int,
    state: State,
    note: str = "",
) -> Check:
    level, traffic = summary.level, summary.traffic
    return Check(traffic, level, name, limit, observed, low, high, samples, state, note)


def level_missed(scenario: Scenario, summaries: list[Summary], level: int) -> bool:
    """Whether a search may stop: some limit was missed at this level."""
    return any(
        check.state is State.MISSED
        for summary in summaries
        if summary.level == level
        for check in checks_of(summary, scenario.slo.get(summary.traffic, Slo()))
    )


def _search(
    scenario: Scenario, summaries: list[Summary], checks: list[Check], invalid: list[str]
) -> Verdict:
    """The highest level below the first that missed."""
    search = scenario.search
    assert search
    tried = sorted({summary.level for summary in summaries if summary.records})
    missed = next((n for n in tried if level_missed(scenario, summaries, n)), None)
    best = (tried[-1] if missed is None else missed - 1) if tried else -1
    capacity, short = [], False
    for traffic in scenario.traffic:
        load = traffic.load
        held = (load.users or load.rate) * search.factor**best if best >= 0 else 0.0
        unit = "users" if load.users else "requests/s"
        bound = "at least " if missed is None else ""
        capacity.append(f"{traffic.name}: holds {bound}{held:g} {unit}")
        short = short or held < search.at_least
    return Verdict(checks, invalid, capacity, short or best < 0)


def own_faults(
    scenario: Scenario, plan: Plan, lags: list[float], cpu: list[float], summaries: list[Summary]
) -> list[str]:
    """Whether the client was the bottleneck; lags and CPU shares are of the steady states."""
    limits, faults = scenario.generator, []
    if lags:
        late = sorted(lags)[int(len(lags) * 0.99)]
        if late > limits.most_lag_seconds:
            words = f"the client's hub was late by {late * 1e3:.0f} ms (p99)"
            faults.append(f"{words}, more than {limits.most_lag_seconds * 1e3:.0f}; {_MEND}")
    if cpu:
        most = sorted(cpu)[int(len(cpu) * 0.9)]
        if most > limits.most_cpu:
            faults.append(f"a client process used {most:.0%} of its core (p90); {_MEND}")
    for summary in summaries:
        delay = summary.quantile("schedule_delay", 0.99)
        if delay and delay.value > limits.most_schedule_delay_seconds:
            words = f"{summary.traffic}: requests were sent {delay.value * 1e3:.0f} ms late (p99)"
            faults.append(f"{words}; {_MEND}")
    return faults
