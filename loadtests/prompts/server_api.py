"""The server's small endpoints: models, tokens, metrics. Not for what is measured."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass, field
from typing import Any

from loadtests.client.connection import Target

_SECONDS = 120.0  # a tokenizer takes seconds for a megabyte


class ApiError(Exception):
    """The endpoint did not answer with 200."""

    def __init__(self, status: int, words: str) -> None:
        self.status = status
        super().__init__(f"status {status}: {words}" if status else words)


@dataclass
class ServerApi:
    """Plain requests to one server, one connection each."""

    target: Target
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = _SECONDS

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        return json.loads(self.text("GET", path))

    def post(self, path: str, value: Any) -> Any:
        """The JSON that answers a JSON."""
        return json.loads(self.text("POST", path, json.dumps(value).encode()))

    def text(self, method: str, path: str, body: bytes | None = None) -> str:
        """The body of a 200; ApiError, OSError or ssl.SSLError otherwise."""
        target = self.target
        connection: http.client.HTTPConnection
        if target.tls:
            connection = http.client.HTTPSConnection(
                target.host, target.port, timeout=self.seconds, context=target.tls
            )
        else:
            connection = http.client.HTTPConnection(target.host, target.port, timeout=self.seconds)
        headers = {**self.headers, **({"Content-Type": "application/json"} if body else {})}
        try:
            connection.request(method, target.path + path, body, headers)
            response = connection.getresponse()
            words = response.read().decode("utf-8", "replace")
        except http.client.HTTPException as error:
            raise ApiError(0, f"no HTTP: {type(error).__name__} {error}") from None
        finally:
            connection.close()
        if response.status != 200:
            raise ApiError(response.status, words[:300])
        return words


def tls_reason(error: ssl.SSLError) -> str:
    """What a TLS failure was about."""
    return str(getattr(error, "verify_message", None) or error.reason or error)
