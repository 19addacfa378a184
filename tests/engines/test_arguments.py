"""Args to argv and back, with the engine's own parser as the judge."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy import loader
from deploy.engines.arguments import from_argv, to_argv
from deploy.engines.catalogue import Catalogue, Option, load, versions

LOADED = load("sglang", "0.5.20")
assert LOADED is not None
CATALOGUE: Catalogue = LOADED

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(lambda t: t != "--")
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def values(option: Option) -> st.SearchStrategy[Any]:
    """What a profile may hold for this option."""
    if option.kind == "flag":
        return st.just(True)
    if option.choices:
        one: st.SearchStrategy[Any] = st.sampled_from(option.choices)
    elif option.kind == "int":
        one = st.integers()
    elif option.kind == "float":
        one = st.floats(allow_nan=False) | st.integers()
    elif option.kind == "json":
        one = (
            st.lists(json_values, max_size=3)
            if option.default == []
            else st.dictionaries(texts, json_values, max_size=3)
        )
    elif option.kind == "text":
        one = st.integers(min_value=1, max_value=10**9)
    else:
        one = texts
    if option.nargs in ("*", "+"):
        plain = one.filter(lambda value: not str(value).startswith("-"))
        return st.lists(plain, min_size=1, max_size=3)
    return one


# Left out for the engine's parser: they read a file or import the engine's own types.
JUDGED = [
    option
    for option in CATALOGUE.options.values()
    if option.name not in ("lora-paths", "cuda-graph-config")
    and not (
        option.kind == "json"
        and option.name
        in (
            "sidecar-args",
            "decoupled-spec-connect-endpoints",
            "forward-hooks",
            "remote-instance-weight-loader-send-weights-group-ports",
        )
    )
]


@st.composite
def profiles_args(draw: st.DrawFn) -> dict[str, Any]:
    """A profile's args: some options, under any spelling that takes a value."""
    chosen = draw(st.lists(st.sampled_from(JUDGED), max_size=6, unique_by=lambda o: o.name))
    args: dict[str, Any] = {"model-path": "m"}
    for option in chosen:
        if option.name != "model-path":
            args[draw(st.sampled_from((option.name, *option.aliases)))] = draw(values(option))
    return args


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(profiles_args())
def test_the_engine_reads_what_the_profile_says(
    engine_parser: argparse.ArgumentParser, args: dict[str, Any]
) -> None:
    assert not list(CATALOGUE.faults(args))
    parsed = vars(engine_parser.parse_args(to_argv(args)))
    destinations = {
        text[2:]: action.dest for action in engine_parser._actions for text in action.option_strings
    }
    for key, value in args.items():
        option = CATALOGUE.find(key)
        assert option is not None
        got = parsed[destinations[key]]
        if isinstance(value, dict | list) and isinstance(got, str):
            got = json.loads(got)
        assert got == value or (option.kind == "text" and got == str(value))


@given(profiles_args())
def test_args_survive_the_way_to_argv_and_back(args: dict[str, Any]) -> None:
    back, findings = from_argv(to_argv(args), CATALOGUE)
    assert not findings
    assert back == args


@given(profiles_args())
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
        "--i",
        "-1",
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
    ours = vars(engine_parser.parse_args(loader.load(name)[0].command().argv[3:]))
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


@pytest.mark.parametrize("name", loader.names())
def test_the_engine_parses_every_profile(engine_parser: argparse.ArgumentParser, name: str) -> None:
    engine_parser.parse_args(loader.load(name)[0].command().argv[3:])


def test_versions_are_in_order() -> None:
    assert "0.5.20" in versions("sglang")
    assert load("sglang", "0.0.1") is None
