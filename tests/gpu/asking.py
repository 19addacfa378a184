"""What the GPU tests ask of a server: the contract a random model can keep, prompts, a load."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import openai

from loadtests.client.outcomes import Outcome
from tests.gpu.watch import PeakMemory
from tests.launching import ROOT
from tests.loadtests.running import run

_ANSWER_TOKENS = 64
# Tokens of the smoke tokenizer that are text: bytes come first, special tokens last.
_FIRST, _LAST = 300, 1000
# Checks of launch.py verify that a model must be trained for, and what a random one lacks. The
# others pass on a CPU with the smoke model's architecture and random weights.
UNTRAINED = {
    "chat.answers": "its answers do not end by themselves",
    "chat.turns": "it recalls nothing",
    "limits.stop": "it stops at a word of the model's own, and there may be none",
    "reasoning.separated": "its reasoning does not end",
    "reasoning.off": "its text may hold any mark of the template",
    "tools.called": "it does not call tools",
    "tools.parallel": "it does not call tools",
    "tools.choice": "it does not call tools, and SGLang does not make it",
    "tools.result": "it does not use what it reads",
    "parsing.after-reasoning": "its reasoning does not end",
    "messages.answers": "its answers do not end by themselves",
    "messages.streamed": "its answers do not end by themselves",
    "messages.tools": "it does not call tools",
    "cache.kept-thinking": "its reasoning does not end",
    "operations.speculative": "nothing of a random draft is accepted",
    "context.needles": "it recalls nothing",
    "context.tool-call": "it does not call tools",
    "context.full": "it recalls nothing",
}
# How a request may end whose text is nonsense, with everything else as it should be.
_NONSENSE = {Outcome.OK, Outcome.GARBAGE, Outcome.REPETITION}
_LOAD = Path(__file__).with_name("load.yaml")
_PASSED = {"passed": True, "failed": False, "not-applicable": None}


class Server:
    """One running server by its address and the model name that requests use."""

    def __init__(self, base: str, model: str) -> None:
        self.base, self.model = base, model
        self.client = openai.OpenAI(
            base_url=f"{base}/v1", api_key="none", max_retries=0, timeout=580
        )
        self._random = random.Random(time.time_ns())

    def prompt(self, tokens: int) -> list[int]:
        """A prompt of exactly so many tokens that no cache holds."""
        return [self._random.randrange(_FIRST, _LAST) for _ in range(tokens)]

    def get(self, path: str) -> str:
        """What a path of the server answers."""
        with urllib.request.urlopen(f"{self.base}{path}", timeout=60) as answer:
            return str(answer.read().decode())


def verified(base: str, profile: str, *words: str) -> list[dict[str, Any]]:
    """launch.py verify without what a random model cannot do: each check's name and outcome.

    ``passed`` is None where a check says that it does not apply.
    """
    command = [sys.executable, "launch.py", "verify", "--url", base, "--profile", profile]
    command += ["--json", "--skip", ",".join(UNTRAINED), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200)
    assert done.stdout, done.stderr
    return [
        {"name": check["name"], "passed": _PASSED[check["status"]], "said": check["meaning"]}
        for check in json.loads(done.stdout)["checks"]
    ]


def measured(server: Server, tokens: int, used_bytes: Callable[[], int]) -> dict[str, Any]:
    """One streamed prompt: seconds to the first token, milliseconds between tokens, memory.

    ``used_bytes`` reads the memory in use, which is noted before the prompt and at its peak.
    """
    prompt = server.prompt(tokens)
    times: list[float] = []
    usage: Any = None
    with PeakMemory(used_bytes) as memory:
        start = time.perf_counter()
        for part in server.client.completions.create(
            model=server.model,
            prompt=prompt,
            max_tokens=_ANSWER_TOKENS,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
            extra_body={"ignore_eos": True},
        ):
            times.append(time.perf_counter() - start)
            usage = part.usage or usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (tokens, _ANSWER_TOKENS), usage
    return {
        "prompt_tokens": tokens,
        "answer_tokens": _ANSWER_TOKENS,
        "ttft_seconds": times[0],
        # The last part holds the usage only.
        "itl_milliseconds": 1000 * (times[-2] - times[0]) / (_ANSWER_TOKENS - 1),
        "used_before_bytes": memory.before_bytes,
        "peak_bytes": memory.peak_bytes,
    }


def loaded(base: str, folder: Path, settings: Sequence[str] = ()) -> dict[str, Any]:
    """A short load test under locust: what its steady state saw.

    Whether the text makes sense is not judged. AssertionError where a request ended otherwise, or
    where the run was not valid.
    """
    assert find_spec("locust"), "locust is not installed: pip install locust"
    words = [word for setting in settings for word in ("--set", setting)]
    done = run(folder, base, "--scenario", str(_LOAD), *words)
    assert done.status == 0, done.said[-2000:]
    scenario = done.report["run"]["scenario"]
    traffic = scenario["traffic"][0]
    steady = [r for r in done.records if r.phase == "steady" and not r.in_flight]
    ends = Counter(record.outcome for record in steady)
    assert steady and set(ends) <= _NONSENSE, ends
    return {
        "requests": len(steady),
        "users": traffic["load"]["users"],
        "prompt_tokens": traffic["prompt"]["tokens"],
        "answer_tokens": traffic["answer"]["tokens"],
        "seconds": scenario["phases"]["steady_seconds"],
        "output_tokens_per_second": done.report["summaries"][0]["tokens_per_second"],
        "worst_ttft_seconds": max(record.ttft or 0 for record in steady),
        "worst_itl_milliseconds": 1000 * max(gap for record in steady for gap in record.gaps()),
    }
