"""Published measurements that the plan rests on or is checked against, each with its source.

None of them was taken by this project except where it says so. Where a figure stands for other
hardware or another release than the profile's, what the plan makes of it is an estimate and is
marked so.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploy.hardware import GIB


@dataclass(frozen=True)
class Source:
    """Who measured what, and where it can be read."""

    what: str
    link: str = ""


@dataclass(frozen=True)
class Measured:
    """One number with its source."""

    value: float
    source: Source


# The boot log of SGLang (June 2026) with GLM-5.1-FP8 on eight H200 of 143,771 MiB each, TP8.
H200_BOOT = Source(
    "SGLang's log, GLM-5.1-FP8 on 8 H200, TP8",
    "https://github.com/Jiminator/sglang/tree/ee60c0df41888cd285566e82dc0b121060ea3b10/"
    "development/loop11/runs/20260613_m0",
)
# What CUDA, torch and NCCL hold before weights are loaded: 140.40 GiB less "avail mem=137.96 GB".
# The same difference on RTX PRO 6000 is 2.29 GiB (sgl-project/sglang#29562).
RUNTIME_BYTES = Measured(143_771 * 2**20 - 137.96 * GIB, H200_BOOT)
# From "Memory pool end" to "Capture cuda graph begin": workspaces of the attention backend.
ATTENTION_WORKSPACE_BYTES = Measured((38.99 - 36.62) * GIB, H200_BOOT)
# "Capture cuda graph end": memory and seconds for the graphs of batches up to 512.
GRAPH_BYTES = Measured(2.73 * GIB, H200_BOOT)
GRAPH_SECONDS = Measured(71.3, H200_BOOT)
GRAPH_BATCH = 512

PREFILL_GRAPH_BYTES = Measured(
    1.5 * GIB,
    Source(
        "SGLang 0.5.20's own reserve for the prefill graph of latent attention (memory_hook.py)",
        "https://github.com/sgl-project/sglang/tree/v0.5.20/python/sglang/srt/arg_groups",
    ),
)

# GLM-5-FP8 without its MTP layer, 746 GB, from disk: "elapsed=228.09 s" for the quickest rank and
# 887.93 s for the slowest.
COLD_LOAD = Source(
    "SGLang's log, GLM-5-FP8 on 8 MI355X: 746 GB in 228 s at best, 888 s at worst",
    "https://github.com/ajith-sirra-amd/Issues/blob/main/GLM-5-FP8-MI355X-SGLANG-ERROR.md",
)
LOCAL_BYTES_PER_SECOND = Measured(3.0e9, COLD_LOAD)
LOAD_SPREAD = Measured(887.93 / 228.09, COLD_LOAD)
NETWORK_BYTES_PER_SECOND = Measured(
    1.0e9, Source("10 Gbit/s Ethernet carries 1.25 GB/s; four fifths of it")
)
# 22 s from "server_args=" to "Load weight begin"; imports before and the first answer after the
# graphs are taken to need as long each.
PROCESS_SECONDS = Measured(66.0, COLD_LOAD)
# The engine's own words on a first start: "typically 10-20 mins"; the longer of them.
COMPILE_SECONDS = Measured(
    1200.0,
    Source(
        "SGLang's log: DeepGEMM compiles for 10 to 20 minutes on a first start",
        "https://github.com/sgl-project/sglang/pull/15891",
    ),
)
# The cpu profile is ready after 25 s, after 68 s with both cores busy; cpu-vllm after 40 to 57 s.
CPU_START = Source("Measured here: SGLang and vLLM with the smoke model on two CPU cores")
CPU_SECONDS = {"sglang": Measured(25.0, CPU_START), "vllm": Measured(57.0, CPU_START)}
CPU_BUSY = Measured(68.0 / 25.0, CPU_START)


@dataclass(frozen=True)
class PrefillRate:
    """Prompt tokens per second of a whole server at a prompt length, with no prefix cached."""

    gpu: str
    gpus: int
    tokens_per_second: float
    prompt_tokens: int
    source: Source


PREFILL_RATES = (
    PrefillRate(
        "B200",
        8,
        8192 / 0.295,
        8192,
        Source(
            "GLM-5.2-NVFP4 on 8 B200, TP8, SGLang: 8,192 tokens in 295 ms, one request",
            "https://github.com/sgl-project/sglang/pull/29674",
        ),
    ),
    PrefillRate(
        "B300",
        8,
        23_729 * 8192 / (8192 + 256),  # prompt tokens of a total that counts answers too
        8192,
        Source(
            "GLM-5.1-NVFP4 on 8 B300, TP8, vLLM 0.23: 23,729 tokens/s at 8,192 in and 256 out",
            "https://github.com/Scicom-AI-Enterprise-Organization/GPUPlatform/blob/main/"
            "GLM5.1-B300-benchmark-report.md",
        ),
    ),
    PrefillRate(
        "B300",
        4,
        8192 / 0.238,
        8192,
        Source(
            "GLM-5.2-NVFP4 on 4 GB300, TP4, SGLang: 8,192 tokens in 238 ms, one request",
            "https://github.com/sgl-project/sglang/pull/29486",
        ),
    ),
)

# Host memory of a node where nobody says.
HOST_BYTES = Measured(
    2e12,
    Source(
        "A DGX B200 comes with 2 TB of system memory",
        "https://docs.nvidia.com/dgx/dgxb200-user-guide/introduction-to-dgxb200.html",
    ),
)
