"""Every check can fail: each breakage in front of the real engine, and the one check it trips."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from deploy import loader
from deploy.overrides import Setting
from deploy.profile import Profile
from deploy.verify import suite
from deploy.verify.check import Check, Outcome
from deploy.verify.connect import connect
from tests.launching import Launched
from tests.verify.breakages import KEYED, SOUND_SPECULATION, TABLE
from tests.verify.proxy import LIVE, SOUND, Breakage, Proxy, proxied

pytestmark = pytest.mark.engine

# A promise that a CPU can keep within seconds, and speculation, which it cannot do at all.
PROMISES = ["limits.context_tokens=8000"]
SPECULATES = [
    "engine.args.speculative-algorithm=EAGLE",
    "engine.args.speculative-num-steps=5",
    "engine.args.speculative-eagle-topk=1",
    "engine.args.speculative-num-draft-tokens=6",
]


@pytest.fixture(scope="module")
def proxy(server: Launched) -> Iterator[Proxy]:
    with proxied(server.base) as running:
        yield running


def profile(*settings: str) -> Profile:
    return loader.load("cpu", [Setting.of(text) for text in [*PROMISES, *settings]])[0]


def outcomes(
    proxy: Proxy, breakage: Breakage, checks: tuple[Check, ...], settings: list[str]
) -> dict[str, Outcome]:
    proxy.breakage = breakage
    try:
        target = connect(proxy.url, profile(*settings), {}, minutes=10, seed="walk")
        with contextlib.closing(target):
            found = suite.run(target, checks, lambda check: None)
            return {outcome.check.name: outcome for outcome in found}
    finally:
        proxy.cut()
        proxy.breakage = SOUND


def chosen(named: str) -> tuple[Check, ...]:
    """All checks, less those that must be asked anew each time and take seconds for it."""
    if named.startswith("cancellation."):
        return suite.select(["cancellation"], [])
    live = [name for name in suite.NAMES if name.startswith(LIVE) and name != named]
    return suite.select([], live)


def test_every_check_is_in_the_table() -> None:
    named = [check for _, check in (*TABLE.values(), *KEYED.values())]
    assert set(named) == set(suite.NAMES)


@pytest.mark.parametrize("name", TABLE)
def test_the_right_check_reports_a_breakage(proxy: Proxy, name: str) -> None:
    breakage, named = TABLE[name]
    speculative = named == "operations.speculative"
    found = outcomes(proxy, breakage, chosen(named), SPECULATES if speculative else [])
    failed = {key: outcome.meaning for key, outcome in found.items() if outcome.status == "failed"}
    assert list(failed) == [named], failed
    # Nothing else was lost but what rests on it.
    for key, outcome in found.items():
        if "rests on" in outcome.meaning:
            assert f"rests on {named}, which failed" == outcome.meaning, key


def test_a_sound_gateway_breaks_nothing(proxy: Proxy) -> None:
    found = outcomes(proxy, SOUND_SPECULATION, suite.CHECKS, SPECULATES)
    assert not [outcome for outcome in found.values() if outcome.status == "failed"]
    left_out = {key for key, outcome in found.items() if outcome.status == "not-applicable"}
    assert left_out == {"security.keys", "security.admin", "security.no-leak"}
    assert found["operations.speculative"].meaning == "3.20 tokens accepted per step of at most 6"
