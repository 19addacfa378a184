"""SGLang: what the launcher knows of it. Read in the sources of 0.5.12 to 0.5.23."""

from __future__ import annotations

import re

from deploy.engines.engine import Engine

# GET /ready exists from 0.5.20 on. Before, /health generates a token, so it answers later.
_READY_SINCE = (0, 5, 20)


def _ready_path(version: str) -> str:
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    return "/ready" if numbers >= _READY_SINCE else "/health"


SGLANG = Engine(
    name="sglang",
    distribution="sglang",
    module="sglang.launch_server",
    default_host="127.0.0.1",
    default_port=30000,
    ready_path=_ready_path,
    secrets={
        "api-key": "--api-key-file",
        "admin-api-key": "--admin-api-key-file",
    },
    refused={
        "config": "write its options into engine.args: a profile hides nothing",
        "ssl-keyfile-password": "use a key file without a passphrase, readable by its owner only: "
        "a secret must not stand in a command line",
    },
    # Read in the releases' own deprecation texts; what is not here was dropped without successor.
    replaced={
        "nsa-prefill-backend": "dsa-prefill-backend",
        "nsa-decode-backend": "dsa-decode-backend",
        "enable-nsa-prefill-context-parallel": "enable-prefill-cp",
        "enable-dsa-prefill-context-parallel": "enable-prefill-cp",
        "enable-prefill-context-parallel": "enable-prefill-cp",
        "nsa-prefill-cp-mode": "cp-strategy",
        "dsa-prefill-cp-mode": "cp-strategy",
        "prefill-cp-mode": "cp-strategy",
        "cuda-graph-max-bs": "cuda-graph-max-bs-decode",
        "cuda-graph-bs": "cuda-graph-bs-decode",
        "disable-piecewise-cuda-graph": "cuda-graph-backend-prefill: disabled",
        "enforce-piecewise-cuda-graph": "cuda-graph-backend-prefill",
        "enable-piecewise-cuda-graph": "cuda-graph-backend-prefill",
        "enable-breakable-cuda-graph": "cuda-graph-backend-prefill: breakable",
        "piecewise-cuda-graph-max-tokens": "cuda-graph-max-bs-prefill",
        "piecewise-cuda-graph-tokens": "cuda-graph-bs-prefill",
        "stream-output": "incremental-streaming-output",
        "hybrid-kvcache-ratio": "swa-full-tokens-ratio",
        "elastic-ep-rejoin": "elastic-ep-join-mode: recover",
        "enable-deepep-waterfill": "enable-waterfill",
        "enable-gdn-replayssm-spec": "enable-linear-replayssm-spec",
        "mamba-scheduler-strategy": "mamba-radix-cache-strategy",
        "keep-mm-feature-on-device": "mm-feature-transport",
    },
    phases=(
        (r"server_args=", "starting the workers"),
        (r"Init torch distributed begin", "connecting the workers"),
        (r"Load weight begin", "loading weights"),
        (r"Load weight end", "allocating the KV cache"),
        (r"Capture .*CUDA graph.* begin", "capturing CUDA graphs"),
        (r"Uvicorn running on", "warming up"),
        (r"The server is fired up and ready to roll", "answering"),
    ),
    in_flight=r"Gracefully exiting\.\.\. Remaining number of requests (\d+)",
)
