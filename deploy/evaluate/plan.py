"""What a run will ask and compare, what that needs, and what to say before it starts."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.errors import Finding, Refused, suggestion
from deploy.evaluate import harness, store
from deploy.evaluate.endpoint import Endpoint
from deploy.evaluate.harness import Judge
from deploy.evaluate.statistics import Reference, Rule
from deploy.evaluate.store import Sample
from deploy.evaluate.suites import BUNDLED, SUITES, Benchmark, Row, Suite

EARLIER, GIVEN = "earlier run", "reference"
# The card's rows as they are called in a report; NVFP4 is what is served, so it decides.
CARD_ROWS: dict[str, Row] = {"card NVFP4": "nvfp4", "card FP8": "fp8"}

FULL = Rule()
# A gate of minutes cannot show three points. It shows twice that, which a wrong template, a
# missing kernel or garbled long answers cost many times over.
QUICK = Rule(margin=0.06)


@dataclass(frozen=True)
class Plan:
    """A suite, how often each chosen benchmark is asked, and what its answers are held against."""

    name: str
    repeats: dict[str, int]
    rule: Rule
    references: dict[str, Reference] = field(default_factory=dict)
    earlier: Sequence[Sample] = ()
    earlier_settings: Mapping[str, Any] = field(default_factory=dict)
    measure_only: bool = False

    @property
    def suite(self) -> Suite:
        """The suite's benchmarks and settings."""
        return SUITES[self.name]()

    def benchmark(self, name: str) -> Benchmark:
        """A benchmark of the suite."""
        return self.suite.benchmarks[name]

    def published(self, name: str) -> dict[str, Reference]:
        """What the benchmark is compared with, the decisive one first; not an earlier run."""
        found = {GIVEN: self.references[name]} if name in self.references else {}
        rows = {label: self.benchmark(name).reference(row) for label, row in CARD_ROWS.items()}
        return found | {label: known for label, known in rows.items() if known}

    def has_earlier(self, name: str) -> bool:
        """Whether an earlier run asked this benchmark."""
        return any(sample.key.benchmark == name for sample in self.earlier)

    def decides(self, name: str) -> bool:
        """Whether there is anything to compare with."""
        return not self.measure_only and (self.has_earlier(name) or bool(self.published(name)))


def make(
    name: str,
    only: Sequence[str],
    repeats: int | None,
    quick: bool,
    references: Sequence[str],
    against: Path | None,
    measure_only: bool,
) -> Plan:
    """The plan that a command line asks for. Refused with every fault in it."""
    suite = SUITES[name]()
    unknown = [word for word in only if word not in suite.benchmarks]
    known = ", ".join(suite.benchmarks)
    findings = [
        Finding(
            "benchmark",
            "--only",
            f'there is no "{word}"',
            suggestion(word, known.split(", "), f"benchmarks: {known}"),
        )
        for word in unknown
    ]
    chosen = {
        word: repeats or (found.quick_repeats if quick else found.repeats) or bool(only)
        for word, found in suite.benchmarks.items()
        if word in only or not only
    }
    given: dict[str, Reference] = {}
    for text in references:
        word, _, percent = text.partition("=")
        try:
            value = float(percent)
        except ValueError:
            value = -1.0
        if word not in suite.benchmarks or not 0 <= value <= 100:
            fix = f"write NAME=PERCENT, such as {next(iter(suite.benchmarks))}=85.0"
            findings.append(Finding("reference", "--reference", f"{text} is none", fix))
        given[word] = Reference(value / 100)
    before, earlier = store.read(against) if against else ({}, [])
    plan = Plan(
        name,
        {word: int(count) for word, count in chosen.items() if count},
        QUICK if quick else FULL,
        given,
        earlier,
        before,
        measure_only,
    )
    if not findings and not measure_only and not any(map(plan.decides, plan.repeats)):
        fix = "name one: --reference NAME=PERCENT, or --against DIR; or compare later: --measure"
        message = "there is nothing to compare the answers with"
        findings.append(Finding("no-reference", name, message, fix))
    if findings:
        raise Refused(findings)
    return plan


def check_earlier(plan: Plan, now: Mapping[str, Any]) -> None:
    """Refused where the earlier run asked otherwise; the model and its server may differ."""
    if not plan.earlier_settings:
        return
    asked = {key: value for key, value in now.items() if key not in ("model", "served")}
    before = {key: plan.earlier_settings.get(key) for key in asked}
    findings = store.differences("--against", before, asked, "repeat the earlier run's settings")
    if findings:
        raise Refused(findings)


def settings(
    plan: Plan, endpoint: Endpoint, judge: Judge | None, datasets: Mapping[str, str]
) -> dict[str, Any]:
    """What must be the same for two samples to belong together."""
    suite = plan.suite
    return {
        "suite": plan.name,
        "harness": suite.harness.model_dump(),
        "model": endpoint.model,
        "served": endpoint.described,
        "sampling": suite.sampling.model_dump(),
        "template": suite.template,
        "judge": judge.model if judge else None,
        "datasets": dict(datasets),
    }


def check(
    plan: Plan, python: Path, judge: Judge | None, datasets: Mapping[str, str]
) -> Iterator[Finding]:
    """What the plan needs and lacks (errors), and what should be known first (warnings)."""
    if plan.name == BUNDLED:
        return
    wanted = plan.suite.harness
    found = harness.version(python)
    if found != wanted.version:
        have = f"{wanted.name} {found} is there" if found else f"{wanted.name} is not installed"
        fix = "make install-evaluate builds .venv-evaluate; or name another: --harness-python FILE"
        message = f"{have}, {wanted.version} is wanted"
        yield Finding("harness-missing", str(python), message, fix)
    lacking = dict(_lacking(plan, judge))
    possible = ",".join(name for name in plan.repeats if name not in lacking)
    leave = f"leave it out: --only {possible}" if possible else "choose another benchmark"
    for finding in lacking.values():
        yield dataclasses.replace(finding, fix=f"{finding.fix}; or {leave}")
    if remote := [name for name in plan.repeats if name not in datasets]:
        message = f"the questions of {', '.join(remote)} are downloaded from ModelScope"
        gated = [name for name in remote if "gated" in plan.benchmark(name).needs]
        if gated:
            message += f"; on Hugging Face {', '.join(gated)} is gated: do not republish it"
        fix = "without a connection name local copies: --dataset NAME=DIR"
        yield Finding("download", "", message, fix, "warning")
    unknown = [name for name in plan.repeats if not plan.decides(name)]
    if unknown and not plan.measure_only:
        message = "the card's number is not known here: measured, and not compared"
        fix = "put the number into configs/evaluation/card.yaml, or give --reference"
        yield Finding("no-reference", ", ".join(unknown), message, fix, "warning")


def _lacking(plan: Plan, judge: Judge | None) -> Iterator[tuple[str, Finding]]:
    for name in plan.repeats:
        needs = plan.benchmark(name).needs
        if "judge" in needs and judge is None:
            message = "a language model grades the answers, and none is named"
            fix = "name one: --judge-url URL --judge-model NAME"
            yield name, Finding("judge-missing", name, message, fix)
        if "sandbox" in needs and not _docker():
            message = "the answers are programs, run in a Docker sandbox; no Docker is in reach"
            yield name, Finding("sandbox-missing", name, message, "run where Docker is")


def _docker() -> bool:
    return "DOCKER_HOST" in os.environ or os.access("/var/run/docker.sock", os.W_OK)
