"""The verb, as a user runs it on this host, which has no GPU."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from deploy.preflight import codes
from deploy.preflight.check import outcomes
from deploy.preflight.host import Host
from tests.launching import free_port, run
from tests.preflight.hosts import profile_of, recorded
from tests.preflight.models import glm

NO_DRIVER = not Path("/proc/driver/nvidia").exists()


def check(*words: str) -> tuple[int, str]:
    done = run("check", *words)
    assert "Traceback" not in done.stderr
    assert done.stderr == "", done.stderr
    return done.returncode, done.stdout


def test_the_cpu_profile_is_fit_for_this_host() -> None:
    status, text = check("--profile", "cpu", "--set", f"engine.args.port={free_port()}")
    assert status == 0, text
    lines = text.splitlines()
    assert [line.split()[0] for line in lines[:-2]] == ["ok"] * 9
    assert lines[-1] == "9 ok: a start would go ahead"
    assert "GPU" not in text


@pytest.mark.skipif(not NO_DRIVER, reason="this host has an NVIDIA driver")
def test_without_a_driver_one_finding_speaks_of_gpus() -> None:
    port = f"engine.args.port={free_port()}"
    status, text = check("--profile", "b300", "--set", port, "--json")
    found = [outcome for outcome in json.loads(text)["outcomes"] if outcome["code"]]
    assert status == 1
    about_gpus = {"GPU", "NVLink", "NVSwitch", "MIG", "persistence", "torch"}
    speaking = [each for each in found if each["subject"].split()[0] in about_gpus]
    assert [each["code"] for each in speaking] == ["driver-missing"]
    assert "there is no NVIDIA driver" in speaking[0]["found"]


def test_json_holds_every_outcome_and_the_host() -> None:
    port = f"engine.args.port={free_port()}"
    status, text = check("--profile", "cpu", "--set", port, "--json")
    value = json.loads(text)
    assert status == 0
    host = TypeAdapter(Host).validate_python(value["host"])
    assert host.software.engine == "0.5.20" and host.memory.total_bytes > 0
    assert {outcome["status"] for outcome in value["outcomes"]} == {"ok"}
    assert set(value["outcomes"][0]) == {"subject", "status", "found", "code", "needed", "fix"}


def test_a_fault_is_shown_with_its_mend_and_can_be_skipped() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = ("--profile", "cpu", "--set", f"engine.args.port={taken.getsockname()[1]}")
        status, text = check(*words)
        assert status == 1
        assert "error    port" in text and "[port-taken]" in text and "fix: stop what" in text
        assert text.endswith("1 error, 8 ok: a start would be refused\n")
        status, text = check(*words, "--skip-check", "port-taken")
    assert status == 0
    assert "skipped  port" in text and text.endswith("1 skipped, 8 ok: a start would go ahead\n")


@pytest.mark.parametrize("verb", ["check", "serve"])
def test_an_unknown_code_is_refused(verb: str) -> None:
    done = run(verb, "--profile", "cpu", "--skip-check", "gpu-mising")
    assert (done.returncode, done.stdout) == (2, "")
    assert 'there is no check "gpu-mising"' in done.stderr
    assert 'did you mean "gpu-missing"?' in done.stderr


def test_the_list_names_every_code() -> None:
    status, text = check("--list")
    assert status == 0
    assert [line.split()[0] for line in text.splitlines()] == list(codes.table())


def test_lines_fit_a_terminal() -> None:
    _, text = check("--profile", "b300")
    assert max(map(len, text.splitlines())) <= 100


def test_everything_together_on_a_sound_b300(tmp_path: Path) -> None:
    """A recorded host, a whole model and a free port: every subject once, and all of it ok."""
    model = glm(tmp_path / "model")
    profile = profile_of(
        "b300-agentic",
        f"engine.args.model={model}",
        f"engine.args.port={free_port()}",
        "engine.args.host=127.0.0.1",
    )
    found = list(outcomes(profile, recorded("b300"), {}))
    assert [outcome.status for outcome in found] == ["ok"] * len(found)
    assert [outcome.subject for outcome in found] == [
        "engine",
        "Python",
        "torch",
        "GPU driver",
        "GPU count",
        "GPU product",
        "MIG",
        "GPU memory in use",
        "GPU health",
        "persistence mode",
        "NVSwitch fabric",
        "NVLink",
        "model",
        "weights",
        "MTP layer",
        "machine",
        "host memory",
        "shared memory",
        "open files",
        "stack",
        "locked memory",
        "disk for weights",
        "kernel cache",
        "port",
    ]
