"""From a URL and perhaps a profile to the server under test, or to why it cannot be reached."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from deploy.engines import ENGINES
from deploy.errors import Finding, Refused
from deploy.profile import Profile
from deploy.verify.target import Budget, Target

# A server that works lists its models at once; one that still loads does not listen.
_TIMEOUT_SECONDS = 30.0


def connect(
    url: str,
    profile: Profile | None,
    keys: Mapping[str, str],
    *,
    model: str | None = None,
    minutes: float,
    max_context_tokens: int | None = None,
    seed: str | None = None,
) -> Target:
    """The server at ``url``, with or without /v1; Refused where it cannot be reached or asked.

    The model is the one named, else the profile's, else the first that the server lists. ``seed``
    makes the prompts those of another run; without it they are new, so that no cache knows them.
    """
    base = _base(url)
    entries = _models(base, keys)
    name = model or (profile.served_model_name if profile else entries[0]["id"])
    entry = next((entry for entry in entries if entry["id"] == name), entries[0])
    return Target(
        url=base,
        model=name,
        engine=_engine(entry, profile),
        keys=keys,
        profile=profile,
        listed_context_tokens=entry.get("max_model_len"),
        budget=Budget(max_context_tokens, time.monotonic() + 60 * minutes),
        seed=seed or secrets.token_hex(8),
    )


def _base(url: str) -> str:
    parts = urlsplit(url if "//" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        fix = "write it as http://HOST:PORT"
        raise Refused([Finding("url-format", "--url", f"{url} is not a URL of a server", fix)])
    path = parts.path.rstrip("/").removesuffix("/v1")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _models(base: str, keys: Mapping[str, str]) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {keys['api-key']}"} if "api-key" in keys else {}
    where = f"{base}/v1/models"
    try:
        reply = httpx.get(where, headers=headers, timeout=_TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unreachable(
            where,
            f"no answer: {error or type(error).__name__}",
            "start the server and wait until it is ready, or mend --url",
        ) from None
    if reply.status_code in (401, 403):
        fix = "give the server's key with --api-key-file or GLM_API_KEY"
        raise _unreachable(where, f"it answered {reply.status_code}: it wants a key", fix)
    try:
        reply.raise_for_status()
        entries: list[dict[str, Any]] = reply.json()["data"]
        if entries and all(isinstance(entry["id"], str) for entry in entries):
            return entries
    except (httpx.HTTPStatusError, ValueError, LookupError, TypeError):
        pass
    raise _unreachable(
        where,
        f"it answered {reply.status_code} and lists no model",
        "name the address of an SGLang or vLLM server with --url",
    )


def _engine(entry: Mapping[str, Any], profile: Profile | None) -> str:
    """Who owns the model, as both engines say; a gateway may say something else."""
    owner = entry.get("owned_by")
    if owner in ENGINES:
        return str(owner)
    if profile:
        return profile.engine.name
    fix = "name the profile that it was started with: --profile"
    message = f'its models are owned by "{owner}", so the engine is not known'
    raise Refused([Finding("engine-unknown", "--url", message, fix)])


def _unreachable(where: str, message: str, fix: str) -> Refused:
    return Refused([Finding("server-unreachable", where, message, fix)])
