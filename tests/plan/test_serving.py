"""What the engines' options come to; SGLang's own resolution agrees in test_oracle.py."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.plan.findings import of_division
from deploy.plan.serving import HostCache, Serving
from tests.plan.profiles import FP8, planned


def serving(name: str, *settings: str, config: dict[str, Any] = FP8) -> Serving:
    return planned(name, *settings, config=config).serving


def test_attention_data_parallelism_divides_the_chunk_and_the_requests() -> None:
    # parallel_hook.py: handle_data_parallelism, and max_running_requests // attn_dp_size
    found = serving("b300-high-throughput", "chunked-prefill-size=32768")
    assert (found.caches, found.attention_ranks, found.replicas, found.gpus) == (8, 1, 1, 8)
    assert found.chunk_tokens == 32_768 // 8
    # 0.5.22 has one option for what takes two before: the same shares.
    apart = serving("b300", "dp-size=2", "tp-size=4")
    assert (apart.caches, apart.replicas, apart.gpus) == (1, 2, 8)


def test_the_automatic_fraction_is_the_engines() -> None:
    # deploy.engines.resolve gives the same: 0.916 on B200 with 8192 and MTP, 0.886 on H200.
    low = serving("b200-low-latency", "mem-fraction-static=null")
    assert low.fraction == pytest.approx(0.916, abs=0.0005) and not low.fraction_given
    hopper = serving("h200", "mem-fraction-static=null", "chunked-prefill-size=null")
    assert hopper.fraction == pytest.approx(0.886, abs=0.0005)
    assert hopper.chunk_tokens == 8192


def test_defaults_follow_the_gpu_and_the_draft() -> None:
    # overrides.py: _dsa_kv_cache_dtype_default; speculative_hook.py
    assert serving("h200").kv_dtype == "bfloat16"
    assert serving("h200", "kv-cache-dtype=fp8_e4m3").kv_scaled
    agentic = serving("b300-agentic")
    assert (agentic.kv_dtype, agentic.kv_scaled, agentic.draft) == ("fp8_e4m3", False, True)
    assert agentic.most_running == 48 and agentic.graph_batch == 48
    assert agentic.host_cache == HostCache(100 * 10**9, 2.0)
    # memory_hook.py: smaller GPUs get smaller graphs unless four or more share the model.
    batches = [serving(name).graph_batch for name in ("h200", "mini-hopper", "mini-b300")]
    assert batches == [512, 256, 512]


def test_vllm_says_the_same_in_other_words() -> None:
    plain = serving("vllm-b300")
    assert (plain.gpus, plain.caches, plain.attention_ranks, plain.page_tokens) == (8, 1, 8, 64)
    # 0.19.1's own defaults, from its catalogue and its engine/arg_utils.py.
    assert (plain.fraction, plain.fraction_given, plain.chunk_tokens) == (0.9, False, 8192)
    assert plain.fraction_of == "all memory"
    set_all = serving(
        "vllm-b300",
        "gpu-memory-utilization=0.85",
        "max-num-batched-tokens=16k",
        "kv-cache-dtype=bfloat16",
        "max-num-seqs=64",
        "enforce-eager=true",
    )
    assert (set_all.fraction, set_all.fraction_given) == (0.85, True)
    assert (set_all.chunk_tokens, set_all.kv_dtype) == (16_000, "bfloat16")
    assert (set_all.most_running, set_all.graph_batch) == (64, 0)
    experts = serving("vllm-b300-expert-parallel")
    assert experts.expert_parallel == experts.expert_ranks == experts.gpus == 8
    assert experts.caches * experts.attention_ranks == 8


def test_a_cpus_cache_is_what_an_option_says() -> None:
    assert serving("cpu", "max-total-tokens=128Ki").most_tokens == 131_072
    found = planned("cpu-vllm", config=FP8).serving
    assert (found.cache_bytes, found.fraction, found.page_tokens) == (2**30, None, 64)


def test_a_model_that_cannot_be_divided_is_an_error() -> None:
    found = planned("b300")
    bad = Serving(**{**vars(found.serving), "attention_ranks": 7, "expert_parallel": 3})
    codes = [(item.code, item.severity) for item in of_division(found.model, bad)]
    assert codes == [("plan-division", "error")] * 2
