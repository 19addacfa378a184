"""What the GPU tests ask of a server, asked of the running smoke model: the same path, no GPU."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from deploy.verify import suite
from tests.gpu import asking, report, trial
from tests.gpu.test_report import recorded
from tests.launching import Launched

# Two checks that pass and one that does not apply without keys; test_command.py runs them all.
CHECKS = ("--only", "models.listed,operations.metrics,security.keys")
# The engine and its client share two cores here, and others use them too.
LOAD = (
    'generator={"most_lag_seconds": 60, "most_cpu": 2, "most_schedule_delay_seconds": 60}',
    'phases={"warmup_seconds": 1, "steady_seconds": 6}',
    "traffic.0.prompt.tokens=300",
    "traffic.0.answer.tokens=20",
    "traffic.0.load.users=2",
)


def used_bytes() -> int:
    free = os.sysconf("SC_AVPHYS_PAGES")
    return (os.sysconf("SC_PHYS_PAGES") - free) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.engine
def test_every_question_is_asked_and_its_answer_noted(server: Launched, tmp_path: Path) -> None:
    figures: dict[str, Any] = {"name": "rehearsal", "command": "none", "settings": []}
    asked = asking.Server(server.base, server.model)
    trial.ask(
        figures,
        asked,
        "cpu",
        CHECKS,
        tmp_path,
        prompts=(64, 1500),
        used_bytes=used_bytes,
        load=LOAD,
    )
    assert trial.failures(figures) == []
    outcomes = {check["name"]: check["passed"] for check in figures["checks"]}
    assert outcomes == {
        "models.listed": True,
        "operations.metrics": True,
        "security.keys": None,
        "prompt of 64 tokens": True,
        "prompt of 1500 tokens": True,
        "load": True,
    }
    assert figures["token_capacity"] == 262_144
    assert [prompt["prompt_tokens"] for prompt in figures["prompts"]] == [64, 1500]
    for prompt in figures["prompts"]:
        assert prompt["peak_bytes"] >= prompt["used_before_bytes"] > 0
        assert prompt["ttft_seconds"] > 0 and prompt["itl_milliseconds"] > 0
    load = figures["load"]
    assert load["requests"] >= 2 and (load["users"], load["prompt_tokens"]) == (2, 300)
    assert load["output_tokens_per_second"] > 0 and load["worst_ttft_seconds"] > 0
    text = report.markdown(recorded() | {"runs": [figures]})
    assert "| security.keys | n/a |" in text and "300 tokens in and 20 out, 2 at once" in text


@pytest.mark.engine
def test_what_goes_wrong_is_noted_and_stops_there(server: Launched, tmp_path: Path) -> None:
    figures: dict[str, Any] = {}
    asked = asking.Server(server.base, "another-model")
    # No model has a context so long; prompts after it are not tried, and no load.
    words = ("--only", "models.listed", "--model", "another-model")
    trial.ask(figures, asked, "cpu", words, tmp_path, prompts=(300_000, 64), used_bytes=used_bytes)
    failed = [text.partition(":")[0] for text in trial.failures(figures)]
    assert failed == ["models.listed", "prompt of 300000 tokens"]
    assert not figures["prompts"] and "load" not in figures


def test_what_is_left_out_exists_and_has_a_reason() -> None:
    left = suite.select([], list(asking.UNTRAINED))
    assert {check.name for check in left} | asking.UNTRAINED.keys() == set(suite.NAMES)
    assert all(asking.UNTRAINED.values())
