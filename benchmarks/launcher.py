"""What the launcher costs, as ratios to the same work without it, measured in one run.

``python benchmarks/launcher.py`` prints two tables: a dry run beside an empty Python, and the time
to readiness through launch.py beside the bare engine's command. The machine may be noisy, so runs
alternate and medians count; CPU seconds say more than wall time.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
# Longer than any start seen on a busy machine (68 s): an engine that is not ready then is stuck.
PATIENCE_SECONDS = 400.0

Cost = tuple[float, float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry-runs", type=int, default=15, help="runs of each short command")
    parser.add_argument("--starts", type=int, default=3, help="starts of each server; 0 for none")
    options = parser.parse_args()
    nothing = [sys.executable, "-c", "pass"]
    dry = [sys.executable, "launch.py", "--profile", "b300", "--dry-run"]
    compare(
        "python -c pass",
        lambda: ended(nothing),
        "launch.py --dry-run",
        lambda: ended(dry),
        options.dry_runs,
    )
    if options.starts:
        compare("bare engine, to ready", bare, "launch.py, to ready", launched, options.starts)


def compare(
    base_name: str, base: Callable[[], Cost], name: str, measured: Callable[[], Cost], runs: int
) -> None:
    """Alternate both, and print the medians of wall and CPU seconds with their ratio."""
    costs: dict[str, list[Cost]] = {base_name: [], name: []}
    for run in range(runs):
        # The order alternates too: whoever comes second finds warmer file caches.
        for key, measure in sorted(
            {base_name: base, name: measured}.items(), reverse=bool(run % 2)
        ):
            costs[key].append(measure())
            print(f"  {key}: {costs[key][-1][0]:.2f} s", file=sys.stderr, flush=True)
    print(f"{'median of ' + str(runs):28} {'wall s':>9} {'CPU s':>9}")
    medians = {}
    for key, seen in costs.items():
        medians[key] = [statistics.median(cost[index] for cost in seen) for index in (0, 1)]
        print(f"{key:28} {medians[key][0]:9.3f} {medians[key][1]:9.3f}")
    ratios = [ours / theirs for ours, theirs in zip(medians[name], medians[base_name], strict=True)]
    print(f"{'ratio':28} {ratios[0]:9.3f} {ratios[1]:9.3f}\n", flush=True)


def ended(command: list[str]) -> Cost:
    """Wall and CPU seconds of a command that ends by itself."""
    before, start = cpu_seconds(), time.perf_counter()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start, cpu_seconds() - before


def cpu_seconds() -> float:
    """CPU seconds of the children that were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def bare() -> Cost:
    """From the engine's own command to /ready."""
    sys.path.insert(0, str(ROOT))
    from deploy import loader
    from deploy.overrides import Setting

    port = free_port()
    command = loader.load("cpu", [Setting.of(f"engine.args.port={port}")])[0].command()
    return until_ready([sys.executable, *command.argv[1:]], port, dict(command.env))


def launched() -> Cost:
    """The same through launch.py."""
    port = free_port()
    return until_ready(
        [sys.executable, "launch.py", "--profile", "cpu", "--port", str(port)], port, {}
    )


def until_ready(command: list[str], port: int, env: dict[str, str]) -> Cost:
    """Wall seconds to the first 200 of /ready, and CPU seconds of the whole process tree then."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not ready(port):
            if process.poll() is not None or time.perf_counter() - start > PATIENCE_SECONDS:
                sys.exit(f"error: {' '.join(command)} did not become ready")
            time.sleep(0.05)
        wall = time.perf_counter() - start
        top = psutil.Process(process.pid)
        tree = [member.cpu_times() for member in (top, *top.children(recursive=True))]
        return wall, sum(times.user + times.system for times in tree)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


def ready(port: int) -> bool:
    """Whether the server answers 200 on /ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
