"""Our load test beside others, on one fault-free server of known truth.

`make bench-load` prints, for each client: its CPU per streamed event, how far its TTFT is from the
server's own (p50 and p99), how far its prompts are from the tokens asked for, and its peak memory,
then the ratios to ours. Peers run from environments of their own under --peers, where installed.
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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "deploy/cpu/model"
PROMPT_TOKENS, ANSWER_TOKENS, SECONDS = 2000, 200, 20
Percentiles = tuple[float, float]


@dataclass
class Measured:
    """One client's run; seconds, tokens, bytes."""

    cpu: float
    events: int
    requests: int
    ttft: Percentiles
    truth: Percentiles
    prompt_error: float
    rss: int

    def row(self) -> list[float]:
        """CPU per event in microseconds, TTFT errors in ms, prompt error in tokens, MiB."""
        errors = [(a - b) * 1e3 for a, b in zip(self.ttft, self.truth, strict=True)]
        return [self.cpu / max(self.events, 1) * 1e6, *errors, self.prompt_error, self.rss / 2**20]


def quantile(values: list[float], q: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * q), len(ordered) - 1)]


def measure(
    words: list[str], env: dict[str, str], streams: int, read: Callable[[Path], Percentiles]
) -> Measured:
    """Start a server, run one client against it and compare what both say."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.loadtests.fault_server", "--gap", "0.02", "--ttft", "0.2",
         "--jitter", "0.3", "--tokenizer", str(MODEL / "tokenizer.json")],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdout
    url = f"http://127.0.0.1:{int(server.stdout.readline())}"
    with tempfile.TemporaryDirectory() as folder:
        filled = [w.format(url=url, out=folder, streams=streams, model=MODEL) for w in words]
        with Path(folder, "log").open("w") as log:
            client = subprocess.Popen(
                filled, cwd=ROOT, env={**os.environ, **env}, stdout=log, stderr=log
            )
            _, status, used = os.wait4(client.pid, 0)
        client.returncode = os.waitstatus_to_exitcode(status)
        with urllib.request.urlopen(f"{url}/times") as answer:
            truth: dict[str, Any] = json.load(answer)
        server.kill()
        server.communicate()
        try:
            ttft = read(Path(folder))
        except (OSError, StopIteration, KeyError, IndexError, ValueError) as error:
            text = Path(folder, "log").read_text()[-1500:]
            raise SystemExit(f"{filled}\n{text}\nno result: {error!r}") from None
    first, prompts = truth["first"], truth["prompts"]
    wrong = [abs(n - PROMPT_TOKENS) for n in prompts if n > PROMPT_TOKENS / 4]
    return Measured(
        used.ru_utime + used.ru_stime,
        truth["events"],
        len(first),
        ttft,
        (quantile(first, 0.5), quantile(first, 0.99)),
        sum(wrong) / max(len(wrong), 1),
        used.ru_maxrss * 1024,
    )


def ours(folder: Path) -> Percentiles:
    """From report.json, all requests of the run."""
    lines = next(folder.glob("results/*/records.jsonl")).read_text().splitlines()[1:-1]
    records = [json.loads(line) for line in lines]
    first = [r["token_times"][0] - r["sent"] for r in records if r["token_times"]]
    return quantile(first, 0.5), quantile(first, 0.99)


def stock(folder: Path) -> Percentiles:
    """From locust's own statistics."""
    entries = json.loads((folder / "stats.json").read_text())
    entry = next(e for e in entries if e["method"] == "TTFT")
    times = [float(ms) / 1e3 for ms, n in entry["response_times"].items() for _ in range(n)]
    return quantile(times, 0.5), quantile(times, 0.99)


def guidellm(folder: Path) -> Percentiles:
    """From its JSON, milliseconds."""
    value = json.loads(next(folder.rglob("*.json")).read_text())
    found = value["benchmarks"][0]["metrics"]["time_to_first_token_ms"]["successful"]
    return found["percentiles"]["p50"] / 1e3, found["percentiles"]["p99"] / 1e3


def genai_bench(folder: Path) -> Percentiles:
    """From its JSON, seconds."""
    path = next(p for p in folder.rglob("*.json") if "concurrency" in p.name)
    found = json.loads(path.read_text())["aggregated_metrics"]["stats"]["ttft"]
    return found["p50"], found["p99"]


def clients(peers: Path) -> dict[str, tuple[list[str], dict[str, str], Any]]:
    """The commands; {url}, {out}, {streams} and {model} are filled in."""
    locust = [sys.executable, "-m", "locust", "--headless", "--host", "{url}", "-f"]
    phases = f'phases={{{{"steady_seconds": {SECONDS}}}}}'
    found = {
        "ours": (
            [*locust, "loadtests/locustfile.py", "--results", "{out}/results",
             "--set", phases, "--set", f"traffic.0.prompt.tokens={PROMPT_TOKENS}",
             "--set", f"traffic.0.answer.tokens={ANSWER_TOKENS}",
             "--set", "traffic.0.load.users={streams}"], {}, ours,
        ),
        "locust + requests": (
            [*locust, "benchmarks/stock_locust.py", "-u", "{streams}", "-r", "1000", "-t",
             f"{SECONDS}s", "--only-summary", "--json-file", "{out}/stats", "-s", "10"],
            {"WORDS": str(PROMPT_TOKENS), "TOKENS": str(ANSWER_TOKENS)}, stock,
        ),
    }  # fmt: skip
    if (peers / "guidellm/bin/guidellm").exists():
        data = f"kind=synthetic_text,prompt_tokens={PROMPT_TOKENS},output_tokens={ANSWER_TOKENS}"
        found["guidellm"] = (
            [str(peers / "guidellm/bin/guidellm"), "run", "--backend",
             "kind=openai_http,target={url},model=fault-model", "--profile",
             "kind=concurrent,streams={streams}", "--constraint",
             f"kind=max_duration,seconds={SECONDS}", "--tokenizer",
             "kind=huggingface_auto,model={model}", "--data", data, "--output",
             "kind=json,path={out}/guidellm.json", "--disable-console"], {}, guidellm,
        )  # fmt: skip
    if (peers / "genai-bench/bin/genai-bench").exists():
        found["genai-bench"] = (
            [str(peers / "genai-bench/bin/genai-bench"), "benchmark", "--api-backend", "openai",
             "--api-base", "{url}", "--api-key", "none", "--api-model-name", "fault-model",
             "--model-tokenizer", "{model}", "--task", "text-to-text", "--max-time-per-run", "1",
             "--max-requests-per-run", "160", "--num-concurrency", "{streams}",
             "--traffic-scenario", f"D({PROMPT_TOKENS},{ANSWER_TOKENS})",
             "--experiment-base-dir", "{out}"], {}, genai_bench,
        )  # fmt: skip
    return found


def main() -> None:
    """Print a Markdown table and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--peers", type=Path, default=ROOT / "build/peers")
    parser.add_argument("--only", nargs="*", default=None)
    options = parser.parse_args()
    head = ["client", "CPU us/event", "TTFT p50 error ms", "p99 error ms", "prompt error tokens",
            "peak MiB", "requests"]  # fmt: skip
    print(f"{options.streams} streams, {time.strftime('%Y-%m-%d')}\n")
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    rows: dict[str, list[float]] = {}
    for name, (words, env, read) in clients(options.peers).items():
        if options.only and name not in options.only:
            continue
        measured = measure(words, env, options.streams, read)
        rows[name] = measured.row()
        cells = " | ".join(f"{value:.2f}" for value in rows[name])
        print(f"| {name} | {cells} | {measured.requests} |", flush=True)
    for name, row in rows.items():
        if name != "ours" and "ours" in rows:
            print(f"\nCPU per event, {name} over ours: {row[0] / rows['ours'][0]:.2f}")


if __name__ == "__main__":
    main()
