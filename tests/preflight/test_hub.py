"""The Hugging Face cache: whole, cut off, or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.preflight import checkpoint, hub, model_files
from tests.preflight.hosts import codes, profile_of
from tests.preflight.models import glm, judged, name_of, truncate

REPOSITORY = "nvidia/GLM-5.1-NVFP4"
COMMIT = "9116eb1c3ef24dd38dfe61e2eb71399ddd8070c8"


def cached(home: Path, commit: str = COMMIT, reference: str | None = "main") -> Path:
    """The hub's cache with this repository whole: blobs, and a snapshot of links to them."""
    folder = home / "hub" / "models--nvidia--GLM-5.1-NVFP4"
    snapshot, blobs = folder / "snapshots" / commit, folder / "blobs"
    snapshot.mkdir(parents=True)
    for path in glm(blobs).iterdir():
        (snapshot / path.name).symlink_to(Path("../../blobs") / path.name)
    if reference:
        (folder / "refs" / reference).parent.mkdir(parents=True, exist_ok=True)
        (folder / "refs" / reference).write_text(commit)
    return folder


def in_hub(home: Path, *settings: str, **environ: str) -> tuple[list[str], int | None]:
    """The codes, and how much there is to download."""
    profile = profile_of("b300", *settings)
    environ = {"HF_HOME": str(home), **environ}
    place = hub.locate(profile, environ)
    files = checkpoint.read(place.directory) if place.directory else None
    found = codes(model_files.check(profile, place, files))
    return found, model_files.fetch_bytes(place, files)


def test_a_cached_repository_is_found_by_its_reference(tmp_path: Path) -> None:
    cached(tmp_path)
    assert in_hub(tmp_path) == ([], 0)
    assert in_hub(tmp_path, HF_HUB_OFFLINE="1") == ([], 0)
    assert in_hub(tmp_path, f"engine.args.revision={COMMIT}") == ([], 0)
    other = f"engine.args.revision={'0' * 40}"
    assert in_hub(tmp_path, other) == ([], 465_900_000_000)
    assert in_hub(tmp_path, other, HF_HUB_OFFLINE="1") == (["model-offline"], 465_900_000_000)


def test_a_repository_that_is_not_here_is_downloaded(tmp_path: Path) -> None:
    assert in_hub(tmp_path) == ([], 465_900_000_000)
    assert in_hub(tmp_path, "engine.args.model=someone/else") == ([], None)
    assert in_hub(tmp_path, TRANSFORMERS_OFFLINE="yes") == (["model-offline"], 465_900_000_000)


def test_a_download_that_was_cut_off_goes_on_or_cannot(tmp_path: Path) -> None:
    folder = cached(tmp_path)
    blob = folder / "blobs" / name_of(2)
    blob.rename(folder / "blobs" / "4d7a2146.1f0c9e2a.incomplete")
    present = sum((folder / "blobs" / name_of(n)).stat().st_size for n in (1, 3))
    assert in_hub(tmp_path) == (["download-incomplete"], 10**9 - present)
    assert in_hub(tmp_path, HF_HUB_OFFLINE="1") == (["model-offline"], 10**9 - present)
    profile = profile_of("b300")
    (outcome,) = [each for each in judged(profile, HF_HOME=str(tmp_path)) if each.code]
    assert outcome.found == f"{REPOSITORY} lacks {name_of(2)}; downloads begun: 1"


def test_only_the_config_was_downloaded(tmp_path: Path) -> None:
    folder = cached(tmp_path)
    for path in (folder / "snapshots" / COMMIT).glob("model*"):
        path.unlink()
    assert in_hub(tmp_path) == (["download-incomplete"], 465_900_000_000)


def test_a_damaged_blob_is_no_unfinished_download(tmp_path: Path) -> None:
    """The hub's client takes a blob that is there for whole, and never mends it."""
    folder = cached(tmp_path)
    truncate(folder / "blobs" / name_of(1), 100)
    assert in_hub(tmp_path) == (["shard-truncated"], 0)


@pytest.mark.parametrize(
    ("settings", "environ", "expected"),
    [
        ((), {"HF_HOME": "/hf"}, "/hf/hub"),
        ((), {"HF_HOME": "/hf", "HF_HUB_CACHE": "/cache"}, "/cache"),
        ((), {"XDG_CACHE_HOME": "/xdg"}, "/xdg/huggingface/hub"),
        ((), {}, str(Path.home() / ".cache/huggingface/hub")),
        (("engine.args.download-dir=/models",), {"HF_HOME": "/hf"}, "/models"),
    ],
)
def test_the_cache_is_where_the_hub_keeps_it(
    settings: tuple[str, ...], environ: dict[str, str], expected: str
) -> None:
    assert str(hub.cache(profile_of("b300", *settings), environ)) == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("/no/such/model", ["model-missing"]),
        ("./no-such-model", ["model-missing"]),
        ("~/no-such-model", ["model-missing"]),
        ("a/b/c", ["model-missing"]),
        ("some-model", []),  # a repository of the hub
    ],
)
def test_a_path_is_told_from_a_repository(model: str, expected: list[str], tmp_path: Path) -> None:
    profile = profile_of("b300", f"engine.args.model={model}")
    assert codes(judged(profile, HF_HOME=str(tmp_path))) == expected
