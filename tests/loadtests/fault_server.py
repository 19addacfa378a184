"""A server of known truth: each event carries the monotonic time at which it was sent.

`python -m tests.loadtests.fault_server --port 8000 --faults none,reset` answers /v1/models,
/tokenize, /metrics and streamed chat completions, and injects the named faults in turn. It exists
for faults that a real engine does not produce on demand, and for times that are known.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import socket
import ssl
import time
from typing import Any

from tests.loadtests.fault_answers import (
    FAULTS,
    Answer,
    Settings,
    split,
    tokenize,
    use_tokenizer,
    whole,
)


class Exchange:
    """One connection's requests."""

    def __init__(
        self, settings: Settings, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.settings, self.reader, self.writer = settings, reader, writer

    async def run(self) -> None:
        try:
            while await self.request():
                pass
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass
        finally:
            self.writer.close()

    async def request(self) -> bool:
        limit = self.settings.keep_alive
        raw = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), limit)
        first, *lines = raw.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        path, settings = first.split()[1], self.settings
        if settings.key and headers.get("authorization") != f"Bearer {settings.key}":
            self.writer.write(whole(401, {"error": {"message": "invalid key"}}))
        elif path == "/v1/chat/completions":
            return await self.chat(body)
        else:
            self.writer.write(self.small(path, body))
        await self.writer.drain()
        return True

    def small(self, path: str, body: bytes) -> bytes:
        settings = self.settings
        if path == "/v1/models":
            return whole(200, {"data": [{"id": settings.model, "max_model_len": settings.context}]})
        if path == "/truth":
            return whole(200, settings.counted)
        if path == "/times":
            times = {"first": settings.first, "prompts": settings.prompts}
            return whole(200, {**times, "events": settings.events})
        if path == "/health":
            return whole(200, {})
        if path == "/server_info":
            return whole(200, {"page_size": 16})
        if path == "/metrics":
            lines = [
                f'sglang:num_running_reqs{{model_name="x"}} {settings.running}',
                'sglang:num_queue_reqs{model_name="x"} 0',
                f'sglang:token_usage{{model_name="x"}} {min(settings.running / 100, 1)}',
                'sglang:cache_hit_rate{model_name="x"} 0.5',
                'sglang:spec_accept_length{model_name="x"} 2.5',
            ]
            return whole(200, "\n".join(lines) + "\n")
        if path == "/tokenize":
            return whole(200, self.tokenized(json.loads(body)))
        return whole(404, {"error": {"message": "not found"}})

    def tokenized(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "messages" in asked:
            tokens = tokenize(asked["messages"], asked.get("chat_template_kwargs"))
            ids = [int.from_bytes(hashlib.blake2b(t.encode()).digest()[:4], "big") for t in tokens]
            return {"tokens": ids, "count": len(ids)}
        prompt = asked["prompt"]
        if isinstance(prompt, list):
            return {"tokens": [], "count": [len(split(text)) for text in prompt]}
        return {"tokens": [], "count": len(split(prompt))}

    async def chat(self, body: bytes) -> bool:
        settings, received = self.settings, time.monotonic()
        asked = json.loads(body)
        fault = asked.get("fault")
        if not fault and asked.get("max_tokens") == 1:
            fault = "none"  # a priming request has no fault
        if not fault:
            fault = settings.faults[settings.served % len(settings.faults)]
            settings.served += 1
            settings.counted[fault] = settings.counted.get(fault, 0) + 1
        settings.running += 1
        try:
            # In a thread, so that counting tokens delays no other stream's events.
            answer = await asyncio.to_thread(Answer, settings, self.writer, asked, fault, received)
            return await answer.give()
        finally:
            settings.running -= 1


async def serve(settings: Settings, port: int, certificate: str) -> None:
    """Serve until killed; prints the port once it listens."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await Exchange(settings, reader, writer).run()

    tls = None
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
    listening = await asyncio.start_server(
        accept, "127.0.0.1", port, limit=1 << 24, backlog=4096, ssl=tls
    )
    print(listening.sockets[0].getsockname()[1], flush=True)
    ticking = asyncio.create_task(settings.tick())
    await listening.serve_forever()
    await ticking


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--gap", type=float, default=0.02)
    parser.add_argument("--ttft", type=float, default=0.05)
    parser.add_argument("--jitter", type=float, default=0.0)
    parser.add_argument("--burst", action="store_true")
    parser.add_argument("--canned", action="store_true")
    parser.add_argument("--per-event", type=int, default=1)
    parser.add_argument("--faults", default="none")
    parser.add_argument("--keep-alive", type=float, default=900.0)
    parser.add_argument("--context", type=int, default=202_752)
    parser.add_argument("--forget", type=int, default=0)
    parser.add_argument("--key", default="")
    parser.add_argument("--certificate", default="", help="PEM with the key: serve TLS")
    parser.add_argument("--tokenizer", default="", help="tokenizer.json to count with")
    options = vars(parser.parse_args())
    if tokenizer := options.pop("tokenizer"):
        use_tokenizer(tokenizer)
    port, faults = options.pop("port"), options.pop("faults").split(",")
    certificate = options.pop("certificate")
    unknown = set(faults) - set(FAULTS)
    if unknown:
        parser.error(f"unknown faults: {unknown}")
    asyncio.run(serve(Settings(faults=faults, **options), port, certificate))


if __name__ == "__main__":
    main()
