from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.launching import ROOT


@contextlib.contextmanager
def fault_server(*words: str) -> Iterator[str]:
    """The URL of a fault server in a process of its own."""
    command = [sys.executable, "-m", "tests.loadtests.fault_server", *words]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def faulty() -> Iterator[str]:
    with fault_server("--gap", "0.005", "--ttft", "0.01") as url:
        yield url
