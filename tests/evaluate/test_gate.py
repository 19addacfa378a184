"""The gate against the real engine: verdicts, and runs that are cut off and gone on with."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from deploy.evaluate.suites import questions
from tests.launching import ROOT, Launched, run, wait_until

pytestmark = pytest.mark.engine

REPEATS = 2
# Slow enough to be cut off in the middle, and still seconds on two cores.
SLOW = ("--concurrency", "2", "--repeats", str(REPEATS))


def rows(directory: Path) -> list[dict[str, Any]]:
    path = directory / "samples.jsonl"
    data = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


def keys_of(directory: Path) -> list[tuple[str, int]]:
    return [(row["key"]["question"], row["key"]["repeat"]) for row in rows(directory)]


ALL = {(question.id, repeat) for question in questions() for repeat in range(REPEATS)}


def evaluate(server: Launched, *words: str) -> subprocess.CompletedProcess[str]:
    return run("evaluate", "--url", server.url, "--suite", "bundled", *words)


@pytest.fixture(scope="module")
def measured(server: Launched, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run that is compared with nothing."""
    directory = tmp_path_factory.mktemp("measured") / "run"
    words = ("--measure", "--repeats", str(REPEATS), "--out", str(directory))
    done = evaluate(server, *words)
    assert done.returncode == 0, done.stderr
    assert "no reference" in done.stdout
    assert f"{len(ALL)} of {len(ALL)} samples" in done.stderr
    return directory


def test_every_question_was_asked_with_the_cards_sampling_and_graded(measured: Path) -> None:
    assert sorted(keys_of(measured)) == sorted(ALL)
    settings = json.loads((measured / "settings.json").read_text())
    assert settings["sampling"]["temperature"] == 1.0
    assert settings["sampling"]["top_p"] == 0.95
    assert settings["template"] == {"enable_thinking": True}
    kinds: dict[str, list[float]] = {}
    for row in rows(measured):
        kinds.setdefault(row["key"]["question"].rsplit("-", 1)[0], []).append(row["score"])
    # The smoke model recalls code words and cannot add: both sides of the grading are real.
    assert fmean(kinds["code-word"]) > 0.5
    assert fmean(kinds["sum"]) < 0.2


def test_a_reference_above_the_model_is_reported_as_worse_with_the_right_numbers(
    server: Launched, tmp_path: Path
) -> None:
    words = ("--reference", "bundled=95", "--repeats", str(REPEATS), "--json")
    done = evaluate(server, *words, "--out", str(tmp_path / "run"))
    assert done.returncode == 1, done.stderr
    row = json.loads(done.stdout)["rows"][0]
    found = row["comparisons"]["reference"]
    # By hand, from the samples themselves.
    scores: dict[str, list[float]] = {}
    for one in rows(tmp_path / "run"):
        scores.setdefault(one["key"]["question"], []).append(one["score"])
    accuracy = fmean(fmean(values) for values in scores.values())
    within = sum((values[0] - values[1]) ** 2 / 2 for values in scores.values()) / len(scores)
    error = (max(within, 3 / 80 * 77 / 80) / 80) ** 0.5
    assert row["verdict"] == "worse"
    assert row["accuracy"] == pytest.approx(accuracy)
    assert found["difference"] == pytest.approx(accuracy - 0.95)
    assert found["low"] == pytest.approx(accuracy - 0.95 - 1.685 * error, abs=1e-4)  # t(0.95, 39)
    assert found["high"] < 0
    assert "<failure" in (tmp_path / "run" / "junit.xml").read_text()


def test_the_same_server_is_not_worse_than_itself(
    server: Launched, measured: Path, tmp_path: Path
) -> None:
    words = ("--against", str(measured), "--repeats", str(REPEATS), "--json")
    done = evaluate(server, *words, "--out", str(tmp_path / "run"))
    row = json.loads(done.stdout)["rows"][0]
    found = row["comparisons"]["earlier run"]
    # At the error rate of 5 % this fails one time in twenty; four errors never.
    assert found["low"] < 0 < found["high"] or abs(found["difference"]) < 0.1
    assert done.returncode == (0 if row["verdict"] == "consistent" else 1)


def started(server: Launched, directory: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "launch.py", "evaluate", "--url", server.url, "--suite", "bundled"]
    return subprocess.Popen(
        [*words, *SLOW, "--measure", "--out", str(directory)],
        cwd=ROOT,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def under_way(server: Launched, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that has answered some of its questions."""
    process = started(server, tmp_path / "run")
    try:
        wait_until(lambda: len(rows(tmp_path / "run")) >= 15, 120, "15 samples")
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def test_a_killed_run_is_finished_without_losing_or_doubling_a_sample(
    server: Launched, under_way: subprocess.Popen[str], tmp_path: Path
) -> None:
    directory = tmp_path / "run"
    under_way.send_signal(signal.SIGKILL)
    assert under_way.wait(30) == -signal.SIGKILL
    before = rows(directory)
    assert 15 <= len(before) < len(ALL)
    # As if the kill had come in the middle of a write.
    with (directory / "samples.jsonl").open("ab") as file:
        file.write(b'{"key": {"benchm')
    done = evaluate(server, *SLOW, "--measure", "--resume", str(directory))
    assert done.returncode == 0, done.stderr
    assert rows(directory)[: len(before)] == before
    assert len(keys_of(directory)) == len(ALL)
    assert set(keys_of(directory)) == ALL


def test_after_ctrl_c_the_printed_command_goes_on(
    under_way: subprocess.Popen[str], tmp_path: Path
) -> None:
    directory = tmp_path / "run"
    under_way.send_signal(signal.SIGINT)
    _, said = under_way.communicate(timeout=30)
    assert under_way.returncode == 130
    assert "Traceback" not in said
    kept = len(rows(directory))
    found = re.search(r"stopped: (\d+) of 80 samples are kept .*; go on with: (.*)", said)
    assert found, said
    assert int(found[1]) == kept < len(ALL)
    words = shlex.split(found[2])
    assert words[:3] == ["python", "launch.py", "evaluate"]
    done = run(*words[2:])
    assert done.returncode == 0, done.stderr
    assert len(keys_of(directory)) == len(ALL)
    assert set(keys_of(directory)) == ALL


def test_more_repeats_are_added_to_what_is_there(
    server: Launched, measured: Path, tmp_path: Path
) -> None:
    before = keys_of(measured)
    done = evaluate(server, "--measure", "--repeats", str(REPEATS + 1), "--resume", str(measured))
    assert done.returncode == 0, done.stderr
    assert keys_of(measured)[: len(before)] == before
    assert {repeat for _, repeat in keys_of(measured)[len(before) :]} == {REPEATS}


def test_a_wrong_model_or_address_is_told_before_anything_is_asked(
    server: Launched, tmp_path: Path
) -> None:
    wrong = evaluate(server, "--measure", "--model", "glm-smoek", "--out", str(tmp_path / "run"))
    assert wrong.returncode == 2
    assert 'did you mean "glm-smoke"' in wrong.stderr
    away = run("evaluate", "--url", "http://127.0.0.1:1", "--suite", "bundled", "--measure")
    assert away.returncode == 2
    assert "[unreachable]" in away.stderr
    assert not (tmp_path / "run").exists()
