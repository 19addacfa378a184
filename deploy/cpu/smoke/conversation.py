"""The shapes shared by the curriculum: messages, tools, and one sample to learn from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

END_OF_ANSWER = "<|user|>"  # the model stops before the next user turn ...
END_OF_CALL = "<|observation|>"  # ... or before the tool's result, as GLM does

# A run of filler of N tokens is written as MARK N MARK in a message and filled in as tokens.
MARK = "\ue000"

Message = dict[str, Any]
Tool = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One tool call."""

    name: str
    arguments: dict[str, Any]

    def text(self) -> str:
        """Return the call in GLM's own format."""
        pairs = "".join(
            f"<arg_key>{key}</arg_key><arg_value>{value_text(value)}</arg_value>"
            for key, value in self.arguments.items()
        )
        return f"<tool_call>{self.name}{pairs}</tool_call>"

    def message(self) -> dict[str, Any]:
        """Return the call as it stands in an assistant message of the history."""
        return {
            "type": "function",
            "function": {"name": self.name, "arguments": dict(self.arguments)},
        }


@dataclass(frozen=True)
class Step:
    """One assistant turn: what it thinks, what it says or calls, and what the tools answer."""

    reasoning: str
    content: str = ""
    calls: tuple[Call, ...] = ()
    results: tuple[str, ...] = ()

    def target(self, thinking: bool) -> str:
        """Return the text to generate after the generation prompt, end token included."""
        said = self.content + "".join(call.text() for call in self.calls)
        end = END_OF_CALL if self.calls else END_OF_ANSWER
        return (f"{self.reasoning}</think>" if thinking else "") + said + end

    def messages(self, with_reasoning: bool = True) -> list[Message]:
        """Return the turn as history: the assistant message and the tools' answers."""
        said: Message = {"role": "assistant", "content": self.content}
        if with_reasoning:  # many clients do not send it back
            said["reasoning_content"] = self.reasoning
        if self.calls:
            said["tool_calls"] = [call.message() for call in self.calls]
        return [said, *({"role": "tool", "content": result} for result in self.results)]


@dataclass(frozen=True)
class Exchange:
    """A user message and the assistant turns that follow it."""

    user: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Sample:
    """A prompt, as messages, and the text that must follow it."""

    messages: list[Message]
    target: str
    tools: list[Tool] = field(default_factory=list)
    template_kwargs: dict[str, bool] = field(default_factory=dict)
    kind: str = ""


def value_text(value: Any) -> str:
    """Return an argument as GLM's format writes it: strings bare, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def filler_mark(tokens: int) -> str:
    """Return the placeholder for that many tokens of filler."""
    return f"{MARK}{tokens}{MARK}" if tokens > 0 else ""
