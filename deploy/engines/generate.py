"""Write an engine's option catalogue from the engine's own parser.

``python -m deploy.engines.generate sglang`` writes ``catalogues/sglang-<version>.json`` for the
version that is installed; with versions behind it, for those releases, fetched from the package
index. With ``--history`` it writes in which of those releases each spelling was there. Help texts
stay out: they are the engine's.
"""

from __future__ import annotations

import argparse
import importlib.metadata
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

# Declared as plain text in the parser, read as JSON by the engine afterwards.
_JSON_TEXTS = {
    "model-loader-extra-config",
    "json-model-override-args",
    "kv-events-config",
    "hicache-storage-backend-extra-config",
    "hisparse-config",
    "modelexpress-config",
}
_KINDS = {"int": "int", "float": "float", "str": "str", "loads": "json", "json_list_type": "json"}
# Not part of a profile: help, and the file that would hide options from the reader.
_LEFT_OUT = {"help", "config"}


def sglang_parser() -> argparse.ArgumentParser:
    """SGLang's own parser, with every option of ``sglang.launch_server``."""
    from sglang.srt.server_args import ServerArgs

    parser = argparse.ArgumentParser()
    ServerArgs.add_cli_args(parser)
    return parser


def describe(parser: argparse.ArgumentParser) -> dict[str, dict[str, Any]]:
    """Each long option of a parser as a catalogue entry, defaults left out where empty."""
    entries: dict[str, dict[str, Any]] = {}
    for action in parser._actions:
        spellings = [text[2:] for text in action.option_strings if text.startswith("--")]
        if not spellings or spellings[0] in _LEFT_OUT:
            continue
        name, *others = spellings
        negations = [text for text in others if text == f"no-{name}"]
        flag = action.nargs == 0
        kind = "flag" if flag else _KINDS.get(getattr(action.type, "__name__", "str"), "text")
        entry: dict[str, Any] = {
            "kind": "json" if name in _JSON_TEXTS else kind,
            "aliases": [text for text in others if text not in negations],
            "nargs": None if flag else action.nargs,
            "choices": sorted(action.choices, key=str) if action.choices else None,
            "default": action.default if action.default is not argparse.SUPPRESS else None,
            "negation": negations[0] if negations else None,
            "deprecated": "deprecated" in (action.help or "").lower()[:60]
            or type(action).__name__.startswith("Deprecated"),
        }
        entries[name] = {
            key: value
            for key, value in entry.items()
            if value or (value == 0 and value is not False)
        }
    return dict(sorted(entries.items()))


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
    parser.add_argument("engine", choices=["sglang"])
    parser.add_argument("versions", nargs="*", help="releases to fetch; none: what is installed")
    parser.add_argument("--history", action="store_true", help="write when each option was there")
    options = parser.parse_args()
    # Without a GPU the engine imports only with the CPU profile's environment.
    os.environ.update({**loader.load("cpu")[0].engine.env, **os.environ})
    engine, versions = options.engine, options.versions
    releases = {version: release(engine, version) for version in versions}
    if not versions:
        releases = {importlib.metadata.version(engine): describe(sglang_parser())}
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
        fetch = ["pip", "download", "--quiet", "--no-deps", "--dest", directory]
        subprocess.run([sys.executable, "-m", *fetch, f"{engine}=={version}"], check=True)
        for wheel in Path(directory).glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(directory)
        # The CPU platform is made for the installed version; a parser needs none.
        env = {**os.environ, "PYTHONPATH": directory, "SGLANG_PLATFORM": ""}
        result = Path(directory) / "entries.json"
        code = (
            "import json, sys; from deploy.engines.generate import describe, sglang_parser; "
            "json.dump(describe(sglang_parser()), open(sys.argv[1], 'w'))"
        )
        subprocess.run([sys.executable, "-c", code, str(result)], env=env, check=True)
        entries: dict[str, dict[str, Any]] = json.loads(result.read_text(encoding="utf-8"))
        return entries


if __name__ == "__main__":
    main()
