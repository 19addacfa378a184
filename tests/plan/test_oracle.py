"""Plans of GPU profiles against SGLang's own model and pool classes, built without memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Any

import pytest

from deploy.plan import plan
from deploy.plan.source import config_of
from tests.ahead import begun
from tests.plan import oracle
from tests.plan.profiles import changed

pytestmark = pytest.mark.engine

# SGLang makes four FP32 scales a layer for keys, values and queries that no checkpoint has.
_EXTRA_BYTES = 4 * 4
_SHARED = {"embed_tokens", "lm_head"}


Case = tuple[str, tuple[str, ...]]
CASES: list[Case] = [
    ("b300", ()),
    ("b300-tp4", ("kv-cache-dtype=bfloat16",)),
    ("b300-high-throughput", ("speculative-algorithm=EAGLE",)),
    ("b300-agentic", ()),
    # A GPU of less than 160 GiB that shares the model with few others gets smaller graphs.
    ("h200", ("kv-cache-dtype=fp8_e4m3", "tp-size=2")),
    ("mini-hopper", ("speculative-algorithm=EAGLE",)),
]


def asked(case: Case) -> dict[str, Any]:
    """What the engine's own classes say of a profile with settings."""
    profile = changed(case[0], *case[1])
    request = {
        "argv": list(profile.command().options),
        "gpu": profile.hardware.gpu,
        "config": config_of(profile.model, None),
    }
    done = subprocess.run(
        [sys.executable, "-m", oracle.__name__],
        input=json.dumps(request),
        env={**os.environ, "HF_HUB_OFFLINE": "1", "SGLANG_USE_CPU_ENGINE": "0"}
        | dict(profile.engine.env),
        capture_output=True,
        text=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(oracle.RESULT)]
    assert lines, done.stderr
    answer: dict[str, Any] = json.loads(lines[0].removeprefix(oracle.RESULT))
    return answer


@pytest.fixture(scope="module")
def answers() -> Iterator[Mapping[Case, Future[dict[str, Any]]]]:
    with begun(asked, CASES) as found:
        yield found


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join((case[0], *case[1])))
def test_weights_and_tokens_are_as_large_as_the_engine_has_them(
    answers: Mapping[Case, Future[dict[str, Any]]], case: Case
) -> None:
    engine = answers[case].result()
    profile = changed(case[0], *case[1])
    config = config_of(profile.model, None)
    planned = plan(profile, config)
    serving, memory = planned.serving, planned.memory
    assert serving.kv_dtype == engine["kv_cache_dtype"]
    assert serving.fraction == engine["mem_fraction_static"]
    assert serving.chunk_tokens == engine["chunked_prefill_size"]
    assert memory.token.total_bytes == engine["cell_bytes"]
    assert serving.sparse_prefill
    assert serving.sparse_prefill.backend == engine["dsa_prefill_backend"]
    # A batch is never larger than the requests that may run.
    largest = engine["largest_graph"]
    assert serving.graph_batch == min(largest, serving.most_running or largest)

    # The engine copies the up-projection of latent attention only after loading.
    weights = memory.weights
    up = sum(size for tensor, size in engine["target"].items() if "kv_b_proj" in tensor)
    draft = engine.get("draft", {})
    up += sum(size for tensor, size in draft.items() if "kv_b_proj" in tensor)
    planned_bytes = weights.divided_bytes + weights.whole_bytes + weights.copy_bytes - up
    assert sum(engine["target"].values()) == planned_bytes + planned.model.layers * _EXTRA_BYTES
    # The draft model shares the target's embedding and head.
    own = [size for tensor, size in draft.items() if not _SHARED & set(tensor.split("."))]
    assert sum(own) == weights.draft_bytes
