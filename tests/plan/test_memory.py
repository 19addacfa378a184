"""Memory of one GPU against published boot logs and notes; the source stands at each."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from deploy.hardware import GIB
from deploy.model import FP8, GLM_5_1
from deploy.plan import serving_of, shapes
from deploy.plan.cache import host_token_bytes, token_bytes
from deploy.plan.measurements import H200_BOOT
from deploy.plan.memory import fit, memory_of, pool_bytes, weights_of
from deploy.plan.serving import Serving
from deploy.plan.shapes import Model
from tests.plan.profiles import NVFP4, changed, planned

GLM = shapes.read(NVFP4)


def serving(name: str, *settings: str, **values: Any) -> Serving:
    return dataclasses.replace(serving_of(changed(name, *settings), GLM), **values)


# The engine's own classes give these bytes (test_oracle.py).
@pytest.mark.parametrize(
    "name, values, main_bytes, draft_bytes",
    [
        ("b300", {}, 59_433_612_288, 2_667_777_024),
        ("b300-tp4", {}, 114_651_362_304, 5_130_357_760),
        ("b300-high-throughput", {}, 81_423_430_656, 2_928_348_160),
        (
            "b300-tp4",
            {"caches": 4, "attention_ranks": 1, "embedding_ranks": 1},
            133_499_778_048,
            5_353_704_448,
        ),
    ],
    ids=["tp8", "tp4", "tp8-attention-dp8", "tp4-attention-dp4"],
)
def test_weights_of_one_gpu(
    name: str, values: dict[str, Any], main_bytes: int, draft_bytes: int
) -> None:
    weights = weights_of(GLM, serving(name, draft=True, **values))
    assert weights.divided_bytes + weights.whole_bytes == main_bytes
    assert weights.draft_bytes == draft_bytes


def test_attention_data_parallelism_holds_attention_and_embedding_whole() -> None:
    """By hand: eight ranks divide what one of them would hold whole."""
    divided = weights_of(GLM, serving("b300"))
    whole = weights_of(GLM, serving("b300-high-throughput"))
    hidden, heads = 6144, 64
    up = 2048 * heads * 256 + 512 * heads * (192 + 256) + heads * 256 * hidden
    embedding = 154_880 * hidden
    more = (78 * up + embedding) * 2 * 7 // 8
    difference = whole.divided_bytes + whole.whole_bytes
    difference -= divided.divided_bytes + divided.whole_bytes
    assert difference == more


# "Load weight end ... mem usage": sglang's log on 8 H200 (measurements.py), GLM-5-FP8 on 8 MI355X
# (ajith-sirra-amd/Issues), GLM-5.2-FP8 on 8 RTX PRO 6000 (OpenAgentsInc/hydralisk, 2026-06-24).
@pytest.mark.parametrize("measured_gib", [89.24, 89.58, 89.44])
def test_fp8_weights_are_within_one_per_cent_of_the_logs(measured_gib: float) -> None:
    model = shapes.read({**GLM_5_1, "quantization_config": FP8})
    weights = weights_of(model, serving("b300"))
    assert weights.total_bytes / GIB == pytest.approx(measured_gib, rel=0.01)


def test_tokens_are_as_large_as_in_the_published_note() -> None:
    # InferenceX, benchmarks/single_node/agentic/glm5.2_fp4_b300_sglang_mtp.sh: a pool of 6,009,728
    # tokens is 270.00 GB, its indexer's 61.88 GB, the MTP layer's 3.46 GB.
    slots = 6_009_728
    token = token_bytes(GLM, serving("b300", draft=True))
    layer = token.kv_bytes // 78
    for planned_bytes, noted_gb in (
        (token.kv_bytes, 270.00),
        (token.indexer_bytes, 61.88),
        (layer, 3.46),
    ):
        assert planned_bytes * slots / 1e9 == pytest.approx(noted_gb, abs=0.01)
    # What a token weighs by that note: 44,927 + 10,297 + 576; the draft's indexer came later.
    assert (token.kv_bytes, token.indexer_bytes, layer) == (44_928, 10_296, 576)
    assert token.draft_bytes == 576 + 132
    # SGLang's script for InferenceX asks for 270 GB a rank; 0.5.20 packs the draft beside it.
    host = host_token_bytes(GLM, serving("b300-agentic"))
    assert (host.kv_bytes, host.indexer_bytes) == (79 * 576, 79 * 132)


def test_the_pool_is_as_large_as_in_the_logs() -> None:
    # The H200 log of measurements.py: 48.72 GiB free of 137.96 after loading, on the rank that has
    # least. Its release sized the pool at 78 * (576 + 132) bytes a token, whatever it allocated.
    token = token_bytes(GLM, serving("b300"))
    assert token.total_bytes == 55_224
    for fraction, tokens in ((0.8, 410_560), (0.7, 142_208)):
        budget = (48.72 - 137.96 * (1 - fraction)) * GIB
        # The log's hundredths of a GiB are 200 tokens each.
        found = fit(budget, token, serving("b300"))
        assert found == pytest.approx(tokens, abs=2 * 0.01 * GIB / 55_224)
    # It allocated 656 + 132 bytes a layer, as 0.5.20 counts them: 23.51 GiB with its page.
    packed = serving("h200", kv_dtype="fp8_e4m3", kv_scaled=True)
    hopper = token_bytes(GLM, packed)
    assert hopper.total_bytes == 61_464
    assert pool_bytes(410_560, hopper, packed) / GIB == pytest.approx(23.51, abs=0.01)
    # The same on MI355X (ajith-sirra-amd/Issues): 193.90 of 283.48 GiB free, fraction 0.908.
    rocm = dataclasses.replace(packed, page_tokens=1)
    budget = (193.90 - 283.48 * (1 - 0.908)) * GIB
    assert fit(budget, token, rocm) == pytest.approx(3_262_823, abs=2 * 0.01 * GIB / 55_224)
    assert pool_bytes(3_262_823, hopper, rocm) / GIB == pytest.approx(186.77, abs=0.01)


def test_h200_planned_from_its_shapes_alone_is_near_its_log() -> None:
    # The same log: FP8 weights, fraction 0.8, 410,560 tokens at 55,224 bytes.
    model: Model = shapes.read({**GLM_5_1, "quantization_config": FP8})
    old = {"kv_dtype": "fp8_e4m3", "kv_scaled": False, "scales_twice": False}
    asked = serving("h200", fraction=0.8, **old)
    memory = memory_of(model, asked, 143_771 * 2**20, 202_752, 8)
    assert memory.tokens == pytest.approx(410_560, rel=0.02), H200_BOOT.link


def test_vllm_on_b300_is_near_the_published_tokens() -> None:
    # GLM-5.1-FP8 on 8 B300, TP8, vLLM 0.23: 2,904,960 tokens with an FP8 cache, 1,608,064 in 16
    # bits (Scicom-AI-Enterprise-Organization/GPUPlatform, GLM5.1-B300-benchmark-report.md). Both
    # are the same bytes at the plan's bytes a token.
    published = {"fp8": 2_904_960, "bfloat16": 1_608_064}
    sizes = []
    for dtype, tokens in published.items():
        setting = f"kv-cache-dtype={dtype}"
        found = planned("vllm-b300", setting, config={**GLM_5_1, "quantization_config": FP8})
        sizes.append(tokens * found.memory.token.total_bytes)
        # Not tuned: vLLM measured its peak there, the plan bounds it from above.
        assert found.memory.tokens is not None
        assert 0.96 * tokens < found.memory.tokens < tokens
    assert sizes[0] == pytest.approx(sizes[1], rel=0.005)


def test_the_hierarchical_cache_of_the_note() -> None:
    # The same InferenceX script: hicache-size 270 a rank was 335.34 GB, and 2.683 TB over TP8, on
    # 0.5.16; 0.5.20 counts the draft layer in the size, and pins 1.0 % less.
    found = planned("b300-agentic", "hicache-size=270")
    assert found.memory.host
    assert found.memory.host.rank_bytes / 1e9 == pytest.approx(335.34, rel=0.015)
    assert found.memory.host.node_bytes == 8 * found.memory.host.rank_bytes


def test_nothing_is_lost_between_the_parts() -> None:
    for name in ("b300", "b200-agentic", "b300-high-throughput", "h200", "vllm-b300"):
        memory = planned(name).memory
        assert memory.gpu_bytes and memory.left_bytes is not None
        parts = (
            memory.runtime_bytes,
            memory.weights.total_bytes,
            memory.kv_bytes,
            memory.table_bytes,
            memory.attention_bytes,
            memory.graph_bytes,
            memory.prefill.total_bytes,
            memory.left_bytes,
        )
        assert sum(parts) == memory.gpu_bytes
