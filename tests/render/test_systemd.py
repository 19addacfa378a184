from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.render import systemd
from deploy.render.container import Container, Sources
from tests.render.containers import (
    ALL_SOURCES,
    NAMES,
    NASTY,
    NO_SOURCES,
    container_of,
    nasty_container,
)
from tests.render.test_docker import engine_argv, values

CREDENTIALS = "/run/credentials/glm"
# systemd.syntax(7), "Quoting", and systemd.service(5), "Command lines".
_ESCAPES = dict(zip("abfnrtvs", "\a\b\f\n\r\t\v ", strict=True)) | {c: c for c in "\\\"'"}
_NUMBERS = re.compile(r"x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})")


def split(line: str) -> list[str]:
    """The words of a command line, by systemd's rules for quotes and escapes."""
    words: list[str] = []
    word, quote, at, begun = "", "", 0, False
    while at < len(line):
        character = line[at]
        at += 1
        if character == "\\":
            begun = True
            if found := _NUMBERS.match(line, at):
                word, at = word + chr(int(found[found.lastindex or 0], 16)), found.end()
            else:
                word, at = word + _ESCAPES[line[at]], at + 1
        elif quote:
            word, quote = (word, "") if character == quote else (word + character, quote)
        elif character in "\"'":
            quote, begun = character, True
        elif character in " \t":
            words += [word] if begun else []
            word, begun = "", False
        else:
            word, begun = word + character, True
    assert not quote
    return [*words, *([word] if begun else [])]


def expanded(word: str) -> str:
    """The word as the program gets it; a specifier or a variable of ours would be a mistake."""
    word = re.sub(r"%(.?)", lambda found: {"%": "%"}[found[1]], word)
    variables = {"$": "$", "{CREDENTIALS_DIRECTORY}": CREDENTIALS}
    return re.sub(r"\$(\$|\{\w+\}|.?)", lambda found: variables[found[1]], word)


def settings(text: str, name: str) -> list[str]:
    """The values of a setting, continued lines joined as systemd joins them."""
    joined = text.replace("\\\n", " ")
    lines = [line for line in joined.split("\n") if not line.startswith(("#", ";"))]
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]


def exec_start(container: Container) -> list[str]:
    [line] = settings(systemd.text(container), "ExecStart")
    return [expanded(word) for word in split(line)]


def test_the_decoder_reads_as_the_manual_says() -> None:
    assert split(r"""a "b c" 'd "e"' f\x20g "\"" "" """) == ["a", "b c", 'd "e"', "f g", '"', ""]
    assert expanded("50%% of $$HOME") == "50% of $HOME"
    for wrong in ("%n", "$HOME", "${HOME}"):
        with pytest.raises(KeyError):
            expanded(wrong)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sources", [NO_SOURCES, ALL_SOURCES])
def test_the_unit_runs_the_container(name: str, sources: Sources) -> None:
    container = container_of(name, sources)
    text = systemd.text(container)
    argv = exec_start(container)
    assert argv[:3] == ["/usr/bin/docker", "run", "--rm"]
    assert engine_argv(argv, container) == list(container.argv)
    assert dict(pair.split("=", 1) for pair in values(argv, "--env")) == container.env
    [stop] = settings(text, "ExecStop")
    assert stop == f"/usr/bin/docker stop -t {container.stop_seconds} {container.name}"
    [timeout] = settings(text, "TimeoutStopSec")
    assert int(timeout) > container.stop_seconds
    for secret in container.secrets:
        assert f"{secret.name}:{secret.source}" in settings(text, "LoadCredential")
        mount = f"type=bind,source={CREDENTIALS}/{secret.name},target={secret.target},readonly"
        assert mount in argv


@pytest.mark.parametrize("value", NASTY)
def test_every_value_survives_systemds_quoting(value: str) -> None:
    container = nasty_container(value)
    argv = exec_start(container)
    assert engine_argv(argv, container) == list(container.argv)
    assert f"ODD={value}" in values(argv, "--env")


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_word_survives(value: str) -> None:
    quoted = systemd.word(value)
    assert not set(quoted) & set("\n\r\t")
    assert [expanded(word) for word in split(quoted)] == [value]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.parametrize("value", ["plain", 'it\'s $HOME ${A}, "100%"\n\\ ; é'])
def test_systemd_finds_no_fault(value: str, tmp_path: Path) -> None:
    # A program that exists, and a stand-in for Docker's own unit. Nothing is started.
    text = systemd.text(nasty_container(value, ALL_SOURCES))
    unit = tmp_path / "glm.service"
    unit.write_text(text.replace("/usr/bin/docker", sys.executable), encoding="utf-8")
    (tmp_path / "docker.service").write_text(f"[Service]\nExecStart={sys.executable}\n")
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    # Keys of systemd 254, which older ones leave aside, as the unit says.
    unknown = re.compile(r"Unknown key( name)? 'Restart(Steps|MaxDelaySec)'")
    faults = [line for line in done.stderr.splitlines() if str(unit) in line]
    assert done.returncode == 0, done.stderr
    assert not [line for line in faults if not unknown.search(line)]
