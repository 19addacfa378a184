"""What a streamed chat completion says, event by event, and whether it keeps its contract."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from loadtests.client.outcomes import Outcome, RequestFailed

Observer = Callable[[float, dict[str, Any]], None]
_DECODE = json.JSONDecoder().raw_decode  # json.loads takes half as long again, for every event


@dataclass
class Usage:
    """The server's own counts; None where it did not say."""

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None
    reasoning: int | None = None


@dataclass
class ChatStream:
    """Collects one stream. Times are seconds on whatever clock its events are given with.

    ``times`` and ``counts`` hold one entry per event that carried tokens: when it came, and how
    many tokens it brought. The count is the server's own where it sends usage with every event
    (continuous_usage_stats), and 1 otherwise until ``settle`` spreads the final count.
    """

    observer: Observer | None = None
    times: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    first_reasoning: float | None = None
    first_content: float | None = None
    content: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    finish_reason: str | None = None
    done: bool = False
    counted: bool = False
    _roles: int = 0
    _calls: int = 0
    _after_finish: bool = False
    _running: int = 0

    def on_event(self, at: float, data: bytes) -> None:
        """Take one event; RequestFailed where it is an error or no chat completion chunk."""
        if self.done:
            raise RequestFailed(Outcome.CONTRACT, "an event after [DONE]")
        if data == b"[DONE]":
            self.done = True
            return
        try:
            text = data.decode().strip()
            event, end = _DECODE(text)
            if end != len(text):
                raise ValueError(f"text after the object: {text[end:][:80]!r}")
        except ValueError as error:  # UnicodeDecodeError is one, too
            raise RequestFailed(Outcome.BAD_EVENT, str(error)[:200]) from None
        if not isinstance(event, dict):
            raise RequestFailed(Outcome.BAD_EVENT, f"not an object: {data[:80]!r}")
        if self.observer:
            self.observer(at, event)
        if event.get("error") is not None:
            raise RequestFailed(Outcome.IN_BAND_ERROR, error_message(event["error"]))
        choices = event.get("choices")
        if not isinstance(choices, list):
            raise RequestFailed(Outcome.BAD_EVENT, f"no choices: {data[:80]!r}")
        usage = event.get("usage")
        if isinstance(usage, dict):
            self._take_usage(usage)
        for choice in choices:
            self._take_choice(at, choice)

    def settle(self) -> None:
        """Spread the final token count over the events where the server did not say per event."""
        total = self.usage.completion
        if self.counted or not total or not self.times:
            return
        # A chunk is not a token: under multi-token prediction one brings several.
        base, extra = divmod(max(total, len(self.times)), len(self.times))
        self.counts = [base + (i < extra) for i in range(len(self.times))]

    def breach(self) -> str | None:
        """What of the contract a stream that came to its end did not keep."""
        if self.finish_reason is None:
            return "no finish_reason"
        if not self._roles:
            return "no role"
        if self.usage.prompt is None or self.usage.completion is None:
            return "no usage"
        if not self.times and not self._calls and self.usage.completion > 1:
            return f"usage counts {self.usage.completion} tokens, and none came"
        return None

    def _take_usage(self, usage: dict[str, Any]) -> None:
        mine = self.usage
        mine.prompt, mine.completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if details := usage.get("prompt_tokens_details"):
            mine.cached = details.get("cached_tokens", mine.cached)
        told = usage.get("completion_tokens_details") or {}
        reasoning = usage.get("reasoning_tokens", told.get("reasoning_tokens"))
        if reasoning is not None:
            mine.reasoning = reasoning

    def _take_choice(self, at: float, choice: dict[str, Any]) -> None:
        delta = choice.get("delta") or {}
        if delta.get("role"):
            self._roles += 1
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        content = delta.get("content")
        if reasoning or content or delta.get("tool_calls"):
            if self._after_finish:
                raise RequestFailed(Outcome.CONTRACT, "text after finish_reason")
            self._calls += bool(delta.get("tool_calls"))
            self._take_text(at, reasoning, content)
        if choice.get("finish_reason"):
            self.finish_reason = str(choice["finish_reason"])
            self._after_finish = True

    def _take_text(self, at: float, reasoning: str | None, content: str | None) -> None:
        if reasoning:
            self.first_reasoning = at if self.first_reasoning is None else self.first_reasoning
            self.reasoning.append(reasoning)
        if content:
            self.first_content = at if self.first_content is None else self.first_content
            self.content.append(content)
        tokens, total = 1, self.usage.completion
        if total is not None and total > 0:
            # A server that counts says so with the event; tokens of markup come without text, and
            # count with the next text.
            self.counted = True
            tokens, self._running = max(total - self._running, 0), total
        self.times.append(at)
        self.counts.append(tokens)


def error_message(error: Any) -> str:
    """The words of an error object, whatever its form."""
    if isinstance(error, dict):
        return str(error.get("message") or error)[:300]
    return str(error)[:300]
