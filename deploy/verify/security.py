"""Keys: asked for, and enough for what they are for and nothing more."""

from __future__ import annotations

from typing import Any

from deploy.verify.check import Check, expect
from deploy.verify.target import Target, user

_CLOSED = (401, 403)


def _doors(target: Target) -> list[tuple[str, str, Any]]:
    body = {"model": target.model, "messages": [user("Hello")], "max_tokens": 1}
    text = {"model": target.model, "prompt": "Hello", "max_tokens": 1}
    doors: list[tuple[str, str, Any]] = [
        ("GET", "/v1/models", None),
        ("POST", "/v1/chat/completions", body),
        ("POST", "/v1/completions", text),
        ("POST", "/v1/messages", body),
    ]
    if target.engine == "sglang":
        generate = {"text": "Hello", "sampling_params": {"max_new_tokens": 1}}
        doors += [("POST", "/generate", generate), ("GET", "/server_info", None)]
    return doors


def _admin_doors(target: Target) -> list[tuple[str, str, Any]]:
    if target.engine == "sglang":
        # No request has this id, so nothing is aborted where the door is open.
        return [("POST", "/abort_request", {"rid": "glm-serving-verify"})]
    # In vLLM only VLLM_SERVER_DEV_MODE=1 opens them; a GET changes nothing there.
    return [("GET", path, None) for path in ("/reset_prefix_cache", "/sleep", "/collective_rpc")]


def _knock(target: Target, door: tuple[str, str, Any], **options: Any) -> int:
    method, path, body = door
    if method == "GET":
        return target.get(path, **options).status_code
    return target.post(path, body, **options).status_code


def _keys(target: Target) -> str:
    doors = _doors(target)
    for door in doors:
        for what, options in (
            ("without a key", {"keyed": False}),
            ("with a wrong key", {"secret": "glm-serving-verify-wrong-key"}),
        ):
            status = _knock(target, door, **options)
            expect(status in _CLOSED, f"{door[1]} {what} answered {status}, not 401")
    status = _knock(target, doors[0])
    expect(status == 200, f"{doors[0][1]} with the key answered {status}")
    found = f"{len(doors)} endpoints are closed without the key and with a wrong one"
    # vLLM asks for the key below /v1 only, which its documentation says.
    if target.engine == "vllm":
        chat = doors[1][2]
        if _knock(target, ("POST", "/invocations", chat), keyed=False) == 200:
            found += "; vLLM answers /invocations without one, so let only /v1 through to users"
    return found


def _admin(target: Target) -> str:
    found = []
    for door in _admin_doors(target):
        tries: list[tuple[str, dict[str, Any]]] = [("without a key", {"keyed": False})]
        if "admin-api-key" in target.keys:
            tries.append(("with the API key", {}))
        for what, options in tries:
            status = _knock(target, door, **options)
            # vLLM's are absent, not closed; 405 says that one is there.
            closed = status in _CLOSED or (target.engine == "vllm" and status == 404)
            expect(closed, f"{door[1]} {what} answered {status}: it is open")
            found.append(status)
    return f"administration is closed: {', '.join(map(str, found))}"


def _no_leak(target: Target) -> str:
    paths = ["/metrics", "/health", "/v1/models"]
    if target.engine == "sglang":
        paths += ["/server_info", "/model_info"]
    for path in paths:
        # Not recorded: what should not be seen should not be in a report.
        open_to_all = target.http.get(path, headers=target.headers(keyed=False)).text
        for option, secret in target.keys.items():
            expect(secret not in open_to_all, f"{path} shows the {option} to everybody")
        answer = target.http.get(path, headers=target.headers()).text
        admin = target.keys.get("admin-api-key")
        expect(
            admin is None or admin not in answer,
            f"{path} shows the admin-api-key to whoever has the API key",
        )
    return f"no key is shown to whoever does not have it in {', '.join(paths)}"


def _has_key(target: Target) -> str | None:
    if "api-key" in target.keys:
        return None
    return (
        "no API key was given: the server is open to whoever reaches it (--api-key-file where it "
        "has one)"
    )


def _has_admin(target: Target) -> str | None:
    if target.engine == "sglang" and not target.keys:
        return (
            "the server was started without keys, as far as we know, so whoever reaches it can "
            "administer it, too: --api-key-file or --admin-api-key-file where it has one"
        )
    return None


CHECKS = (
    Check(
        "security.keys",
        "every endpoint that costs or tells something asks for the key",
        "Anybody who reaches the port uses the GPUs.",
        _keys,
        _has_key,
    ),
    Check(
        "security.admin",
        "administration is closed without a key, and to the API key where there is an admin key",
        "Users can abort requests, flush the cache or change the weights.",
        _admin,
        _has_admin,
    ),
    Check(
        "security.no-leak",
        "no endpoint shows a key to whoever does not have it",
        "Users find the admin key: SGLang 0.5.20 shows it in /server_info to whoever has the API "
        "key. Close that path at the gateway.",
        _no_leak,
        _has_key,
    ),
)
