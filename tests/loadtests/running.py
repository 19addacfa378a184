"""A load test as a user starts it: locust in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.client.record import Record
from tests.launching import ROOT


@dataclass
class Run:
    """What one run left."""

    status: int
    said: str
    folder: Path

    @property
    def results(self) -> Path:
        return next(self.folder.iterdir())

    @property
    def report(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.results / "report.json").read_text())
        return value

    @property
    def records(self) -> list[Record]:
        lines = (self.results / "records.jsonl").read_text().splitlines()
        values = [json.loads(line) for line in lines]
        assert "run" in values[0] and "end" in values[-1]
        return [Record.from_json(value) for value in values[1:-1]]


def command(folder: Path, url: str, *words: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "locust",
        "-f",
        "loadtests/locustfile.py",
        "--host",
        url,
        "--results",
        str(folder),
        *words,
    ]


def sets(**values: Any) -> list[str]:
    """--set options; "__" stands for the dot of a path."""
    words = []
    for path, value in values.items():
        words += ["--set", f"{path.replace('__', '.')}={json.dumps(value)}"]
    return words


def run(folder: Path, url: str, *words: str, **env: str) -> Run:
    """A headless run that ends by itself."""
    done = subprocess.run(
        command(folder, url, "--headless", *words),
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return Run(done.returncode, done.stdout + done.stderr, folder)


def wait_for(url: str, words: str, seconds: float = 90) -> None:
    """Until the page at the URL holds the words."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if words in answer.read().decode():
                return
        time.sleep(0.1)
    raise AssertionError(f"{words} never came at {url}")


def books_add_up(run: Run) -> None:
    """Started is completed, failed and in flight, and every one has its record."""
    books, records = run.report["accounting"], run.records
    assert books["started"] == books["completed"] + books["failed"] + books["in_flight"]
    assert books["lost"] == 0
    assert len(records) == books["started"] == len({record.id for record in records})
