"""A gateway in front of the real engine that breaks one promise at a time.

Answers of the engine to requests that are the same again are kept: at temperature 0 and with a
fixed seed the suite asks the same each time, so that walking through all breakages costs the
engine one run. What depends on the moment is always asked anew.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

Value = dict[str, Any]
Deaf = Literal["streamed", "plain"]
# Checks, by User-Agent, whose requests are neither kept nor changed in their bodies.
LIVE = ("cancellation.", "operations.metrics", "operations.speculative")


def _same(sent: Value, value: Value) -> Value:
    return value


@dataclass(frozen=True)
class Breakage:
    """What one bad gateway or engine does; each hook gets the body that was sent.

    ``request`` changes what reaches the engine, ``answer`` a JSON answer, ``event`` one event of a
    stream, ``text`` any answer's text by path; ``refuse`` answers instead of the engine with a
    status; ``headers`` changes those that reach the engine; ``deaf`` requests go on after their
    client left.
    """

    request: Callable[[Value], Value] = lambda sent: sent
    answer: Callable[[Value, Value], Value] = _same
    event: Callable[[Value, Value], Value] = _same
    text: Callable[[str, str], str] = lambda path, text: text
    refuse: Callable[[str, Value], int | None] = lambda path, sent: None
    headers: Callable[[str, dict[str, str]], dict[str, str]] = lambda path, headers: headers
    deaf: Deaf | None = None


SOUND = Breakage()


class Proxy:
    """Relays to the engine at ``upstream``; ``breakage`` may be changed between runs."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self.host, self.port = str(parts.hostname), int(parts.port or 80)
        self.breakage = SOUND
        self.kept: dict[tuple[str, str, bytes, str], tuple[int, str, bytes]] = {}
        self.open: set[http.client.HTTPConnection] = set()
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def cut(self) -> None:
        """End every request that a deaf gateway has let go on."""
        for connection in list(self.open):
            _shut(connection)


@contextlib.contextmanager
def proxied(upstream: str) -> Iterator[Proxy]:
    """A proxy that is gone afterwards."""
    proxy = Proxy(upstream)
    thread = threading.Thread(target=proxy.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.cut()
        proxy.server.shutdown()
        proxy.server.server_close()
        thread.join(10)


def _shut(connection: http.client.HTTPConnection) -> None:
    with contextlib.suppress(OSError):
        if connection.sock:
            connection.sock.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    owner: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body go out one by one: 40 ms each otherwise

    def do_GET(self) -> None:
        self._relay(b"")

    def do_POST(self) -> None:
        self._relay(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the tests read what the checks say."""

    def _relay(self, body: bytes) -> None:
        breakage, sent = self.owner.breakage, _value(body)
        check = self.headers.get("User-Agent", "").partition("/")[2]
        if status := breakage.refuse(self.path, sent):
            self._send(status, "application/json", b'{"error": {"message": "broken"}}')
            return
        live = check.startswith(LIVE)
        if live and self.path == "/v1/chat/completions":
            self._pass_through(body, breakage.deaf == ("streamed" if sent["stream"] else "plain"))
            return
        if sent:
            body = json.dumps(breakage.request(_value(body))).encode()
        status, kind, data = self._asked(body, not live)
        if kind.startswith("text/event-stream"):
            data = _events(breakage, sent, data)
        elif kind.startswith("application/json") and (value := _value(data)):
            data = json.dumps(breakage.answer(sent, value)).encode()
        self._send(status, kind, breakage.text(self.path, data.decode()).encode())

    def _asked(self, body: bytes, keep: bool) -> tuple[int, str, bytes]:
        """The engine's whole answer, from memory where the same was asked before."""
        key = (self.command, self.path, body, self.headers.get("Authorization", ""))
        kept = self.owner.kept
        if keep and key in kept:
            return kept[key]
        connection = self._connected(body)
        answer = connection.getresponse()
        found = (answer.status, answer.getheader("Content-Type", ""), answer.read())
        connection.close()
        if keep:
            kept[key] = found
        return found

    def _connected(self, body: bytes) -> http.client.HTTPConnection:
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() in ("authorization", "content-type", "user-agent")
        }
        headers = self.owner.breakage.headers(self.path, headers)
        connection = http.client.HTTPConnection(self.owner.host, self.owner.port, timeout=300)
        connection.request(self.command, self.path, body, headers)
        return connection

    def _pass_through(self, body: bytes, deaf: bool) -> None:
        """Piece by piece, and ended when the client goes away unless it is deaf."""
        connection = self._connected(body)
        self.owner.open.add(connection)
        if not deaf:
            threading.Thread(target=self._watch, args=(connection,), daemon=True).start()
        self.close_connection = True
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = connection.getresponse()
            here = True
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.getheader("Content-Type", ""))
            self.send_header("Connection", "close")
            self.end_headers()
            while piece := answer.read1(65536):
                try:
                    if here:
                        self.wfile.write(piece)
                except OSError:
                    if not deaf:
                        break
                    here = False
        self.owner.open.discard(connection)
        connection.close()

    def _watch(self, connection: http.client.HTTPConnection) -> None:
        while connection in self.owner.open:
            with contextlib.suppress(OSError, ValueError):
                ready, _, _ = select.select([self.connection], [], [], 0.1)
                if not ready or self.connection.recv(1, socket.MSG_PEEK):
                    continue
            _shut(connection)
            return

    def _send(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _value(data: bytes) -> Value:
    with contextlib.suppress(ValueError):
        value = json.loads(data)
        if isinstance(value, dict):
            return value
    return {}


def _events(breakage: Breakage, sent: Value, data: bytes) -> bytes:
    lines = []
    for line in data.decode().split("\n"):
        if line.startswith("data: {"):
            value = breakage.event(sent, json.loads(line[len("data: ") :]))
            line = f"data: {json.dumps(value)}"
        lines.append(line)
    return "\n".join(lines).encode()
