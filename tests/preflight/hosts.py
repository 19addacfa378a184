"""Recorded hosts, and what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from deploy import loader
from deploy.overrides import Setting
from deploy.preflight import gpus, interconnect, resources, software
from deploy.preflight.codes import Outcome
from deploy.preflight.host import Host
from deploy.profile import Profile

RECORDINGS = Path(__file__).parent / "recordings"


def recorded(name: str) -> Host:
    value = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return TypeAdapter(Host).validate_python(value["host"])


def profile_of(name: str, *settings: str) -> Profile:
    return loader.load(name, [Setting.of(text) for text in settings])[0]


def with_nvml(host: Host, **changes: Any) -> Host:
    return replace(host, nvml=replace(host.nvml, **changes))


def with_devices(host: Host, indices: Iterable[int] = range(8), **changes: Any) -> Host:
    """The host with the GPUs of these indices changed alike."""
    chosen = set(indices)
    devices = (
        replace(device, **changes) if device.index in chosen else device
        for device in host.nvml.devices
    )
    return with_nvml(host, devices=tuple(devices))


def judged(profile: Profile, host: Host, fetch_bytes: int | None = 0) -> list[Outcome]:
    """Everything that a snapshot is judged by."""
    return [
        *software.check(profile, host),
        *gpus.check(profile, host),
        *interconnect.check(profile, host),
        *resources.check(profile, host, 0, fetch_bytes),
    ]


def codes(outcomes: Iterable[Outcome]) -> list[str]:
    return [outcome.code for outcome in outcomes if outcome.code]
