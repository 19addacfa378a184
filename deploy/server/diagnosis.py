"""Why an engine died: known signatures in its log, what they mean, and what to change."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Signature:
    """A known death: every pattern is in the log's tail; the first one's line is shown."""

    code: str
    patterns: tuple[str, ...]
    meaning: str
    change: str


# The special before the general; the first whose patterns all match is told. Wordings are those
# of SGLang 0.5.20, vLLM 0.32.0 and of the threads named.
SIGNATURES = (
    Signature(
        "option-unknown",
        (
            r"error: unrecognized arguments|error: ambiguous option|error: argument --.*invalid|"
            r"invalid tool call parser|invalid reasoning parser",
        ),
        "this engine version does not know an option, or not with this value",
        "compare engine.version with what is installed, and mend the option it names",
    ),
    Signature(
        "chunk-without-fraction",
        (r"under --mem-fraction-static=-",),
        "the automatic memory fraction went negative: a large prefill chunk reserves more than "
        "the GPU has",
        "set engine.args.mem-fraction-static (0.80 goes with 131072)",
    ),
    Signature(
        "kv-cache-no-room",
        (
            r"leave no GPU memory for the KV cache|No available memory for the cache blocks|"
            r"GiB KV cache is needed|"
            r"Not enough memory\. Please try to increase --mem-fraction-static",
        ),
        "the weights leave no room for the KV cache under this memory fraction",
        "raise engine.args.mem-fraction-static (vLLM: gpu-memory-utilization, or lower "
        "max-model-len), or spread the weights over more GPUs",
    ),
    Signature(
        "indexer-out-of-memory",
        (r"OutOfMemoryError|out of memory", r"mqa_logits|dsa_indexer|nsa_indexer"),
        "the sparse-attention indexer ran out of memory in a long prefill "
        "(sgl-project/sglang#35759)",
        "lower engine.args.chunked-prefill-size (8192 under tensor parallelism), or "
        "mem-fraction-static by 0.05",
    ),
    Signature(
        "graph-capture",
        (r"Capture cuda graph failed",),
        "capturing CUDA graphs failed; with EAGLE on B300, SGLang 0.5.12 does so always "
        "(sgl-project/sglang#25563)",
        "lower mem-fraction-static or cuda-graph-max-bs-decode; use the profile's engine version",
    ),
    Signature(
        "gpu-out-of-memory",
        (r"OutOfMemoryError|CUDA out of memory",),
        "a GPU ran out of memory outside the KV pool",
        "lower mem-fraction-static by 0.05 or chunked-prefill-size; see that no other process "
        "holds GPU memory",
    ),
    Signature(
        "draft-moe-illegal-access",
        (r"illegal memory access", r"(?i)eagle|nextn|draft"),
        "the draft model's MoE kernel read outside its memory; known before FlashInfer 0.6.18 on "
        "B200 and B300 (sgl-project/sglang#30209)",
        "use SGLang 0.5.19 or newer; or set speculative-moe-runner-backend: triton and "
        "speculative-moe-a2a-backend: none; or serve without speculative decoding",
    ),
    Signature(
        "illegal-access",
        (r"illegal memory access",),
        "a GPU kernel read outside its memory",
        "use the profile's engine version and image; lower chunked-prefill-size to 32768 (large "
        "NVFP4 prefills crashed before FlashInfer 0.6.18); look for Xid errors in dmesg",
    ),
    Signature(
        "ptxas-sm103",
        (r"sm_103a?'? is not defined|sm_103a.*ptxas|ptxas.*sm_103a",),
        "this ptxas does not know B300: it is older than CUDA 13",
        "use the CUDA 13 image; outside of it, export TRITON_PTXAS_PATH=/usr/local/cuda/bin/ptxas",
    ),
    Signature(
        "driver-too-old",
        (r"driver version is insufficient|NVIDIA driver on your system is too old",),
        "the NVIDIA driver is too old for CUDA 13",
        "install driver 580 or newer",
    ),
    Signature(
        "nvfp4-unsupported",
        (r"platform does not support NVFP4",),
        "this GPU cannot compute in NVFP4 with this MoE runner",
        "use B200 or B300; on Hopper set moe-runner-backend: marlin",
    ),
    Signature(
        "draft-expert-parallel",
        (r"(Pre|Post)-permute function for .* is not registered",),
        "the BF16 draft layer inherited an expert-parallel backend that it cannot use",
        "set speculative-moe-a2a-backend: none and speculative-moe-runner-backend: triton",
    ),
    Signature(
        "address-in-use",
        (r"(?i)address already in use|port is already in use",),
        "another process took the port after it was checked",
        "choose another with --port, or stop that process",
    ),
    Signature(
        "nccl",
        (r"NCCL error|nccl(System|UnhandledCuda|Internal|Remote)Error|NCCL WARN",),
        "the GPUs could not talk to each other",
        "give the container --ipc=host and --shm-size 32g, check `nvidia-smi topo -m` and the "
        "fabric manager, and run again with NCCL_DEBUG=INFO",
    ),
    Signature(
        "shared-memory",
        (r"Bus error|No space left on device.*/dev/shm|/dev/shm.*No space left",),
        "shared memory is too small (containers get 64 MiB unless told otherwise)",
        "give the container --shm-size 32g",
    ),
    Signature(
        "weights-damaged",
        (r"SafetensorError|MetadataIncompleteBuffer|InvalidHeader|HeaderTooLarge",),
        "a weight file is cut short or damaged",
        "download it again: huggingface-cli download compares sizes and resumes",
    ),
    Signature(
        "weights-missing",
        (
            r"Cannot find any model weights|LocalEntryNotFoundError|RepositoryNotFoundError|"
            r"GatedRepoError|is not a local folder and is not a valid model|Unrecognized model in|"
            r"Repo id must|No such file or directory: '[^']*\.safetensors",
        ),
        "the model is not where model-path says, or may not be downloaded from here",
        "check model-path; for a download check HF_TOKEN, HF_HUB_OFFLINE and the network",
    ),
    Signature(
        "watchdog",
        (r"watchdog timeout",),
        "one forward batch took longer than the watchdog allows, or the GPUs hang",
        "raise engine.args.watchdog-timeout if kernels were still compiling or a long prefill "
        "ran; otherwise look for Xid errors in dmesg",
    ),
    Signature(
        "worker-killed",
        (r"crashed with exit code -9",),
        "a worker was killed from outside: by hand, or by the kernel when host memory ran out",
        "look for 'Out of memory' in dmesg; with a hierarchical cache lower hicache-size or "
        "hicache-ratio",
    ),
    Signature(
        "worker-died",
        (r"crashed with exit code -?\d+|one child failed|Worker proc \S+ died unexpectedly",),
        "a worker process died; its own words stand further up in the log",
        "read the first traceback in the log",
    ),
)


def signature(tail: Sequence[str]) -> tuple[Signature, str] | None:
    """The first known signature in the log's tail, and the line that shows it."""
    for known in SIGNATURES:
        lines = [
            next((line for line in tail if re.search(pattern, line)), None)
            for pattern in known.patterns
        ]
        if lines[0] is not None and None not in lines:
            return known, lines[0]
    return None


def status_in_words(status: int) -> str:
    """An exit status as people read it: 137 is the shell's word for SIGKILL."""
    if status > 128 and status - 128 in set(signal.Signals):
        return f"status {status} ({signal.Signals(status - 128).name})"
    return f"status {status}"
