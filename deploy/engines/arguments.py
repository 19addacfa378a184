"""A profile's args to an engine's command line, and an engine's command line to args.

The rules are small enough for the Helm chart to repeat: true is the bare flag, false and null are
left out, a list repeats values behind one option (and vLLM's middleware option with each), a map is
JSON with sorted keys, a number is as in Go's JSON, a text is as it is, and a single value that
starts with a dash follows an equals sign.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from deploy.engines.catalogue import NUMBER, Catalogue, Option
from deploy.errors import Finding

# Options that take one value each time they are given, for a list so often: vLLM's only one.
REPEATED = ("middleware",)


def to_argv(args: Mapping[str, Any]) -> list[str]:
    """The options as a command line, in the profile's order."""
    argv: list[str] = []
    for key, value in args.items():
        if value is None or value is False:
            continue
        if value is True:
            argv.append(f"--{key}")
            continue
        values = [_text(item) for item in _listed(value)]
        for group in [[text] for text in values] if key in REPEATED else [values]:
            if len(group) == 1 and group[0].startswith("-"):
                # A separate word that starts with a dash is the next option to argparse, and to
                # vLLM even a negative number with a dot.
                argv.append(f"--{key}={group[0]}")
            else:
                argv += [f"--{key}", *group]
    return argv


def from_argv(words: Sequence[str], catalogue: Catalogue) -> tuple[dict[str, Any], list[Finding]]:
    """Engine options as typed on a command line, as a profile's args, and what is wrong.

    A later spelling of the same option wins, or adds to a list, as it does in the engine. Values
    are typed by the catalogue, and left as text where they do not fit; checking the args then says
    so.
    """
    args: dict[str, Any] = {}
    findings: list[Finding] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            findings.append(
                Finding(
                    "option-stray",
                    "after --",
                    f'"{word}" belongs to no option',
                    "write engine options as --name value",
                )
            )
            continue
        name, equals, inline = word[2:].partition("=")
        option = catalogue.find(name)
        given = [inline] if equals else []
        if not equals and (option is None or option.kind != "flag"):
            given = _take(rest, option)
        if option and option.kind != "flag" and option.nargs not in ("?", "*") and not given:
            findings.append(
                Finding(
                    "option-value",
                    f"after --: {word}",
                    "the value is missing",
                    f"write {word} VALUE",
                )
            )
            continue
        value = _typed(option, given)
        for key in [key for key in args if option and catalogue.find(key) is option]:
            earlier = args.pop(key)
            if option and option.nargs == "append":
                value = [*_listed(earlier), *_listed(value)]
        args[name] = value
    return args, findings


def typed(option: Option, text: str) -> Any:
    """The text of a command line as the value a profile would hold."""
    if option.kind == "flag":
        return {"true": True, "false": False, "": True}.get(text, text)
    converters: dict[str, list[Callable[[str], Any]]] = {
        "json": [json.loads],
        "map-or-text": [_map],
        "int": [int],
        "float": [int, float],
        "text": [int],
    }
    for convert in converters.get(option.kind, []):
        with contextlib.suppress(ValueError):
            return convert(text)
    return text


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _map(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(text)
    return value


def _take(rest: list[str], option: Option | None) -> list[str]:
    most = len(rest) if option and option.nargs in ("*", "+") else 1
    taken: list[str] = []
    while rest and len(taken) < most:
        if rest[0].startswith("-") and not NUMBER.fullmatch(rest[0]):
            break
        taken.append(rest.pop(0))
    return taken


def _typed(option: Option | None, given: list[str]) -> Any:
    if option is None:
        return given[0] if given else True
    if option.nargs in ("*", "+"):
        return [typed(option, text) for text in given]
    return typed(option, given[0]) if given else True


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    """JSON as Go writes it: Helm knows no difference between 1 and 1.0, nor between 1e-05 and its
    decimals.
    """
    if isinstance(value, dict):
        items = sorted((str(key), item) for key, item in value.items())
        return "{" + ",".join(f"{_json(key)}:{_json(item)}" for key, item in items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    if isinstance(value, float) and math.isfinite(value):
        return _number(value)
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    """The shortest decimals that mean this number; with an exponent where Go has one."""
    if value and not 1e-6 <= abs(value) < 1e21:
        digits, exponent = repr(value).split("e")
        return f"{digits.removesuffix('.0')}e{exponent[0]}{exponent[1:].lstrip('0')}"
    return format(Decimal(repr(value)), "f").removesuffix(".0")
