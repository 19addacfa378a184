"""The installed engine's own parser has the last word on a command line.

Run as ``python -m deploy.engines.judge ENGINE`` with the words on stdin, in a process of its own,
since importing an engine takes seconds and changes what is imported with it.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys

from packaging.version import Version

from deploy.engines.parsers import PARSERS
from deploy.profile import Profile


def is_installed(profile: Profile) -> bool:
    """Whether the very version that the profile names is installed for this interpreter."""
    return installed(profile.driver.distribution) == profile.engine.version


def installed(distribution: str) -> str | None:
    """The installed release without the name of its build: 0.32.0 for 0.32.0+cpu."""
    try:
        return Version(importlib.metadata.version(distribution)).public
    except importlib.metadata.PackageNotFoundError:
        return None


def objection(profile: Profile) -> str | None:
    """What the installed engine's parser says against the profile's command; None where nothing."""
    done = subprocess.run(
        [sys.executable, "-m", __name__, profile.engine.name],
        input=json.dumps(profile.command().options),
        env={**os.environ, "SGLANG_USE_CPU_ENGINE": "0"} | dict(profile.engine.env),
        capture_output=True,
        text=True,
    )
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    said = next((line for line in lines if "error: " in line), (lines or ["nothing"])[-1])
    return said.partition("error: ")[2] or said


def main() -> None:
    """Parse the words on stdin as the engine would: argparse's own message and status."""
    PARSERS[sys.argv[1]]().parse_args(json.load(sys.stdin))


if __name__ == "__main__":
    main()
