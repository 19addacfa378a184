"""Whole runs under locust against the fault server: books, classes, statuses, bad input."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import urllib.request
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from loadtests.schema.plan import Plan
from loadtests.schema.scenario_file import find, load, read
from tests.launching import ROOT
from tests.loadtests.conftest import fault_server
from tests.loadtests.running import Run, books_add_up, command, run, sets, wait_for
from tests.loadtests.test_client import CLASSES

# Other work on the machine is no fault of what is tested here.
PATIENT = {"most_lag_seconds": 10, "most_cpu": 2, "most_schedule_delay_seconds": 10}
SHORT = sets(
    phases__warmup_seconds=1,
    phases__steady_seconds=4,
    phases__drain_seconds=10,
    generator=PATIENT,
)
MIXED = ("none", "truncated", "mid_event", "split_utf8", "in_band_error", "no_done", "none",
         "wrong_usage", "429", "503", "reset", "stall", "slow_headers", "garbage", "repetition",
         "wrong_answer", "bad_json")  # fmt: skip


@pytest.mark.parametrize("processes", [[], ["--processes", "2"]], ids=["one", "two"])
def test_every_fault_is_counted_once_with_default_options(
    tmp_path: Path, processes: list[str]
) -> None:
    words = ["--gap", "0.005", "--ttft", "0.02", "--faults", ",".join(MIXED)]
    with fault_server(*words) as url:
        limits = sets(limits__headers_seconds=2, limits__stall_seconds=2)
        load = sets(traffic__0__load={"rate": 20, "arrivals": "constant"})
        done = run(tmp_path, url, *SHORT, *limits, *load, *processes)
        with urllib.request.urlopen(f"{url}/truth") as answer:
            truth = json.load(answer)
    assert done.status == 1, done.said
    books_add_up(done)
    expected: Counter[str] = Counter()
    for fault, count in truth.items():
        expected[CLASSES[fault].value] += count
    # A refused or reset connection closes no other: only a kept one may race with a reset.
    found = Counter(done.report["accounting"]["outcomes"])
    assert found == expected
    assert len(done.records) == 99
    scheduled = sorted(record.scheduled for record in done.records)
    assert scheduled == pytest.approx([(n + 1) / 20 for n in range(99)], abs=1e-5)
    junit = ElementTree.parse(done.results / "junit.xml").getroot()
    assert junit.get("failures") != "0"


def test_what_is_in_flight_at_the_end_is_a_lower_bound(tmp_path: Path) -> None:
    with fault_server("--ttft", "30") as url:
        done = run(tmp_path, url, *SHORT, *sets(phases__drain_seconds=0))
    books_add_up(done)
    assert done.report["accounting"]["in_flight"] == 2
    assert done.status == 2
    assert "no request in the steady state" in done.said
    for record in done.records:
        assert record.in_flight
        assert record.e2e and record.e2e > 4


@pytest.mark.parametrize("processes", [[], ["--processes", "2"]], ids=["one", "two"])
def test_an_interrupted_run_loses_nothing_and_is_invalid(
    tmp_path: Path, processes: list[str]
) -> None:
    with fault_server("--gap", "0.2") as url:
        words = [*sets(phases__steady_seconds=60, traffic__0__load__users=20), *processes]
        started = subprocess.Popen(
            command(tmp_path, url, "--headless", *words), cwd=ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        wait_for(f"{url}/metrics", 'num_running_reqs{model_name="x"} 20\n')
        started.send_signal(signal.SIGINT)
        said, _ = started.communicate(timeout=60)
    done = Run(started.returncode, said, tmp_path)
    assert done.status == 2, said
    assert "stopped before the end" in said
    books_add_up(done)
    assert done.report["accounting"]["in_flight"] == 20


def test_a_process_that_dies_makes_the_run_invalid(tmp_path: Path) -> None:
    with fault_server("--gap", "0.02") as url:
        words = [*SHORT, *sets(phases__drain_seconds=1), "--processes", "2"]
        started = subprocess.Popen(
            command(tmp_path, url, "--headless", *words), cwd=ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        wait_for(f"{url}/metrics", 'num_running_reqs{model_name="x"} 2\n')
        children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
        os.kill(int(children[-1]), signal.SIGKILL)
        said, _ = started.communicate(timeout=90)
    done = Run(started.returncode, said, tmp_path)
    assert done.status == 2, said
    assert "1 of 2 processes never reported their end" in said


def test_statuses_and_certainty(tmp_path: Path) -> None:
    with fault_server("--gap", "0.001", "--ttft", "0.01") as url:
        loose = sets(slo__chat={"ttft_seconds": {"p90": 5}, "error_rate": 0, "goodput": 0.9})
        met = run(tmp_path / "met", url, *SHORT, *loose)
        tight = sets(slo__chat={"ttft_seconds": {"p90": 0.001}})
        missed = run(tmp_path / "missed", url, *SHORT, *tight)
        few = sets(slo__chat={"ttft_seconds": {"p99.9": 5}})
        undecided = run(tmp_path / "few", url, *SHORT, *few)
    assert (met.status, missed.status, undecided.status) == (0, 1, 2), met.said
    check = met.report["verdict"]["checks"][0]
    assert check["samples"] > 10
    assert check["low"] <= check["observed"] <= check["high"] < check["limit"]
    assert missed.report["verdict"]["checks"][0]["state"] == "missed"
    assert "samples, needs 1000" in undecided.said
    summary = met.report["summaries"][0]
    assert summary["needles"]["found"] == summary["needles"]["asked"] == summary["requests"]


def test_a_search_finds_where_the_limits_break(tmp_path: Path) -> None:
    """Rates of 4, 8, 16 ...; the limit of tokens per second holds for the first two levels only."""
    with fault_server("--gap", "0.001", "--ttft", "0.01") as url:
        words = sets(
            search={"factor": 2, "levels": 4, "at_least": 2},
            traffic__0__load={"rate": 2, "arrivals": "constant"},
            traffic__0__prompt__tokens=600,
            slo__chat={"error_rate": 0, "cache_match": 1.0},
        )
        done = run(tmp_path, url, *SHORT, *words)
    assert done.status == 0, done.said
    assert "holds at least 16 requests/s" in done.said
    levels = Counter(record.level for record in done.records if record.phase == "steady")
    assert levels == {0: 8, 1: 16, 2: 32, 3: 64}


def test_a_busy_client_makes_the_run_invalid(tmp_path: Path) -> None:
    with fault_server("--gap", "0.001", "--ttft", "0.01") as url:
        impatient = sets(generator={"most_lag_seconds": 1e-9})
        done = run(tmp_path, url, *SHORT, *impatient)
    assert done.status == 2
    assert "the client's hub was late by" in done.said


def test_a_run_over_tls(tmp_path: Path, certificate: Path) -> None:
    with fault_server("--gap", "0.005", "--certificate", str(certificate)) as url:
        done = run(tmp_path, url, "--ca-file", str(certificate), *SHORT)
    assert done.status == 0, done.said
    assert set(done.report["accounting"]["outcomes"]) == {"ok"}


def test_the_stock_locust_image_runs_json(tmp_path: Path) -> None:
    """Nothing but locust and what it requires: no YAML, no pydantic, nothing of deploy."""
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    for name in ("yaml", "pydantic", "deploy", "tokenizers", "orjson", "numpy"):
        (blocked / f"{name}.py").write_text(f"raise ImportError({name!r})\n")
    scenario = tmp_path / "x.json"
    scenario.write_text(json.dumps(read(find("smoke"))))
    with fault_server("--gap", "0.005") as url:
        words = ["--scenario", str(scenario), *SHORT]
        done = run(tmp_path / "out", url, *words, PYTHONPATH=str(blocked))
        refused = run(tmp_path / "out", url, PYTHONPATH=str(blocked))
    assert done.status == 0, done.said
    assert refused.status == 2
    assert "no PyYAML here to read it" in refused.said


def test_cached_tokens_are_as_predicted(tmp_path: Path) -> None:
    with fault_server("--gap", "0.001", "--ttft", "0.01") as url:
        prompt = {"tokens": 200_000, "shared_tokens": 190_000, "prefixes": 3}
        words = sets(traffic__0__prompt=prompt)
        done = run(tmp_path, url, *SHORT, *words)
    cache = done.report["summaries"][0]["cache"]
    assert cache["matched"] == cache["compared"] > 1
    assert {record.prompt_tokens for record in done.records} == {200_000}
    assert cache["cached_tokens"] == cache["compared"] * (190_000 // 16 * 16)
    assert "cache:" not in done.said


def test_missed_prefixes_are_told_without_being_asked_for(tmp_path: Path) -> None:
    """Every other answer is of a server that lost the prefix, and then tells no count at all."""
    with fault_server("--gap", "0.001", "--ttft", "0.01", "--forget", "2") as url:
        words = sets(traffic__0__prompt={"tokens": 2000, "shared_tokens": 1500})
        done = run(tmp_path, url, *SHORT, *words, *sets(slo__chat={"cache_match": 0.9}))
    cache = done.report["summaries"][0]["cache"]
    assert cache["more"] == 0
    assert 0 < cache["fewer"] == cache["compared"] - cache["matched"] < cache["compared"]
    assert f"cache: chat: {cache['fewer']} of {cache['compared']} requests not as" in done.said
    assert done.status == 1
    assert (
        f"requests not as expected ({cache['fewer']} with fewer"
        in (done.results / "report.html").read_text()
    )


def bad(tmp_path: Path, url: str, *words: str, **env: str) -> str:
    done = run(tmp_path, url, *words, **env)
    assert done.status == 2, done.said
    assert "Traceback" not in done.said
    assert not tmp_path.exists() or not list(tmp_path.iterdir())
    errors = [line for line in done.said.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.said
    return errors[0]


def test_bad_input_is_refused_in_one_line(tmp_path: Path, faulty: str, certificate: Path) -> None:
    out = tmp_path / "none"
    assert "unreachable" in bad(out, "http://127.0.0.1:9")
    assert "not an http or https URL" in bad(out, "ftp://x")
    with fault_server("--certificate", str(certificate)) as url:
        assert "TLS: self-signed certificate" in bad(out, url)
    assert "does not have 'glm'" in bad(out, faulty, "--model", "glm")
    assert "exceed the server's 202752" in bad(
        out, faulty, *sets(traffic__0__prompt__tokens=202752)
    )
    assert "traffic[0].load.user: unknown key" in bad(
        out, faulty, *sets(traffic__0__load={"user": 1})
    )
    assert "-1.0 is not above 0" in bad(out, faulty, *sets(phases__steady_seconds=-1.0))
    assert 'did you mean "smoke"' in run(out, faulty, "--scenario", "smok").said
    with fault_server("--key", "right") as url:
        assert "key" in bad(out, url, GLM_API_KEY="expired")


def test_too_few_files_are_refused(tmp_path: Path, faulty: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    words = command(tmp_path, faulty, "--headless", *sets(traffic__0__load__users=400))
    done = subprocess.run(
        ["bash", "-c", 'ulimit -n 256; exec "$0" "$@"', *words],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (soft, hard) == resource.getrlimit(resource.RLIMIT_NOFILE)
    assert done.returncode == 2
    assert "open files: 601 needed, 256 allowed" in done.stderr


@pytest.mark.parametrize("arrivals", ["constant", "poisson", "gamma"])
def test_open_loop_has_the_rate_that_was_asked_for(arrivals: str) -> None:
    scenario = load(find("smoke"), [
        f'traffic.0.load={{"rate": 50, "arrivals": "{arrivals}"}}', "phases.ramp_seconds=40",
        "phases.steady_seconds=400", "phases.warmup_seconds=0",
    ])  # fmt: skip
    plan = Plan.of(scenario)
    times = list(plan.arrivals(scenario.traffic[0].load, "x"))
    assert times == sorted(times)
    steady = [at for at in times if plan.at(at)[0] == "steady"]
    spread = {"constant": 1, "poisson": 141 * 4, "gamma": 200 * 4}[arrivals]
    assert abs(len(steady) - 20_000) <= spread
    ramp = len(times) - len(steady)
    assert abs(ramp - 1000) <= {"constant": 1, "poisson": 130, "gamma": 180}[arrivals]
