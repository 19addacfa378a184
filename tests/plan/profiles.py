"""Profiles with a value or two changed, planned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploy import loader
from deploy.model import CHECKPOINTS
from deploy.overrides import Setting
from deploy.plan import Plan, Question, plan
from deploy.profile import Profile

NVFP4 = CHECKPOINTS["nvidia/GLM-5.1-NVFP4"]
FP8 = CHECKPOINTS["zai-org/GLM-5.1-FP8"]


def changed(name: str, *settings: str) -> Profile:
    """The profile with engine options set, as in ``mem-fraction-static=0.9``."""
    return loader.load(name, [Setting.of(f"engine.args.{text}") for text in settings])[0]


def planned(
    name: str,
    *settings: str,
    config: Mapping[str, Any] = NVFP4,
    question: Question | None = None,
) -> Plan:
    """Its plan."""
    return plan(changed(name, *settings), config, question)
