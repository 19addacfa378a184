"""From a profile's name or file to a checked Profile, or to every fault it has at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deploy import yamlfile
from deploy.checks import check
from deploy.errors import Finding, Refused, suggestion
from deploy.overrides import Setting, apply_options, apply_settings
from deploy.profile import Profile, field_at, keys_at
from deploy.yamlfile import Document

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


def names() -> list[str]:
    """The profiles in configs/, by name."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def load(
    name: str, settings: Sequence[Setting] = (), options: Sequence[str] = ()
) -> tuple[Profile, list[Finding]]:
    """The profile of that name or file with overrides on top, and the warnings about it.

    ``options`` are engine options as on the engine's own command line; they win over
    ``settings``, and both over the file. Refused with every fault that was found.
    """
    path = find(name)
    document = yamlfile.parse(_read(path), _shown(path))
    if not isinstance(document.value, dict):
        fix = "write a map with the keys " + ", ".join(keys_at(()))
        raise Refused([Finding("profile-empty", document.source, "this is not a map", fix)])
    findings = [*document.findings, *apply_settings(document, settings)]
    findings += apply_options(document, options)
    profile, found = faults(document)
    findings += found
    if profile is None or any(finding.severity == "error" for finding in findings):
        raise Refused(findings)
    return profile, findings


def faults(document: Document) -> tuple[Profile | None, list[Finding]]:
    """The document's map as a Profile, where it is one, and all that is wrong with it."""
    try:
        return Profile.model_validate(document.value), list(check(document))
    except ValidationError as error:
        return None, [*_schema_findings(error, document), *check(document)]


def find(name: str) -> Path:
    """The file behind ``--profile``: a name in configs/, or a path."""
    if name in names():
        return CONFIGS / f"{name}.yaml"
    path = Path(name).expanduser()
    looks_like_path = "/" in name or path.suffix in (".yaml", ".yml") or path.is_dir()
    if looks_like_path and path.is_file():
        return path
    listed = "profiles: " + ", ".join(names())
    if looks_like_path:
        what = "this is a directory" if path.is_dir() else "there is no such file"
        raise Refused(
            [
                Finding(
                    "profile-unknown",
                    name,
                    what,
                    f"give the path of a .yaml file, or one of the {listed}",
                )
            ]
        )
    fix = suggestion(name, names(), f"{listed}; or give the path of a .yaml file")
    raise Refused([Finding("profile-unknown", "--profile", f'there is no profile "{name}"', fix)])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        message, fix = f"not UTF-8 from byte {error.start} on", "save the file as UTF-8"
    except OSError as error:
        message, fix = f"cannot be read: {error.strerror}", "make the file readable"
    raise Refused([Finding("profile-unreadable", _shown(path), message, fix)])


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _schema_findings(error: ValidationError, document: Document) -> Iterator[Finding]:
    seen: set[yamlfile.Path] = set()
    for fault in error.errors(include_url=False):
        path = _real_path(fault["loc"], document.value)
        if path in seen:
            continue
        seen.add(path)
        where, kind, given = document.where(path), fault["type"], fault["input"]
        if kind == "extra_forbidden":
            known = keys_at(path[:-1])
            fix = suggestion(str(path[-1]), known, "known keys here: " + ", ".join(known))
            yield Finding("key-unknown", where, f'unknown key "{path[-1]}"', fix)
        elif kind == "missing":
            message = f'the key "{path[-1]}" is missing'
            yield Finding("key-missing", where, message, f"add it: {_described(path)}")
        elif kind == "literal_error":
            choices = re.findall(r"'([^']*)'", str(fault["ctx"]["expected"]))
            alike = {choice.lower(): choice for choice in choices}
            word = alike.get(str(given).lower(), str(given))
            fix = suggestion(word, choices, "choose one of: " + ", ".join(choices))
            yield Finding("value-unknown", where, f'"{given}" is not known', fix)
        elif path[:2] == ("engine", "args") and path[2:]:
            continue  # the catalogue says more
        else:
            message = f"{fault['msg'][0].lower()}{fault['msg'][1:]}"
            yield Finding("value-wrong", where, message, _described(path))


def _real_path(loc: Sequence[str | int], value: Any) -> yamlfile.Path:
    """The location without pydantic's own names for the members of a union."""
    path: list[str | int] = []
    for part in loc:
        if isinstance(value, dict):
            path.append(part)
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            path.append(part)
            value = value[part]
        else:
            break
    return tuple(path)


def _described(path: Sequence[str | int]) -> str:
    field = field_at(path)
    if field and field.description:
        return field.description
    return "a map with the keys " + ", ".join(keys_at(path)) if keys_at(path) else "a text"
