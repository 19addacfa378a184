from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.errors import Refused
from deploy.evaluate.store import Key, Sample, Store, read

SETTINGS: dict[str, Any] = {"model": "m", "sampling": {"temperature": 1.0, "top_p": 0.95}}
RIGHT = Sample(Key("aime26", "1", 0), 1.0, False, "42")
WRONG = Sample(Key("aime26", "1", 1), 0.0, True, "7\r\nor \u2028 so")


def filled(directory: Path, *samples: Sample) -> Path:
    store = Store(directory, SETTINGS, resume=False)
    assert all(map(store.add, samples))
    store.close()
    return directory / "samples.jsonl"


def test_samples_are_read_back_and_never_doubled(tmp_path: Path) -> None:
    filled(tmp_path, WRONG, RIGHT)
    store = Store(tmp_path, SETTINGS, resume=True)
    assert store.samples == {WRONG.key: WRONG, RIGHT.key: RIGHT}
    assert not store.add(RIGHT)
    assert store.scores("aime26") == {"1": [1.0, 0.0]}
    assert store.scores("scicode") == {}
    store.close()
    assert read(tmp_path) == (SETTINGS, [WRONG, RIGHT])


def test_a_torn_last_line_is_dropped_and_the_sample_asked_again(tmp_path: Path) -> None:
    file = filled(tmp_path, RIGHT, WRONG)
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    assert read(tmp_path)[1] == [RIGHT]
    store = Store(tmp_path, SETTINGS, resume=True)
    assert list(store.samples) == [RIGHT.key]
    assert store.add(WRONG)
    store.close()
    assert file.read_bytes() == whole


def refusal(directory: Path, settings: dict[str, Any], resume: bool) -> list[str]:
    with pytest.raises(Refused) as refused:
        Store(directory, settings, resume=resume).close()
    return [f"{finding.code}: {finding.message}" for finding in refused.value.findings]


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    filled(tmp_path, RIGHT)
    other = {"model": "n", "sampling": {"temperature": 0.6, "top_p": 0.95}, "judge": "j"}
    assert refusal(tmp_path, other, True) == [
        'results-mixed: judge was not set there and is "j" now',
        'results-mixed: model was "m" there and is "n" now',
        "results-mixed: sampling.temperature was 1.0 there and is 0.6 now",
    ]
    assert read(tmp_path) == (SETTINGS, [RIGHT])


def test_lines_of_other_settings_are_refused(tmp_path: Path) -> None:
    file = filled(tmp_path, RIGHT, WRONG)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[0]["settings"] = "000000000000"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert "other settings" in refusal(tmp_path, SETTINGS, True)[0]


def test_a_broken_line_in_the_middle_is_refused(tmp_path: Path) -> None:
    file = filled(tmp_path, RIGHT, WRONG)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([lines[0], "{}\n", lines[1]]))
    assert "line 2" in refusal(tmp_path, SETTINGS, True)[0]


def test_results_are_neither_overwritten_nor_made_up(tmp_path: Path) -> None:
    assert "nothing" in refusal(tmp_path, SETTINGS, True)[0].replace("no results", "nothing")
    filled(tmp_path / "run", RIGHT)
    assert refusal(tmp_path / "run", SETTINGS, False)[0].startswith("results-there")
    with pytest.raises(Refused, match="results-missing"):
        read(tmp_path)


def test_one_run_writes_at_a_time(tmp_path: Path) -> None:
    store = Store(tmp_path, SETTINGS, resume=False)
    assert refusal(tmp_path, SETTINGS, True)[0].startswith("results-busy")
    store.close()
    Store(tmp_path, SETTINGS, resume=True).close()
