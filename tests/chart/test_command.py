"""The chart's command, environment and image are launch.py's, element by element."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from deploy import loader, yamlfile
from deploy.chart import profiles
from deploy.engines import Command
from deploy.engines.catalogue import Catalogue, Option
from deploy.overrides import Setting, apply_settings
from deploy.profile import Profile
from tests.chart.rendering import MAJORS, server

# Overrides of each profile, as drawn below; each is rendered by both Helms.
DRAWS = 2


def launched(profile: str, args: dict[str, Any]) -> Command:
    """launch.py's command with the same overrides, in the order in which Helm knows them.

    A pod must not bind its own loopback: the chart's one deviation, which launch.py takes as an
    override, too.
    """
    path = loader.find(profile)
    document = yamlfile.parse(path.read_text(encoding="utf-8"), profile)
    settings = [Setting.of(f"engine.args.{key}={typed(args[key])}") for key in sorted(args)]
    assert not apply_settings(document, settings)
    given = Profile.model_validate(document.value)
    if given.host in ("127.0.0.1", "localhost"):
        assert not apply_settings(document, [Setting.of("engine.args.host=0.0.0.0")])
        given = Profile.model_validate(document.value)
    return given.command()


def typed(value: Any) -> str:
    """A value as one types it behind --set of launch.py."""
    return value if isinstance(value, str) else json.dumps(value)


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container["env"]}


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("name", profiles.names())
def test_a_profile_is_the_same_server(name: str, major: int) -> None:
    container, command = server({"profile": name}, major=major), launched(name, {})
    assert container["command"] == list(command.argv)
    assert container["image"] == command.image
    assert environment(container).items() >= command.env.items()


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("draw", range(DRAWS))
@pytest.mark.parametrize("name", profiles.names())
def test_overrides_mean_the_same(name: str, draw: int, major: int) -> None:
    known = loader.load(name)[0].catalogue
    assert known is not None
    args = drawn(known, random.Random(f"{name}/{draw}"))
    container = server({"profile": name, "engine": {"args": args}}, major=major)
    assert container["command"] == list(launched(name, args).argv), args


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize(
    "text",
    [
        "mem-fraction-static=0.85",
        "mem-fraction-static=0.80",
        "mem-fraction-static=1.0",
        "tp-size=4",
        "enable-metrics=false",
        "enable-metrics=null",
        "max-total-tokens=20971520",
        "schedule-conservativeness=1e-05",
        "dist-timeout=1000000",
        "served-model-name=007",
        "log-level=debug",
        "model=/models/GLM-5.1-NVFP4",
        "revision=9116eb1c3ef24dd38dfe61e2eb71399ddd8070c8",
    ],
)
def test_what_is_typed_behind_set_means_the_same(text: str, major: int) -> None:
    key, _, value = text.partition("=")
    command = launched("b300", {key: value})
    assert server(sets=[f"engine.args.{text}"], major=major)["command"] == list(command.argv)


@pytest.mark.parametrize("major", MAJORS)
def test_an_option_that_adds_up_is_repeated(major: int) -> None:
    args = {"middleware": ["one", "-two"]}
    container = server({"profile": "vllm-b300", "engine": {"args": args}}, major=major)
    assert container["command"] == list(launched("vllm-b300", args).argv)
    assert container["command"][-3:] == ["--middleware", "one", "--middleware=-two"]


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("value", [1, True, "a b", "0x10", 20971520, 'say "no": {}'])
def test_environment_is_text(value: Any, major: int) -> None:
    container = server({"engine": {"env": {"NCCL_DEBUG": value}}}, major=major)
    assert environment(container)["NCCL_DEBUG"] == typed(value)


def test_the_profiles_environment_wins_over_the_charts() -> None:
    values = {"engine": {"env": {"HF_HUB_OFFLINE": "0"}}}
    assert environment(server())["HF_HUB_OFFLINE"] == "1"
    assert environment(server(values))["HF_HUB_OFFLINE"] == "0"


def test_a_profile_of_ones_own_is_read_as_text() -> None:
    text = (loader.CONFIGS / "b300-tp4.yaml").read_text(encoding="utf-8")
    values = {
        "customProfile": text.replace("chunked-prefill-size: 131072", "chunked-prefill-size: 8192"),
        "resources": {"memory": "500Gi"},
        "probes": {"startupSeconds": 900},
        "model": {"storage": {"size": "600Gi"}},
    }
    container = server(values)
    command = launched("b300-tp4", {"chunked-prefill-size": 8192})
    assert container["command"] == list(command.argv)
    assert container["startupProbe"]["failureThreshold"] == 90
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "4"


def drawn(known: Catalogue, chance: random.Random) -> dict[str, Any]:
    """Overrides of any kind that the catalogue knows, under any spelling."""
    # What these hold decides more than their own words in the command line, or is refused.
    plain = [
        option
        for option in {option.name: option for option in known.by_spelling.values()}.values()
        if option.name
        not in ("host", "port", "model", "model-path", "config", "api-key", "admin-api-key")
        if option.name not in ("hf-token", "ssl-keyfile-password") and "hicache" not in option.name
        if option.name != "enable-hierarchical-cache"
    ]
    chosen = chance.sample(plain, 12)
    return {chance.choice(option.spellings): _value(option, chance) for option in chosen}


def _value(option: Option, chance: random.Random) -> Any:
    if chance.random() < 0.1:
        return None
    if option.nargs in ("*", "+"):
        several = [_one(option, chance) for _ in range(chance.randint(1, 3))]
        # In a list launch.py wants decimals, as every YAML reader does.
        return [item if item not in (1e-05, 1e-07) else 0.5 for item in several]
    return _one(option, chance)


def _one(option: Option, chance: random.Random) -> Any:
    if option.choices:
        # Behind --set of launch.py the word null leaves an option out.
        return chance.choice([choice for choice in option.choices if choice != "null"])
    words = ["a b", "x=y,z", '"quoted"', "{braces}", "ünï", "a\\b", "$HOME", "<&>", "-dash", "no"]
    values: dict[str, list[Any]] = {
        "flag": [True, False],
        "int": [0, 1, -1, 131072, 1_000_000, 20_971_520, 2**31],
        "float": [0.5, 0.85, 1.0, -0.25, 1e-05, 1e-07, 1234567.5, 3],
        "str": words,
        "json": [{"b": 1.0, "a": [1, None, True, "<é>"], "n": 20_971_520}, {}],
        "map-or-text": [{"b": {"c": 0.1}, "a": "x"}],
        "text": ["200k", 1_000_000],
    }
    return chance.choice(values[option.kind])
