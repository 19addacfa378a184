"""What each profile promises, before any server is asked."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from deploy import loader
from deploy.overrides import Setting
from deploy.verify import suite
from deploy.verify.target import Budget, Target

KEYS = {"api-key": "a", "admin-api-key": "b"}
SECURITY = {"security.keys", "security.admin", "security.no-leak"}
SPECULATION, DETERMINISM = {"operations.speculative"}, {"chat.deterministic"}
SEVERAL = {"parsing.several"}
CACHE = {"cache.prefix", "cache.next-turn", "cache.kept-thinking"}


def left_out(name: str | None, keys: Mapping[str, str], *settings: str) -> set[str]:
    """The checks that do not apply to a server of that profile."""
    profile = loader.load(name, [Setting.of(text) for text in settings])[0] if name else None
    engine = profile.engine.name if profile else "sglang"
    budget = Budget(None, time.monotonic() + 60)
    target = Target("http://127.0.0.1:9", "m", engine, keys, profile, None, budget)
    return {check.name for check in suite.CHECKS if check.applies(target)}


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("b300", SPECULATION | DETERMINISM),
        ("b300-low-latency", DETERMINISM),
        ("b200-agentic", DETERMINISM),
        ("vllm-b300", SPECULATION | DETERMINISM | SEVERAL),
        ("cpu", SPECULATION),
        ("cpu-vllm", SPECULATION | SEVERAL),
        (None, {"models.context-length"} | DETERMINISM),
    ],
)
def test_a_profile_decides_what_applies(profile: str | None, expected: set[str]) -> None:
    assert left_out(profile, KEYS) == expected


@pytest.mark.parametrize(
    ("setting", "less", "more"),
    [
        ("engine.args.enable-deterministic-inference=true", DETERMINISM, set()),
        ("engine.args.disable-radix-cache=true", set(), CACHE),
        ("engine.args.enable-cache-report=null", set(), CACHE),
        ("engine.args.enable-metrics=null", set(), {"operations.metrics"}),
        (
            "engine.args.reasoning-parser=null",
            set(),
            {f"reasoning.{word}" for word in ("separated", "off", "history")}
            | {"cache.next-turn", "cache.kept-thinking"},
        ),
    ],
)
def test_an_option_decides_what_applies(setting: str, less: set[str], more: set[str]) -> None:
    assert left_out("b300", KEYS, setting) == left_out("b300", KEYS) - less | more


def test_without_a_tool_parser_no_tool_is_called() -> None:
    found = left_out("b300", KEYS, "engine.args.tool-call-parser=null")
    tools = {name for name in suite.NAMES if name.startswith(("tools.", "parsing."))}
    assert found >= tools | {"messages.tools", "context.tool-call"}


def test_without_keys_nothing_is_closed() -> None:
    assert left_out("b300", {}) == left_out("b300", KEYS) | SECURITY
    # vLLM has no administration, unless in development.
    assert left_out("vllm-b300", {}) == left_out("vllm-b300", KEYS) | SECURITY - {"security.admin"}
