"""Known deaths, by lines as the engine, its libraries and the linked threads print them."""

from __future__ import annotations

import pytest

from deploy.server.diagnosis import SIGNATURES, signature, status_in_words

LINES = {
    "option-unknown": ["launch_server.py: error: unrecognized arguments: --nsa-prefill-backend"],
    "chunk-without-fraction": [
        "ValueError: Loaded weights leave no GPU memory for the KV cache under "
        "--mem-fraction-static=-7.185. Raise --mem-fraction-static above 0.004"
    ],
    "kv-cache-no-room": [
        "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static."
    ],
    "indexer-out-of-memory": [
        '  File "sglang/srt/layers/attention/dsa/dsa_indexer.py", line 812, in _get_topk_ragged',
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.63 GiB.",
    ],
    "graph-capture": ["Exception: Capture cuda graph failed: CUDA error: no kernel image"],
    "gpu-out-of-memory": ["torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 12 GiB."],
    "draft-moe-illegal-access": [
        '  File "sglang/srt/speculative/eagle_worker_v2.py", line 400, in draft',
        "torch.AcceleratorError: CUDA error: an illegal memory access was encountered",
    ],
    "illegal-access": ["CUDA error: an illegal memory access was encountered"],
    "ptxas-sm103": ["ptxas fatal   : Value 'sm_103a' is not defined for option 'gpu-name'"],
    "driver-too-old": ["RuntimeError: The NVIDIA driver on your system is too old (found 12080)."],
    "nvfp4-unsupported": ["ValueError: Current platform does not support NVFP4 quantization."],
    "draft-expert-parallel": [
        "NotImplementedError: Pre-permute function for flashinfer to triton is not registered"
    ],
    "address-in-use": [
        "ERROR: [Errno 98] error while attempting to bind on address: address already in use"
    ],
    "nccl": [
        "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:3690, "
        "unhandled system error, ncclSystemError"
    ],
    "shared-memory": ["Fatal Python error: Bus error"],
    "weights-damaged": [
        "safetensors_rust.SafetensorError: Error while deserializing header: "
        "MetadataIncompleteBuffer"
    ],
    "weights-missing": ["RuntimeError: Cannot find any model weights with `/models/glm`"],
    "watchdog": ["[TP3] Scheduler watchdog timeout (self.watchdog_timeout=300, self.soft=False)"],
    "worker-killed": ["Subprocess scheduler_0 (pid=4063) crashed with exit code -9."],
    "worker-died": ["SIGQUIT received. signum=None. It usually means one child failed."],
}


def test_every_signature_is_tried() -> None:
    assert list(LINES) == [known.code for known in SIGNATURES]


@pytest.mark.parametrize("code", LINES)
def test_a_known_death_is_told(code: str) -> None:
    # Every death ends with the engine's own clean-up words, which must not hide the cause.
    tail = ["INFO: Uvicorn running", *LINES[code], "kill_process_tree called: parent_pid=1"]
    if code not in ("worker-killed", "worker-died"):
        tail.append("Subprocess scheduler_0 (pid=7) crashed with exit code 1. Triggering SIGQUIT")
    known = signature(tail)
    assert known is not None
    assert known[0].code == code
    assert known[1] in LINES[code]


def test_an_unknown_death_is_not_explained() -> None:
    assert signature(["Segmentation fault", "ready"]) is None


def test_statuses_name_their_signal() -> None:
    assert status_in_words(137) == "status 137 (SIGKILL)"
    assert status_in_words(3) == "status 3"
