"""A command as text for people and programs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from deploy.engines import Command

# Where a pasted command puts the file with the keys.
KEYS_FILE = "/dev/shm/glm-keys.yaml"


def shell(command: Command, key_sources: Mapping[str, str]) -> str:
    """The command for a shell, ready to paste: one option a line.

    ``key_sources`` are shell words that print a key, by engine option. With any, the command
    starts by writing the engine's config file, readable by its owner only.
    """
    lines: list[str] = []
    for word in map(shlex.quote, command.options):
        if word.startswith("--") or not lines:
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    env = [f"{name}={shlex.quote(value)}" for name, value in command.env.items()]
    prefix = ["env", *env] if env else []
    text = " \\\n  ".join([" ".join([*prefix, *map(shlex.quote, command.start)]), *lines])
    if not key_sources:
        return text
    values = " ".join(f'"{source}"' for source in key_sources.values())
    layout = "".join(f"{option}: %s\\n" for option in key_sources)
    write = f"(umask 077 && rm -f {KEYS_FILE} && printf '{layout}' {values} > {KEYS_FILE})"
    return f"{write} &&\n{text} \\\n  --config {KEYS_FILE}"


def as_json(command: Command, key_options: Mapping[str, str]) -> str:
    """argv, env and image for programs; ``config`` names the options that come from key files."""
    value = {
        "argv": list(command.argv),
        "env": dict(command.env),
        "image": command.image,
        "config": sorted(key_options),
    }
    return json.dumps(value, indent=2, ensure_ascii=False)
