"""What a profile needs and can do, known before anything is downloaded or started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.errors import Finding, Refused
from deploy.hardware import GPUS
from deploy.plan import findings, sglang, shapes, vllm
from deploy.plan.capacity import Capacity, Mix, capacity_of
from deploy.plan.measurements import LOCAL_BYTES_PER_SECOND
from deploy.plan.memory import Memory, memory_of
from deploy.plan.serving import Serving
from deploy.plan.shapes import Model
from deploy.plan.startup import Startup, startup_of
from deploy.plan.throughput import Throughput, throughput_of
from deploy.profile import Profile

__all__ = ["Plan", "Question", "plan", "serving_of"]

_ENGINES: Mapping[str, Callable[[Profile, Model], Serving]] = {
    "sglang": sglang.serving,
    "vllm": vllm.serving,
}


@dataclass(frozen=True)
class Question:
    """What is asked beside the profile.

    ``context_tokens`` None takes the profile's limit, ``host_bytes`` None an ordinary node's.
    """

    context_tokens: int | None = None
    mix: Mix = ()
    storage_bytes_per_second: float = LOCAL_BYTES_PER_SECOND.value
    host_bytes: int | None = None


@dataclass(frozen=True)
class Plan:
    """The capacity plan of one profile: a value, computed from values."""

    model: Model
    serving: Serving
    memory: Memory
    capacity: Capacity
    startup: Startup
    throughput: Throughput | None
    findings: tuple[Finding, ...]


def serving_of(profile: Profile, model: Model) -> Serving:
    """What the profile's engine options mean for memory."""
    return _ENGINES[profile.engine.name](profile, model)


def plan(profile: Profile, config: Mapping[str, Any], question: Question | None = None) -> Plan:
    """Plan a profile that serves the model of this config.json.

    Refused where the plan does not know the model's architecture or quantisation, or where the
    model cannot be divided over the GPUs as the profile says.
    """
    asked, hardware = question or Question(), profile.hardware
    model = shapes.read(config)
    serving = serving_of(profile, model)
    if indivisible := list(findings.of_division(model, serving)):
        raise Refused(indivisible)
    gpu = GPUS.get(hardware.gpu)
    gpu_bytes = gpu.memory_bytes if gpu else None
    context = asked.context_tokens or profile.limits.context_tokens
    longest = max([context, *(tokens for tokens, _ in asked.mix)])
    per_node = max(1, serving.gpus // hardware.nodes)
    memory = memory_of(model, serving, gpu_bytes, longest, per_node)
    capacity = capacity_of(model, serving, memory, context, asked.mix)
    found = [
        *findings.of_gpus(profile, serving),
        *findings.of_memory(model, serving, memory, capacity),
        *findings.of_host(memory, asked.host_bytes),
    ]
    return Plan(
        model=model,
        serving=serving,
        memory=memory,
        capacity=capacity,
        startup=startup_of(model, serving, gpu is not None, asked.storage_bytes_per_second),
        throughput=throughput_of(model, serving, hardware.gpu, context, asked.mix),
        findings=tuple(found),
    )
