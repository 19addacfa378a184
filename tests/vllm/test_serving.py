"""The real vLLM on the CPU, started by launch.py, through the official client."""

from __future__ import annotations

import json
import signal
import urllib.request
from pathlib import Path
from typing import Any

import openai
import pytest

from deploy.server.guard import session_members
from tests.chatting import LISBON, WEATHER, WHO, cached_when_asked_again, streamed
from tests.launching import Launched, Request, key_file, launched, run, wait_until, without_weights

pytestmark = pytest.mark.vllm


@pytest.fixture
def client(server: Launched) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.url, api_key="none", max_retries=0, timeout=120)


def test_chat_plain_and_streamed_agree(client: openai.OpenAI) -> None:
    plain = client.chat.completions.create(model="glm-smoke", messages=WHO, temperature=0)
    message: Any = plain.choices[0].message
    texts, finish, usage = streamed(client, model="glm-smoke", messages=WHO)
    assert texts["content"] == message.content and message.content
    # vLLM's name for what SGLang calls reasoning_content.
    assert texts["reasoning"] == message.reasoning and message.reasoning
    assert finish == plain.choices[0].finish_reason == "stop"
    assert plain.usage and usage.completion_tokens == plain.usage.completion_tokens


def test_a_tool_is_called_plain_and_streamed(client: openai.OpenAI) -> None:
    request: Any = {"model": "glm-smoke", "messages": LISBON, "tools": [WEATHER]}
    plain = client.chat.completions.create(temperature=0, **request)
    (call,) = plain.choices[0].message.tool_calls or []
    assert call.type == "function" and call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Lisbon"}
    texts, finish, _ = streamed(client, **request)
    assert (texts["name"], json.loads(texts["arguments"])) == ("get_weather", {"city": "Lisbon"})
    assert finish == plain.choices[0].finish_reason == "tool_calls"


def test_usage_shows_a_cached_prefix(client: openai.OpenAI) -> None:
    assert cached_when_asked_again(client) > 300


def test_health_and_metrics_are_served(server: Launched) -> None:
    with urllib.request.urlopen(f"{server.base}/health", timeout=20) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(f"{server.base}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    for name in ("num_requests_running", "kv_cache_usage_perc", "time_to_first_token_seconds_sum"):
        assert f"vllm:{name}{{" in text


def test_what_is_said_at_the_start_is_true(server: Launched) -> None:
    for phase in ("starting the workers", "loading weights", "starting the API server"):
        assert f"[{phase}] " in server.said
    assert f"  url    {server.url}\n  model  glm-smoke\n" in server.said


def test_a_key_is_enforced_and_leaks_nowhere_and_sigterm_drains(tmp_path: Path) -> None:
    key = "top-secret-key"
    with launched(
        tmp_path, "--api-key-file", key_file(tmp_path, "key", key), profile="cpu-vllm"
    ) as server:
        server.wait_ready()
        for pid in server.engine_processes():
            for name in ("cmdline", "environ"):
                assert key.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
        assert Request(server, 1).wait() == 401
        checked = run("verify", "--url", server.url, "--only", "security", GLM_API_KEY=key)
        assert checked.returncode == 0, checked.stdout
        assert "so let only /v1 through to users" in " ".join(checked.stdout.split())
        request = Request(server, 4000, key)
        running = "vllm:num_requests_running{"
        wait_until(lambda: server.metric(running) > 0, 60, "a running request")
        server.process.send_signal(signal.SIGTERM)
        assert request.wait() == 200
        assert request.tokens == 4000
        assert server.process.wait(60) == 0
        assert "vllm stopped cleanly" in server.said
        assert session_members(server.engine) == []
        for text in (server.said, server.passed_through, server.log_path.read_text()):
            assert key not in text


def test_an_admin_key_is_refused(tmp_path: Path) -> None:
    words = ("--admin-api-key-file", key_file(tmp_path, "key", "secret"))
    with launched(tmp_path, *words, profile="cpu-vllm") as server:
        assert server.process.wait(60) == 2
        assert "vllm has no --admin-api-key" in server.said


def test_a_death_is_diagnosed_though_vllm_ends_with_status_0(tmp_path: Path) -> None:
    # The real thing: on a CPU, expert parallelism over two workers breaks at the first request.
    words = ["--set", "engine.args.tensor-parallel-size=2"]
    words += ["--set", "engine.args.enable-expert-parallel=true"]
    words += ["--set", "engine.env.VLLM_CPU_OMP_THREADS_BIND=0|1"]
    with launched(tmp_path, *words, profile="cpu-vllm") as server:
        server.wait_ready()
        assert Request(server, 50).wait() in (0, 500)
        assert server.process.wait(120) == 1
        assert "error: vllm died while serving, after " in server.said
        assert "[worker-died]" in server.said
        assert session_members(server.engine) == []


def test_missing_weights_are_diagnosed(tmp_path: Path) -> None:
    words = ("--model", without_weights(tmp_path), "--skip-check", "model-no-weights")
    with launched(tmp_path, *words, profile="cpu-vllm") as server:
        assert server.process.wait(200) not in (0, 2)
        assert "died while loading weights" in server.said
        assert "[weights-missing]" in server.said
