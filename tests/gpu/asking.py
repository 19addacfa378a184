"""What the GPU tests ask of a server: the contract a random model can keep, prompts, a load."""

from __future__ import annotations

import random
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai

from tests.gpu.watch import PeakMemory

_ANSWER_TOKENS = 64
# Tokens of the smoke tokenizer that are text: bytes come first, special tokens last.
_FIRST, _LAST = 300, 1000
_LOAD_REQUESTS, _LOAD_PROMPT, _LOAD_ANSWER = 16, 1024, 128


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


def streamed(server: Server, tokens: int, answer_tokens: int) -> dict[str, Any]:
    """One streamed prompt: seconds to the first token, milliseconds between tokens."""
    prompt = server.prompt(tokens)
    times: list[float] = []
    usage: Any = None
    start = time.perf_counter()
    for part in server.client.completions.create(
        model=server.model,
        prompt=prompt,
        max_tokens=answer_tokens,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
        extra_body={"ignore_eos": True},
    ):
        times.append(time.perf_counter() - start)
        usage = part.usage or usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (tokens, answer_tokens), usage
    return {
        "prompt_tokens": tokens,
        "answer_tokens": answer_tokens,
        "ttft_seconds": times[0],
        # The last part holds the usage only.
        "itl_milliseconds": 1000 * (times[-2] - times[0]) / (answer_tokens - 1),
    }


def measured(server: Server, tokens: int) -> dict[str, Any]:
    """One streamed prompt, and the GPU memory in use before it and at most during it, in bytes."""
    with PeakMemory() as memory:
        found = streamed(server, tokens, _ANSWER_TOKENS)
    return found | {"used_before_bytes": memory.before_bytes, "peak_bytes": memory.peak_bytes}


def load(server: Server) -> dict[str, Any]:
    """So many requests at once, a closed loop of one round: what a minute of users would see."""
    with ThreadPoolExecutor(_LOAD_REQUESTS) as pool:
        start = time.perf_counter()
        lengths = [_LOAD_PROMPT] * _LOAD_REQUESTS
        answers = list(pool.map(lambda tokens: streamed(server, tokens, _LOAD_ANSWER), lengths))
        seconds = time.perf_counter() - start
    return {
        "requests": _LOAD_REQUESTS,
        "prompt_tokens": _LOAD_PROMPT,
        "answer_tokens": _LOAD_ANSWER,
        "seconds": seconds,
        "output_tokens_per_second": _LOAD_REQUESTS * _LOAD_ANSWER / seconds,
        "worst_ttft_seconds": max(answer["ttft_seconds"] for answer in answers),
        "worst_itl_milliseconds": max(answer["itl_milliseconds"] for answer in answers),
    }


def _chat(server: Server, **more: Any) -> Any:
    body: dict[str, Any] = {
        "model": server.model,
        "messages": [{"role": "user", "content": "Who are you?"}],
        "max_tokens": 24,
    }
    return server.client.chat.completions.create(**{**body, **more})


def lists_the_model(server: Server) -> str:
    """/v1/models has the served name."""
    names = [model.id for model in server.client.models.list()]
    assert server.model in names, names
    return ", ".join(names)


def answers(server: Server) -> str:
    """A chat request ends with the asked number of tokens and counts them."""
    answer = _chat(server, extra_body={"ignore_eos": True})
    assert answer.choices[0].finish_reason == "length", answer
    assert answer.usage.completion_tokens == 24, answer.usage
    return f"{answer.usage.prompt_tokens} + {answer.usage.completion_tokens} tokens"


def streams(server: Server) -> str:
    """The same streamed: several parts, a finish reason, the usage at the end."""
    options = {"include_usage": True}
    more = {"ignore_eos": True}
    parts = list(_chat(server, stream=True, stream_options=options, extra_body=more))
    reasons = [choice.finish_reason for part in parts for choice in part.choices]
    assert reasons[-1] == "length" and len(parts) > 3, reasons
    assert parts[-1].usage.completion_tokens == 24, parts[-1]
    return f"{len(parts)} parts"


def keeps_a_grammar(server: Server) -> str:
    """An answer bound to a regular expression matches it, whatever the weights are."""
    more = {"regex": "(red|green)", "chat_template_kwargs": {"enable_thinking": False}}
    message = _chat(server, extra_body=more).choices[0].message
    text = message.content or message.reasoning_content
    assert text in ("red", "green"), message
    return str(text)


def reuses_a_prefix(server: Server) -> str:
    """The second time most of a prompt comes from the cache, and usage says so."""
    prompt = server.prompt(1000)
    for _ in range(2):
        answer = server.client.completions.create(model=server.model, prompt=prompt, max_tokens=4)
    details = answer.usage and answer.usage.prompt_tokens_details
    assert details and (details.cached_tokens or 0) >= 900, answer.usage
    return f"{details.cached_tokens} of 1000 tokens"


def refuses_too_long(server: Server) -> str:
    """A prompt longer than the context gets a 400, and the server lives on."""
    try:
        server.client.completions.create(
            model=server.model, prompt=server.prompt(210_000), max_tokens=4
        )
    except openai.BadRequestError as error:
        assert server.get("/health") == ""
        return str(error)[:120]
    raise AssertionError("it took 210,000 tokens")


def has_metrics(server: Server) -> str:
    """/metrics counts the tokens."""
    lines = [line for line in server.get("/metrics").splitlines() if not line.startswith("#")]
    assert any(line.startswith("sglang:prompt_tokens_total") for line in lines), lines[:5]
    return f"{len(lines)} series"


CHECKS: tuple[Callable[[Server], str], ...] = (
    lists_the_model,
    answers,
    streams,
    keeps_a_grammar,
    reuses_a_prefix,
    refuses_too_long,
    has_metrics,
)
