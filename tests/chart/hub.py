"""A hub on the loopback that serves one model, and can be made to serve it badly."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPOSITORY = "nvidia/GLM-5.1-NVFP4"
COMMIT = "9116eb1c3ef24dd38dfe61e2eb71399ddd8070c8"


@dataclass
class Hub:
    """``cut`` are bytes after which answers end too early, ``garbled`` how many answers lie."""

    files: dict[str, bytes]
    url: str = ""
    cut: int | None = None
    garbled: int = 0
    sent: list[str] = field(default_factory=list)


@contextmanager
def hub(files: dict[str, bytes]) -> Iterator[Hub]:
    """Serve the files until the block ends."""
    state = Hub(files)
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    state: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = self.path.partition("?")[0]
        if path.startswith(f"/api/models/{REPOSITORY}/tree/"):
            self._send(
                json.dumps(self._tree()).encode(), {"Content-Type": "application/json"}, body
            )
        elif path.startswith(f"/api/models/{REPOSITORY}"):
            self._send(
                json.dumps(self._info()).encode(), {"Content-Type": "application/json"}, body
            )
        elif path.startswith(f"/{REPOSITORY}/resolve/"):
            self._file(path.split("/", 5)[5], body)
        else:
            self.send_error(404)

    def _info(self) -> dict[str, object]:
        siblings = [
            {
                "rfilename": name,
                "size": len(data),
                "lfs": {"sha256": _sha256(data), "size": len(data), "pointerSize": 134},
            }
            for name, data in self.state.files.items()
        ]
        return {"id": REPOSITORY, "modelId": REPOSITORY, "sha": COMMIT, "siblings": siblings}

    def _tree(self) -> list[dict[str, object]]:
        return [
            {
                "type": "file",
                "path": name,
                "size": len(data),
                "oid": "0" * 40,
                "lfs": {"oid": _sha256(data), "size": len(data), "pointerSize": 134},
            }
            for name, data in self.state.files.items()
        ]

    def _file(self, name: str, body: bool) -> None:
        data = self.state.files[name]
        headers = {"ETag": f'"{_sha256(data)}"', "X-Repo-Commit": COMMIT}
        headers |= {"X-Linked-Size": str(len(data)), "X-Linked-Etag": f'"{_sha256(data)}"'}
        if body:
            self.state.sent.append(name)
        if body and self.state.garbled:
            self.state.garbled -= 1
            data = bytes(len(data))
        self._send(data, headers, body)

    def _send(self, data: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data[: self.state.cut])
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
