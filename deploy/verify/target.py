"""The server under test: who it is, how it is asked, and a record of what was said."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import openai

from deploy.profile import Profile
from deploy.verify.check import DoesNotApply, Exchange
from deploy.verify.reply import Reply, joined, whole

# Where each engine puts what the model thought.
REASONING = {"sglang": "reasoning_content", "vllm": "reasoning"}
# Enough for GLM-5.1 to think about a one-line question and answer it.
_ANSWER_TOKENS = 2000
# Twice what that many tokens take at 40 tokens a second; long prompts get what time there is.
_TIMEOUT_SECONDS = 100.0
# Longest text of a request or answer that a report holds.
_SHOWN = 600


@dataclass
class Budget:
    """How much may be spent: prompt tokens at most, and an end on the monotonic clock."""

    max_context_tokens: int | None
    end: float

    @property
    def remaining_seconds(self) -> float:
        """Until the end; negative after it."""
        return self.end - time.monotonic()


@dataclass
class Target:
    """A running server. ``url`` is without /v1; ``keys`` are by engine option, as in keys.py.

    ``agent`` is the User-Agent of requests: a gateway's log then shows which check asked.
    ``measured`` are long prompts so far, in tokens, each with the seconds until its answer.
    """

    url: str
    model: str
    engine: str
    keys: Mapping[str, str]
    profile: Profile | None
    listed_context_tokens: int | None
    budget: Budget
    seed: str = ""
    agent: str = "glm-serving-verify"
    exchanges: list[Exchange] = field(default_factory=list)
    measured: list[tuple[int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=_TIMEOUT_SECONDS)
        self._client = openai.OpenAI(
            base_url=f"{self.url}/v1",
            api_key=self.keys.get("api-key", "none"),
            max_retries=0,
            timeout=_TIMEOUT_SECONDS,
        )

    def close(self) -> None:
        """Close the connections."""
        self.http.close()
        self._client.close()

    @property
    def context_tokens(self) -> int | None:
        """Longest prompt plus answer: what the profile promises, else what the server says."""
        return self.profile.limits.context_tokens if self.profile else self.listed_context_tokens

    def option(self, name: str) -> Any:
        """An engine option of the profile; None without a profile or where it is not set."""
        return self.profile.argument(name) if self.profile else None

    def rng(self, salt: str) -> random.Random:
        """Random numbers that differ between runs and checks, and not within one."""
        return random.Random(f"{self.seed} {salt}")

    def chat(
        self,
        messages: str | Sequence[Mapping[str, Any]],
        *,
        stream: bool = False,
        thinking: bool = False,
        force: str | None = None,
        template: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
        patient: bool = False,
        **options: Any,
    ) -> Reply:
        """One chat request, greedy and without thinking unless asked otherwise.

        ``force`` is the one text that constrained decoding allows as the answer (behind the
        reasoning, with ``thinking``): what a server makes of it does not depend on the model.
        ``template`` goes to the chat template and ``extra`` to the engine. ``patient`` waits as
        long as the budget allows.
        """
        body = dict(extra or {})
        body["chat_template_kwargs"] = {"enable_thinking": thinking, **(template or {})}
        if force is not None:
            body |= self.constrained(_exactly(force))
        if stream:
            options["stream_options"] = {"include_usage": True}
        if isinstance(messages, str):
            messages = [user(messages)]
        request = {
            "model": self.model,
            "messages": list(messages),
            "temperature": 0,
            "max_tokens": _ANSWER_TOKENS,
            "stream": stream,
            **options,
        }
        create: Any = self._client.chat.completions.create
        sent = f"POST /v1/chat/completions {_json({**request, **body})}"
        try:
            timeout = self.budget.remaining_seconds if patient else _TIMEOUT_SECONDS
            headers = {"User-Agent": self.agent}
            answer = create(
                **request, extra_body=body, extra_headers=headers, timeout=max(timeout, 1)
            )
            join = joined if stream else whole
            reply = join(answer, REASONING[self.engine])
        except openai.OpenAIError as error:
            self._record(sent, f"{type(error).__name__}: {error}")
            if patient and self.budget.remaining_seconds <= 0:
                raise DoesNotApply("the time of --minutes ran out before the answer") from None
            raise
        self._record(sent, reply.shown())
        return reply

    def both(self, messages: Any, **options: Any) -> tuple[Reply, Reply]:
        """The same request plain and streamed."""
        return self.chat(messages, **options), self.chat(messages, stream=True, **options)

    def constrained(self, regex: str) -> dict[str, Any]:
        """The request fields that allow only answers of this pattern."""
        if self.engine == "sglang":
            return {"regex": regex}
        return {"structured_outputs": {"regex": regex}}

    def get(self, path: str, **options: Any) -> httpx.Response:
        """GET a path; ``options`` as of :meth:`headers`, or httpx's."""
        return self._send("GET", path, **options)

    def post(self, path: str, body: Any, **options: Any) -> httpx.Response:
        """POST a value as JSON, or bytes as they are; ``options`` as of :meth:`get`."""
        content = body if isinstance(body, bytes) else json.dumps(body)
        return self._send("POST", path, content=content, **options)

    def headers(self, *, keyed: bool = True, secret: str | None = None) -> dict[str, str]:
        """Those of a request of ours, with our API key unless told otherwise."""
        found = {"User-Agent": self.agent, "Content-Type": "application/json"}
        if keyed and (bearer := secret or self.keys.get("api-key")):
            found["Authorization"] = f"Bearer {bearer}"
        return found

    def tokenize(self, text: str) -> list[int]:
        """The tokens that the server's own tokenizer makes of a text.

        DoesNotApply where it does not say, as behind a gateway that lets /v1 through only.
        """
        # SGLang has both paths, vLLM the first.
        for path in ("/tokenize", "/v1/tokenize"):
            reply = self.post(path, {"model": self.model, "prompt": text})
            if reply.status_code == 200:
                return list(reply.json()["tokens"])
        raise DoesNotApply("the server has no /tokenize, so texts cannot be measured out")

    def _send(
        self,
        method: str,
        path: str,
        *,
        keyed: bool = True,
        secret: str | None = None,
        **options: Any,
    ) -> httpx.Response:
        sent = f"{method} {path} {options.get('content', '')}".strip()
        headers = self.headers(keyed=keyed, secret=secret)
        try:
            answer = self.http.request(method, path, headers=headers, **options)
        except httpx.HTTPError as error:
            self._record(sent, f"{type(error).__name__}: {error}")
            raise
        self._record(sent, f"{answer.status_code} {answer.text}")
        return answer

    def _record(self, sent: str, received: str) -> None:
        for secret in self.keys.values():
            received = received.replace(secret, "(key)")
        self.exchanges.append(Exchange(_cut(sent), _cut(received)))


def user(text: str) -> dict[str, str]:
    """A user's message."""
    return {"role": "user", "content": text}


def _exactly(text: str) -> str:
    """The pattern that only this text fits, in the dialect of the engine's grammar backend."""
    return re.sub(r"([\\.^$|?*+()\[\]{}])", r"\\\1", text).replace("\n", r"\n")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _cut(text: str) -> str:
    half = _SHOWN // 2
    return text if len(text) <= _SHOWN else f"{text[:half]} ... {text[-half:]}"
