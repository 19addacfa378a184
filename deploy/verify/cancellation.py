"""A client that goes away: its request must not go on."""

from __future__ import annotations

import json
import time

import httpx

from deploy.verify import metrics
from deploy.verify.check import Broken, Check, DoesNotApply
from deploy.verify.target import Target, user

# Longer than the engines take to notice, and much shorter than the request would run.
_FREED_WITHIN_SECONDS = 10.0
_TOKENS = 20_000


def _endless(target: Target, stream: bool) -> bytes:
    tokens = min(_TOKENS, (target.listed_context_tokens or _TOKENS) // 2)
    body = {
        "model": target.model,
        "messages": [user("Who are you?")],
        "max_tokens": tokens,
        "min_tokens": tokens,
        "stream": stream,
        "chat_template_kwargs": {"enable_thinking": False},
    }
    return json.dumps(body).encode()


def _wait_for(target: Target, count: int, seconds: float) -> int:
    """Until so many requests run, or the time is up; how many run then."""
    deadline = time.monotonic() + seconds
    while (now := metrics.running(target)) != count and time.monotonic() < deadline:
        time.sleep(0.1)
    return now


def _idle(target: Target) -> None:
    if busy := _wait_for(target, 0, 5):
        raise DoesNotApply(f"{busy} other requests run, so the effect cannot be seen")


def _freed(target: Target) -> str:
    started = time.monotonic()
    if left := _wait_for(target, 0, _FREED_WITHIN_SECONDS):
        raise Broken(
            f"{left} request still runs {_FREED_WITHIN_SECONDS:.0f} s after its client went away"
        )
    return f"freed {time.monotonic() - started:.1f} s after the client went away"


def _streamed(target: Target) -> str:
    _idle(target)
    with target.http.stream(
        "POST",
        "/v1/chat/completions",
        content=_endless(target, stream=True),
        headers=target.headers(),
    ) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                break
    return _freed(target)


def _plain(target: Target) -> str:
    _idle(target)
    try:
        target.post("/v1/chat/completions", _endless(target, stream=False), timeout=2.0)
    except httpx.TimeoutException:
        return _freed(target)
    raise DoesNotApply("the answer was there in two seconds, before it could be cancelled")


CHECKS = (
    Check(
        "cancellation.streamed",
        "a stream whose client goes away is ended, and its memory freed",
        "Closed browser tabs go on costing GPU time.",
        _streamed,
    ),
    Check(
        "cancellation.plain",
        "a request without a stream is ended when its client goes away",
        "Clients that time out and retry fill the server with work for nobody.",
        _plain,
    ),
)
