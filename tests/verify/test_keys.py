"""Keys: with the real engine that has both, and a gateway that ignores them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import loader
from deploy.verify import suite
from deploy.verify.check import Outcome
from deploy.verify.connect import connect
from tests.launching import Launched, key_file, launched, run
from tests.verify.breakages import KEYED, SOUND_KEYED
from tests.verify.proxy import Breakage, Proxy, proxied

pytestmark = pytest.mark.engine

KEYS = {"api-key": "top-secret-key", "admin-api-key": "top-secret-admin-key"}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    directory = tmp_path_factory.mktemp("keyed")
    words = [
        word
        for name, key in KEYS.items()
        for word in (f"--{name}-file", key_file(directory, name, key))
    ]
    with launched(directory, *words) as running:
        yield running.wait_ready()


def security(proxy: Proxy, breakage: Breakage) -> dict[str, Outcome]:
    proxy.breakage = breakage
    target = connect(proxy.url, loader.load("cpu")[0], KEYS, minutes=5, seed="keys")
    checks = suite.select(["security"], [])
    with contextlib.closing(target):
        return {o.check.name: o for o in suite.run(target, checks, lambda check: None)}


def test_keys_are_enforced_and_a_gateway_that_ignores_them_is_found(keyed: Launched) -> None:
    with proxied(keyed.base) as proxy:
        sound = security(proxy, SOUND_KEYED)
        assert {o.status for o in sound.values()} == {"passed"}, sound
        for name, (breakage, named) in KEYED.items():
            proxy.kept.clear()
            found = security(proxy, breakage)
            assert [key for key, o in found.items() if o.status == "failed"] == [named], name
        # The last one is the engine itself.
        assert "/server_info shows the admin-api-key" in found["security.no-leak"].meaning


def test_the_verb_takes_keys_and_never_shows_them(keyed: Launched, tmp_path: Path) -> None:
    bare = run("verify", "--url", keyed.url)
    assert bare.returncode == 2
    assert "it wants a key [server-unreachable]" in bare.stderr
    only = ("--only", "models.listed", "--only", "security", "--skip", "security.no-leak", "--json")
    done = run(
        "verify",
        *("--url", keyed.url, *only),
        *("--admin-api-key-file", key_file(tmp_path, "admin", KEYS["admin-api-key"])),
        GLM_API_KEY=KEYS["api-key"],
    )
    assert done.returncode == 0, done.stdout
    for key in KEYS.values():
        assert key not in done.stdout + done.stderr
