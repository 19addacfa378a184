"""What is told to evalscope and read back; the real one in the tests marked harness."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.evaluate.endpoint import Endpoint
from deploy.evaluate.harness import Batch, Follower, Harness, Judge
from deploy.evaluate.store import Key, Sample
from deploy.evaluate.suites import card
from tests.launching import ROOT, Launched, run, wait_until

SERVER = Endpoint("http://127.0.0.1:1/v1", "glm", key="top-secret-key")
AIME = card().benchmarks["aime26"]


def test_the_pinned_harness_is_the_cards() -> None:
    pins = (ROOT / "requirements" / "evaluate.txt").read_text().splitlines()
    assert f"evalscope=={card().harness.version}" in pins


def test_batches_grow_and_keep_what_was_begun(tmp_path: Path) -> None:
    first = Batch.all(tmp_path, "aime26", 8)
    assert [(batch.first, batch.count) for batch in first] == [(0, 8)]
    first[0].directory.mkdir(parents=True)
    more = Batch.all(tmp_path, "aime26", 17)
    assert [(batch.first, batch.count) for batch in more] == [(0, 8), (8, 9)]
    more[1].directory.mkdir()
    assert Batch.all(tmp_path, "aime26", 17) == more
    assert Batch.all(tmp_path, "aime26", 4) == first
    assert Batch.all(tmp_path, "scicode", 2)[0].first == 0


def task(name: str, judge: Judge | None = None, tmp: Path = Path("/results")) -> dict[str, Any]:
    harness = Harness(Path("python"), SERVER, card(), 16, judge, {"aime26": "/data/aime26"})
    return harness.task(Batch(tmp, name, 0, 8))


def test_the_cards_sampling_and_glms_switch_reach_the_harness() -> None:
    asked = task("aime26")
    assert asked["generation_config"]["temperature"] == 1.0
    assert asked["generation_config"]["top_p"] == 0.95
    assert asked["generation_config"]["max_tokens"] == 64_000
    template = asked["generation_config"]["extra_body"]["chat_template_kwargs"]
    assert template == {"enable_thinking": True}
    assert asked["dataset_args"] == {"aime26": {"dataset_id": "/data/aime26"}}
    assert asked["repeats"] == 8
    assert "sandbox" not in asked
    assert task("scicode")["sandbox"] == {"enabled": True, "engine": "docker"}
    judged = task("aa_lcr", Judge("http://127.0.0.1:2/v1", "judge", "other-secret"))
    assert judged["judge"]["models"][0]["model_id"] == "judge"


def graded(index: int, group: int, generation: int, score: float | None) -> str:
    """A line of evalscope's reviews, as 1.14.1 writes them; None is one it could not grade."""
    value = {} if score is None else {"acc": score}
    row = {
        "index": index,
        "sample_score": {
            "score": {"value": value, "extracted_prediction": "42"},
            "sample_id": index,
            "group_id": group,
            "generation_index": generation,
        },
    }
    return json.dumps(row) + "\n"


def predicted(index: int, reason: str) -> str:
    row = {"index": index, "model_output": {"choices": [{"stop_reason": reason}]}}
    return json.dumps(row) + "\n"


def test_graded_samples_are_taken_over_as_they_appear(tmp_path: Path) -> None:
    for kind in ("predictions", "reviews"):
        (tmp_path / kind / "glm").mkdir(parents=True)
    predictions = tmp_path / "predictions" / "glm" / "aime26_default.jsonl"
    reviews = tmp_path / "reviews" / "glm" / "aime26_default.jsonl"
    follower = Follower(Batch(tmp_path, "aime26", 8, 2), "acc")
    assert list(follower.new()) == []
    predictions.write_text(predicted(0, "stop") + predicted(3, "max_tokens"))
    line = graded(3, 1, 1, 0.0)
    reviews.write_text(graded(0, 0, 0, 1.0) + line[:-20])
    assert list(follower.new()) == [Sample(Key("aime26", "default/0", 8), 1.0, False, "42")]
    assert follower.ungraded == 1
    assert list(follower.new()) == []
    reviews.write_text(graded(0, 0, 0, 1.0) + line + graded(2, 1, 0, None))
    assert list(follower.new()) == [Sample(Key("aime26", "default/1", 9), 0.0, True, "42")]


def test_scicode_counts_the_steps_of_a_problem(tmp_path: Path) -> None:
    (tmp_path / "reviews" / "glm").mkdir(parents=True)
    value = {"main_problem": 0.0, "77.1": 1.0, "77.2": 1.0, "77.3": 0.0, "77.4": 1.0}
    row = {"index": 0, "sample_score": {"group_id": 0, "score": {"value": value}}}
    path = tmp_path / "reviews" / "glm" / "scicode_default.jsonl"
    path.write_text(f"{json.dumps(row)}\n")
    metric = card().benchmarks["scicode"].metric
    (sample,) = Follower(Batch(tmp_path, "scicode", 0, 1), metric).new()
    assert sample.score == 0.75


# Our own, in the form of AIME's data set: there is no other machine-readable copy offline.
PROBLEMS = [
    {"problem": f"The code word is {number}. What is the code word?", "answer": str(number)}
    for number in (17, 42, 108, 256, 731)
]
# One at a time, so many take long enough to be cut off in the middle.
REPEATS = 16


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    directory = tmp_path / "aime26"
    directory.mkdir()
    text = "".join(f"{json.dumps(problem)}\n" for problem in PROBLEMS)
    (directory / "test.jsonl").write_text(text)
    return directory


def words(server: Launched, problems: Path) -> list[str]:
    words = ["evaluate", "--url", server.url, "--only", "aime26", "--repeats", str(REPEATS)]
    return [*words, "--dataset", f"aime26={problems}", "--concurrency", "1"]


def answered(directory: Path) -> list[str]:
    """What evalscope was answered, a line each, graded or not."""
    files = sorted((directory / "evalscope").glob("*/predictions/*/*.jsonl"))
    return [line for file in files for line in file.read_text().split("\n")[:-1]]


def samples(directory: Path) -> list[dict[str, Any]]:
    path = directory / "samples.jsonl"
    data = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


@pytest.mark.engine
@pytest.mark.harness
def test_the_real_harness_asks_the_real_engine_and_survives_a_kill(
    server: Launched, problems: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "run"
    command = [*words(server, problems), "--reference", "aime26=90"]
    process = subprocess.Popen(
        [sys.executable, "launch.py", *command, "--out", str(directory)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(
            lambda: process.poll() is not None or len(answered(directory)) >= 3, 180, "3 answers"
        )
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    before = answered(directory)
    assert len(before) < REPEATS * len(PROBLEMS)
    done = run(*command, "--resume", str(directory), "--json")
    # Lacking samples, if not worse than 90 %: that is for the smoke model's luck to say.
    assert done.returncode == 1, done.stderr
    # Nothing that was answered before the kill was asked again.
    assert answered(directory)[: len(before)] == before
    assert len(answered(directory)) == REPEATS * len(PROBLEMS)
    after = samples(directory)
    keys = [(row["key"]["question"], row["key"]["repeat"]) for row in after]
    assert len(keys) == len(set(keys)) == REPEATS * len(PROBLEMS)
    row = json.loads(done.stdout)["rows"][0]
    assert row["samples"] == len(keys)
    assert row["expected"] == REPEATS * 30  # the whole set's size: the rest is reported as missing
    assert row["accuracy"] == pytest.approx(sum(one["score"] for one in after) / len(after))


@pytest.mark.engine
@pytest.mark.harness
def test_a_harness_that_fails_says_where_to_look(
    server: Launched, problems: Path, tmp_path: Path
) -> None:
    (problems / "test.jsonl").write_text('{"nothing": 1}\n')
    directory = tmp_path / "run"
    done = run(*words(server, problems), "--measure", "--out", str(directory))
    assert done.returncode == 1
    assert "[harness-failed]" in done.stderr
    assert "evalscope.log" in done.stderr
    assert "--resume" in done.stderr
