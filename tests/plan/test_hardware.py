"""The plan against the project's own report of an H200, and docs/capacity.md against both.

docs/hardware-reports/2026-11-23-h200-mini-sglang-0.5.17.json: the mini model under SGLang 0.5.17.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from deploy import mini
from deploy.hardware import GIB
from deploy.loader import CONFIGS
from deploy.plan.memory import Memory
from tests.gpu.watch import allocations
from tests.plan.profiles import planned

DOCS = CONFIGS.parent / "docs"
REPORT = DOCS / "hardware-reports" / "2026-11-23-h200-mini-sglang-0.5.17.json"
TEXT = (DOCS / "capacity.md").read_text(encoding="utf-8").partition("### On one H200")[2]
RUNS = {run["name"]: run for run in json.loads(REPORT.read_text(encoding="utf-8"))["runs"]}
# The profile's fraction was the card's when the first run was taken.
FIRST, SAME_AT_70 = "as the profile is", "as the profile is, memory fraction 0.70"
FP8, BOTH = "FP8 KV cache, memory fraction 0.70", "MTP and FP8 KV cache, memory fraction 0.70"
# What the document calls them.
ROWS = {
    FIRST: "16 bits, 0.80",
    SAME_AT_70: "16 bits, 0.70",
    "MTP, memory fraction 0.70": "16 bits, 0.70, MTP",
    FP8: "FP8, 0.70",
    BOTH: "FP8, 0.70, MTP",
    "FP8 KV cache, memory fraction 0.55": "FP8, 0.55",
    "MTP and FP8 KV cache, memory fraction 0.55": "FP8, 0.55, MTP",
    "FP8 KV cache, memory fraction 0.70, chunk 32768": "FP8, 0.70, chunk 32768",
}
# Multiprocessors of an H200 (NVIDIA's data sheet): FlashMLA's splits beyond one a query.
PARTS = 132


def memory(name: str) -> Memory:
    used = RUNS[name]["used"]
    names = ("chunked_prefill_size", "kv_cache_dtype", "mem_fraction_static")
    settings = [f"{option.replace('_', '-')}={used[option]}" for option in names]
    if used.get("speculative_algorithm"):
        settings += ["speculative-algorithm=EAGLE", "speculative-num-draft-tokens=4"]
        settings += ["speculative-num-steps=3", "speculative-eagle-topk=1"]
    return planned("mini-hopper", *settings, config=mini.config()).memory


def shortage(name: str) -> tuple[float, float, float] | None:
    """GiB asked for, free, and in use, where a run ended for want of memory."""
    text = "\n".join(RUNS[name]["log"])
    found = re.search(
        r"allocate ([\d.]+) GiB.* of which ([\d.]+) GiB is free.* has ([\d.]+) GiB memory in", text
    )
    return (float(found[1]), float(found[2]), float(found[3])) if found else None


@pytest.mark.parametrize("name", RUNS)
def test_the_plan_knows_which_runs_end_for_want_of_memory(name: str) -> None:
    found, short = memory(name), shortage(name)
    assert found.left_bytes is not None
    assert (found.left_bytes < 0) == (short is not None)
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| {ROWS[name]} |"))
    assert f"| {found.left_bytes / GIB:.2f} GiB |" in row
    answered = {check["name"]: check["passed"] for check in RUNS[name]["checks"]}
    assert ("answered" in row) == answered["prompt of 200000 tokens"]
    assert ("cuBLAS" in row or "the same" in row) == (not short and "answered" not in row)
    if short:
        assert f"{short[0]:.2f} GiB asked for, {short[1]:.2f} free" in row


def test_the_buffers_are_those_that_were_asked_for() -> None:
    plain, packed = memory(FIRST).prefill, memory(FP8).prefill
    asked, wanted = shortage(FIRST), shortage(FP8)
    assert asked and wanted
    assert plain.output_bytes / GIB == asked[0]
    partial = packed.output_bytes - plain.output_bytes
    assert round(partial * (1 + PARTS / packed.tokens) / GIB, 2) == wanted[0]
    assert f"(131,072 + {PARTS}) x 64 x 512 x 4" in TEXT


def measured() -> dict[str, tuple[float, float]]:
    """GiB or tokens, planned and measured, by the rows of the document's second table."""
    found: dict[str, tuple[float, float]] = {}
    for row, name in {
        "in use when 8.00 GiB": FIRST,
        "in use when 16.02 GiB": FP8,
        "the same with MTP": BOTH,
    }.items():
        plan, short = memory(name), shortage(name)
        assert short and plan.gpu_bytes and plan.left_bytes is not None
        in_use = plan.gpu_bytes - plan.left_bytes - round(short[0]) * GIB
        found[row] = in_use / GIB, short[2]
    plan, run = memory(SAME_AT_70), RUNS[SAME_AT_70]
    assert plan.gpu_bytes and plan.tokens
    said: dict[str, Any] = allocations(run["log"])
    found["KV cache, 16 bits"] = plan.kv_bytes / GIB, said["kv_cache"]
    found["tokens in it"] = plan.tokens, run["token_capacity"]
    found["before loading"] = plan.runtime_bytes / GIB, plan.gpu_bytes / GIB - said["free"]
    found["weights"] = plan.weights.total_bytes / GIB, said["weights"]
    first = RUNS[FIRST]["log"]
    pool, after, graph = (
        float(match[1])
        for pattern in (
            r"Memory pool end\. avail mem=([\d.]+)",
            r"prefill CUDA graph end.* avail mem=([\d.]+)",
            r"prefill CUDA graph end.* mem usage=([\d.]+)",
        )
        if (match := re.search(pattern, "\n".join(first)))
    )
    found["attention workspace"] = plan.attention_bytes / GIB, pool - after - graph
    found["CUDA graphs"] = plan.graph_bytes / GIB, allocations(first)["graphs"] or 0
    return found


def test_the_document_has_what_was_measured() -> None:
    for label, (plan, real) in measured().items():
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| {label}"))
        shown = (f"{value:,.0f}" if value > 1000 else f"{value:.2f} GiB" for value in (plan, real))
        more = 100 * (plan / real - 1)
        deviation = f"{more:+.1f}" if abs(more) < 10 else f"{more:+.0f}"
        assert row.endswith(f"| {' | '.join(shown)} | {deviation} % |"), (label, plan, real)


@pytest.mark.parametrize(
    ("name", "dtype", "label"),
    [
        ("b300", "fp8_e4m3", "B200, B300 | FP8"),
        ("b300", "bfloat16", "B200, B300 | 16 bits"),
        ("h200", "bfloat16", "H200 | 16 bits"),
        ("h200", "fp8_e4m3", "H200 | FP8"),
    ],
)
def test_padding_is_as_the_document_has_it(name: str, dtype: str, label: str) -> None:
    found = planned(name, f"kv-cache-dtype={dtype}", "mem-fraction-static=0.7")
    step, kernel = found.memory.prefill, found.serving.sparse_prefill
    assert kernel
    heads = max(8, kernel.head_multiple)
    partial = 4 if kernel.partial_results else 0
    assert step.output_bytes == 131_072 * heads * 512 * (2 + partial)
    assert step.padded_bytes == (131_072 * heads * 576 * 2 if heads > 8 else 0)
    text = (DOCS / "capacity.md").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith(f"| {label}"))
    padded = f"{step.padded_bytes / GIB:.2f} GiB" if step.padded_bytes else "none"
    sizes = f"{step.output_bytes / GIB:.2f} GiB | {step.kernel_bytes / GIB:.2f} GiB |"
    assert row.endswith(f"| `{kernel.backend}` | {heads} | {padded} | {sizes}")


def test_heads_that_fill_the_kernel_are_not_padded() -> None:
    # Attention data parallelism leaves all 64 heads on a GPU.
    settings = ("kv-cache-dtype=fp8_e4m3", "enable-dp-attention=true", "dp-size=8")
    step = planned("h200", *settings).memory.prefill
    assert (step.padded_bytes, step.tokens) == (0, 131_072 // 8)
