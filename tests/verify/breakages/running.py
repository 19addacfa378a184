"""Cache, probes, metrics, long contexts and keys gone wrong."""

from __future__ import annotations

from tests.verify.breakages.sent import asked, calls, is_long, message, messages
from tests.verify.proxy import Breakage, Value

# cache


def reports_no_hit(sent: Value, value: Value) -> Value:
    if message(value) and (value.get("usage") or {}).get("prompt_tokens_details"):
        value["usage"]["prompt_tokens_details"]["cached_tokens"] = 0
    return value


def _second_turn(sent: Value, kept: bool) -> bool:
    template = sent.get("chat_template_kwargs", {})
    return (
        len(messages(sent)) >= 3
        and len(str(messages(sent)[0].get("content"))) > 1000
        and ("clear_thinking" in template) == kept
    )


def rewrites_the_prompt(sent: Value) -> Value:
    if _second_turn(sent, kept=False):
        messages(sent)[0]["content"] = "Note well.\n" + messages(sent)[0]["content"]
    return sent


def rewrites_the_thoughts(sent: Value) -> Value:
    if _second_turn(sent, kept=True):
        messages(sent)[1]["reasoning_content"] += f" Turn {len(messages(sent))}."
    return sent


# operations


def says_not_ready(path: str, sent: Value) -> int | None:
    return 503 if path == "/ready" else None


def is_healthy_though_it_fails(path: str, sent: Value) -> int | None:
    return 503 if sent.get("max_tokens") == 2 else None


class StandsStill:
    """The first /metrics for ever."""

    def __init__(self) -> None:
        self.first = ""

    def __call__(self, path: str, text: str) -> str:
        if path != "/metrics":
            return text
        self.first = self.first or text
        return self.first


def lacks_latencies(path: str, text: str) -> str:
    kept = [line for line in text.split("\n") if "time_to_first_token" not in line]
    return "\n".join(kept) if path == "/metrics" else text


def accepts(length: float) -> Breakage:
    """A breakage that writes this accepted length into SGLang's metrics."""

    def text(path: str, text: str) -> str:
        lines = text.split("\n")
        return "\n".join(
            f"{line.rpartition(' ')[0]} {length}"
            if line.startswith("sglang:spec_accept_length{")
            else line
            for line in lines
        )

    return Breakage(text=text)


# context


def cuts_in_silence(sent: Value) -> Value:
    if asked(sent).startswith("7 7 7"):
        messages(sent)[-1]["content"] = "7 7 7"
    if sent.get("max_tokens", 0) > 100_000:
        return {**sent, "max_tokens": 1}
    return sent


def truncates_at_depth(sent: Value) -> Value:
    if is_long(sent) and not sent.get("tools"):
        text = asked(sent)
        messages(sent)[-1]["content"] = text[: len(text) // 4] + text[-len(text) // 4 :]
    return sent


def shouts_at_length(sent: Value, value: Value) -> Value:
    if is_long(sent) and not sent.get("tools") and message(value):
        message(value)["content"] = "!" * 64
    return value


def loses_calls_at_length(sent: Value, value: Value) -> Value:
    if is_long(sent) and calls(value):
        message(value).update(tool_calls=None, content="", reasoning_content=str(calls(value)))
    return value


def shouts_at_full_length(sent: Value, value: Value) -> Value:
    # Beyond the ladder's first rung of 4,000 tokens.
    used = (value.get("usage") or {}).get("prompt_tokens", 0)
    return shouts_at_length(sent, value) if used > 4200 else value


# keys


def adds_the_key(path: str, headers: dict[str, str]) -> dict[str, str]:
    if path == "/abort_request":
        return headers
    return {**headers, "Authorization": "Bearer top-secret-key"}


def opens_administration(path: str, headers: dict[str, str]) -> dict[str, str]:
    if path == "/abort_request":
        return {**headers, "Authorization": "Bearer top-secret-admin-key"}
    return headers


def shows_the_key(path: str, text: str) -> str:
    return f"{text}# top-secret-key\n" if path == "/metrics" else text


def closes_server_info(path: str, sent: Value) -> int | None:
    return 403 if path == "/server_info" else None
