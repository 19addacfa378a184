"""An evaluation from the first question to the verdict."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from statistics import fmean
from types import FrameType

from deploy.evaluate import bundled, statistics
from deploy.evaluate.endpoint import Endpoint
from deploy.evaluate.harness import Batch, Harness
from deploy.evaluate.plan import EARLIER, Plan
from deploy.evaluate.progress import Progress
from deploy.evaluate.report import Report, Row
from deploy.evaluate.statistics import Comparison, Rule
from deploy.evaluate.store import Key, Sample, Store, scores
from deploy.evaluate.suites import BUNDLED, questions
from deploy.server.console import Console


class Stopped(BaseException):
    """A stop signal arrived. Not an Exception, so that nothing on the way takes it for a fault."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


@dataclass(frozen=True)
class Evaluation:
    """A plan and everything it runs with; ``harness`` is None where the suite needs none."""

    plan: Plan
    endpoint: Endpoint
    store: Store
    console: Console
    concurrency: int
    harness: Harness | None = None

    def run(self) -> Report:
        """Ask what is not answered yet, and judge."""
        for name in self.plan.repeats:
            self._ask(name)
        return self.report()

    @property
    def expected(self) -> int:
        """How many samples the whole plan wants."""
        return sum(map(self._expected, self.plan.repeats))

    def report(self) -> Report:
        """What the samples that are there say."""
        tests = sum(map(self.plan.decides, self.plan.repeats))
        rule = self.plan.rule.shared(tests)
        rows = [self._row(name, rule) for name in self.plan.repeats if self.store.scores(name)]
        directory = str(self.store.directory)
        return Report(
            self.endpoint.model, self.endpoint.url, directory, self.plan.rule, tests, tuple(rows)
        )

    def _ask(self, name: str) -> None:
        progress = Progress(self.console, name, self._expected(name), len(self._kept(name)))
        for step in self._samples(name):
            if isinstance(step, Sample):
                self.store.add(step)
            ungraded = 0 if isinstance(step, Sample) else step
            done, accuracy = self._so_far(name)
            progress.show(done + ungraded, accuracy)
        progress.end(*self._so_far(name))

    def _so_far(self, name: str) -> tuple[int, float | None]:
        scored = [sample.score for sample in self._kept(name)]
        return len(scored), fmean(scored) if scored else None

    def _samples(self, name: str) -> Iterator[Sample | int]:
        plan, repeats = self.plan, self.plan.repeats[name]
        if self.harness is None:
            keys = (
                Key(BUNDLED, question.id, repeat)
                for repeat in range(repeats)
                for question in questions()
            )
            todo = [key for key in keys if key not in self.store.samples]
            yield from bundled.ask(self.endpoint, plan.suite, todo, self.concurrency)
            return
        benchmark = plan.benchmark(name)
        for batch in Batch.all(self.store.directory, name, repeats):
            if self._in_batch(batch) < benchmark.questions * batch.count:
                yield from self.harness.run(batch, benchmark)

    def _in_batch(self, batch: Batch) -> int:
        wanted = range(batch.first, batch.first + batch.count)
        return sum(sample.key.repeat in wanted for sample in self._kept(batch.benchmark))

    def _kept(self, name: str) -> list[Sample]:
        kept = self.store.samples.values()
        return [sample for sample in kept if sample.key.benchmark == name]

    def _expected(self, name: str) -> int:
        return self.plan.benchmark(name).questions * self.plan.repeats[name]

    def _row(self, name: str, rule: Rule) -> Row:
        benchmark, kept = self.plan.benchmark(name), self._kept(name)
        found = statistics.estimate(self.store.scores(name), benchmark.questions)
        comparisons = {} if self.plan.measure_only else self._comparisons(name, found, rule)
        return Row(
            name,
            benchmark.title,
            found.questions,
            benchmark.questions,
            found.samples,
            self._expected(name),
            sum(sample.cut_off for sample in kept),
            found.accuracy,
            comparisons,
            next(iter(comparisons), None),
        )

    def _comparisons(
        self, name: str, found: statistics.Estimate, rule: Rule
    ) -> dict[str, Comparison]:
        comparisons: dict[str, Comparison] = {}
        if self.plan.has_earlier(name):
            earlier = scores(self.plan.earlier, name)
            with suppress(ValueError):  # no question in both: there is nothing to compare
                comparisons[EARLIER] = statistics.compare_runs(
                    self.store.scores(name), earlier, rule
                )
        population = self.plan.benchmark(name).questions
        for label, reference in self.plan.published(name).items():
            comparisons[label] = statistics.compare(found, reference, population, rule)
        return comparisons


@contextmanager
def stop_signals() -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP as Stopped, in the main thread."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
