"""The engine, Python and torch that will run, against the profile."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from packaging.specifiers import SpecifierSet

from deploy.hardware import CPU
from deploy.preflight.codes import Outcome, fault, passed
from deploy.preflight.gpus import cuda_major
from deploy.preflight.host import Host
from deploy.profile import Profile

# B300 is sm_103, for which CUDA 12's assembler in torch and Triton has no code
# (sgl-project/sglang#14075, #13900); SGLang ended its CUDA 12 images with 0.5.19.
_CUDA = 13


def check(profile: Profile, host: Host) -> Iterator[Outcome]:
    """Outcomes about versions; torch only where a driver is there to run it on."""
    engine, software = profile.engine, host.software
    wanted = f"{engine.name} {engine.version}"
    if software.engine is None:
        found = f"not installed for {sys.executable}"
        yield fault("engine-missing", found, wanted, image=engine.image)
    elif software.engine != engine.version:
        found = f"{software.engine} is installed, so its options are unchecked"
        yield fault("engine-version", found, wanted, image=engine.image)
    else:
        yield passed("engine", wanted)
    demand = software.requires_python
    if demand and not SpecifierSet(demand).contains(software.python, prereleases=True):
        yield fault("python-version", software.python, f"Python {demand}, as the engine asks")
    else:
        yield passed("Python", software.python)
    if profile.hardware.gpu != CPU and software.torch and not host.nvml.fault:
        yield _torch(profile, host)


def _torch(profile: Profile, host: Host) -> Outcome:
    image = profile.engine.image
    torch, cuda = f"torch {host.software.torch}", host.software.torch_cuda
    if cuda is None:
        return fault("torch-cpu", f"{torch}, built without CUDA", image=image)
    if cuda_major(profile, host) < _CUDA:
        return fault("torch-cuda", f"{torch} with CUDA {cuda}", image=image)
    return passed("torch", f"{host.software.torch} with CUDA {cuda}")
