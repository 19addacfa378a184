"""Model directories, whole and damaged: each is told of by exactly its codes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.preflight import checkpoint
from tests.launching import ROOT
from tests.preflight.hosts import codes, profile_of
from tests.preflight.models import COUNT, glm, judged, name_of, of_path, truncate, write_shard

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 10736263168\n"

Change = Callable[[Path], object]


def cut(name: str, size: int) -> Change:
    return lambda model: truncate(model / name, size)


def write(name: str, data: bytes) -> Change:
    return lambda model: (model / name).write_bytes(data)


def remove(*names: str) -> Change:
    def change(model: Path) -> None:
        for name in names:
            (model / name).unlink()

    return change


def longer(model: Path) -> None:
    truncate(model / name_of(1), (model / name_of(1)).stat().st_size + 1)


def shorter(model: Path) -> None:
    truncate(model / name_of(2), (model / name_of(2)).stat().st_size - 1)


def other_revision(model: Path) -> None:
    write_shard(model / name_of(1), ["model.layers.0.other.weight"])


WEIGHTS = (checkpoint.INDEX, *(name_of(number) for number in range(1, COUNT + 1)))
NO_OFFSETS = b"\x08" + bytes(7) + b'{"a": 1}'

# What was done to a whole model, and what is told.
BROKEN: dict[str, tuple[list[Change], list[str]]] = {
    "whole": ([], []),
    "a shard is cut off in its data": ([shorter], ["shard-truncated"]),
    "a shard is cut off in its header": ([cut(name_of(2), 30)], ["shard-truncated"]),
    "a shard is empty": ([cut(name_of(1), 0)], ["shard-truncated"]),
    "a shard has more than its header says": ([longer], ["shard-truncated"]),
    "a shard is missing": ([remove(name_of(3))], ["shard-missing"]),
    "a shard is a web page": (
        [write(name_of(3), b"<!DOCTYPE html><html></html>")],
        ["shard-unreadable"],
    ),
    "a shard has no offsets": ([write(name_of(3), NO_OFFSETS)], ["shard-unreadable"]),
    "a shard is of another revision": ([other_revision], ["tensor-missing"]),
    "weights without an index": ([remove(checkpoint.INDEX)], []),
    "neither index nor last shard": ([remove(checkpoint.INDEX, name_of(3))], ["shard-missing"]),
    "no weights at all": ([remove(*WEIGHTS)], ["model-no-weights"]),
    "weights of another format": ([remove(*WEIGHTS), write("model.gguf", b"GGUF")], []),
    "no config.json": ([remove("config.json")], ["model-incomplete"]),
    "a config.json that is cut off": ([cut("config.json", 12)], ["model-incomplete"]),
    "a config.json that is a list": ([write("config.json", b"[]")], ["model-incomplete"]),
    "an index that is cut off": ([cut(checkpoint.INDEX, 40)], ["model-incomplete"]),
    "a pointer for a shard": ([write(name_of(2), POINTER)], ["lfs-pointer"]),
    "pointers for all": (
        [write(name, POINTER) for name in ("config.json", *WEIGHTS)],
        ["lfs-pointer", "lfs-pointer"],
    ),
    "several things at once": (
        [cut(name_of(1), 30), remove(name_of(2)), write(name_of(3), POINTER)],
        ["shard-truncated", "lfs-pointer", "shard-missing"],
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_directory_is_told_of_by_exactly_its_codes(case: str, tmp_path: Path) -> None:
    changes, expected = BROKEN[case]
    model = glm(tmp_path / "model")
    for change in changes:
        change(model)
    outcomes = of_path(model)
    assert codes(outcomes) == expected
    assert all("{" not in outcome.fix for outcome in outcomes)


def test_what_is_found_names_files_and_sizes(tmp_path: Path) -> None:
    model = glm(tmp_path / "model")
    size = (model / name_of(2)).stat().st_size
    truncate(model / name_of(2), size - 7)
    (outcome,) = [each for each in of_path(model) if each.code]
    assert outcome.found == f"1 of 3: {name_of(2)} ({size - 7} of {size} bytes)"


def test_a_directory_that_may_not_be_read_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = glm(tmp_path / "model")

    def denied(path: Path) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.listdir", denied)  # root, who runs tests in a container, may read all
    (outcome,) = of_path(model)
    assert outcome.code == "model-incomplete"
    assert outcome.found == f"the listing cannot be read (Permission denied) in {model}"


def test_the_smoke_model_and_its_weights_are_whole() -> None:
    outcomes = judged(profile_of("cpu"))
    assert codes(outcomes) == []
    assert [outcome.subject for outcome in outcomes] == ["model", "weights"]
    assert outcomes[1].found.startswith("1 file, 0.005 GB, 125 tensors")


MTP = (
    "speculative-algorithm=EAGLE",
    "speculative-num-steps=3",
    "speculative-eagle-topk=1",
    "speculative-num-draft-tokens=4",
)


@pytest.mark.parametrize(
    ("mtp", "options", "expected"),
    [
        (True, MTP, []),
        (False, MTP, ["mtp-missing"]),
        (False, (MTP[0].replace("EAGLE", "NEXTN"), *MTP[1:]), ["mtp-missing"]),
        (False, (*MTP, "speculative-draft-model-path=someone/draft"), []),
        (False, (), []),
    ],
)
def test_the_mtp_layer_is_there_when_it_drafts(
    mtp: bool, options: tuple[str, ...], expected: list[str], tmp_path: Path
) -> None:
    model = glm(tmp_path / "model", mtp)
    assert codes(of_path(model, *(f"engine.args.{text}" for text in options))) == expected
    # Without an index the shards' own headers tell.
    (model / checkpoint.INDEX).unlink()
    assert codes(of_path(model, *(f"engine.args.{text}" for text in options))) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"method": "mtp", "num_speculative_tokens": 1}, ["mtp-missing"]),
        ({"method": "deepseek_mtp", "num_speculative_tokens": 1}, ["mtp-missing"]),
        ({"method": "ngram", "num_speculative_tokens": 1}, []),
        ({"method": "mtp", "model": "someone/draft"}, []),
    ],
)
def test_vllm_names_its_drafts_in_a_map(
    config: dict[str, object], expected: list[str], tmp_path: Path
) -> None:
    model = glm(tmp_path / "model", mtp=False)
    setting = f"engine.args.speculative-config={json.dumps(config)}"
    assert codes(of_path(model, setting, name="vllm-b300")) == expected


def test_another_family_has_no_such_layer(tmp_path: Path) -> None:
    model = glm(tmp_path / "model", mtp=False)
    (model / "config.json").write_text('{"model_type": "llama", "num_hidden_layers": 4}')
    assert codes(of_path(model, *(f"engine.args.{text}" for text in MTP))) == []


def test_dummy_weights_need_no_files(tmp_path: Path) -> None:
    model = glm(tmp_path / "model")
    for path in model.glob("model*"):
        path.unlink()
    assert codes(of_path(model, "engine.args.load-format=dummy")) == []


def test_a_damaged_copy_of_the_smoke_model_is_found(tmp_path: Path) -> None:
    """Real weights: one byte less."""
    copy = tmp_path / "model"
    shutil.copytree(ROOT / "deploy/cpu/model", copy)
    truncate(copy / "model.safetensors", (copy / "model.safetensors").stat().st_size - 1)
    assert codes(of_path(copy, name="cpu")) == ["shard-truncated"]


def test_an_unfinished_download_into_a_directory_is_told_beside_what_lacks(tmp_path: Path) -> None:
    model = glm(tmp_path / "model")
    parts = model / ".cache/huggingface/download"
    parts.mkdir(parents=True)
    (parts / f"{name_of(3)}.4d7a2146.incomplete").write_bytes(b"half")
    assert codes(of_path(model)) == []  # left over: everything is there
    (model / name_of(3)).unlink()
    (outcome,) = [each for each in of_path(model) if each.code]
    assert outcome.code == "shard-missing"
    assert outcome.found == f"1 of 3: {name_of(3)}; downloads begun beside them: 1"
