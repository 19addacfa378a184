"""A socket whose bytes carry the time at which the kernel received them.

The hub reads a socket the moment it is readable, and parses nothing there: with 200 streams whose
events come at once, the last is read some milliseconds after the first, and a parser in between
would make that tens. Where the kernel stamps arrivals (Linux, SO_TIMESTAMPNS), not even a busy hub
shifts a time.
"""

from __future__ import annotations

import socket as plain
import ssl
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import gevent
import gevent.event
import gevent.monkey
import gevent.socket

from loadtests.client.outcomes import Outcome, RequestFailed

Timed = tuple[float, bytes]  # seconds on the monotonic clock, and what arrived then

READ_BYTES = 65536  # more than the events of one engine step for one stream
# From <asm-generic/socket.h>; the socket module does not name it.
SO_TIMESTAMPNS = 35 if sys.platform == "linux" else None
_ANCILLARY_BYTES = 64  # one timespec with its header takes 32
# A stamp further back than this, or ahead, is a clock that was set: the time of reading is used.
_OLDEST_STAMP_SECONDS = 60.0
_original_socket = gevent.monkey.get_original("socket", "socket")


@dataclass(frozen=True)
class Target:
    """Where requests go."""

    host: str
    port: int
    tls: ssl.SSLContext | None = field(default=None, compare=False)
    path: str = ""  # in front of /v1

    @staticmethod
    def of(url: str, ca_file: str | None = None) -> Target:
        """The target of a base URL, with or without /v1; ValueError where it is not one."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http or https URL: {url}")
        context = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        port = parts.port or (443 if context else 80)
        return Target(parts.hostname, port, context, parts.path.rstrip("/").removesuffix("/v1"))

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Connection:
    """One TCP or TLS connection, read by the hub from its first moment."""

    def __init__(self, target: Target, timeout: float) -> None:
        self.reused = False
        self._inbox: list[Timed] = []
        self._arrived = gevent.event.Event()
        self._end: RequestFailed | None = None
        try:
            connected = gevent.socket.create_connection((target.host, target.port), timeout)
        except OSError as error:
            where = f"{target.host}:{target.port}"
            raise RequestFailed(Outcome.CONNECT, f"{where}: {error}") from None
        self._socket: plain.socket = _original_socket(fileno=connected.detach())
        self._socket.setblocking(False)
        self._socket.setsockopt(plain.IPPROTO_TCP, plain.TCP_NODELAY, 1)
        if SO_TIMESTAMPNS:
            self._socket.setsockopt(plain.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._watcher = gevent.get_hub().loop.io(self._socket.fileno(), 1)
        self._watcher.start(self._on_readable)
        self._tls = _Tls(target) if target.tls else None
        if self._tls:
            try:
                self._handshake(self._tls, timeout)
            except BaseException:
                self.close()
                raise

    @property
    def dead(self) -> bool:
        """Whether the peer closed it, or sent what nobody asked for, while it was idle."""
        return self._end is not None or bool(self._inbox)

    def send(self, data: bytes, timeout: float) -> None:
        """Send all of it; RequestFailed where the peer does not take it."""
        if self._tls:
            for piece in self._tls.encrypt(data):
                self._send(piece, timeout)
        else:
            self._send(data, timeout)

    def read(self, timeout: float) -> list[Timed]:
        """What arrived since the last call, at least one piece; empty at the end of the stream.

        Raises RequestFailed with RESET where the connection broke, STALL where nothing came.
        """
        while True:
            if self._inbox:
                arrived, self._inbox = self._inbox, []
                if self._tls:
                    arrived = self._tls.decrypt(arrived)
                    if not arrived:
                        continue
                return arrived
            if self._end:
                if self._end.outcome is Outcome.TRUNCATED:
                    return []
                raise self._end
            self._arrived.clear()
            if not self._arrived.wait(max(timeout, 0)):
                raise RequestFailed(Outcome.STALL, f"no bytes for {timeout:.1f} s")

    def close(self) -> None:
        """Close it at once."""
        self._watcher.stop()
        self._watcher.close()
        self._socket.close()
        self._end = self._end or RequestFailed(Outcome.RESET, "closed here")

    def _send(self, data: bytes, timeout: float) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                try:
                    gevent.socket.wait_write(self._socket.fileno(), timeout)
                except TimeoutError:
                    raise RequestFailed(Outcome.STALL, "the server takes no bytes") from None
            except OSError as error:
                raise RequestFailed(Outcome.RESET, f"while sending: {error}") from None

    def _on_readable(self) -> None:
        """Runs in the hub: reads, stamps, and leaves everything else to the request's greenlet."""
        try:
            data, ancillary, _, _ = self._socket.recvmsg(READ_BYTES, _ANCILLARY_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._finish(RequestFailed(Outcome.RESET, str(error)))
            return
        if data:
            self._inbox.append((_arrival(ancillary), data))
            self._arrived.set()
        else:
            self._finish(RequestFailed(Outcome.TRUNCATED, "closed by the server"))

    def _finish(self, end: RequestFailed) -> None:
        self._end = end
        self._watcher.stop()
        self._arrived.set()

    def _handshake(self, tls: _Tls, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        try:
            while True:
                done = tls.handshake()
                self._send(tls.outgoing.read(), timeout)
                if done:
                    return
                while not self._inbox:
                    if self._end:
                        raise RequestFailed(Outcome.TLS, "closed by the server in the handshake")
                    self._arrived.clear()
                    if not self._arrived.wait(max(deadline - time.monotonic(), 0)):
                        raise RequestFailed(Outcome.TLS, f"no handshake within {timeout:.0f} s")
                for _, data in self._inbox:
                    tls.incoming.write(data)
                self._inbox.clear()
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", None) or error.reason or str(error)
            raise RequestFailed(Outcome.TLS, str(reason)) from None


class _Tls:
    """Encryption apart from the socket, so that the socket's bytes keep their times."""

    def __init__(self, target: Target) -> None:
        assert target.tls
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = target.tls.wrap_bio(
            self.incoming, self.outgoing, server_hostname=target.host
        )

    def handshake(self) -> bool:
        """Go on with the handshake as far as the bytes reach; whether it is complete."""
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def encrypt(self, data: bytes) -> Iterator[bytes]:
        """The records that carry the data, a megabyte at a time."""
        for start in range(0, len(data), 1 << 20):
            self._object.write(data[start : start + (1 << 20)])
            yield self.outgoing.read()

    def decrypt(self, arrived: list[Timed]) -> list[Timed]:
        """The plain bytes of what arrived, each with the time of its last record."""
        plain_bytes: list[Timed] = []
        for at, data in arrived:
            self.incoming.write(data)
            try:
                while piece := self._object.read(READ_BYTES):
                    plain_bytes.append((at, piece))
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                raise RequestFailed(Outcome.TLS, str(error.reason or error)) from None
        return plain_bytes


def _arrival(ancillary: list[tuple[int, int, bytes]]) -> float:
    """The kernel's stamp on the monotonic clock, or the time of reading where there is none."""
    now = time.monotonic()
    for _, kind, value in ancillary:
        if kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", value)
            age: float = time.time() - (seconds + nanoseconds * 1e-9)
            if 0 <= age < _OLDEST_STAMP_SECONDS:
                return now - age
    return now
