"""One streamed answer of the fault server, right or with the fault that was asked for."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

FAULTS = (
    "none truncated mid_event split_utf8 in_band_error no_done wrong_usage 429 503 500 reset "
    "reset_early stall slow_headers slow_headers_trickle garbage repetition wrong_answer "
    "no_finish no_role no_usage bad_json bad_utf8 not_http"
).split()
# Pre-tokens as byte-level BPE splits them: each is one token of this server.
TOKEN = re.compile(r" ?\w+|\n+|[^\w\s]+\n*|\s+")
HEAD_TOKENS, TAIL_TOKENS = 3, 2  # what the chat template adds in front and at the end
PAGE = 16
NEEDLE = re.compile(r"code word(?: for \w+)? is ([\w-]+(?: [\w-]+)*)\.")
STALL_SECONDS = 3600.0
_tokenizer: Any = None


@dataclass
class Settings:
    """What the server answers with, and what it did."""

    tokens: int = 20
    gap: float = 0.02
    ttft: float = 0.05
    jitter: float = 0.0  # share by which times vary
    burst: bool = False
    per_event: int = 1
    faults: list[str] = field(default_factory=lambda: ["none"])
    keep_alive: float = 900.0
    model: str = "fault-model"
    context: int = 202_752
    key: str = ""
    counted: dict[str, int] = field(default_factory=dict)
    # Seconds from the whole request to its first token, its prompt's tokens, and the events sent.
    first: list[float] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)
    events: int = 0
    served: int = 0
    running: int = 0
    pages: set[bytes] = field(default_factory=set)
    forget: int = 0  # every n-th chat finds nothing cached
    canned: bool = False  # events without the time, made once: the server is then the faster one
    can: dict[tuple[Any, ...], bytes] = field(default_factory=dict)
    beat: asyncio.Event = field(default_factory=asyncio.Event)

    async def tick(self) -> None:
        """Wakes every stream at once, as an engine's step does."""
        while True:
            await asyncio.sleep(self.gap)
            beat, self.beat = self.beat, asyncio.Event()
            beat.set()

    async def wait(self) -> None:
        await (self.beat.wait() if self.burst else asyncio.sleep(self.gap * self.vary()))

    def vary(self) -> float:
        return 1 + self.jitter * random.uniform(-1, 1)

    def cached(self, tokens: list[str]) -> int:
        """Tokens of the longest known prefix, in whole pages; remembers this prompt."""
        digest, known, missing = hashlib.blake2b(), 0, False
        for start in range(0, len(tokens) - PAGE + 1, PAGE):
            digest.update("\x00".join(tokens[start : start + PAGE]).encode())
            key = digest.digest()
            missing = missing or key not in self.pages
            known += 0 if missing else PAGE
            self.pages.add(key)
        return min(known, (len(tokens) - 1) // PAGE * PAGE)


def split(text: str) -> list[str]:
    """The tokens of a text."""
    if not _tokenizer:
        return TOKEN.findall(text)
    # The batch call lets go of the interpreter, so that other streams go on meanwhile.
    tokens: list[str] = _tokenizer.encode_batch([text], add_special_tokens=False)[0].tokens
    return tokens


def use_tokenizer(path: str) -> None:
    """Count with a tokenizer.json from now on."""
    global _tokenizer
    from tokenizers import Tokenizer

    _tokenizer = Tokenizer.from_file(path)


def words_of(content: Any) -> str:
    """A message's text, whether it came whole or in parts."""
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def tokenize(messages: list[dict[str, Any]], options: dict[str, Any] | None = None) -> list[str]:
    """The tokens of a templated chat, with the start of the answer."""
    tokens = ["<s>"] * HEAD_TOKENS
    for message in messages:
        tokens.append(f"<{message['role']}>")
        tokens += split(words_of(message["content"]))
    off = (options or {}).get("enable_thinking") is False
    return tokens + [f"<start {i}>" for i in range(TAIL_TOKENS + off)]


def head(status: int, *lines: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status} X", *lines, "", "")).encode()


def whole(status: int, value: Any, *lines: str) -> bytes:
    body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
    return head(status, f"Content-Length: {len(body)}", *lines) + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Answer:
    """One answer."""

    def __init__(
        self,
        settings: Settings,
        writer: asyncio.StreamWriter,
        asked: dict[str, Any],
        fault: str,
        received: float,
    ) -> None:
        self.received = received
        self.settings, self.writer = settings, writer
        self.asked, self.fault = asked, fault
        wanted = asked.get("max_tokens") or asked.get("max_completion_tokens")
        total = int(wanted or settings.tokens)
        self.prompt = tokenize(asked["messages"], asked.get("chat_template_kwargs"))
        settings.prompts.append(len(self.prompt))
        self.cached = settings.cached(self.prompt)
        if settings.forget and len(settings.prompts) % settings.forget == 0:
            self.cached = 0
        needles = NEEDLE.findall(" ".join(words_of(m["content"]) for m in asked["messages"]))
        words = f"It is {needles[-1]}.".split(" ") if needles else []
        words = ["It", "is", "fog."] if fault == "wrong_answer" else words
        thoughts = [f"t{i}" for i in range(asked.get("reason", 0))]
        # The answer comes first; what follows is all different, so that it is no loop.
        filler = [f"w{i * 7919 % 10007}" for i in range(total)]
        self.words = (thoughts + words + filler)[:total]

    async def give(self) -> bool:
        """Answer; whether the connection may go on."""
        writer, fault = self.writer, self.fault
        if fault in ("429", "503", "500"):
            error = {"error": {"message": f"injected {fault}"}}
            writer.write(whole(int(fault), error, "Retry-After: 1"))
            return True
        if fault == "reset_early":
            self.reset()
            return False
        if fault == "not_http":
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            return False
        opening = head(200, "Content-Type: text/event-stream", "Transfer-Encoding: chunked")
        if fault == "slow_headers":
            await asyncio.sleep(STALL_SECONDS)
        if fault == "slow_headers_trickle":
            for byte in opening:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.2)
        writer.write(opening)
        role = {} if fault == "no_role" else {"role": "assistant", "content": ""}
        writer.write(chunk(self.event(role, 0)))
        if len(self.words) > 1:  # a priming request asks for one token, and has no wait
            await asyncio.sleep(self.settings.ttft * self.settings.vary() ** 3)
        return await self.stream()

    async def stream(self) -> bool:
        writer, fault, step = self.writer, self.fault, self.settings.per_event
        for start in range(0, len(self.words), step):
            await self.settings.wait()
            done = min(start + step, len(self.words))
            text = "".join((" " if i else "") + self.words[i] for i in range(start, done))
            if fault == "garbage":
                text = "\ufffd\x00\ufffd"
            elif fault == "repetition":
                text = "!!!!"
            channel = "reasoning_content" if self.asked.get("reason", 0) > start else "content"
            if start >= len(self.words) // 2 and not await self.inject(done):
                return False
            if not start:
                self.settings.first.append(time.monotonic() - self.received)
            self.settings.events += 1
            writer.write(self.token(channel, text, done))
            await writer.drain()
        return await self.finish()

    async def inject(self, done: int) -> bool:
        """The faults of mid-stream; False where the connection is gone."""
        writer, fault = self.writer, self.fault
        event = self.event({"content": " tëxt"}, done)
        if fault == "truncated":
            writer.write(chunk(event))
        elif fault == "mid_event":
            writer.write(b"%x\r\n%s" % (len(event), event[: len(event) // 2]))
        elif fault == "reset":
            self.reset()
        elif fault == "stall":
            await asyncio.sleep(STALL_SECONDS)
        elif fault == "split_utf8":
            cut = event.index("ë".encode()) + 1
            writer.write(chunk(event[:cut]))
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.write(chunk(event[cut:]))
            self.fault = "none"
        elif fault == "in_band_error":
            error = {"error": {"message": "injected", "code": 500}}
            writer.write(chunk(b"data: " + json.dumps(error).encode() + b"\n\n"))
            writer.write(b"0\r\n\r\n")
            return False
        elif fault == "bad_json":
            writer.write(chunk(b'data: {"choices": [\n\n'))
        elif fault == "bad_utf8":
            writer.write(chunk(b'data: {"choices": "\xff\xfe"}\n\n'))
        return fault not in ("truncated", "mid_event", "reset", "stall")

    async def finish(self) -> bool:
        writer, fault, total = self.writer, self.fault, len(self.words)
        reason = None if fault == "no_finish" else "stop"
        writer.write(chunk(self.event({}, total, finish_reason=reason)))
        if fault != "no_usage":
            writer.write(chunk(self.event(None, total, usage=self.usage(total))))
        if fault != "no_done":
            writer.write(chunk(b"data: [DONE]\n\n"))
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    def reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def token(self, channel: str, text: str, done: int) -> bytes:
        if not self.settings.canned:
            return chunk(self.event({channel: text}, done))
        can, key = self.settings.can, (channel, text, done, len(self.prompt), self.cached)
        if key not in can:
            can[key] = chunk(self.event({channel: text}, done))
        return can[key]

    def event(self, delta: dict[str, Any] | None, done: int, **more: Any) -> bytes:
        """One event, with the time at which it is sent as "t", in nanoseconds."""
        reason = more.pop("finish_reason", None)
        choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason}]
        value = {"id": "x", "object": "chat.completion.chunk", "choices": choices, **more}
        if (self.asked.get("stream_options") or {}).get("continuous_usage_stats"):
            value.setdefault("usage", self.usage(done))
        value["t"] = time.monotonic_ns()
        return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"

    def usage(self, done: int) -> dict[str, Any]:
        prompt = len(self.prompt) + (7 if self.fault == "wrong_usage" else 0)
        # As SGLang and vLLM tell it: not at all where nothing was cached.
        details = {"cached_tokens": self.cached} if self.cached else None
        return {
            "prompt_tokens": prompt,
            "completion_tokens": done,
            "prompt_tokens_details": details,
        }
