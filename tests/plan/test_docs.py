"""Every figure of docs/capacity.md, computed again."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from deploy.hardware import GIB, GPUS
from deploy.loader import CONFIGS
from deploy.model import GLM_5_1
from deploy.plan import Plan, Question, serving_of, shapes
from deploy.plan.memory import fit, memory_of, weights_of
from deploy.plan.tensors import Tensor
from tests.plan.profiles import FP8, NVFP4, changed, planned
from tests.plan.published import GLM_5_2_FP8, GLM_5_2_NVFP4

TEXT = (CONFIGS.parent / "docs/capacity.md").read_text(encoding="utf-8")
# Two parts are held to the code and to a report in test_hardware.py.
ELSEWHERE = r"### Padded heads\n.*?(?=So `h200`)|### On one H200\n.*?(?=### On a CPU)"
REST = re.sub(ELSEWHERE, "", TEXT, flags=re.DOTALL)
B300 = planned("b300")
# What others published, each with its source in the text.
PUBLISHED = """
    1,487,822,475,264 59,079 44,927 10,297 6,009,728 2,904,960 1,608,064 23,729 410,560 3,262,823
""".split()
# Shapes and options written out in products.
GIVEN = "131,072 202,752 154,880 2,048 8,192 4,096 200,000 143,771".split()


def weights(name: str, **values: Any) -> tuple[float, float]:
    """GiB of one GPU without copies, and with the prediction layer."""
    model = shapes.read(NVFP4)
    serving = dataclasses.replace(serving_of(changed(name), model), draft=True, **values)
    found = weights_of(model, serving)
    main = found.divided_bytes + found.whole_bytes
    return main / GIB, (main + found.draft_bytes) / GIB


def in_layers(part: str, plan: Plan = B300) -> list[Tensor]:
    tensors = [tensor for tensor in plan.model.tensors if not tensor.mtp]
    return [tensor for tensor in tensors if tensor.part == part]


def parameters(part: str, layers: int, each: int = 1) -> int:
    return sum(tensor.parameters for tensor in in_layers(part)) // layers // each


def held(part: str, *, whole: bool | None = None) -> int:
    from deploy.plan.memory import loaded

    pieces = [piece for piece in loaded(B300.model, B300.serving) if piece.tensor.part == part]
    return sum(piece.bytes for piece in pieces if whole in (None, piece.whole))


def counted() -> dict[str, int]:
    """Whole numbers of the text, by what they are."""
    model, memory, token = B300.model, B300.memory, B300.memory.token
    fp8 = planned("vllm-b300", config=FP8).memory
    glm = shapes.read(NVFP4)
    sized = serving_of(changed("b300"), glm)
    unpaged = dataclasses.replace(sized, page_tokens=1)
    hopper = dataclasses.replace(
        serving_of(changed("h200"), glm),
        fraction=0.8,
        kv_dtype="fp8_e4m3",
        kv_scaled=False,
        scales_twice=False,
    )
    h200 = memory_of(shapes.read(FP8), hopper, GPUS["H200"].memory_bytes, 202_752, 8)
    marlin = planned("h200").memory
    assert memory.tokens and fp8.tokens and h200.tokens and marlin.tokens
    return {
        "attention": parameters("attention", 78),
        "indexer": parameters("indexer", 78),
        "expert": parameters("routed experts", 75, 256),
        "router": parameters("router", 75),
        "dense": parameters("dense MLP", 3),
        "norms": (parameters("norms", 1) - 6144) // 78,
        "embedding": parameters("embedding", 1),
        "main": model.parameters,
        "draft": model.draft_parameters,
        "all": model.parameters + model.draft_parameters,
        "packed": parameters("routed experts", 1),
        "packed bytes": sum(t.checkpoint_bytes for t in in_layers("routed experts")),
        "disk": model.checkpoint_bytes,
        "experts": held("routed experts"),
        "up and out": held("attention", whole=False),
        "down": held("attention", whole=True),
        "indexer held": held("indexer"),
        "shared": held("shared experts"),
        "ends": held("embedding") + held("output head"),
        "dense held": held("dense MLP"),
        "router held": held("router"),
        "norms held": held("norms"),
        "weights": memory.weights.divided_bytes + memory.weights.whole_bytes,
        "copy": memory.weights.copy_bytes,
        "scales": marlin.weights.copy_bytes - memory.weights.copy_bytes,
        "rotary": memory.weights.rotary_bytes,
        "extra": 78 * 4 * 4,
        "latent": token.kv_bytes,
        "index": token.indexer_bytes,
        "token": token.total_bytes,
        "token in 16 bits": marlin.token.total_bytes,
        "tokens": memory.tokens,
        "a rank's chunk": planned("b300-high-throughput").serving.chunk_tokens,
        "read": B300.startup.read_bytes,
        "rate": round(8192 / (8192 + 256) * 23_729),
        "vllm": fp8.tokens,
        "h200 log": fit((48.72 - 137.96 * 0.2) * GIB, token, unpaged),
        "mi355x log": fit((193.90 - 283.48 * 0.092) * GIB, token, unpaged),
        "h200": h200.tokens,
        "marlin": marlin.tokens,
    }


def test_every_whole_number_is_the_codes_or_published() -> None:
    found = counted()
    known = {f"{value:,}" for value in found.values()} | set(PUBLISHED) | set(GIVEN)
    written = set(re.findall(r"\d{1,3}(?:,\d{3})+", REST))
    assert written == known


def test_every_size_is_the_codes_or_published() -> None:
    memory, prefill = B300.memory, B300.memory.prefill
    assert memory.gpu_bytes and memory.left_bytes and memory.fraction
    free = memory.gpu_bytes - memory.runtime_bytes
    trouble = planned("b200", "chunked-prefill-size=32768", "mem-fraction-static=0.92").memory
    narrow = planned("h200", "mem-fraction-static=0.80").memory.left_bytes
    wide = planned("h200").memory.left_bytes
    assert trouble.left_bytes and narrow and wide
    sizes = [
        -narrow,
        wide,
        memory.gpu_bytes,
        memory.runtime_bytes,
        free,
        free * memory.fraction - memory.weights.total_bytes,
        memory.weights.total_bytes,
        memory.reserve_bytes,
        memory.table_bytes,
        memory.attention_bytes,
        memory.graph_bytes,
        memory.left_bytes,
        prefill.hidden_bytes,
        prefill.query_bytes,
        prefill.chosen_bytes,
        prefill.index_bytes,
        prefill.output_bytes,
        prefill.scores_bytes,
        prefill.all_scores_bytes,
        prefill.experts_bytes,
        trouble.prefill.scores_bytes,
        -trouble.left_bytes,
        weights_of(shapes.read(FP8), B300.serving).total_bytes,
        154_880 * 6144 * 2 * 7 // 8,
    ]
    known = {f"{size / GIB:.2f}" for size in sizes}
    for pair in (
        weights("b300"),
        weights("b300-tp4"),
        weights("b300-high-throughput"),
        weights("b300-tp4", caches=4, attention_ranks=1, embedding_ranks=1),
    ):
        known |= {f"{size:.2f}" for size in pair}
    # H200's memory, what is free of it, graphs; SGLang's reserve; #35759; two logs; vLLM's pools.
    known |= set("140.40 137.96 2.73 1.5 2.63 2.20 89.24 89.58 149.4 150.0".split())
    written = set(re.findall(r"(\d+\.\d+)(?= (?:GiB|less|and \d+\.\d+ GiB))", REST))
    assert written - {"0.80"} == known
    token, long = memory.token.total_bytes, planned("h200").memory.token.total_bytes
    assert (
        f"{2_904_960 * token / GIB:.1f}" == "149.4" and f"{1_608_064 * long / GIB:.1f}" == "150.0"
    )


@pytest.mark.parametrize(
    "label, planned_value, published",
    [
        ("GLM-5.2-NVFP4", shapes.read(GLM_5_2_NVFP4).checkpoint_bytes, 464_823_042_096),
        ("GLM-5.2-FP8", shapes.read(GLM_5_2_FP8).checkpoint_bytes, 755_632_050_320),
        ("one of 8 H200", weights_of(shapes.read(FP8), B300.serving).total_bytes, 89.24 * GIB),
        ("one of 8 MI355X", weights_of(shapes.read(FP8), B300.serving).total_bytes, 89.58 * GIB),
        ("tokens on H200, fraction 0.8, from the", counted()["h200 log"], 410_560),
        ("tokens on MI355X", counted()["mi355x log"], 3_262_823),
        ("tokens on H200, fraction 0.8, from shapes", counted()["h200"], 410_560),
        ("tokens on B300, vLLM", counted()["vllm"], 2_904_960),
    ],
)
def test_deviations_are_as_written(label: str, planned_value: int, published: float) -> None:
    row = next(line for line in TEXT.splitlines() if line.startswith("| ") and label in line)
    assert row.endswith(f"| {100 * (planned_value / published - 1):+.2f} % |")


def test_times_are_the_codes() -> None:
    start = B300.startup
    assert f"A start is {start.warm_seconds:.0f} s" in TEXT
    assert f"and {start.cold_seconds / 60:.0f} min for" in TEXT
    assert f"must wait {start.probe_seconds // 60}\nmin" in TEXT
    for seconds in (start.process_seconds, start.load_seconds, start.compile_seconds):
        assert f"| {seconds:.0f} |" in TEXT
    load = planned("b300", question=Question(context_tokens=200_000)).throughput
    assert load and load.least_seconds and load.most_seconds
    assert f"then take {load.least_seconds:.1f} s" in TEXT
    assert f"is {load.growth:.2f} times" in TEXT and f"up to {load.most_seconds:.1f} s" in TEXT
    host = planned("b300-agentic", "hicache-size=270").memory.host
    assert host
    assert f"pin {host.rank_bytes / 1e9:.0f} GB, and {host.node_bytes / 1e12:.2f} TB" in TEXT
    assert f"{B300.capacity.sequences:.1f} sequences" in TEXT
    assert GLM_5_1["num_hidden_layers"] == 78
