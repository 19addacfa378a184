"""Values from the command line laid over a profile's document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deploy import yamlfile
from deploy.engines import ENGINES, catalogue
from deploy.engines.arguments import from_argv, typed
from deploy.engines.catalogue import Catalogue
from deploy.errors import Finding, suggestion
from deploy.profile import field_at, keys_at
from deploy.yamlfile import Document

ARGS = ("engine", "args")


@dataclass(frozen=True)
class Setting:
    """One ``key=value``, and the words that a user typed for it."""

    text: str
    origin: str

    @classmethod
    def of(cls, text: str) -> Setting:
        """A setting given as ``--set text``."""
        return cls(text, f"--set {text}")


def catalogue_of(document: Document) -> Catalogue | None:
    """The option catalogue that the document's engine names, if it names one that exists."""
    engine = document.value.get("engine")
    if not isinstance(engine, dict):
        return None
    return catalogue.load(str(engine.get("name")), str(engine.get("version")))


def apply_settings(document: Document, settings: Sequence[Setting]) -> list[Finding]:
    """Lay settings over the document; findings for those that name nothing or do not parse."""
    findings: list[Finding] = []
    # The engine's version first: it decides which options there are.
    for setting in sorted(settings, key=lambda item: item.text.startswith("engine.args")):
        key, equals, text = setting.text.partition("=")
        if not equals or not key:
            findings.append(
                Finding(
                    "set-syntax",
                    setting.origin,
                    "this is not key=value",
                    "write --set engine.args.mem-fraction-static=0.85",
                )
            )
            continue
        path = tuple(key.split("."))
        if fault := _names_nothing(path, document):
            findings.append(Finding("set-unknown", setting.origin, *fault))
            continue
        value, problem = _value(path, text, document)
        if problem:
            fix = "quote the value, or write true, false or a plain number"
            findings.append(Finding("set-value", setting.origin, problem, fix))
            continue
        _put(document, path, value, setting.origin)
    return findings


def apply_options(document: Document, words: Sequence[str]) -> list[Finding]:
    """Lay the engine options of a command line over the document's args."""
    if not words:
        return []
    options = catalogue_of(document)
    if options is None:
        fix = "name an engine and a version that have an option catalogue"
        return [Finding("option-unknown", "after --", "the engine's options are not known", fix)]
    args, findings = from_argv(words, options)
    for key, value in args.items():
        _put(document, (*ARGS, key), value, f"after --: --{key}")
    return findings


def _names_nothing(path: tuple[str, ...], document: Document) -> tuple[str, str] | None:
    parent = path[:-1]
    if path[:2] == ARGS and len(path) == 3:
        options = catalogue_of(document)
        replaced = ENGINES[options.engine].replaced if options else {}
        found = list(options.faults({path[2]: None}, replaced)) if options else []
        return (found[0][2], found[0][3]) if found else None
    field = field_at(parent) if parent else None
    if field_at(path) or (field is not None and field.annotation == dict[str, str]):
        return None
    known = keys_at(parent)
    prefix = "".join(f"{part}." for part in parent)
    listed = [f"{prefix}{key}" for key in known] or [f"{key}" for key in keys_at(())]
    fix = suggestion(".".join(path), listed, "keys: " + ", ".join(listed))
    return f'a profile has no key "{".".join(path)}"', fix


def _value(path: tuple[str, ...], text: str, document: Document) -> tuple[Any, str | None]:
    options = catalogue_of(document)
    option = options.find(path[2]) if options and path[:2] == ARGS and len(path) == 3 else None
    if text in ("null", "~", ""):
        return None, None
    if option and option.takes_list:
        value, problem = yamlfile.parse_scalar(text)
        one = typed(option, text)
        if isinstance(value, list):
            return value, problem
        return (one if option.nargs == "append" else [one]), None
    if option:
        return typed(option, text), None
    field = field_at(path) or field_at(path[:-1])
    if field is not None and field.annotation in (str, dict[str, str]):
        return text, None
    return yamlfile.parse_scalar(text)


def _put(document: Document, path: tuple[str, ...], value: Any, origin: str) -> None:
    """Set the value; an engine option keeps the place and the spelling that the file gave it."""
    target = document.value
    for part in path[:-1]:
        if not isinstance(target.get(part), dict):
            target[part] = {}
        target = target[part]
    key = path[-1]
    options = catalogue_of(document)
    option = options.find(key) if options and path[:-1] == ARGS else None
    for other in [
        other for other in target if option and options and options.find(other) == option
    ]:
        assert option is not None
        if option.negation in (key, other) and key != other:
            del target[other]
        else:
            key = other
    target[key] = value
    document.origins[(*path[:-1], key)] = origin
