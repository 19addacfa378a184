"""The engines a profile can name: one module each, and the catalogues of their options."""

from deploy.engines.engine import Command, Engine
from deploy.engines.sglang import SGLANG
from deploy.engines.vllm import VLLM

ENGINES: dict[str, Engine] = {engine.name: engine for engine in (SGLANG, VLLM)}

__all__ = ["ENGINES", "Command", "Engine"]
