"""The report and locust's web page in a real browser, headless Chromium from Debian."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.launching import ROOT, free_port
from tests.loadtests.conftest import fault_server
from tests.loadtests.running import Run, command, run, sets, wait_for

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")
# Where the documentation's pictures go: PICTURES=docs/pictures pytest tests/loadtests/test_pages.py
PICTURES = os.environ.get("PICTURES")
PATIENT = {"most_lag_seconds": 10, "most_cpu": 2, "most_schedule_delay_seconds": 10}


def browser(url: str, profile: Path, *words: str) -> str:
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             f"--user-data-dir={profile}", "--virtual-time-budget=8000"]  # fmt: skip
    # A minute and more on a machine that is busy otherwise.
    done = subprocess.run(
        [str(CHROMIUM), *flags, *words, url], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def seen(url: str, profile: Path) -> str:
    """The page's text after its scripts ran."""
    document = browser(url, profile, "--dump-dom")
    shown = re.sub(r"(?s)<(script|style).*?</\1>", "", document)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", shown))


def picture(name: str, url: str, profile: Path, height: int) -> None:
    if PICTURES:
        path = (ROOT / PICTURES / name).resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        browser(url, profile, f"--screenshot={path}", f"--window-size=1200,{height}")


def test_the_report_shows_the_figures_and_the_pictures(tmp_path: Path) -> None:
    with fault_server("--gap", "0.01", "--ttft", "0.05", "--faults", "none,none,none,none,503",
                      "--jitter", "0.3") as url:  # fmt: skip
        changes = sets(
            phases={"warmup_seconds": 3, "steady_seconds": 15, "drain_seconds": 10},
            traffic__0__load={"rate": 8}, generator=PATIENT,
            slo__chat={"ttft_seconds": {"p50": 0.3, "p90": 1}, "error_rate": 0.1},
        )  # fmt: skip
        done = run(tmp_path / "results", url, *changes)
    assert done.status == 1, done.said
    page = f"file://{done.results / 'report.html'}"
    text = seen(page, tmp_path / "profile")
    assert "SLO missed" in text
    books = done.report["accounting"]
    assert f"{books['started']} started = {books['completed']} completed" in text
    assert f"{books['failed']} http_503" in text
    check = done.report["verdict"]["checks"][0]
    assert f"ttft p50 300 ms {check['observed'] * 1e3:.3g} ms" in text
    for title in ("TTFT over time", "TPOT: share of requests", "Output tokens per second",
                  "Requests in flight", "KV cache in use", "Accepted draft length"):  # fmt: skip
        assert title in text
    source = (done.results / "report.html").read_text()
    assert not re.search(r"(src|href)=['\"]?http", source), "the file needs nothing else"
    picture("report.png", page, tmp_path / "profile", 1900)


def test_locusts_page_shows_ttft_itl_and_the_tab(tmp_path: Path) -> None:
    port = free_port()
    with fault_server("--gap", "0.02", "--ttft", "0.05", "--jitter", "0.3") as url:
        # However long the browser takes, the run is there; it is stopped when all was seen.
        changes = sets(phases={"steady_seconds": 1000}, traffic__0__load={"rate": 5})
        words = ["--web-port", str(port), "--web-host", "127.0.0.1", "--autostart"]
        started = subprocess.Popen(
            command(tmp_path / "results", url, *words, *changes), cwd=ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            page = f"http://127.0.0.1:{port}/"
            wait_for(f"{page}stats/requests", '"TTFT"')
            text = seen(page, tmp_path / "profile")
            assert re.search(r"TTFT chat \d+", text), text
            assert "ITL chat (RPS: output tokens/s)" in text
            tab = seen(f"{page}?tab=llm", tmp_path / "profile")
            assert re.search(r"output tokens/s \d+", tab), tab
            assert re.search(r"in flight \d+", tab)
            picture("web.png", page, tmp_path / "profile", 700)
            picture("web-llm.png", f"{page}?tab=llm", tmp_path / "profile", 600)
            with urllib.request.urlopen(f"{page}stop", data=b"", timeout=30):
                wait_for(f"{page}stats/requests", '"verdict"')
            report = seen(f"{page}llm/report", tmp_path / "profile")
            assert "Load test: smoke" in report
        finally:
            started.terminate()
            said, _ = started.communicate(timeout=30)
    assert Run(started.returncode, said, tmp_path / "results").report["accounting"]["lost"] == 0
