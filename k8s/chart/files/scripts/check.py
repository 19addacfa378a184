"""Ask a server whether it is ready, knows its model and answers: check.py URL MODEL READY_PATH"""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

KEY = Path("/run/secrets/keys/api-key")
# A first request may compile kernels.
SECONDS = 600


def main() -> None:
    url, model, ready = sys.argv[1:]
    ask(url + ready)
    say(f"ready     {url}{ready} answers 200")
    names = [entry["id"] for entry in json.loads(ask(f"{url}/v1/models"))["data"]]
    if model not in names:
        sys.exit(f"FAILED: the server's models are {names}, and {model} is not among them")
    say(f"models    {', '.join(names)}")
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "Say hello."}],
        "max_tokens": 64,
    }
    answer = json.loads(ask(f"{url}/v1/chat/completions", body))
    message, usage = answer["choices"][0]["message"], answer["usage"]
    text = (message.get("reasoning_content") or message.get("reasoning") or "") + (
        message.get("content") or ""
    )
    if not text.strip() or not usage["completion_tokens"]:
        sys.exit(f"FAILED: the answer is empty: {json.dumps(answer)}")
    say(f"answers   {usage['completion_tokens']} tokens: {text.strip()[:60]!r}")


def ask(url: str, body: object = None) -> bytes:
    headers = {"Content-Type": "application/json"}
    if KEY.exists():
        headers["Authorization"] = f"Bearer {KEY.read_text().strip()}"
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, data, headers), timeout=SECONDS
        ) as reply:
            return bytes(reply.read())
    except urllib.error.HTTPError as error:
        sys.exit(f"FAILED: {url} answers {error.code}: {error.read(500).decode(errors='replace')}")
    except OSError as error:
        sys.exit(f"FAILED: {url}: {error}")


def say(text: str) -> None:
    print(text, flush=True)


main()
