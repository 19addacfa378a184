"""The contract checks against the real vLLM."""

from __future__ import annotations

import json

import pytest

from deploy.verify import suite
from tests.launching import Launched, run

pytestmark = pytest.mark.vllm


def test_the_real_vllm_keeps_every_promise(server: Launched) -> None:
    words = ("--url", server.url, "--profile", "cpu-vllm", "--json")
    done = run("verify", *words, "--max-context-tokens", "4000", "--seed", "test")
    assert done.returncode == 0, done.stdout
    value = json.loads(done.stdout)
    assert value["engine"] == "vllm"
    checks = {check["name"]: check["status"] for check in value["checks"]}
    assert tuple(checks) == suite.NAMES
    assert {name for name, status in checks.items() if status == "not-applicable"} == {
        "parsing.several",
        "security.keys",
        "security.no-leak",
        "operations.speculative",
        "context.full",
    }
