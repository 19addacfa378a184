"""An answer, the same whether it came whole or in pieces."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from deploy.verify.check import Broken

# What a chat template or a parser puts between texts; none of it may reach a user.
MARKERS = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<arg_key>", "<|", "[gMASK]")


@dataclass(frozen=True)
class Usage:
    """Tokens of one request; ``cached`` is None where the server does not tell."""

    prompt: int
    completion: int
    total: int
    cached: int | None

    @staticmethod
    def of(value: Any) -> Usage | None:
        """From the client's object; None where the answer had none."""
        if value is None:
            return None
        details = value.prompt_tokens_details
        cached = details.cached_tokens if details else None
        return Usage(value.prompt_tokens, value.completion_tokens, value.total_tokens, cached)


@dataclass
class Call:
    """One tool call; ``arguments`` is the JSON text as it was sent."""

    id: str = ""
    name: str = ""
    arguments: str = ""

    @property
    def value(self) -> Any:
        """The arguments read as JSON; Broken where they are none."""
        try:
            return json.loads(self.arguments)
        except ValueError:
            raise Broken(
                f"the arguments of {self.name} are no JSON: {self.arguments[:200]}"
            ) from None


@dataclass
class Reply:
    """One chat answer."""

    content: str = ""
    reasoning: str = ""
    finish: str | None = None
    model: str = ""
    calls: list[Call] = field(default_factory=list)
    maybe_usage: Usage | None = None

    @property
    def usage(self) -> Usage:
        """The tokens counted; Broken where the answer does not say."""
        if self.maybe_usage is None:
            raise Broken("the answer has no usage")
        return self.maybe_usage

    @property
    def called(self) -> list[tuple[str, Any]]:
        """The calls as (name, arguments)."""
        return [(call.name, call.value) for call in self.calls]

    def shown(self) -> str:
        """In one line, for people."""
        parts = [f"reasoning {self.reasoning!r}"] if self.reasoning else []
        parts += [f"content {self.content!r}"] if self.content else []
        parts += [f"call {call.name}({call.arguments})" for call in self.calls]
        parts.append(f"finish_reason {self.finish}")
        if self.maybe_usage:
            used = self.maybe_usage
            parts.append(f"{used.prompt} + {used.completion} = {used.total} tokens")
        return ", ".join(parts)


def whole(answer: Any, reasoning_field: str) -> Reply:
    """From an answer that came at once."""
    choice = answer.choices[0]
    message = choice.message
    return Reply(
        message.content or "",
        getattr(message, reasoning_field, None) or "",
        choice.finish_reason,
        answer.model,
        [
            Call(call.id, call.function.name, call.function.arguments)
            for call in message.tool_calls or []
        ],
        Usage.of(answer.usage),
    )


def joined(chunks: Iterable[Any], reasoning_field: str) -> Reply:
    """From a stream's chunks; calls are told apart by their index, as clients do."""
    reply = Reply()
    calls: dict[int, Call] = {}
    for chunk in chunks:
        reply.model = chunk.model or reply.model
        reply.maybe_usage = Usage.of(chunk.usage) or reply.maybe_usage
        for choice in chunk.choices:
            delta = choice.delta
            reply.finish = choice.finish_reason or reply.finish
            reply.content += delta.content or ""
            reply.reasoning += getattr(delta, reasoning_field, None) or ""
            for part in delta.tool_calls or []:
                call = calls.setdefault(part.index, Call())
                call.id = part.id or call.id
                if part.function:
                    call.name += part.function.name or ""
                    call.arguments += part.function.arguments or ""
    reply.calls = [calls[index] for index in sorted(calls)]
    return reply


def markers_in(text: str) -> list[str]:
    """The template's and parsers' marks that leaked into a text."""
    return [marker for marker in MARKERS if marker in text]
