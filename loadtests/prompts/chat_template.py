"""What the server's chat template adds around texts, learnt from the server itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from loadtests.prompts.tokens import Counter, Messages

Kind = Literal["user", "tool"]
Kinds = tuple[Kind, ...]

# One constant call; what it costs is part of the template's tokens.
TOOL_CALL: dict[str, Any] = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "run_command", "arguments": '{"command": "make test"}'},
}
_TEXTS = ("Alpha", "Omega")  # two markers that differ in their first token


def messages(kinds: Kinds, texts: list[str]) -> Messages:
    """A conversation: a first message, then for each turn a reply and what follows it."""
    found: Messages = [{"role": "user", "content": texts[0]}]
    for turn, kind in enumerate(kinds[1:], start=1):
        reply: dict[str, Any] = {"role": "assistant", "content": texts[2 * turn - 1]}
        follow: dict[str, Any] = {"role": kind, "content": texts[2 * turn]}
        if kind == "tool":
            reply["tool_calls"] = [TOOL_CALL]
            follow["tool_call_id"] = TOOL_CALL["id"]
        found += [reply, follow]
    return found


@dataclass
class ChatTemplate:
    """Counts the template's own tokens for each form of conversation, once."""

    counter: Counter
    options: dict[str, Any]
    _marker_tokens: list[int] = field(default_factory=list)
    _overheads: dict[Kinds, int] = field(default_factory=dict)

    def overhead(self, kinds: Kinds) -> int:
        """Tokens of the prompt beside those of its texts."""
        if not self._marker_tokens:
            self._marker_tokens = self.counter.texts(list(_TEXTS))
        if kinds not in self._overheads:
            texts = [_TEXTS[0]] * (2 * len(kinds) - 1)
            count, _ = self.counter.chat(messages(kinds, texts), self.options)
            self._overheads[kinds] = count - self._marker_tokens[0] * len(texts)
        return self._overheads[kinds]

    def head(self) -> int | None:
        """Tokens in front of the first text; None where the server does not show its tokens."""
        return self._start(("user",), 0)

    def kept(self, kinds: Kinds) -> tuple[int, int] | None:
        """What the prompt before the last turn and this one share: (texts, template tokens).

        A template may write an earlier turn otherwise once a later one is there.
        """
        earlier, later = self._ids(kinds[:-1]), self._ids(kinds)
        if earlier is None or later is None:
            return None
        common = _common(earlier, later)
        for texts in range(2 * len(kinds) - 3, 0, -1):
            start = self._start(kinds[:-1], texts - 1)
            if start is not None and start < common:
                return texts, common - texts * self._marker_tokens[0]
        return 0, common

    def _start(self, kinds: Kinds, index: int) -> int | None:
        """Where a text starts: the first token that changes with it."""
        ids, changed = self._ids(kinds), self._ids(kinds, index)
        return None if ids is None or changed is None else _common(ids, changed)

    def _ids(self, kinds: Kinds, changed: int | None = None) -> list[int] | None:
        self.overhead(kinds)
        texts = [_TEXTS[index == changed] for index in range(2 * len(kinds) - 1)]
        return self.counter.chat(messages(kinds, texts), self.options)[1]


def _common(one: list[int], other: list[int]) -> int:
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))
