"""The load generators that are compared: how each is started, and where it leaves its TTFT."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
PROMPT_TOKENS, ANSWER_TOKENS = 2000, 200
# Two lengths of run: start-up and report cost the same in both, so the rest is the events'.
SHORT_SECONDS, LONG_SECONDS = 6, 26
_ANSWER_SECONDS = 4.5  # 200 events at 20 ms and the first token, of a client that keeps up
Percentiles = tuple[float, float]


@dataclass(frozen=True)
class Client:
    """``words`` has {url}, {out}, {streams}, {model}, {seconds} and {requests} to be filled in."""

    words: list[str]
    read: Callable[[Path], Percentiles]  # p50 and p99 of TTFT in seconds, from its results
    env: dict[str, str] = field(default_factory=dict)
    builder: tuple[str, str] = (sys.executable, "stock")  # interpreter and name, of its prompts

    def command(self, url: str, folder: str, streams: int, model: Path, seconds: int) -> list[str]:
        """The command for a run of about so many seconds."""
        requests = int(streams * seconds / _ANSWER_SECONDS)
        names = {"url": url, "out": folder, "streams": streams, "model": model}
        return [w.format(seconds=seconds, requests=requests, **names) for w in self.words]


def quantile(values: list[float], q: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * q), len(ordered) - 1)]


def clients(peers: Path) -> dict[str, Client]:
    """Ours, stock locust, and what is installed under ``peers``."""
    locust = [sys.executable, "-m", "locust", "--headless", "--host", "{url}", "-f"]
    phases = 'phases={{"steady_seconds": {seconds}}}'
    # The other core is the server's; whether ours was the bottleneck is told by its table.
    patient = (
        'generator={{"most_lag_seconds": 10, "most_cpu": 2, "most_schedule_delay_seconds": 9}}'
    )
    found = {
        "ours": Client(
            [*locust, str(_ROOT / "loadtests/locustfile.py"), "--results", "{out}/results",
             "--set", phases, "--set", patient, "--set", f"traffic.0.prompt.tokens={PROMPT_TOKENS}",
             "--set", f"traffic.0.answer.tokens={ANSWER_TOKENS}",
             "--set", "traffic.0.load.users={streams}"], _ours, builder=(sys.executable, "ours"),
        ),
        "locust + requests": Client(
            [*locust, str(_ROOT / "benchmarks/stock_locust.py"), "-u", "{streams}", "-r", "1000",
             "-t", "{seconds}s", "--only-summary", "--json-file", "{out}/stats", "-s", "10"],
            _stock,
            {"WORDS": str(PROMPT_TOKENS), "TOKENS": str(ANSWER_TOKENS)},
        ),
    }  # fmt: skip
    program = peers / "guidellm/bin/guidellm"
    if program.exists():
        data = f"kind=synthetic_text,prompt_tokens={PROMPT_TOKENS},output_tokens={ANSWER_TOKENS}"
        found["guidellm"] = Client(
            [str(program), "run", "--backend", "kind=openai_http,target={url},model=fault-model",
             "--profile", "kind=concurrent,streams={streams}", "--constraint",
             "kind=max_duration,seconds={seconds}", "--tokenizer",
             "kind=huggingface_auto,model={model}", "--data", data, "--output",
             "kind=json,path={out}/guidellm.json", "--disable-console"], _guidellm,
            builder=(str(program.with_name("python")), "guidellm"),
        )  # fmt: skip
    program = peers / "genai-bench/bin/genai-bench"
    if program.exists():
        found["genai-bench"] = Client(
            [str(program), "benchmark", "--api-backend", "openai",
             "--api-base", "{url}", "--api-key", "none", "--api-model-name", "fault-model",
             "--model-tokenizer", "{model}", "--task", "text-to-text", "--max-time-per-run", "5",
             "--max-requests-per-run", "{requests}", "--num-concurrency", "{streams}",
             "--traffic-scenario", f"D({PROMPT_TOKENS},{ANSWER_TOKENS})",
             "--experiment-base-dir", "{out}"], _genai_bench,
            builder=(str(program.with_name("python")), "genai_bench"),
        )  # fmt: skip
    return found


def _ours(folder: Path) -> Percentiles:
    """All requests of records.jsonl, from the sending on, as the others measure."""
    lines = next(folder.glob("results/*/records.jsonl")).read_text().splitlines()[1:-1]
    records = [json.loads(line) for line in lines]
    first = [r["token_times"][0] - r["sent"] for r in records if r["token_times"]]
    return quantile(first, 0.5), quantile(first, 0.99)


def _stock(folder: Path) -> Percentiles:
    """Locust's own statistics."""
    entries = json.loads((folder / "stats.json").read_text())
    entry = next(e for e in entries if e["method"] == "TTFT")
    times = [float(ms) / 1e3 for ms, n in entry["response_times"].items() for _ in range(n)]
    return quantile(times, 0.5), quantile(times, 0.99)


def _guidellm(folder: Path) -> Percentiles:
    """Its JSON, in milliseconds."""
    value = json.loads(next(folder.rglob("*.json")).read_text())
    found = value["benchmarks"][0]["metrics"]["time_to_first_token_ms"]["successful"]
    return found["percentiles"]["p50"] / 1e3, found["percentiles"]["p99"] / 1e3


def _genai_bench(folder: Path) -> Percentiles:
    """Its JSON, in seconds."""
    path = next(p for p in folder.rglob("*.json") if "concurrency" in p.name)
    found = json.loads(path.read_text())["aggregated_metrics"]["stats"]["ttft"]
    return found["p50"], found["p99"]
