"""The server under evaluation: its address, its key, and what it says it serves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import openai

from deploy.errors import Finding, Refused, suggestion

# A busy server may take a while to list its models, but not longer than its own health check's
# limit, which is 20 s in SGLang.
_LIST_SECONDS = 20.0


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible server and the model asked there."""

    url: str
    model: str
    key: str = field(default="", repr=False)
    # What /v1/models says of the model: its root and its context length.
    described: dict[str, Any] = field(default_factory=dict)

    def client(self, timeout_seconds: float) -> openai.OpenAI:
        """A client whose requests may take that long, each tried three times."""
        return openai.OpenAI(
            base_url=self.url, api_key=self.key or "none", timeout=timeout_seconds, max_retries=2
        )


def base_url(text: str) -> str:
    """The OpenAI base URL: ``http://HOST:PORT`` gains ``/v1``. Refused where it is no URL."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        fix = "write it as launch.py prints it: http://127.0.0.1:30000/v1"
        raise Refused([Finding("url", "--url", f"{text} is not an http address", fix)])
    return text.rstrip("/") if parts.path.strip("/") else f"{text.rstrip('/')}/v1"


def connect(url: str, model: str | None, key: str = "") -> Endpoint:
    """The endpoint behind a URL; its only model where none is named. Refused if unreachable."""
    url = base_url(url)
    try:
        listed = Endpoint(url, "", key).client(_LIST_SECONDS).models.list().data
    except openai.OpenAIError as error:
        raise failed(url, error) from None
    served = {entry.id: entry for entry in listed}
    names = ", ".join(served) or "none"
    if model is None and len(served) != 1:
        fix = f"name one with --model; served: {names}"
        raise Refused([Finding("model", "--model", "the server does not serve one model", fix)])
    name = model or next(iter(served))
    if name not in served:
        fix = suggestion(name, served, f"served: {names}")
        raise Refused([Finding("model", "--model", f'the server does not serve "{name}"', fix)])
    more = served[name].model_extra or {}
    described = {key: more[key] for key in ("root", "max_model_len") if more.get(key) is not None}
    return Endpoint(url, name, key, described)


def failed(url: str, error: openai.OpenAIError) -> Refused:
    """What to tell of a request that failed for good."""
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        finding = Finding(
            "key-refused",
            url,
            f"the server refuses the key: {error}",
            "give the key with --api-key-file FILE or GLM_API_KEY",
        )
    elif isinstance(error, openai.APIStatusError):
        fix = "look into the server's log; what was answered so far is kept"
        message = f"the server answered {error.status_code}: {error.message}"
        finding = Finding("request-failed", url, message, fix)
    elif isinstance(error, openai.APITimeoutError):
        fix = "see whether the server is overloaded; fewer requests at once: --concurrency"
        finding = Finding("request-timeout", url, "the server did not answer in time", fix)
    else:
        fix = "start the server, or mend the address: python launch.py prints it when it is ready"
        finding = Finding("unreachable", url, f"no answer: {error}", fix)
    return Refused([finding])
