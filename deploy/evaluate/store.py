"""Results that survive a crash: one JSON line per sample, on the disk before the next is counted.

A directory holds ``settings.json``, what was asked and how, and ``samples.jsonl``. Every line
carries the settings' hash, so lines of other settings are refused rather than mixed in.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from deploy.errors import Finding, Refused
from deploy.evaluate.statistics import Scores

_SETTINGS, _SAMPLES = "settings.json", "samples.jsonl"


@dataclass(frozen=True, order=True)
class Key:
    """One sample: the repeat (from 0) of a question of a benchmark."""

    benchmark: str
    question: str
    repeat: int


@dataclass(frozen=True)
class Sample:
    """One sample's score (0 to 1), whether max_tokens cut the answer off, and the answer."""

    key: Key
    score: float
    cut_off: bool = False
    answer: str = ""


class Store:
    """The samples in a directory; one process writes at a time."""

    def __init__(self, directory: Path, settings: Mapping[str, Any], *, resume: bool) -> None:
        """Open or, without ``resume``, begin. Refused where that would lose or mix results."""
        self.directory = directory
        self._hash = settings_hash(settings)
        _check_settings(directory, settings, resume)
        self._file = _locked(directory)
        try:
            _write_durably(directory / _SETTINGS, settings)
            self._drop_torn_line()
            self.samples = {sample.key: sample for sample in _read(directory, self._hash)}
        except BaseException:
            self._file.close()
            raise

    def add(self, sample: Sample) -> bool:
        """Keep a sample for good; False where its key is there already."""
        if sample.key in self.samples:
            return False
        line = {**dataclasses.asdict(sample), "settings": self._hash}
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.samples[sample.key] = sample
        return True

    def scores(self, benchmark: str) -> Scores:
        """The benchmark's scores, by question."""
        return scores(self.samples.values(), benchmark)

    def close(self) -> None:
        """Let another process write here."""
        self._file.close()

    def _drop_torn_line(self) -> None:
        """Cut off what a killed run left of its last line."""
        self._file.seek(0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            self._file.truncate(whole)


def read(directory: Path) -> tuple[dict[str, Any], list[Sample]]:
    """The settings and the samples of a finished or partial run, for reading only."""
    settings = _settings(directory)
    if settings is None:
        fix = "name the directory of an earlier run, which holds settings.json"
        raise Refused([Finding("results-missing", str(directory), "there are no results", fix)])
    return settings, list(_read(directory, settings_hash(settings)))


def scores(samples: Any, benchmark: str) -> Scores:
    """The scores of one benchmark's samples, by question, in the order of the repeats."""
    found: dict[str, list[float]] = defaultdict(list)
    for sample in sorted(samples, key=lambda sample: sample.key):
        if sample.key.benchmark == benchmark:
            found[sample.key.question].append(sample.score)
    return dict(found)


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that differ where the settings do."""
    text = json.dumps(settings, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def differences(
    where: str, old: Mapping[str, Any], new: Mapping[str, Any], fix: str
) -> list[Finding]:
    """One finding for each setting that is not the same."""
    return [
        Finding(
            "results-mixed",
            where,
            f"{name} was {_shown(one)} there and is {_shown(other)} now",
            fix,
        )
        for name, one, other in _differences(old, new)
    ]


def _check_settings(directory: Path, settings: Mapping[str, Any], resume: bool) -> None:
    there = _settings(directory)
    if there is None and resume:
        raise _unusable(directory, "there are no results to resume")
    if there is not None and not resume:
        fix = f"go on with --resume {directory}, or choose another directory"
        raise Refused([Finding("results-there", str(directory), "it holds results already", fix)])
    if there is not None and there != settings:
        fix = "repeat the earlier settings, or begin anew without --resume"
        raise Refused(differences(str(directory), there, settings, fix))


def _locked(directory: Path) -> IO[bytes]:
    """The file of samples, open for appending, held until it is closed."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / _SAMPLES).open("a+b")
    except OSError as error:
        raise _unusable(directory, error.strerror or str(error)) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        fix = "wait for it, stop it, or choose another directory"
        finding = Finding("results-busy", str(directory), "another run writes here", fix)
        raise Refused([finding]) from None
    return file


def _settings(directory: Path) -> dict[str, Any] | None:
    try:
        value = json.loads((directory / _SETTINGS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _unusable(directory, f"{_SETTINGS} cannot be read: {error}") from None
    if not isinstance(value, dict):
        raise _unusable(directory, f"{_SETTINGS} is not a map")
    return value


def _read(directory: Path, wanted: str) -> Iterator[Sample]:
    path = directory / _SAMPLES
    lines = path.read_bytes().splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            key = Key(**row["key"])
            sample = Sample(key, float(row["score"]), bool(row["cut_off"]), row["answer"])
        except (ValueError, TypeError, KeyError):
            if number == len(lines):
                continue  # a run that is under way, or was killed, while it wrote this
            raise _unusable(directory, f"line {number} of {_SAMPLES} is not a sample") from None
        if row.get("settings") != wanted:
            message = f"line {number} of {_SAMPLES} was made with other settings"
            raise _unusable(directory, message)
        yield sample


def _differences(
    old: Mapping[str, Any], new: Mapping[str, Any], path: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    for key in sorted({*old, *new}):
        one, other, name = old.get(key), new.get(key), f"{path}{key}"
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _differences(one, other, f"{name}.")
        elif one != other:
            yield name, one, other


def _shown(value: Any) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)


def _write_durably(path: Path, value: Mapping[str, Any]) -> None:
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    temporary = path.with_suffix(".part")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    with contextlib.suppress(OSError):  # a file system without directory handles
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unusable(directory: Path, message: str) -> Refused:
    fix = "choose another directory"
    return Refused([Finding("results-unusable", str(directory), message, fix)])
