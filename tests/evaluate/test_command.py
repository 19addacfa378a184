"""The verb as a user meets it where nothing can be asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.errors import Refused
from deploy.evaluate.endpoint import base_url
from tests.launching import free_port, run


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://127.0.0.1:30000", "http://127.0.0.1:30000/v1"),
        ("http://127.0.0.1:30000/", "http://127.0.0.1:30000/v1"),
        ("http://127.0.0.1:30000/v1/", "http://127.0.0.1:30000/v1"),
        ("https://host/glm/v1", "https://host/glm/v1"),
    ],
)
def test_the_address_may_be_given_as_it_is_printed_or_shorter(given: str, meant: str) -> None:
    assert base_url(given) == meant


@pytest.mark.parametrize("given", ["127.0.0.1:30000", "ftp://host/v1", "http://", ""])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(Refused, match="is not an http address"):
        base_url(given)


def test_needs_are_told_before_the_server_is_looked_for(tmp_path: Path) -> None:
    words = ("evaluate", "--url", "http://127.0.0.1:1", "--harness-python", str(tmp_path / "none"))
    done = run(*words, "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    for code in ("harness-missing", "judge-missing", "download", "no-reference"):
        assert f"[{code}]" in done.stderr
    assert "unreachable" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_server_that_does_not_answer_is_bad_input(tmp_path: Path) -> None:
    words = ("evaluate", "--suite", "bundled", "--measure", "--out", str(tmp_path / "run"))
    done = run(*words, "--url", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 2
    assert "[unreachable]" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--judge-url", "http://127.0.0.1:1/v1"),
        ("--dataset", "aime26=/nowhere"),
        ("--repeats", "0"),
        ("--resume", "/nowhere", "--out", "/elsewhere"),
        ("--against", "/nowhere"),
    ],
)
def test_a_wrong_option_is_told_without_a_traceback(words: tuple[str, ...]) -> None:
    done = run("evaluate", "--url", "http://127.0.0.1:1", "--only", "gpqa_diamond", *words)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
