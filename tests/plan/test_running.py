"""Plans against the running engine: what it allocates and what it loads, to the byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import loader
from deploy.hardware import GIB
from deploy.plan import Plan, plan
from deploy.plan.memory import fit, pool_bytes
from deploy.plan.source import config_of
from tests.launching import Launched, launched
from tests.plan import observer
from tests.plan.small_models import GLM4_MOE, LLAMA, QWEN2, save

pytestmark = pytest.mark.engine

_ALLOCATED = re.compile(
    r"KV Cache is allocated\. dtype: torch\.(\S+), #tokens: (\d+), "
    r"K size: ([0-9.]+) GB, V size: ([0-9.]+) GB"
)


@dataclass(frozen=True)
class Case:
    """A small model and how it is served; the tokens None lets the engine profile its memory."""

    config: dict[str, Any]
    dtype: str
    ranks: int
    tokens: int | None


CASES = {
    "llama-float32-profiled": Case(LLAMA, "float32", 1, None),
    "qwen2-bfloat16-tp2": Case(QWEN2, "bfloat16", 2, 50_000),
    "glm4-moe-bfloat16-tp2": Case(GLM4_MOE, "bfloat16", 2, 30_000),
}


@dataclass(frozen=True)
class Run:
    """What one engine did: its log, its metrics, and the observer's files."""

    case: Case
    plan: Plan
    log: str
    tokens_metric: float
    cache_metric_bytes: float
    parameters: list[dict[str, int]]
    budgets: list[int]


@pytest.fixture(scope="module", params=list(CASES.values()), ids=list(CASES))
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    case: Case = request.param
    directory = tmp_path_factory.mktemp("run")
    profile = _profile(case, save(case.config, case.dtype, directory / "model"), directory)
    seen = directory / "seen"
    seen.mkdir()
    env = {"PYTHONPATH": str(_plugin(directory)), "OBSERVED": str(seen)}
    if case.ranks > 1:
        env["SGLANG_CPU_OMP_THREADS_BIND"] = "0|1"
    loaded_profile = loader.load(str(profile))[0]
    planned = plan(loaded_profile, config_of(loaded_profile.model, None))
    with launched(directory, profile=str(profile), **env) as server:
        server.wait_ready()
        yield Run(
            case,
            planned,
            server.log_path.read_text(),
            server.metric("sglang:max_total_num_tokens"),
            server.metric("sglang:kv_cache_memory_usage_gb") * GIB,
            [json.loads(file.read_text()) for file in sorted(seen.glob("loaded-*"))],
            [
                json.loads(file.read_text())["budget_bytes"]
                for file in sorted(seen.glob("profiled-*"))
            ],
        )
        assert server.end() == 0, server.said


def _profile(case: Case, model: Path, directory: Path) -> Path:
    """The cpu profile with this model."""
    value = yaml.safe_load((loader.CONFIGS / "cpu.yaml").read_text())
    args = value["engine"]["args"]
    args |= {"model-path": str(model), "dtype": case.dtype, "mem-fraction-static": 0.2}
    args |= {"tp-size": case.ranks} if case.ranks > 1 else {}
    for option in ("tool-call-parser", "reasoning-parser", "max-total-tokens"):
        del args[option]
    if case.tokens is not None:
        args["max-total-tokens"] = case.tokens
    value["limits"]["context_tokens"] = case.config["max_position_embeddings"]
    path = directory / "profile.yaml"
    path.write_text(yaml.safe_dump(value))
    return path


def _plugin(directory: Path) -> Path:
    """A directory that Python finds the observer's distribution in."""
    place = directory / "plugin"
    about = place / "observer-0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: observer\nVersion: 0\n")
    (about / "entry_points.txt").write_text(
        "[sglang.srt.plugins]\nobserver = plan_observer:observe\n"
    )
    assert observer.__file__
    (place / "plan_observer.py").write_text(Path(observer.__file__).read_text())
    return place


def test_the_kv_cache_is_the_one_that_the_engine_allocates(run: Run) -> None:
    serving, token = run.plan.serving, run.plan.memory.token
    allocated = _ALLOCATED.findall(run.log)
    assert len(allocated) == run.case.ranks
    for dtype, tokens, keys, values in allocated:
        assert dtype == serving.kv_dtype
        assert int(tokens) == run.tokens_metric
        rounding = 2 * 0.005 * GIB
        size = (float(keys) + float(values)) * GIB
        assert size == pytest.approx(run.cache_metric_bytes, abs=rounding)
    tokens = fit(min(run.budgets), token, serving)
    assert tokens == run.tokens_metric
    assert pool_bytes(tokens, token, serving) == run.cache_metric_bytes
    if run.case.tokens is not None:
        running = run.plan.capacity.running_requests
        assert f"max_running_requests={running}," in run.log
        assert (run.plan.memory.tokens, run.plan.memory.kv_bytes) == (
            run.tokens_metric,
            run.cache_metric_bytes,
        )


def test_the_weights_are_those_that_each_rank_loads(run: Run) -> None:
    assert len(run.parameters) == run.case.ranks
    for parameters in run.parameters:
        assert run.plan.memory.weights.total_bytes == sum(parameters.values())


def test_the_cpu_profile_is_as_planned(server: Launched) -> None:
    profile = loader.load("cpu")[0]
    memory = plan(profile, config_of(profile.model, None)).memory
    log = server.log_path.read_text()
    [(dtype, tokens, keys, values)] = _ALLOCATED.findall(log)
    assert (dtype, int(tokens)) == ("float32", memory.tokens)
    # The log rounds to hundredths, the metric does not.
    assert (float(keys) + float(values)) * GIB == pytest.approx(memory.kv_bytes, abs=0.01 * GIB)
    assert server.metric("sglang:max_total_num_tokens") == memory.tokens
    assert server.metric("sglang:kv_cache_memory_usage_gb") * GIB == memory.kv_bytes
