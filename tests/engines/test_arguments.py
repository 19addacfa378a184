"""Args to argv and back, with the engine's own parser as the judge."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from deploy import loader
from deploy.engines import ENGINES
from deploy.engines.arguments import REPEATED, from_argv, to_argv
from deploy.engines.catalogue import Catalogue, load, versions
from tests.engines.command_lines import (
    assert_not_refused,
    assert_read_as_written,
    command_lines,
    profiles_args,
)
from tests.launching import profiles_of

LOADED = load("sglang", "0.5.20")
assert LOADED is not None
CATALOGUE: Catalogue = LOADED

# Left out for the engine's parser: they read a file or import the engine's own types.
LEFT_OUT = (
    "lora-paths",
    "cuda-graph-config",
    "sidecar-args",
    "decoupled-spec-connect-endpoints",
    "forward-hooks",
    "remote-instance-weight-loader-send-weights-group-ports",
)
ARGS = profiles_args(CATALOGUE, "model-path", LEFT_OUT)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(ARGS)
def test_the_engine_reads_what_the_profile_says(
    engine_parser: argparse.ArgumentParser, args: dict[str, Any]
) -> None:
    assert_read_as_written(CATALOGUE, engine_parser, args)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=500)
@given(command_lines(CATALOGUE, LEFT_OUT))
def test_what_the_engine_accepts_is_not_refused(
    engine_parser: argparse.ArgumentParser, words: list[str]
) -> None:
    assert_not_refused(CATALOGUE, engine_parser, ["--model-path", "m"], words)


EVERY = [
    catalogue
    for engine in ENGINES
    for version in versions(engine)
    if (catalogue := load(engine, version))
]


@pytest.mark.parametrize("catalogue", EVERY, ids=lambda c: f"{c.engine}-{c.version}")
def test_args_survive_the_way_to_argv_and_back(catalogue: Catalogue) -> None:
    @given(profiles_args(catalogue, ENGINES[catalogue.engine].model_option))
    def survive(args: dict[str, Any]) -> None:
        assert not list(catalogue.faults(args))
        assert from_argv(to_argv(args), catalogue) == (args, [])

    survive()


def test_an_option_that_adds_up_is_repeated() -> None:
    adding = {
        option.name
        for catalogue in EVERY
        for option in catalogue.options.values()
        if option.nargs == "append"
    }
    assert adding == set(REPEATED)
    words = ["--middleware", "one", "--middleware=-two", "--middleware", "three"]
    (vllm, *_) = (catalogue for catalogue in EVERY if catalogue.engine == "vllm")
    assert from_argv(words, vllm) == ({"middleware": ["one", "-two", "three"]}, [])
    assert to_argv({"middleware": ["one", "-two", "three"]}) == words
    assert to_argv({"middleware": "one"}) == ["--middleware", "one"]


@given(ARGS)
def test_argv_is_stable_and_in_order(args: dict[str, Any]) -> None:
    argv = to_argv(args)
    assert argv == to_argv(dict(args))
    options = [word.partition("=")[0] for word in argv if word.startswith("--")]
    assert [word for word in options if word[2:] in args] == [f"--{key}" for key in args]


def test_every_kind_of_value() -> None:
    args = {
        "a": True,
        "b": False,
        "c": None,
        "d": 131072,
        "e": 0.80,
        "f": "x y",
        "g": ["p", 2],
        "h": {"z": 1, "a": [True, None, "é"]},
        "i": -1,
        "j": "-x",
        "k": "",
    }
    assert to_argv(args) == [
        "--a",
        "--d",
        "131072",
        "--e",
        "0.8",
        "--f",
        "x y",
        "--g",
        "p",
        "2",
        "--h",
        '{"a":[true,null,"é"],"z":1}',
        "--i=-1",
        "--j=-x",
        "--k",
        "",
    ]


def test_a_later_spelling_wins() -> None:
    words = ["--tp-size", "2", "--tensor-parallel-size=4", "--dllm-fdfo", "--no-dllm-fdfo"]
    assert from_argv(words, CATALOGUE) == ({"tensor-parallel-size": 4, "no-dllm-fdfo": True}, [])


CARD = {
    "model": "nvidia/GLM-5.1-NVFP4",
    "tensor-parallel-size": 8,
    "quantization": "modelopt_fp4",
    "tool-call-parser": "glm47",
    "reasoning-parser": "glm45",
    "trust-remote-code": True,
    "chunked-prefill-size": 131072,
    "mem-fraction-static": 0.80,
}


@pytest.mark.parametrize("name", ["b300", "b200"])
def test_the_profile_is_the_cards_command(
    engine_parser: argparse.ArgumentParser, name: str
) -> None:
    ours = vars(engine_parser.parse_args(loader.load(name)[0].command().options))
    card = vars(engine_parser.parse_args(to_argv(CARD)))
    plain = vars(engine_parser.parse_args(["--model", "nvidia/GLM-5.1-NVFP4"]))
    added = {
        "host": "0.0.0.0",
        "port": 30000,
        "served_model_name": "glm-5.1",
        "enable_metrics": True,
        "enable_cache_report": True,
        "watchdog_timeout": 1800.0,
    }
    assert {key for key in card if card[key] != plain[key]} == {
        "tp_size",
        "quantization",
        "tool_call_parser",
        "reasoning_parser",
        "trust_remote_code",
        "chunked_prefill_size",
        "mem_fraction_static",
    }
    assert ours == {**card, **added}


@pytest.mark.parametrize("name", profiles_of("sglang"))
def test_the_engine_parses_every_profile(engine_parser: argparse.ArgumentParser, name: str) -> None:
    engine_parser.parse_args(loader.load(name)[0].command().options)


def test_versions_are_in_order() -> None:
    assert "0.5.20" in versions("sglang")
    assert load("sglang", "0.0.1") is None
