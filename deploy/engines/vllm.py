"""vLLM: what the launcher knows of it. Read in the sources of 0.19.1 and 0.32.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploy.engines.engine import Engine
from deploy.engines.rules import Rules


def _no_memory_fault(args: Mapping[str, Any], gpu_bytes: int) -> None:
    """vLLM measures its peak in a trial run, so no chunk makes its fraction impossible."""


VLLM = Engine(
    name="vllm",
    distribution="vllm",
    # The `vllm` command; 0.32.0 warns that vllm.entrypoints.openai.api_server will go.
    module="vllm.entrypoints.cli.main",
    subcommand=("serve",),
    model_option="model",
    # 0.32.0 warns that --model behind `serve` will go.
    model_first=True,
    default_host="0.0.0.0",
    default_port=8000,
    ready_path=lambda version: "/health",
    secrets={"api-key": "--api-key-file"},
    refused={
        "config": "write its options into engine.args: a profile hides nothing",
        "hf-token": "set HF_TOKEN in the environment: a secret must not stand in a command line",
    },
    # Still in recipes; what is not here was dropped without successor.
    replaced={
        "disable-log-requests": "no-enable-log-requests",
        "guided-decoding-backend": "structured-outputs-config: {backend: ...}",
        "num-scheduler-steps": "async-scheduling",
        "task": "runner",
    },
    rules=Rules(
        together=(),
        needs={
            "enable-auto-tool-choice": ("tool-call-parser",),
            "enable-log-outputs": ("enable-log-requests",),
        },
        excludes=(),
    ),
    memory_fault=_no_memory_fault,
    phases=(
        (r"non-default args:", "starting the workers"),
        (r"Initializing a V1 LLM engine", "connecting the workers"),
        (r"Starting to load model|Loading model from scratch", "loading weights"),
        (r"Loading weights took", "compiling and measuring memory"),
        (r"KV cache size: ", "capturing CUDA graphs"),
        (r"init engine .*took", "starting the API server"),
        (r"Application startup complete", "answering"),
    ),
    in_flight=r"draining in-flight requests count=(\d+)",
    drain_option="shutdown-timeout",
    # Read in 0.32.0 and its libraries. VLLM_CACHE_ROOT holds DeepGEMM's kernels, too.
    cache_dirs={
        "VLLM_CACHE_ROOT": "vllm",
        "FLASHINFER_WORKSPACE_BASE": "flashinfer",
        "TRITON_CACHE_DIR": "triton",
        "TORCHINDUCTOR_CACHE_DIR": "inductor",
        "CUDA_CACHE_PATH": "cuda",
        "TVM_FFI_CACHE_DIR": "tvm-ffi",
        "TILELANG_CACHE_DIR": "tilelang",
    },
)
