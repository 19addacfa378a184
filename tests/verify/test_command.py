"""The verb as a user runs it: against the real engine, without one, and with mistakes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from deploy.verify import suite
from tests.launching import ROOT, Launched, free_port, run

# 4,000 tokens take seconds; a fixed seed because so small a model miscopies a code word at times.
QUICK = ["--max-context-tokens", "4000", "--seed", "test"]


@pytest.mark.engine
def test_the_real_engine_keeps_every_promise(server: Launched, tmp_path: Path) -> None:
    junit = tmp_path / "verify.xml"
    done = run(
        "verify", "--url", server.url, "--profile", "cpu", "--json", "--junit", str(junit), *QUICK
    )
    assert done.returncode == 0, done.stdout
    value = json.loads(done.stdout)
    assert (value["model"], value["engine"], value["passed"]) == ("glm-smoke", "sglang", True)
    checks = {check["name"]: check for check in value["checks"]}
    assert tuple(checks) == suite.NAMES
    skipped = {name for name, check in checks.items() if check["status"] == "not-applicable"}
    assert skipped == {
        "security.keys",
        "security.admin",
        "security.no-leak",
        "operations.speculative",
        "context.full",
    }
    full = checks["context.full"]["meaning"]
    assert full == "200,192 tokens left out: --max-context-tokens is 4,000"
    assert "tokens left out" in checks["context.needles"]["meaning"]
    assert all(check["exchanges"] for name, check in checks.items() if name not in skipped)

    cases = ElementTree.parse(junit).getroot()
    assert int(cases.get("tests", 0)) == len(suite.CHECKS) == len(cases)
    assert {f"{case.get('classname')}.{case.get('name')}" for case in cases} == {
        f"verify.{name}" for name in suite.NAMES
    }
    assert len(cases.findall("testcase/skipped")) == len(skipped)


@pytest.mark.engine
def test_a_profile_that_promises_more_fails_and_says_how(server: Launched) -> None:
    done = run(
        "verify",
        *("--url", server.base, "--profile", "cpu", "--only", "models,chat.answers"),
        *("--set", "limits.context_tokens=300000"),
    )
    assert done.returncode == 1
    assert "ok      models.listed" in done.stdout
    assert "FAILED  models.context-length" in done.stdout
    said = " ".join(done.stdout.split())
    assert "the profile promises 300,000 tokens and the server lists 202752" in said
    assert "means: The engine was started with a shorter context" in said
    assert "sent: GET /v1/models" in said
    assert "2 passed, 1 failed, 0 not applicable" in done.stderr


@pytest.mark.engine
@pytest.mark.skipif(not shutil.which("script"), reason="needs script, which has a terminal")
def test_a_terminal_shows_the_check_that_runs(server: Launched) -> None:
    command = f"{sys.executable} launch.py verify --url {server.url} --only models.listed"
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "[models.listed] 1 of" in done.stdout  # as much as fits


@pytest.mark.engine
def test_no_time_is_no_success(server: Launched) -> None:
    done = run("verify", "--url", server.url, "--minutes", "0.0001")
    assert done.returncode == 1
    assert "left out: the time of --minutes was spent" in " ".join(done.stdout.split())
    assert "not applicable, in 0 s; nothing was checked" in done.stderr


@pytest.mark.engine
def test_an_interrupted_run_tells_what_it_found(server: Launched, tmp_path: Path) -> None:
    junit = tmp_path / "verify.xml"
    words = ["verify", "--url", server.url, "--junit", str(junit)]
    process = subprocess.Popen(
        [sys.executable, "launch.py", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdout.readline().startswith("ok      models.listed")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: " in said and "Traceback" not in said
    assert "verify.models" in junit.read_text(encoding="utf-8")


def test_a_server_that_is_not_there_is_told() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = run("verify", "--url", url)
    assert done.returncode == 2
    assert f"error: {url}/v1/models: no answer: " in done.stderr
    assert "[server-unreachable]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--url", "ftp://x"], "ftp://x is not a URL of a server"),
        (["--url", "http://"], "http:// is not a URL of a server"),
        (["--url", "http://x", "--only", "tool.called"], 'did you mean "tools.called"?'),
        (["--url", "http://x", "--skip", "chats"], 'did you mean "chat"?'),
        (["--url", "http://x", "--only", "chat", "--skip", "chat"], "nothing is left to run"),
        (["--url", "http://x", "--minutes", "-1"], "not a positive number of minutes"),
        (["--url", "http://x", "--profile", "b3000"], 'there is no profile "b3000"'),
        (["--url", "http://x", "--junit", "/nowhere/x.xml"], "/nowhere/x.xml cannot be written"),
        ([], "the following arguments are required: --url"),
    ],
)
def test_mistakes_are_told_before_anything_is_asked(words: list[str], message: str) -> None:
    done = run("verify", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_several_unknown_names_are_told_at_once() -> None:
    done = run("verify", "--url", "http://x", "--only", "nonsens,chat", "--skip", "limit")
    assert 'no check or topic "nonsens"' in done.stderr
    assert 'did you mean "limits"?' in done.stderr
