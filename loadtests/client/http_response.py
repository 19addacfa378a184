"""HTTP/1.1 responses, parsed as their bytes arrive."""

from __future__ import annotations

from loadtests.client.outcomes import Outcome, RequestFailed

_MAX_HEAD_BYTES = 65536  # of status line and headers; servers send a few hundred


class Response:
    """One response; feed it until ``complete``."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.complete = False
        self._rest = b""  # of what cannot be read before more arrives
        self._head_done = False
        self._chunked = False
        self._remaining: int | None = None  # of the body or chunk; None: to the end of the stream
        self._after_chunk = False
        self._trailers = False

    @property
    def started(self) -> bool:
        """Whether the headers are complete."""
        return self._head_done

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection may carry another request."""
        close = self.headers.get("connection", "").lower() == "close"
        return self.complete and not close and (self._chunked or self._remaining is not None)

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of body in these bytes; RequestFailed with BAD_HTTP where it is no HTTP."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        if not self._head_done:
            start = self._parse_head(data)
            if start is None:
                self._rest = data
                return []
            data = data[start:]
        return self._chunks(data) if self._chunked else self._plain(data)

    def end(self) -> None:
        """The stream ended: complete only where the end is what delimits the body."""
        if self._head_done and not self._chunked and self._remaining is None:
            self.complete = True

    def _parse_head(self, data: bytes, start: int = 0) -> int | None:
        """Where the body starts; None where the headers have no end yet."""
        end = data.find(b"\r\n\r\n", start)
        if end < 0:
            if len(data) > _MAX_HEAD_BYTES:
                raise RequestFailed(Outcome.BAD_HTTP, "headers without an end")
            return None
        lines = data[start:end].decode("latin-1").split("\r\n")
        version, _, rest = lines[0].partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
            raise RequestFailed(Outcome.BAD_HTTP, f"status line {lines[0][:80]!r}")
        self.status = int(rest[:3])
        if 100 <= self.status < 200:  # an interim response; the real one follows
            return self._parse_head(data, end + 4)
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self._head_done = True
        self._chunked = self.headers.get("transfer-encoding", "").lower().endswith("chunked")
        if self._chunked:
            self._remaining = 0
        elif "content-length" in self.headers:
            try:
                self._remaining = int(self.headers["content-length"])
            except ValueError:
                raise RequestFailed(Outcome.BAD_HTTP, "content-length is no number") from None
            self.complete = self._remaining == 0
        return end + 4

    def _plain(self, data: bytes) -> list[bytes]:
        if self._remaining is not None:
            data = data[: self._remaining]
            self._remaining -= len(data)
            self.complete = self._remaining == 0
        return [data] if data else []

    def _chunks(self, data: bytes) -> list[bytes]:
        pieces: list[bytes] = []
        at = 0
        while not self.complete:
            if self._remaining:
                piece = data[at : at + self._remaining]
                if not piece:
                    break
                at += len(piece)
                self._remaining -= len(piece)
                self._after_chunk = not self._remaining
                pieces.append(piece)
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                self._rest = data[at:]
                break
            line, at = data[at:end], end + 2
            if self._after_chunk:
                self._after_chunk = False
                if line:
                    raise RequestFailed(Outcome.BAD_HTTP, "a chunk is longer than its size")
            elif self._trailers:
                self.complete = not line
            else:
                self._start_chunk(line)
        return pieces

    def _start_chunk(self, line: bytes) -> None:
        try:
            self._remaining = int(line.split(b";")[0], 16)
        except ValueError:
            raise RequestFailed(Outcome.BAD_HTTP, f"chunk size {line[:20]!r}") from None
        self._trailers = self._remaining == 0
