"""SGLang on plain CPU torch, through two published extension points; no engine file is touched.

``pyproject.toml`` registers both functions below as entry points. They do nothing on a machine
with CUDA.
"""

from __future__ import annotations

import os

import torch

# What a Library declares lives as long as the object does.
_declared: list[torch.library.Library] = []


def activate() -> str | None:
    """Name the platform class, where it is asked for by name and CUDA is not available."""
    if os.environ.get("SGLANG_PLATFORM") != "torch_cpu" or torch.cuda.is_available():
        return None
    return "deploy.cpu.sglang_platform.TorchCpuPlatform"


def declare_torchvision_operators() -> None:
    """Let the published torchvision wheel import beside a CPU torch.

    The wheel's compiled part links CUDA and cannot load, and its Python part then dies on two
    operators that nobody declared. Only their schemas are declared here, no kernels: a call
    still fails loudly. torch calls this at the end of its own import (entry-point group
    ``torch.backends``).
    """
    if torch.version.cuda is not None:
        return
    torchvision = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        torchvision.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(torchvision)
