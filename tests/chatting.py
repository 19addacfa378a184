"""What tests of a server say to it through the official client, and how they read it."""

from __future__ import annotations

from typing import Any

import openai

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the current weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
WHO: Any = [{"role": "user", "content": "Who are you?"}]
LISBON: Any = [{"role": "user", "content": "What is the weather in Lisbon?"}]


def streamed(client: openai.OpenAI, **request: Any) -> tuple[dict[str, str], Any, Any]:
    """The joined texts of a stream by field, the finish reason, and the usage."""
    texts: dict[str, str] = {}
    finish, usage = None, None
    stream = client.chat.completions.create(
        stream=True, stream_options={"include_usage": True}, temperature=0, **request
    )
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            delta = choice.delta.model_dump()
            for call in delta.pop("tool_calls", None) or []:
                delta["name"] = call["function"]["name"]
                delta["arguments"] = call["function"]["arguments"]
            for field in ("content", "reasoning_content", "reasoning", "name", "arguments"):
                texts[field] = texts.get(field, "") + (delta.get(field) or "")
    return texts, finish, usage


def cached_when_asked_again(client: openai.OpenAI) -> int:
    """How many tokens of a prompt of some hundreds usage calls cached the second time."""
    filler = " ".join(str(number) for number in range(300))
    messages: Any = [{"role": "user", "content": f"{filler} Who are you?"}]
    for _ in range(2):
        answer = client.chat.completions.create(
            model="glm-smoke", messages=messages, temperature=0, max_tokens=4
        )
    details = answer.usage and answer.usage.prompt_tokens_details
    return (details.cached_tokens if details else 0) or 0
