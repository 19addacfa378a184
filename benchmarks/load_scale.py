"""How many streams and events per second the load test holds before it calls itself too slow.

`make bench-load-scale` runs the load test at rising load against the tests' fault server, which
sends every stream's event at once, as an engine's step does. The server has one core; a single
client process has another, and several share what is left. A row whose verdict is "client" is what
the load test itself refuses as its own bottleneck; where the events that came are fewer than those
asked for and the client is not late, the server was.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECONDS, ANSWER_TOKENS, PROMPT_TOKENS = 12, 200, 400
# Streams, and seconds between the events of each: 20 and 50 tokens/s are what users are promised.
LOADS = ((200, 0.05), (500, 0.05), (1000, 0.05), (1000, 0.02))
MODES: dict[str, list[list[str]]] = {
    "one process": [[]],
    "two processes": [["--processes", "2"]],
    "master and one worker": [["--master", "--expect-workers", "1"], ["--worker"]],
}
_HEAD = ["client", "streams", "events/s asked for", "came",
         "client's core in use, at most", "hub late, p99", "server CPU", "limit"]  # fmt: skip


@dataclass(frozen=True)
class Load:
    """Streams and the seconds between two events of each."""

    streams: int
    gap: float


def pinned(core: str) -> list[str]:
    """A prefix that keeps a process on one core, where there are two."""
    return ["taskset", "-c", core] if (os.cpu_count() or 1) > 1 else []


def run(commands: list[list[str]], load: Load, rest: str) -> list[str]:
    """One run, as a row of the table."""
    server = subprocess.Popen(
        [*pinned("0"), sys.executable, "-m", "tests.loadtests.fault_server", "--gap", f"{load.gap}",
         "--ttft", "0.05", "--burst", "--canned"], cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdout
    url = f"http://127.0.0.1:{int(server.stdout.readline())}"
    with tempfile.TemporaryDirectory() as folder:
        sets = (
            f'phases={{"ramp_seconds": 2, "warmup_seconds": 2, "steady_seconds": {SECONDS}}}',
            f"traffic.0.load.users={load.streams}", f"traffic.0.prompt.tokens={PROMPT_TOKENS}",
            f"traffic.0.answer.tokens={ANSWER_TOKENS}", 'slo={"chat": {"error_rate": 0}}',
        )  # fmt: skip
        words = [*pinned(rest), sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py",
                 "--host", url, *(word for value in sets for word in ("--set", value))]  # fmt: skip
        clients = [
            subprocess.Popen(
                [*words, *more, *([] if "--worker" in more else ["--headless"]),
                 "--results", f"{folder}/results"],
                cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            ) for more in commands
        ]  # fmt: skip
        for client in clients:
            client.wait()
        server.terminate()
        taken = sum(os.wait4(server.pid, 0)[2][:2])
        found = sorted(Path(folder).glob("results/*/report.json"))
        if not found:
            return [f"{load.streams}", f"{load.streams / load.gap:.0f}", *["-"] * 4, "no result"]
        report: dict[str, Any] = json.loads(found[0].read_text())
    return _row(load, report, taken)


def _row(load: Load, report: dict[str, Any], taken: float) -> list[str]:
    own, asked = report["generator"], load.streams / load.gap
    came = report["summaries"][0]["tokens_per_second"]
    limits = {"client": report["verdict"]["invalid"], "server": came < 0.9 * asked}
    return [
        f"{load.streams}",
        f"{asked:.0f}",
        f"{came:.0f}",
        f"{own['cpu_max']:.0%}",
        f"{own['lag_p99_seconds'] * 1e3:.0f} ms",
        f"{taken / report['history'][-1]['at']:.0%}",
        " and ".join(name for name, held in limits.items() if held) or "none",
    ]


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modes", nargs="*", default=list(MODES), choices=list(MODES))
    options = parser.parse_args()
    machine = f"{os.cpu_count()} cores at a load of {os.getloadavg()[0]:.1f} before"
    print(f"{machine}, {time.strftime('%Y-%m-%d')}\n")
    print("| " + " | ".join(_HEAD) + " |\n|" + "---|" * len(_HEAD))
    rest = f"1-{(os.cpu_count() or 2) - 1}"
    for mode in options.modes:
        for streams, gap in LOADS:
            cores = "1" if mode == "one process" else rest
            cells = run(MODES[mode], Load(streams, gap), cores)
            print(f"| {mode} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
