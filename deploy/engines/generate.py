"""Write an engine's option catalogue from the engine's own parser.

``python -m deploy.engines.generate sglang`` writes ``catalogues/sglang-<version>.json`` for the
version that is installed. Help texts stay out: they are the engine's.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import sys
from typing import Any

from deploy import loader
from deploy.engines.catalogue import CATALOGUES

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


def main() -> None:
    """Write the catalogue of the installed engine and say where."""
    if sys.argv[1:] != ["sglang"]:
        sys.exit("usage: python -m deploy.engines.generate sglang")
    # Without a GPU the engine imports only with the CPU profile's environment.
    os.environ.update(loader.load("cpu")[0].engine.env)
    version = importlib.metadata.version("sglang")
    path = CATALOGUES / f"sglang-{version}.json"
    path.write_text(text("sglang", version, describe(sglang_parser())), encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
