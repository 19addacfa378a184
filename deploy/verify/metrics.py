"""The engine's own numbers: /metrics, and how many requests it is working on."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from deploy.verify.check import Broken, DoesNotApply, expect
from deploy.verify.target import Target

# What dashboards, alerts and autoscaling read, by engine; histograms by their base name.
NAMES: Mapping[str, tuple[str, ...]] = {
    "sglang": (
        "sglang:num_running_reqs",
        "sglang:num_queue_reqs",
        "sglang:token_usage",
        "sglang:prompt_tokens",
        "sglang:generation_tokens",
        "sglang:time_to_first_token_seconds",
        "sglang:e2e_request_latency_seconds",
    ),
    "vllm": (
        "vllm:num_requests_running",
        "vllm:num_requests_waiting",
        "vllm:kv_cache_usage_perc",
        "vllm:prompt_tokens",
        "vllm:generation_tokens",
        "vllm:time_to_first_token_seconds",
        "vllm:e2e_request_latency_seconds",
    ),
}


def read(target: Target) -> dict[str, float]:
    """Every family's name with the sum of its samples without suffix, or of its counter."""
    reply = target.get("/metrics")
    if reply.status_code != 200 and target.profile is None:
        raise DoesNotApply(f"/metrics answers {reply.status_code}, and no profile promises it")
    expect(reply.status_code == 200, f"/metrics answers {reply.status_code}")
    try:
        families = list(text_string_to_metric_families(reply.text))
    except ValueError as error:
        raise Broken(f"/metrics is not in Prometheus' format: {error}") from None
    return {
        family.name: sum(
            sample.value
            for sample in family.samples
            if sample.name in (family.name, f"{family.name}_total")
        )
        for family in families
    }


def running(target: Target) -> int:
    """How many requests the engine works on right now."""
    if target.engine == "vllm":
        return int(read(target)["vllm:num_requests_running"])
    # SGLang's gauge in /metrics lags behind by seconds; this asks the scheduler.
    reply = target.get("/v1/loads?include=core")
    if reply.status_code != 200:
        raise DoesNotApply(f"/v1/loads answers {reply.status_code}, so nobody can see it")
    return sum(
        load["num_running_reqs"] + load.get("num_waiting_reqs", 0) for load in reply.json()["loads"]
    )
