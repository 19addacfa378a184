"""A plan for programs: bytes, tokens and seconds, and which figures are estimates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from deploy.plan import Plan
from deploy.plan import measurements as published

# Figures that were not verified on the profile's hardware, by their path, and what they rest on.
# memory.tokens and capacity follow from runtime_bytes; on a CPU an option bounds them exactly.
ESTIMATES = {
    "memory.runtime_bytes": published.RUNTIME_BYTES.source,
    "memory.attention_bytes": published.ATTENTION_WORKSPACE_BYTES.source,
    "memory.graph_bytes": published.GRAPH_BYTES.source,
    "memory.tokens": published.RUNTIME_BYTES.source,
    "startup.process_seconds": published.PROCESS_SECONDS.source,
    "startup.load_seconds": published.LOCAL_BYTES_PER_SECOND.source,
    "startup.compile_seconds": published.COMPILE_SECONDS.source,
    "startup.capture_seconds": published.GRAPH_SECONDS.source,
}


def as_json(plans: Mapping[str, Plan]) -> str:
    """The plans by profile, and the sources of their estimates by path."""
    value = {
        "profiles": {name: _value(plan) for name, plan in plans.items()},
        "estimates": {path: asdict(source) for path, source in ESTIMATES.items()},
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def _value(plan: Plan) -> dict[str, Any]:
    model, memory = plan.model, plan.memory
    totals = {
        "weights": {**asdict(memory.weights), "total_bytes": memory.weights.total_bytes},
        "token": {**asdict(memory.token), "total_bytes": memory.token.total_bytes},
        "prefill": {**asdict(memory.prefill), "total_bytes": memory.prefill.total_bytes},
    }
    return {
        "model": {
            "architecture": model.architecture,
            "parameters": model.parameters,
            "draft_parameters": model.draft_parameters,
            "active_parameters": model.active_parameters,
            "checkpoint_bytes": model.checkpoint_bytes,
            "context_tokens": model.context_tokens,
        },
        "serving": asdict(plan.serving),
        "memory": {**asdict(memory), **totals},
        "capacity": asdict(plan.capacity),
        "startup": asdict(plan.startup),
        "throughput": asdict(plan.throughput) if plan.throughput else None,
        "findings": [asdict(finding) for finding in plan.findings],
    }
