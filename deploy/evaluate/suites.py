"""What is asked, how, and what the answers are compared with: the card's suite and our own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from deploy.evaluate.statistics import Reference
from deploy.loader import CONFIGS

CARD = CONFIGS / "evaluation" / "card.yaml"
QUESTIONS = Path(__file__).with_name("questions.jsonl")
BUNDLED = "bundled"
Need = Literal["judge", "sandbox", "gated"]
Row = Literal["nvfp4", "fp8"]

# The card prints its scores with two decimals.
_DECIMALS = 2
# Our questions want short answers, and there is room for some thinking first. A small model that
# runs away, as the smoke model does now and then at temperature 1, is stopped here within seconds.
_BUNDLED_MAX_TOKENS = 2_048


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sampling(_Strict):
    """How answers are drawn."""

    temperature: float = Field(ge=0)
    top_p: float = Field(gt=0, le=1)
    max_tokens: int = Field(gt=0)


class Harness(_Strict):
    """The program that asks and grades."""

    name: str
    version: str


class Score(_Strict):
    """The card's two rows, in percent; None where the number is not known."""

    fp8: float | None = Field(ge=0, le=100)
    nvfp4: float | None = Field(ge=0, le=100)


class Benchmark(_Strict):
    """One benchmark: its size, how often it is asked, what it needs, and the card's scores."""

    title: str
    questions: int = Field(gt=0)
    metric: str
    repeats: int = Field(gt=0)
    quick_repeats: int = Field(ge=0)
    needs: tuple[Need, ...] = ()
    score: Score = Score(fp8=None, nvfp4=None)
    evidence: str

    def reference(self, row: Row) -> Reference | None:
        """The card's score in that row, with the fewest samples it can rest on."""
        percent = self.score.nvfp4 if row == "nvfp4" else self.score.fp8
        if percent is None:
            return None
        known = [value for value in (self.score.fp8, self.score.nvfp4) if value is not None]
        return Reference(percent / 100, self.questions * fewest_repeats(known, self.questions))


class Suite(_Strict):
    """Benchmarks by name with what they share."""

    source: str
    sampling: Sampling
    template: dict[str, Any]
    harness: Harness
    benchmarks: dict[str, Benchmark]


@dataclass(frozen=True)
class Question:
    """One of our own questions: right where the answer stands in the reply."""

    id: str
    prompt: str
    answer: str


def fewest_repeats(percents: list[float], questions: int) -> int:
    """How often every question was asked at least, if these printed scores are means over all.

    A mean over k passes through N questions is a multiple of 1/(kN); most printed numbers are
    near none for a small k.
    """
    repeats = 1
    while not all(_possible(percent, questions * repeats) for percent in percents):
        repeats += 1
    return repeats


@cache
def card() -> Suite:
    """The model card's suite, from configs/evaluation/card.yaml."""
    return Suite.model_validate(yaml.safe_load(CARD.read_text(encoding="utf-8")))


@cache
def bundled() -> Suite:
    """Our own questions, which need neither a download nor a harness. Nothing is published."""
    asked = Benchmark(
        title="Bundled questions",
        questions=len(questions()),
        metric="contains",
        repeats=4,
        quick_repeats=1,
        evidence="none; name a reference with --reference or --against",
    )
    return Suite(
        source="this repository",
        sampling=Sampling(temperature=1.0, top_p=0.95, max_tokens=_BUNDLED_MAX_TOKENS),
        template={"enable_thinking": True},
        harness=Harness(name=BUNDLED, version=_digest(QUESTIONS)),
        benchmarks={BUNDLED: asked},
    )


@cache
def questions() -> tuple[Question, ...]:
    """Our own questions, in order."""
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    return tuple(Question(**json.loads(line)) for line in lines)


SUITES = {"card": card, BUNDLED: bundled}


def _possible(percent: float, samples: int) -> bool:
    hits = round(percent / 100 * samples)
    near = (hits - 1, hits, hits + 1)
    # Half a unit either way: how the card rounds a half is not known.
    unit = 10**-_DECIMALS
    return any(abs(100 * count / samples - percent) <= unit / 2 + 1e-9 for count in near)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
