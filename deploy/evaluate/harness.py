"""The card's benchmarks through evalscope, which runs in an environment of its own.

evalscope is told what to do on its standard input, so that no key stands in a command line or a
file. It appends every graded sample to a file; each is taken over as it appears.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from deploy.errors import FAILED, Finding, Refused
from deploy.evaluate.endpoint import Endpoint
from deploy.evaluate.store import Key, Sample
from deploy.evaluate.suites import Benchmark, Suite
from deploy.server import guard

# 64,000 tokens in two hours are 9 tokens a second, below what any profile serves.
_TIMEOUT_SECONDS = 7_200
# Between two looks at the files that evalscope writes.
_TICK_SECONDS = 1.0
_DRIVER = "import json, sys; from evalscope import run_task; run_task(json.load(sys.stdin))"
_VERSION = "from importlib.metadata import version; print(version('evalscope'))"
# What evalscope calls an answer that max_tokens or the context cut off.
_CUT_OFF = ("max_tokens", "model_length")


@dataclass(frozen=True)
class Judge:
    """The language model that grades AA-LCR, behind an OpenAI-compatible server."""

    url: str
    model: str
    key: str = field(default="", repr=False)


@dataclass(frozen=True)
class Batch:
    """Repeats ``first`` to ``first + count - 1`` of a benchmark, in a directory of evalscope's."""

    directory: Path
    benchmark: str
    first: int
    count: int

    @classmethod
    def all(cls, directory: Path, benchmark: str, repeats: int) -> list[Batch]:
        """The batches that make up so many repeats: those begun earlier, then one for the rest.

        evalscope numbers samples by the number of repeats, so a batch keeps its own for good.
        """
        batches, covered = [], 0
        for path in sorted((directory / "evalscope").glob(f"{benchmark}-*-*")):
            first, count = map(int, path.name.removeprefix(f"{benchmark}-").split("-"))
            batches.append(cls(path, benchmark, first, count))
            covered = max(covered, first + count)
        if covered < repeats:
            # Padded, so that names sort as numbers do.
            name = f"{benchmark}-{covered:04}-{repeats - covered:04}"
            path = directory / "evalscope" / name
            batches.append(cls(path, benchmark, covered, repeats - covered))
        return [batch for batch in batches if batch.first < repeats]


@dataclass(frozen=True)
class Harness:
    """evalscope as this run uses it."""

    python: Path
    endpoint: Endpoint
    suite: Suite
    concurrency: int
    judge: Judge | None = None
    # Local copies of data sets, by benchmark.
    datasets: Mapping[str, str] = field(default_factory=dict)

    def run(self, batch: Batch, benchmark: Benchmark) -> Iterator[Sample | int]:
        """Every graded sample of the batch, earlier ones too, and how many wait to be graded.

        evalscope grades some benchmarks when all is answered; its own files keep the answers until
        then. Refused where evalscope fails; it is killed when the caller stops.
        """
        batch.directory.mkdir(parents=True, exist_ok=True)
        log = batch.directory / "evalscope.log"
        follower = Follower(batch, benchmark.metric)
        with log.open("ab") as out, _started(self.python, self.task(batch), out) as process:
            while process.poll() is None:
                yield from follower.new()
                yield follower.ungraded
                time.sleep(_TICK_SECONDS)
            yield from follower.new()
        if process.returncode:
            words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            message = f"evalscope ended with {process.returncode}: {words[-1] if words else ''}"
            fix = f"see {log}; what was answered so far is kept"
            raise Refused([Finding("harness-failed", batch.benchmark, message, fix)], FAILED)

    def task(self, batch: Batch) -> dict[str, Any]:
        """What evalscope is told: its TaskConfig, keys included."""
        sampling = self.suite.sampling
        task: dict[str, Any] = {
            "model": self.endpoint.model,
            "api_url": self.endpoint.url,
            "api_key": self.endpoint.key or "none",
            "eval_type": "openai_api",
            "datasets": [batch.benchmark],
            "repeats": batch.count,
            "eval_batch_size": self.concurrency,
            "work_dir": str(batch.directory),
            "no_timestamp": True,
            "generation_config": {
                **sampling.model_dump(),
                "stream": True,  # a proxy in between may cut off a silent connection
                "timeout": _TIMEOUT_SECONDS,
                "extra_body": {"chat_template_kwargs": self.suite.template},
            },
        }
        if (batch.directory / "configs").exists():
            task["use_cache"] = str(batch.directory)
        if batch.benchmark in self.datasets:
            local = {"dataset_id": self.datasets[batch.benchmark]}
            task["dataset_args"] = {batch.benchmark: local}
        needs = self.suite.benchmarks[batch.benchmark].needs
        if "sandbox" in needs:
            task["sandbox"] = {"enabled": True, "engine": "docker"}
        if self.judge and "judge" in needs:
            key = self.judge.key or "none"
            model = {"model_id": self.judge.model, "api_url": self.judge.url, "api_key": key}
            task["judge"] = {"models": [model]}
        return task


def version(python: Path) -> str | None:
    """The evalscope that this interpreter has, or None."""
    try:
        asked = subprocess.run(
            [python, "-c", _VERSION], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip()


class Follower:
    """Reads what evalscope appends: its predictions for how they ended, its reviews for scores."""

    def __init__(self, batch: Batch, metric: str) -> None:
        self._batch, self._metric = batch, metric
        self._offsets: dict[Path, int] = {}
        self._answered: set[tuple[str, int]] = set()
        self._cut_off: set[tuple[str, int]] = set()
        self._graded: set[tuple[str, int]] = set()

    @property
    def ungraded(self) -> int:
        """How many samples are answered and not graded yet."""
        return len(self._answered - self._graded)

    def new(self) -> Iterator[Sample]:
        """The samples that were graded since the last call."""
        for subset, row in self._rows("predictions"):
            choices = (row.get("model_output") or {}).get("choices") or [{}]
            self._answered.add((subset, row["index"]))
            if choices[0].get("stop_reason") in _CUT_OFF:
                self._cut_off.add((subset, row["index"]))
        for subset, row in self._rows("reviews"):
            self._graded.add((subset, row["index"]))
            graded = row["sample_score"]
            value = _score(graded["score"]["value"], self._metric)
            if value is None:
                continue  # it could not be graded, and counts as missing
            question = f"{subset}/{graded['group_id']}"
            key = Key(self._batch.benchmark, question, self._batch.first + self._repeat(graded))
            cut_off = (subset, row["index"]) in self._cut_off
            answer = str(graded["score"].get("extracted_prediction") or "")
            yield Sample(key, float(value), cut_off, answer)

    @staticmethod
    def _repeat(graded: Mapping[str, Any]) -> int:
        return int(graded.get("generation_index") or 0)

    def _rows(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        pattern = f"{kind}/*/{self._batch.benchmark}_*.jsonl"
        for path in sorted(self._batch.directory.glob(pattern)):
            subset = path.stem.removeprefix(f"{self._batch.benchmark}_")
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._offsets[path] = self._offsets.get(path, 0) + len(line)
                    with contextlib.suppress(ValueError):  # evalscope skips torn lines, too
                        yield subset, json.loads(line)


def _score(values: Mapping[str, float], metric: str) -> float | None:
    """One sample's score; ``subproblems`` is SciCode's mean over the steps of a problem."""
    if metric != "subproblems":
        return values.get(metric)
    steps = [value for name, value in values.items() if name != "main_problem"]
    return fmean(steps) if steps else None


@contextlib.contextmanager
def _started(python: Path, task: Mapping[str, Any], out: Any) -> Iterator[subprocess.Popen[bytes]]:
    """evalscope in a session of its own that ends with us, whatever ends us."""
    theirs, ours = os.pipe()
    command = [sys.executable, guard.__file__, str(theirs), str(python), "-P", "-c", _DRIVER]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=out,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=[theirs],
    )
    os.close(theirs)
    try:
        assert process.stdin
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(task).encode())
            process.stdin.close()
        yield process
    finally:
        guard.kill_session(process.pid)
        process.wait()
        with contextlib.suppress(BrokenPipeError):
            os.write(ours, b".")  # tells the guard that nothing is left to kill
        os.close(ours)
