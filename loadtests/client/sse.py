"""Server-sent events, split as their bytes arrive; bytes stay bytes until an event is whole."""

from __future__ import annotations


class EventSplitter:
    """Turns pieces of body into events.

    Only whole events are decoded by those who use them, so a UTF-8 character that two packets
    share is no fault.
    """

    def __init__(self) -> None:
        self._rest = b""

    @property
    def pending(self) -> bool:
        """Whether the stream stands in the middle of an event."""
        return bool(self._rest.strip())

    def feed(self, data: bytes) -> list[bytes]:
        """The data of each event that these bytes complete."""
        if self._rest:
            data = self._rest + data
        if b"\r" in data:
            # A line may end in CR LF; a CR at the very end waits for its LF.
            held = b"\r" if data.endswith(b"\r") else b""
            data = data.removesuffix(held).replace(b"\r\n", b"\n") + held
        *blocks, self._rest = data.split(b"\n\n")
        return [found for block in blocks if (found := _data(block)) is not None]


def _data(block: bytes) -> bytes | None:
    """The data of one event; None for a comment or an empty one."""
    if block.startswith(b"data:") and b"\n" not in block:
        return block[5:].removeprefix(b" ")
    lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line[:5] == b"data:"]
    return b"\n".join(lines) if lines else None
