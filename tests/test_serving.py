"""The real engine, started by launch.py as a newcomer does, through the official client."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.chatting import LISBON, WEATHER, WHO, cached_when_asked_again, streamed
from tests.launching import Launched

pytestmark = pytest.mark.engine


@pytest.fixture
def client(server: Launched) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.url, api_key="none", max_retries=0, timeout=120)


def test_the_model_is_listed_under_its_served_name(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["glm-smoke"]


def test_chat_plain_and_streamed_agree(client: openai.OpenAI) -> None:
    plain = client.chat.completions.create(model="glm-smoke", messages=WHO, temperature=0)
    message: Any = plain.choices[0].message
    texts, finish, usage = streamed(client, model="glm-smoke", messages=WHO)
    assert texts["content"] == message.content
    assert texts["reasoning_content"] == message.reasoning_content
    assert finish == plain.choices[0].finish_reason == "stop"
    assert plain.usage and usage.completion_tokens == plain.usage.completion_tokens
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_reasoning_is_separated(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="glm-smoke", messages=WHO, temperature=0)
    message: Any = answer.choices[0].message
    assert message.reasoning_content and message.content
    assert "think>" not in message.content + message.reasoning_content
    off = client.chat.completions.create(
        model="glm-smoke",
        messages=WHO,
        temperature=0,
        extra_body={"chat_template_kwargs": {"enable_thinking": False}},
    )
    silent: Any = off.choices[0].message
    assert silent.content and not silent.reasoning_content


def test_a_tool_is_called_plain_and_streamed(client: openai.OpenAI) -> None:
    request: Any = {"model": "glm-smoke", "messages": LISBON, "tools": [WEATHER]}
    plain = client.chat.completions.create(temperature=0, **request)
    calls: Any = plain.choices[0].message.tool_calls
    assert plain.choices[0].finish_reason == "tool_calls"
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("get_weather", {"city": "Lisbon"})
    ]
    texts, finish, _ = streamed(client, **request)
    assert (texts["name"], json.loads(texts["arguments"])) == ("get_weather", {"city": "Lisbon"})
    assert finish == "tool_calls"
    assert "<tool_call>" not in texts["content"] + texts["reasoning_content"]


def test_usage_shows_a_cached_prefix(client: openai.OpenAI) -> None:
    assert cached_when_asked_again(client) > 300


def test_a_context_that_overflows_is_refused_clearly(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "7 " * 210_000}]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="glm-smoke", messages=messages)
    assert caught.value.status_code == 400
    assert "202752" in str(caught.value) and "context" in str(caught.value)


def test_readiness_and_metrics_are_served(server: Launched) -> None:
    with urllib.request.urlopen(f"{server.base}/ready", timeout=20) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(f"{server.base}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    for name in ("num_running_reqs", "token_usage", "time_to_first_token_seconds_bucket"):
        assert f"sglang:{name}{{" in text


def test_what_is_said_when_ready_is_true(server: Launched) -> None:
    said = server.said
    assert f"  url    {server.url}\n" in said
    assert "  model  glm-smoke\n" in said
    line = next(line for line in said.splitlines() if line.startswith("  try"))
    done = subprocess.run(["sh", "-c", line.removeprefix("  try")], capture_output=True, text=True)
    assert json.loads(done.stdout)["choices"][0]["message"]["content"]


def test_phases_and_the_engines_log_are_passed_on(server: Launched) -> None:
    for phase in ("starting the engine", "starting the workers", "warming up"):
        assert f"[{phase}] " in server.said
    assert "The server is fired up and ready to roll!" in server.passed_through
    assert "The server is fired up and ready to roll!" in server.log_path.read_text()
    assert server.log_path.stat().st_mode & 0o777 == 0o600
    assert f"log: {server.log_path}" in server.said


def test_the_engine_got_the_profiles_arguments(server: Launched) -> None:
    words = Path(f"/proc/{server.engine}/cmdline").read_text().replace("\0", " ")
    assert "--max-total-tokens 262144" in words
    assert "--chunked-prefill-size 131072" in words
