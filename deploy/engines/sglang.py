"""SGLang: what the launcher knows of it. Read in the sources of 0.5.12 to 0.5.23."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from deploy.engines.engine import Engine
from deploy.engines.rules import Rules

# GET /ready exists from 0.5.20 on. Before, /health generates a token, so it answers later.
_READY_SINCE = (0, 5, 20)


def _ready_path(version: str) -> str:
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    return "/ready" if numbers >= _READY_SINCE else "/health"


def automatic_fraction(args: Mapping[str, Any], gpu_bytes: int) -> tuple[float, float]:
    """mem-fraction-static as the engine chooses it, and the MiB that it reserves.

    ``args`` are options by primary spelling. The terms of 0.5.20's memory_hook.py for latent
    attention on a GPU of 60 GiB or more, in MiB: metadata, activations per chunk token, parallel
    slack, decode graphs and their padding under attention data parallelism, and prefill's graph.
    """
    chunk = args.get("chunked-prefill-size") or (16384 if gpu_bytes >= 160 * 2**30 else 8192)
    parallel = (args.get("tp-size") or 1) * (args.get("pp-size") or 1)
    batch = largest_graph(args, gpu_bytes)
    reserved = 512 + max(chunk, 2048) * 1.5 + parallel / 8 * 1024 + batch * 2 + 1536
    if args.get("enable-dp-attention"):
        reserved += batch * (args.get("dp-size") or 1) * (4.5 if batch > 300 else 3)
    reserved = max(reserved, 10 * 1024)
    return round(1 - reserved * 2**20 / gpu_bytes, 3), reserved


def largest_graph(args: Mapping[str, Any], gpu_bytes: int) -> int:
    """The largest decode batch with a CUDA graph: 0.5.20's memory_hook.py from 60 GiB on."""
    small = gpu_bytes < 160 * 2**30 and (args.get("tp-size") or 1) < 4
    return int(args.get("cuda-graph-max-bs-decode") or (256 if small else 512))


def _memory_fault(args: Mapping[str, Any], gpu_bytes: int) -> tuple[str, str, str] | None:
    """What the engine's automatic memory fraction would be, where that is too small to serve."""
    chunk = args.get("chunked-prefill-size")
    if args.get("mem-fraction-static") is not None or not isinstance(chunk, int):
        return None
    fraction, reserved = automatic_fraction(args, gpu_bytes)
    if fraction >= _LEAST_FRACTION:
        return None
    return (
        "chunked-prefill-size",
        f"a chunk of {chunk} reserves {reserved / 1024:.0f} GiB, which leaves an automatic memory "
        f"fraction of {fraction:.2f}",
        "set mem-fraction-static, such as 0.80",
    )


# GLM-5.1's weights alone are 0.21 of a B300 and 0.31 of a B200 under TP8; below half of the
# memory the KV cache gets less than the model.
_LEAST_FRACTION = 0.5

SGLANG = Engine(
    name="sglang",
    distribution="sglang",
    module="sglang.launch_server",
    subcommand=(),
    model_option="model-path",
    model_first=False,
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
    rules=Rules(
        together=(
            ("speculative-num-steps", "speculative-eagle-topk", "speculative-num-draft-tokens"),
        ),
        needs={
            **dict.fromkeys(
                (
                    "speculative-num-steps",
                    "speculative-attention-mode",
                    "speculative-moe-runner-backend",
                    "speculative-moe-a2a-backend",
                ),
                ("speculative-algorithm",),
            ),
            **dict.fromkeys(
                (
                    "hicache-ratio",
                    "hicache-size",
                    "hicache-write-policy",
                    "hicache-io-backend",
                    "hicache-mem-layout",
                    "hicache-storage-backend",
                ),
                ("enable-hierarchical-cache",),
            ),
            "enable-dp-attention": ("dp-size",),
            "enable-dp-lm-head": ("enable-dp-attention", "attn-dp-size"),
            "enable-hisparse": ("disable-radix-cache",),
        },
        excludes=(
            ("enable-hierarchical-cache", "disable-radix-cache"),
            ("enable-hierarchical-cache", "enable-hisparse"),
            ("attn-dp-size", "dp-size"),
        ),
    ),
    memory_fault=_memory_fault,
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
    drain_option=None,
    # Read in 0.5.12, 0.5.20 and the libraries they pin. From 0.5.18 on SGLANG_CACHE_DIR moves some
    # of the others along, but not those of its own JIT kernels, TVM FFI and TileLang.
    cache_dirs={
        "SGLANG_CACHE_DIR": "sglang",
        "SGLANG_JIT_CACHE_DIR": "sglang-jit",
        "SGLANG_DG_CACHE_DIR": "deep-gemm",
        "FLASHINFER_WORKSPACE_BASE": "flashinfer",
        "TRITON_CACHE_DIR": "triton",
        "TORCHINDUCTOR_CACHE_DIR": "inductor",
        "CUDA_CACHE_PATH": "cuda",
        "TVM_FFI_CACHE_DIR": "tvm-ffi",
        "TILELANG_CACHE_DIR": "tilelang",
    },
)
