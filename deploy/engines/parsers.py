"""Each engine's own argument parser, and its options as catalogue entries.

Needs the engine. Help texts stay out: they are the engine's.
"""

from __future__ import annotations

import argparse
import inspect
import json
from collections.abc import Callable
from typing import Any

# Declared as plain text in SGLang's parser, read as JSON by the engine afterwards.
_JSON_TEXTS = {
    "model-loader-extra-config",
    "json-model-override-args",
    "kv-events-config",
    "hicache-storage-backend-extra-config",
    "hisparse-config",
    "modelexpress-config",
}
# By the name of the function that converts the text; "text" where the function is another.
_KINDS = {
    "int": "int",
    "float": "float",
    "str": "str",
    "loads": "json",
    "json_list_type": "json",
    "parse_dataclass": "json",
    "union_dict_and_str": "map-or-text",
}
# Not part of a profile: help, and the file that would hide options from the reader.
_LEFT_OUT = {"help", "config"}


def sglang() -> argparse.ArgumentParser:
    """SGLang's own parser, with every option of ``sglang.launch_server``."""
    from sglang.srt.server_args import ServerArgs

    parser = argparse.ArgumentParser()
    ServerArgs.add_cli_args(parser)
    return parser


def vllm() -> argparse.ArgumentParser:
    """vLLM's own parser, with every option of ``vllm serve``.

    The names of its parsers for tools and reasoning, which vLLM checks only once it starts, become
    choices; a plugin brings others.
    """
    from vllm.reasoning import ReasoningParserManager
    from vllm.tool_parsers import ToolParserManager
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    try:
        from vllm.entrypoints.launchers.cli_args import make_arg_parser
    except ImportError:  # in older releases, 0.19.1 among them
        from vllm.entrypoints.openai.cli_args import make_arg_parser

    parser: argparse.ArgumentParser = make_arg_parser(FlexibleArgumentParser())
    registered = {
        "--tool-call-parser": ToolParserManager.list_registered(),
        "--reasoning-parser": ReasoningParserManager.list_registered(),
    }
    for action in parser._actions:
        for spelling in action.option_strings:
            if spelling in registered:
                action.choices = registered[spelling]
    return parser


PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {"sglang": sglang, "vllm": vllm}


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
        plugin = f"--{name.removesuffix('-call-parser').removesuffix('-parser')}-parser-plugin"
        entry: dict[str, Any] = {
            "kind": "flag" if flag else _kind(name, action),
            "aliases": [text for text in others if text not in negations],
            "nargs": None if flag else "append" if _repeats(action) else action.nargs,
            "choices": sorted((item for item in action.choices if item is not None), key=str)
            if action.choices
            else None,
            "plugin": plugin[2:] if plugin in parser._option_string_actions else None,
            "default": _plain(action.default),
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


def _repeats(action: argparse.Action) -> bool:
    return type(action).__name__ == "_AppendAction"


def _kind(name: str, action: argparse.Action) -> str:
    convert = action.type
    # vLLM wraps its converters to add None and a better message.
    while inner := _nonlocals(convert).get("return_type"):
        convert = inner
    if name in _JSON_TEXTS:
        return "json"
    if action.choices and getattr(convert, "__name__", "") == "<lambda>":
        return "str"
    return _KINDS.get(getattr(convert, "__name__", "str"), "text")


def _nonlocals(convert: Any) -> dict[str, Any]:
    return dict(inspect.getclosurevars(convert).nonlocals) if inspect.isfunction(convert) else {}


def _plain(default: Any) -> Any:
    """A default as JSON has it; vLLM's configuration objects are left out."""
    if default is argparse.SUPPRESS:
        return None
    try:
        json.dumps(default)
    except TypeError:
        return None
    return default
