from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator

import pytest

from tests.launching import Launched, launched


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """One running vLLM for every test that leaves it as it was."""
    with launched(tmp_path_factory.mktemp("server"), profile="cpu-vllm") as running:
        yield running.wait_ready()
        assert running.end() == 0, running.said


@pytest.fixture(scope="session")
def engine_parser() -> argparse.ArgumentParser:
    """vLLM's own parser."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own deprecations
        from deploy.engines.parsers import vllm

        return vllm()
