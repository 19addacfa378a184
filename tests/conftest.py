from __future__ import annotations

import argparse
import os
import signal
import warnings
from collections.abc import Iterator

import pytest

from deploy import loader
from tests.launching import Launched, launched

# Under a shell's & SIGINT is ignored, and children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """One running server for every test that leaves it as it was."""
    with launched(tmp_path_factory.mktemp("server")) as running:
        yield running.wait_ready()
        assert running.end() == 0, running.said


@pytest.fixture(scope="session")
def engine_parser() -> argparse.ArgumentParser:
    """SGLang's own parser, imported as the CPU profile runs it."""
    os.environ.update(loader.load("cpu")[0].engine.env)
    from deploy.engines.parsers import sglang as sglang_parser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the engine warns of kernels that a CPU lacks
        return sglang_parser()
