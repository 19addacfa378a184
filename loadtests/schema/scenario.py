"""What a run sends and what it must hold: the schema of loadtests/scenarios/*.yaml."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from statistics import NormalDist

from loadtests.schema.fields import choice, number

_P90 = NormalDist().inv_cdf(0.9)


@dataclass(frozen=True)
class Draw:
    """A lognormal distribution by its median and 90th percentile, cut at both ends."""

    median: float = number(above=0)
    p90: float = number(above=0)
    least: float = number(0.0, least=0)
    most: float = number(1e9, above=0)

    def sample(self, rng: random.Random) -> float:
        """One value."""
        sigma = max(math.log(self.p90 / self.median) / _P90, 0.0)
        value = self.median * math.exp(sigma * rng.gauss(0, 1))
        return min(max(value, self.least), self.most)


Size = Draw | int
Seconds = Draw | float


def sample(value: Draw | float, rng: random.Random) -> float:
    """A fixed value as it is, a distribution's next one otherwise."""
    return value.sample(rng) if isinstance(value, Draw) else float(value)


def largest(value: Draw | float) -> float:
    """The most that it can give."""
    return value.most if isinstance(value, Draw) else float(value)


@dataclass(frozen=True)
class Prompt:
    """Independent requests. Every count is of the whole templated prompt, in tokens."""

    tokens: int = number(above=0, doc="tokens of the prompt, exactly")
    shared_tokens: int = number(0, least=0, doc="leading tokens that prompts of a prefix share")
    prefixes: int = number(1, least=1, doc="different shared prefixes")
    full: bool = field(default=False, metadata={"doc": "every prompt of a prefix is the same"})


@dataclass(frozen=True)
class Session:
    """Conversations of several turns: an agent's steps, with the results of its tools."""

    turns: Size = number(above=0, doc="requests of a session")
    first_tokens: Size = number(above=0, doc="tokens of the first prompt")
    appended_tokens: Size = number(above=0, doc="new text of each later turn")
    reply_tokens: Size = number(above=0, doc="what the transcript says the assistant wrote")
    most_tokens: int = number(200_000, above=0, doc="a session ends before its prompt exceeds it")
    shared_tokens: int = number(0, least=0, doc="leading tokens that all sessions share")
    user_every: int = number(1, least=1, doc="every n-th turn is the user's, the rest are tools'")
    think_seconds: Seconds = number(0.0, least=0, doc="before a turn of the user")
    tool_seconds: Seconds = number(0.0, least=0, doc="before a turn of a tool")


@dataclass(frozen=True)
class Trace:
    """A file in Mooncake's format: timestamp (ms), input_length, output_length, hash_ids."""

    file: str
    requests: int = number(0, least=0, doc="how many lines; 0: all")
    speed: float = number(1.0, above=0, doc="2 replays twice as fast")
    length_scale: float = number(1.0, above=0, most=1, doc="of input and output lengths")
    block_tokens: int = number(512, least=16, doc="tokens of one hash id")


@dataclass(frozen=True)
class Answer:
    """What is asked of the answer."""

    tokens: int = number(above=0, doc="max_tokens; of a trace, the most of its own")
    exact: bool = field(default=False, metadata={"doc": "ignore_eos: exactly that many"})
    thinking: bool | None = field(default=None, metadata={"doc": "null: as the server does"})
    question: str = field(default="", metadata={"doc": "asked beside the code word"})
    temperature: float = number(0.0, least=0, most=2)


@dataclass(frozen=True)
class Load:
    """Closed loop by ``users``, or open loop by ``rate``."""

    users: int = number(0, least=0, doc="closed loop: each waits for its answer")
    think_seconds: Seconds = number(0.0, least=0, doc="closed loop: between requests")
    rate: float = number(0.0, least=0, doc="open loop: requests (or sessions) per second")
    arrivals: str = choice("poisson", "constant", "poisson", "gamma")
    burstiness: float = number(0.5, above=0, doc="shape of gamma; below 1 comes in bursts")


@dataclass(frozen=True)
class Traffic:
    """One kind of request and how many of them."""

    name: str
    answer: Answer
    prompt: Prompt | None = None
    session: Session | None = None
    trace: Trace | None = None
    load: Load = field(default_factory=Load)
    needle: bool = field(default=True, metadata={"doc": "a code word to find in each prompt"})


@dataclass(frozen=True)
class Phases:
    """Seconds of each part; only steady counts for the verdict."""

    steady_seconds: float = number(above=0)
    ramp_seconds: float = number(0.0, least=0)
    warmup_seconds: float = number(0.0, least=0)
    drain_seconds: float = number(60.0, least=0, doc="for requests in flight at the end of steady")


@dataclass(frozen=True)
class Search:
    """Steady is repeated at rising load until the SLO is missed."""

    factor: float = number(2.0, above=1, doc="load of a level over that of the one before")
    levels: int = number(6, least=2)
    at_least: float = number(0.0, least=0, doc="users, or requests per second, that must hold")


@dataclass(frozen=True)
class Limits:
    """Timeouts of one request, in seconds."""

    connect_seconds: float = number(10.0, above=0)
    headers_seconds: float = number(600.0, above=0)
    stall_seconds: float = number(120.0, above=0)
    total_seconds: float = number(3600.0, above=0)


@dataclass(frozen=True)
class Generator:
    """When the client itself was the bottleneck: the run is then invalid."""

    most_lag_seconds: float = number(0.05, above=0, doc="p99 of the hub's delay")
    most_cpu: float = number(0.9, above=0, doc="of one core, by each process, in steady state")
    most_schedule_delay_seconds: float = number(0.1, above=0, doc="p99 of sent minus scheduled")


@dataclass(frozen=True)
class Slo:
    """What must hold, per traffic. A percentile is written as p50, p99 or p99.9."""

    ttft_seconds: dict[str, float] = field(default_factory=dict)
    itl_seconds: dict[str, float] = field(default_factory=dict)
    tpot_seconds: dict[str, float] = field(default_factory=dict)
    e2e_seconds: dict[str, float] = field(default_factory=dict)
    error_rate: float | None = number(None, least=0, most=1, doc="at most, of ended requests")
    goodput: float | None = number(None, least=0, most=1, doc="at least: right and within the SLO")
    tokens_per_second: float | None = number(None, above=0, doc="at least, all answers together")
    cache_match: float | None = number(
        None, least=0, most=1, doc="at least: requests with the cached tokens that were expected"
    )


@dataclass(frozen=True)
class Scenario:
    """One run."""

    summary: str
    phases: Phases
    traffic: tuple[Traffic, ...]
    slo: dict[str, Slo] = field(default_factory=dict)
    search: Search | None = None
    limits: Limits = field(default_factory=Limits)
    generator: Generator = field(default_factory=Generator)
    seed: int = 1

    @property
    def largest_prompt(self) -> int:
        """Tokens of the largest prompt that a prompt or session may ask for."""
        sizes = [1]
        for traffic in self.traffic:
            if traffic.prompt:
                sizes.append(traffic.prompt.tokens)
            if traffic.session:
                sizes.append(traffic.session.most_tokens)
        return max(sizes)
