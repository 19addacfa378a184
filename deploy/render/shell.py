"""A command as text for people and programs."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Mapping, Sequence

from deploy.engines import Command

# Where a pasted command puts the file with the keys.
KEYS_FILE = "/dev/shm/glm-keys.yaml"


def text(command: Command, key_sources: Mapping[str, str]) -> str:
    """The command for a shell, ready to paste: one option a line.

    ``key_sources`` are shell words that print a key, by engine option. With any, the command
    starts by writing the engine's config file, readable by its owner only.
    """
    env = [f"{name}={value}" for name, value in command.env.items()]
    prefix = ["env", *env] if env else []
    rows = one_option_a_row(command.argv)
    rows[0] = [*prefix, *rows[0]]
    if not key_sources:
        return paste(rows)
    return f"{write_keys(key_sources, KEYS_FILE)} &&\n{paste([*rows, ['--config', KEYS_FILE]])}"


def as_json(command: Command, key_options: Mapping[str, str]) -> str:
    """argv, env and image for programs; ``config`` names the options that come from key files."""
    value = {
        "argv": list(command.argv),
        "env": dict(command.env),
        "image": command.image,
        "config": sorted(key_options),
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def one_option_a_row(words: Sequence[str]) -> list[list[str]]:
    """What stands before the first option, then each option with its values."""
    rows: list[list[str]] = [[]]
    for word in words:
        if word.startswith("--"):
            rows.append([])
        rows[-1].append(word)
    return rows


def paste(rows: Sequence[Sequence[str]]) -> str:
    """Rows of words as one command for a POSIX shell, a row a line."""
    return " \\\n  ".join(shlex.join(row) for row in rows)


def comments(notes: Sequence[str], before: str = "") -> str:
    """Notes as comment lines; ``before`` is shell text that somebody must run first, as it is."""
    # As wide as this repository's own lines.
    lines = [line for note in notes for line in textwrap.wrap(note, 98, break_on_hyphens=False)]
    if before:
        lines += ["Before, once, as root:", *(f"  {line}" for line in before.split("\n"))]
    return "\n".join(f"# {line}" for line in lines)


def write_keys(key_sources: Mapping[str, str], path: str) -> str:
    """The shell command that writes the engine's config file with the keys, mode 0600.

    It fails where a key is empty or cannot be read. A quote in a key is doubled, so that no key is
    read as another kind of YAML value.
    """
    file = shlex.quote(path)
    given = " && ".join(f'test -n "{source}"' for source in key_sources.values())
    layout = "".join(f"{option}: '%s'\\n" for option in key_sources)
    values = " ".join(
        f'"$(printf %s "{source}" | sed "s/\'/\'\'/g")"' for source in key_sources.values()
    )
    return f'(umask 077 && {given} && rm -f {file} && printf "{layout}" {values} > {file})'
