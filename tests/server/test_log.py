from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.engines.sglang import SGLANG
from deploy.server import log
from deploy.server.console import Console
from deploy.server.log import EngineLog, LogFile
from deploy.server.progress import Progress


def read_all(data: bytes, path: Path, *secrets: str) -> EngineLog:
    """An engine's whole output, read to its end."""
    read, write = os.pipe()
    engine = EngineLog(read, LogFile(path), Console(), Progress(SGLANG.phases), secrets)
    os.write(write, data)
    os.close(write)
    engine.finish()
    os.close(read)
    return engine


def test_the_output_is_passed_on_and_kept(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    data = b"one\nbar 10%\rbar 90%\r\n\xff two\nno end"
    engine = read_all(data, tmp_path / "log")
    assert capfdbinary.readouterr().out == data + b"\n"
    assert list(engine.tail) == ["one", "bar 10%", "bar 90%", "\ufffd two", "no end"]
    assert (tmp_path / "log").read_text().splitlines() == list(engine.tail)


@pytest.mark.parametrize("secret", ["s3cret", "quote'\"d", "back\\slash"])
def test_a_key_is_hidden_however_python_prints_it(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], secret: str
) -> None:
    line = f"server_args={ {'api_key': secret} } {secret}\n"
    engine = read_all(line.encode(), tmp_path / "log", secret)
    shown = capfdbinary.readouterr().out.decode() + (tmp_path / "log").read_text() + engine.tail[0]
    assert secret not in shown
    assert repr(secret)[1:-1] not in shown
    assert shown.count("***") == 6


def test_older_logs_are_kept_in_pieces_that_only_the_owner_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_FILE_BYTES", 1000)
    file = LogFile(tmp_path / "log")
    for number in range(1000):
        file.write(f"line {number}")
    file.close()
    pieces = sorted(tmp_path.iterdir())
    assert len(pieces) == 6
    assert all(piece.stat().st_mode & 0o777 == 0o600 for piece in pieces)
    assert sum(piece.stat().st_size for piece in pieces) <= 6 * 1000
    assert (tmp_path / "log").read_text().endswith("line 999\n")
    LogFile(tmp_path / "log").close()
    assert (tmp_path / "log.1").read_text().endswith("line 999\n")


def test_a_full_disk_is_told_once_and_stops_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    engine = read_all(b"one\ntwo\n" * 3, Path("/dev/full"))
    assert len(engine.tail) == 6
    out, err = capfd.readouterr()
    assert out == "one\ntwo\n" * 3
    assert err.count("warning: /dev/full cannot be written any more") == 1
