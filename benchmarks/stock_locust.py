"""What a user writes first: locust's HttpUser, requests, iter_lines. The baseline."""

from __future__ import annotations

import json
import os
import time

from locust import HttpUser, task

TEXT = "word " * int(os.environ["WORDS"])
TOKENS = int(os.environ["TOKENS"])


class Chat(HttpUser):
    """One request after the other."""

    @task
    def chat(self) -> None:
        """Streams one answer and reports its first token."""
        body = {
            "model": "fault-model",
            "messages": [{"role": "user", "content": TEXT}],
            "max_tokens": TOKENS,
            "stream": True,
        }
        start, first = time.perf_counter(), 0.0
        response = self.client.post("/v1/chat/completions", json=body, stream=True)
        for line in response.iter_lines():
            if not line.startswith(b"data: ") or line == b"data: [DONE]":
                continue
            choices = json.loads(line[6:])["choices"]
            if not first and choices and choices[0]["delta"].get("content"):
                first = time.perf_counter() - start
        self.environment.events.request.fire(
            request_type="TTFT", name="chat", response_time=first * 1e3, response_length=0
        )
