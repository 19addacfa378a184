"""Our load test beside others, on one fault-free server of known truth.

`make bench-load` prints, for each client: its CPU for each streamed event and to start, how far its
TTFT is from the server's own, how far its prompts are from the tokens asked for, its peak memory,
and how long it takes to build prompts of 200,000 tokens; then the ratios to ours. A client is run
for two lengths of time, and that several times: the difference in CPU over the difference in events
is what an event costs, and the rest is start and report. Server and client have a core each. Peers
run from environments of their own under --peers, where installed (`make install-peers`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.load_clients import (
    LONG_SECONDS,
    PROMPT_TOKENS,
    SHORT_SECONDS,
    Client,
    Percentiles,
    clients,
    quantile,
)

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "deploy/cpu/model"
LONG_PROMPT_TOKENS = 200_000
# A core each, where there are two: a client must not be measured by what its server leaves it.
SERVER, CLIENT = (["taskset", "-c", core] if (os.cpu_count() or 1) > 1 else [] for core in "01")
_HEAD = ["client", "CPU us/event", "CPU s to start", "TTFT p50 error ms", "p99 error ms",
         "requests", "prompt error tokens", "peak MiB", "200K prompt: first s", "later s",
         "error tokens"]  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One run of one client; seconds, tokens, bytes."""

    cpu: float
    events: int
    ttft: Percentiles
    truth: list[float]
    prompts: list[int]
    rss: int


def run(client: Client, streams: int, seconds: int) -> Run:
    """Start a server, run one client against it and keep what both say."""
    server = subprocess.Popen(
        [*SERVER, sys.executable, "-m", "tests.loadtests.fault_server", "--gap", "0.02",
         "--ttft", "0.2", "--jitter", "0.3", "--tokenizer", str(MODEL / "tokenizer.json")],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdout
    url = f"http://127.0.0.1:{int(server.stdout.readline())}"
    with tempfile.TemporaryDirectory() as folder:
        words = [*CLIENT, *client.command(url, folder, streams, MODEL, seconds)]
        with Path(folder, "log").open("w") as log:
            process = subprocess.Popen(
                words, cwd=folder, env={**os.environ, **client.env}, stdout=log, stderr=log
            )
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        with urllib.request.urlopen(f"{url}/times") as answer:
            truth: dict[str, Any] = json.load(answer)
        server.kill()
        server.communicate()
        try:
            ttft = client.read(Path(folder))
        except (OSError, StopIteration, KeyError, IndexError, ValueError) as error:
            text = Path(folder, "log").read_text()[-1500:]
            raise SystemExit(f"{words}\n{text}\nno result: {error!r}") from None
    cpu = used.ru_utime + used.ru_stime
    return Run(cpu, truth["events"], ttft, truth["first"], truth["prompts"], used.ru_maxrss * 1024)


def build(client: Client) -> tuple[float, float, float]:
    """(seconds to its first prompt of 200,000 tokens, of a later one, tokens that it is off)."""
    python, name = client.builder
    script = ROOT / "benchmarks/prompt_building.py"
    done = subprocess.run(
        [*CLIENT, python, str(script), name, str(MODEL), str(LONG_PROMPT_TOKENS)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{name} builds no prompt:\n{done.stderr[-1500:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    off = sum(map(abs, found["off"])) / len(found["off"])
    return found["first"], quantile(found["later"], 0.5), off


def row(pairs: list[tuple[Run, Run]], built: tuple[float, float, float]) -> list[float]:
    """The figures of a client in the order of the head: medians over its pairs of runs."""
    marginal, start, errors = [], [], []
    for short, long in pairs:
        marginal.append((long.cpu - short.cpu) / max(long.events - short.events, 1))
        start.append(short.cpu - marginal[-1] * short.events)
        both = zip(long.ttft, (0.5, 0.99), strict=True)
        errors.append([(told - quantile(long.truth, q)) * 1e3 for told, q in both])
    last = pairs[-1][1]
    # Warm-up and priming requests are short.
    off = [abs(n - PROMPT_TOKENS) for n in last.prompts if n > PROMPT_TOKENS / 4]
    return [
        median(marginal) * 1e6,
        median(start),
        *(median(values) for values in zip(*errors, strict=True)),
        sum(len(long.truth) for _, long in pairs),
        sum(off) / max(len(off), 1),
        max(long.rss for _, long in pairs) / 2**20,
        *built,
    ]


def main() -> None:
    """Print a Markdown table and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--peers", type=Path, default=ROOT / "build/peers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=None)
    options = parser.parse_args()
    machine = f"{os.cpu_count()} cores at a load of {os.getloadavg()[0]:.1f} before"
    lengths = f"{SHORT_SECONDS} and {LONG_SECONDS} s"
    lengths += f" each {options.rounds} times"
    print(f"{options.streams} streams, {lengths}, {machine}, {time.strftime('%Y-%m-%d')}\n")
    chosen = {
        name: client
        for name, client in clients(options.peers).items()
        if not options.only or name in options.only
    }
    pairs: dict[str, list[tuple[Run, Run]]] = {name: [] for name in chosen}
    for _ in range(options.rounds):  # in turns, so that other work on the machine meets all alike
        for name, client in chosen.items():
            short, long = (run(client, options.streams, s) for s in (SHORT_SECONDS, LONG_SECONDS))
            pairs[name].append((short, long))
    rows = {name: row(pairs[name], build(client)) for name, client in chosen.items()}
    print("| " + " | ".join(_HEAD) + " |\n|" + "---|" * len(_HEAD))
    for name, figures in rows.items():
        print(f"| {name} | " + " | ".join(f"{value:.4g}" for value in figures) + " |")
    for name, figures in rows.items():
        if name != "ours" and "ours" in rows:
            told = ", ".join(
                f"{_HEAD[i + 1]} {figures[i] / rows['ours'][i]:.2f}" for i in (0, 1, 6, 7, 8)
            )
            print(f"\n{name} over ours: {told}")


if __name__ == "__main__":
    main()
