"""Plain values into frozen dataclasses: every fault named by its key, all of them at once.

The stock locust image has no pydantic; this is the part of it that scenarios need.
"""

from __future__ import annotations

import difflib
import types
import typing
from dataclasses import MISSING, field, fields, is_dataclass
from typing import Any, TypeVar

from loadtests.client.outcomes import fault

T = TypeVar("T")


def number(
    default: Any = MISSING,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    doc: str = "",
) -> Any:
    """A field that holds a number, with its bounds."""
    metadata = {"least": least, "most": most, "above": above, "doc": doc}
    return field(default=default, metadata=metadata)


def choice(default: Any, *options: str, doc: str = "") -> Any:
    """A field that holds one of some words."""
    return field(default=default, metadata={"options": options, "doc": doc})


def build(kind: type[T], value: Any, where: str, faults: list[str]) -> T | None:
    """A dataclass from a mapping; None, and lines in ``faults``, where it does not fit."""
    if not isinstance(value, dict):
        faults.append(fault(where, f"not a mapping: {value!r}", "write it as key: value lines"))
        return None
    known = {item.name: item for item in fields(typing.cast(Any, kind))}
    hints = typing.get_type_hints(kind)
    found: dict[str, Any] = {}
    before = len(faults)
    for key, item in value.items():
        at = f"{where}.{key}" if where else str(key)
        if key not in known:
            faults.append(fault(at, "unknown key", _did_you_mean(str(key), list(known))))
            continue
        found[key] = _value(hints[key], item, at, faults)
        _bounds(dict(known[key].metadata), found[key], at, faults)
    for name, item in known.items():
        if name not in value and item.default is MISSING and item.default_factory is MISSING:
            faults.append(fault(f"{where}.{name}".lstrip("."), "missing", "add it"))
    return kind(**found) if len(faults) == before else None


def _value(hint: Any, value: Any, where: str, faults: list[str]) -> Any:
    """The value as its type says; numbers are not strings and booleans are not numbers."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        options = [option for option in arguments if option is not type(None)]
        if value is None and len(options) < len(arguments):
            return None
        nested = [option for option in options if is_dataclass(option)]
        if isinstance(value, dict) and nested:
            return build(typing.cast(Any, nested[0]), value, where, faults)
        simple = [option for option in options if not is_dataclass(option)]
        return _value(simple[0] if simple else options[0], value, where, faults)
    if is_dataclass(hint):
        return build(typing.cast(Any, hint), value, where, faults)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            faults.append(fault(where, f"not a list: {value!r}", "write it as - lines"))
            return None
        return tuple(
            _value(arguments[0], item, f"{where}[{i}]", faults) for i, item in enumerate(value)
        )
    if origin is dict:
        if not isinstance(value, dict):
            faults.append(fault(where, f"not a mapping: {value!r}", "write it as key: value lines"))
            return None
        return {k: _value(arguments[1], v, f"{where}.{k}", faults) for k, v in value.items()}
    return _scalar(hint, value, where, faults)


def _scalar(hint: Any, value: Any, where: str, faults: list[str]) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint):
        if hint is bool or not isinstance(value, bool):
            return value
    elif hint is Any:
        return value
    name = {"int": "a whole number", "float": "a number", "bool": "true or false"}
    wanted = name.get(getattr(hint, "__name__", ""), "text")
    faults.append(fault(where, f"not {wanted}: {value!r}", f"give {wanted}"))
    return None


def _bounds(metadata: dict[str, Any], value: Any, where: str, faults: list[str]) -> None:
    options = metadata.get("options")
    if options and value not in options:
        mend = _did_you_mean(str(value), list(options))
        faults.append(fault(where, f"unknown value {value!r}", mend))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    least, most, above = (metadata.get(key) for key in ("least", "most", "above"))
    if value != value or abs(value) == float("inf"):
        faults.append(fault(where, "not a finite number", "give a finite number"))
    elif least is not None and value < least:
        faults.append(fault(where, f"{value} is below {least}", f"give {least} or more"))
    elif above is not None and value <= above:
        faults.append(fault(where, f"{value} is not above {above}", f"give more than {above}"))
    elif most is not None and value > most:
        faults.append(fault(where, f"{value} is above {most}", f"give {most} or less"))


def _did_you_mean(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    every = "known: " + ", ".join(known)
    return f'did you mean "{near[0]}"? {every}' if near else every
