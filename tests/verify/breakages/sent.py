"""What a request asks for, and the parts of an answer."""

from __future__ import annotations

from tests.verify.proxy import Value

WHO = "Who are you?"


def messages(sent: Value) -> list[Value]:
    return sent.get("messages") or []


def asked(sent: Value) -> str:
    """The last message's text."""
    content = messages(sent)[-1].get("content") if messages(sent) else ""
    return content if isinstance(content, str) else ""


def forced(sent: Value) -> str:
    return str(sent.get("regex") or "")


def thinks(sent: Value) -> bool:
    return bool(sent.get("chat_template_kwargs", {}).get("enable_thinking"))


def natural(sent: Value) -> bool:
    """A chat request without tools and without a forced answer."""
    return bool(messages(sent)) and not forced(sent) and not sent.get("tools")


def is_long(sent: Value) -> bool:
    return max((len(str(m.get("content"))) for m in messages(sent)), default=0) > 6000


def choices(value: Value) -> list[Value]:
    return value.get("choices") or []


def message(value: Value) -> Value:
    found: Value = choices(value)[0].get("message") or {} if choices(value) else {}
    return found


def calls(value: Value) -> list[Value]:
    return message(value).get("tool_calls") or []
