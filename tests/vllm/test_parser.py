"""vLLM's own parser as the judge of its catalogue, of the profiles, and of what we pass on."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from deploy import loader
from deploy.engines import generate, judge
from deploy.engines.catalogue import Catalogue, load
from deploy.engines.history import CATALOGUES
from deploy.engines.parsers import describe
from tests.engines.command_lines import (
    assert_not_refused,
    assert_read_as_written,
    command_lines,
    profiles_args,
)
from tests.launching import profiles_of, run

pytestmark = pytest.mark.vllm

LOADED = load("vllm", "0.32.0")
assert LOADED is not None
CATALOGUE: Catalogue = LOADED
# Left out for the engine's parser: it builds objects of its own from their JSON, or reads files.
LEFT_OUT = [
    option.name
    for option in CATALOGUE.options.values()
    if option.kind in ("json", "map-or-text")
    or option.name in ("lora-modules", "device-ids", "log-config-file")
]
patient = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def test_the_catalogue_is_the_live_parser(engine_parser: argparse.ArgumentParser) -> None:
    version = judge.installed("vllm")
    path = CATALOGUES / f"vllm-{version}.json"
    text = generate.text("vllm", str(version), describe(engine_parser))
    assert path.read_text(encoding="utf-8") == text, "run make install-vllm generate"


@pytest.mark.parametrize("name", profiles_of("vllm"))
def test_the_engine_parses_every_profile(engine_parser: argparse.ArgumentParser, name: str) -> None:
    engine_parser.parse_args(loader.load(name)[0].command().argv[4:])


@patient
@given(profiles_args(CATALOGUE, "model", LEFT_OUT))
def test_the_engine_reads_what_the_profile_says(
    engine_parser: argparse.ArgumentParser, args: dict[str, Any]
) -> None:
    assert_read_as_written(CATALOGUE, engine_parser, args)


@settings(patient, max_examples=500)
@given(command_lines(CATALOGUE, LEFT_OUT))
def test_what_the_engine_accepts_is_not_refused(
    engine_parser: argparse.ArgumentParser, words: list[str]
) -> None:
    assert_not_refused(CATALOGUE, engine_parser, [], words)


def test_the_installed_parser_has_the_last_word() -> None:
    done = run("check-options", "--profile", "cpu-vllm")
    assert done.returncode == 0
    assert "its own parser, installed here, agrees" in done.stdout
