"""A socket whose bytes carry the time at which the kernel received them.

The hub reads every socket that is readable, and only then hands over what came: with 200 streams
whose events come at once, a parser in between would delay the last by tens of milliseconds. Where
the kernel stamps arrivals (Linux, SO_TIMESTAMPNS), not even a busy hub shifts a time. What takes
the bytes runs in the hub, too: a switch to a greenlet and a timer for every event cost more than
all of its parsing.
"""

from __future__ import annotations

import socket as plain
import ssl
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import gevent
import gevent.event
import gevent.monkey
import gevent.socket

from loadtests.client.outcomes import Outcome, RequestFailed

Timed = tuple[float, bytes]  # seconds on the monotonic clock, and what arrived then
Take = Callable[[list[Timed]], bool]  # whether that was the last of it

READ_BYTES = 8192  # some 20 events; what is left is read in the next round of the hub
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
        self._woken = gevent.event.Event()
        self._end: RequestFailed | None = None
        self._take: Take | None = None
        self._over = False  # whether it has had the last of it
        self._fault: Exception | None = None
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
        self._loop = gevent.get_hub().loop
        self._watcher = self._loop.io(self._socket.fileno(), 1)
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

    def receive(self, take: Take, deadline: Callable[[], float]) -> None:
        """Give ``take`` what arrives until it says that this was the last, or the stream ends.

        ``take`` must not block. ``deadline`` says by when, on the monotonic clock, more must have
        come. Raises what ``take`` raises, RequestFailed with RESET where the connection broke, and
        with STALL where the deadline passed.
        """
        self._take, self._over, self._fault = take, False, None
        try:
            while True:
                self._deliver()  # what came before, or just before the end
                if self._fault:
                    raise self._fault
                if self._over:
                    return
                if self._end:
                    if self._end.outcome is Outcome.TRUNCATED:
                        return
                    raise self._end
                left = deadline() - time.monotonic()
                if left <= 0:
                    raise RequestFailed(Outcome.STALL, "no bytes in time")
                self._woken.clear()
                self._woken.wait(left)
        finally:
            self._take = None

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
        """Runs in the hub: reads and stamps."""
        try:
            data, ancillary, _, _ = self._socket.recvmsg(READ_BYTES, _ANCILLARY_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._finish(RequestFailed(Outcome.RESET, str(error)))
            return
        if not data:
            self._finish(RequestFailed(Outcome.TRUNCATED, "closed by the server"))
            return
        self._inbox.append((_arrival(ancillary), data))
        if self._take:
            self._loop.run_callback(self._deliver)  # once all that is readable was read
        else:
            self._woken.set()

    def _deliver(self) -> None:
        """Hand over what arrived, and wake the request's greenlet where that was the last."""
        if not self._take or self._over or not self._inbox:
            return
        arrived, self._inbox = self._inbox, []
        try:
            if self._tls:
                arrived = self._tls.decrypt(arrived)
            if not arrived or not self._take(arrived):
                return
        except Exception as error:
            self._fault = error
        self._over = True
        self._woken.set()

    def _finish(self, end: RequestFailed) -> None:
        self._end = end
        self._watcher.stop()
        self._woken.set()

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
                    self._woken.clear()
                    if not self._woken.wait(max(deadline - time.monotonic(), 0)):
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
