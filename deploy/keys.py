"""API keys: from a file or the environment to the engine's own config file, never to argv."""

from __future__ import annotations

import json
import os
import shlex
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.engines import Engine
from deploy.errors import Finding, Refused

# The environment variable behind each option; taken out of the engine's environment.
VARIABLES = {"api-key": "GLM_API_KEY", "admin-api-key": "GLM_ADMIN_API_KEY"}


def check_known(
    engine: Engine, files: Mapping[str, str | None], environ: Mapping[str, str]
) -> None:
    """Refused where a key is given that this engine has no option for."""
    findings = [
        Finding(
            "key-unknown",
            f"--{option}-file" if files.get(option) else variable,
            f"{engine.name} has no --{option}",
            "leave it out; what it would protect must not be reachable from outside",
        )
        for option, variable in VARIABLES.items()
        if option not in engine.secrets and (files.get(option) or variable in environ)
    ]
    if findings:
        raise Refused(findings)


def read(files: Mapping[str, str | None], environ: Mapping[str, str]) -> dict[str, str]:
    """The keys by engine option, from each option's file or else its environment variable.

    Refused, with every fault, where a file is missing, others can read it, or the key is not one
    line of printable text.
    """
    keys: dict[str, str] = {}
    findings: list[Finding] = []
    for option, variable in VARIABLES.items():
        name = files.get(option)
        origin = f"--{option}-file {name}" if name else variable
        try:
            text = _read_file(Path(name).expanduser(), origin) if name else environ.get(variable)
            if text is not None:
                keys[option] = _checked(text, origin)
        except Refused as refused:
            findings += refused.findings
    if findings:
        raise Refused(findings)
    return keys


@contextmanager
def config_file(keys: Mapping[str, str]) -> Iterator[Path | None]:
    """A file of mode 0600 that the engine's ``--config`` reads; None where there are no keys."""
    if not keys:
        yield None
        return
    # Memory-backed where the host has it, so that a key does not reach a disk.
    directory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    handle, name = tempfile.mkstemp(prefix="glm-keys-", suffix=".yaml", dir=directory)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(config_text(keys))
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def config_text(keys: Mapping[str, str]) -> str:
    """The engine's config file: JSON strings are YAML strings."""
    return "".join(f"{option}: {json.dumps(key)}\n" for option, key in keys.items())


def _read_file(path: Path, origin: str) -> str:
    try:
        status = path.stat()
        # A mounted Secret belongs to root and reaches us through its group.
        others = 0o077 if status.st_uid == os.getuid() else 0o007
        if stat.S_IMODE(status.st_mode) & others:
            raise Refused(
                [Finding("key-file-open", origin, "others can read this file", f"chmod 600 {path}")]
            )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "not UTF-8"
        fix = "name a file that holds the key and nothing else"
        raise Refused([Finding("key-file", origin, f"cannot be read: {what}", fix)]) from None


def _checked(text: str, origin: str) -> str:
    key = text.strip()
    if not key:
        raise Refused([Finding("key-empty", origin, "there is no key in it", "put the key there")])
    # A dash in front reads as an option, and a header carries printable ASCII only.
    if key.startswith("-") or not (key.isascii() and key.isprintable()) or " " in key:
        raise Refused(
            [
                Finding(
                    "key-format",
                    origin,
                    "this is not a usable key",
                    "use printable ASCII without spaces, not starting with a dash",
                )
            ]
        )
    return key


def sources(files: Mapping[str, str | None], environ: Mapping[str, str]) -> dict[str, str]:
    """Shell words that print each key that was given, by engine option."""
    words: dict[str, str] = {}
    for option, variable in VARIABLES.items():
        if name := files.get(option):
            words[option] = f"$(cat {shlex.quote(absolute(name))})"
        elif variable in environ:
            words[option] = f"${variable}"
    return words


def absolute(name: str) -> str:
    """The path as it means the same from any directory."""
    return str(Path(name).expanduser().absolute())
