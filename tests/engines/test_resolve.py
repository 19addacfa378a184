"""SGLang's own resolution of every profile, with the platform presented as the profile's GPU.

Expected values are SGLang's documented ones for GLM-5.1's architecture, per GPU generation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Any

import pytest

from deploy import loader
from deploy.engines.resolve import Row, resolve
from deploy.overrides import Setting
from tests.ahead import begun
from tests.launching import profiles_of, run

pytestmark = pytest.mark.engine

BLACKWELL = {
    "kv-cache-dtype": "fp8_e4m3",
    "dsa-prefill-backend": "trtllm",
    "dsa-decode-backend": "trtllm",
    "moe-runner-backend": "flashinfer_trtllm",
}
HOPPER = {
    "kv-cache-dtype": "bfloat16",
    "dsa-prefill-backend": "flashmla_sparse",
    "dsa-decode-backend": "fa3",
    "moe-runner-backend": "marlin",
}
SPARSE = {"attention-backend": "dsa", "page-size": 64, "device": "cuda"}


def expected(name: str) -> dict[str, Any]:
    """What the engine must use for the profile of this name."""
    if name == "cpu":
        return {"attention-backend": "torch_native", "device": "cpu", "page-size": 1}
    values = {**SPARSE, **(HOPPER if name in ("h200", "mini-hopper") else BLACKWELL)}
    kind = name.partition("-")[2]
    values["chunked-prefill-size"] = {
        "low-latency": 8192,
        "agentic": 8192,
        "high-throughput": 131072 // 8,  # per rank
    }.get(kind, 131072)
    if kind == "low-latency":
        values |= {
            "speculative-algorithm": "EAGLE",
            "speculative-num-steps": 5,
            "speculative-num-draft-tokens": 6,
            "max-running-requests": 16,
            "speculative-moe-runner-backend": "flashinfer_trtllm",
        }
    if kind == "agentic":
        # 48 is the engine's own limit with speculative decoding.
        values |= {
            "speculative-algorithm": "EAGLE",
            "speculative-num-steps": 3,
            "speculative-num-draft-tokens": 4,
            "max-running-requests": 48,
            "hicache-mem-layout": "page_first_direct",
        }
    if kind == "high-throughput":
        values |= {"dp-size": 8, "max-running-requests": 512 if "b200" in name else 1024}
    return values


@pytest.fixture(scope="module")
def resolved() -> Iterator[Mapping[str, Future[list[Row]]]]:
    with begun(lambda name: resolve(loader.load(name)[0]), profiles_of("sglang")) as rows:
        yield rows


@pytest.mark.parametrize("name", profiles_of("sglang"))
def test_the_engine_uses_what_the_profile_means(
    resolved: Mapping[str, Future[list[Row]]], name: str
) -> None:
    rows = {row.option: row for row in resolved[name].result()}
    used = {option: rows[option].used for option in expected(name) if option in rows}
    assert used == expected(name)
    for row in rows.values():
        changed = row.asked is not None and row.asked != row.used
        assert not changed or row.option == "chunked-prefill-size", row


def test_a_local_models_own_config_is_used() -> None:
    smoke = loader.load("cpu")[0].model
    words = [f"engine.args.model-path={smoke}", "engine.args.quantization=null"]
    profile, _ = loader.load("mini-b300", [Setting.of(word) for word in words])
    rows = {row.option: row.used for row in resolve(profile)}
    assert rows["model-path"] == smoke
    assert rows["attention-backend"] != "dsa", "the smoke model's attention is not sparse"


def test_explain_shows_both_sides() -> None:
    text = run("explain", "--profile", "b300-high-throughput").stdout
    lines = {line.split()[-3]: line.split() for line in text.splitlines()[1:]}
    assert lines["chunked-prefill-size"] == ["*", "chunked-prefill-size", "131072", "16384"]
    assert lines["kv-cache-dtype"] == ["kv-cache-dtype", "-", "fp8_e4m3"]
    assert lines["model-path"][1] == "nvidia/GLM-5.1-NVFP4"
    rows = json.loads(run("explain", "--profile", "b300", "--json").stdout)
    assert {"option": "page-size", "asked": None, "used": 64} in rows
