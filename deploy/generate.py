"""Write what is derived: the profiles' JSON Schema, tables in documents, rendered examples."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from deploy import listing, loader
from deploy.engines import ENGINES, catalogue
from deploy.engines.catalogue import Option
from deploy.loader import CONFIGS
from deploy.preflight import codes
from deploy.profile import Profile
from deploy.render.container import Sources
from deploy.render.forms import FORMS, render
from deploy.verify import report, suite

README = CONFIGS.parent / "README.md"
SCHEMA = CONFIGS / "profile.schema.json"
VERIFY = CONFIGS.parent / "docs" / "verify.md"
PREFLIGHT = CONFIGS.parent / "docs" / "preflight.md"
EXAMPLES = CONFIGS.parent / "deploy" / "render" / "examples"
_SUFFIXES = {"docker": "docker.sh", "compose": "compose.yaml", "systemd": "service"}
_KEY, _ADMIN_KEY = "/etc/glm-serving/api-key", "/etc/glm-serving/admin-api-key"
_EXAMPLES = {
    "b300": Sources({"api-key": _KEY, "admin-api-key": _ADMIN_KEY}, "/etc/glm-serving/hub-token"),
    "vllm-b300": Sources({"api-key": _KEY}, cache_directory="/srv/glm"),
}
_TYPES: dict[str, list[str]] = {
    "flag": ["boolean"],
    "int": ["integer"],
    "float": ["number"],
    "str": ["string", "number"],
    "json": ["object", "array", "string"],
    "map-or-text": ["object", "string"],
    "text": ["string", "number"],
}


def schema() -> str:
    """The JSON Schema that lets an editor complete and check a profile, options included."""
    value: dict[str, Any] = Profile.model_json_schema()
    value["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    value["title"] = "Serving profile"
    value["$defs"].update(kinds())
    value["allOf"] = [
        _options_of(engine, version) for engine in ENGINES for version in catalogue.versions(engine)
    ]
    # One option a line, so that a diff can be read.
    return json.dumps(value, ensure_ascii=False).replace('}, "', '},\n"') + "\n"


def readme(text: str) -> str:
    """The README with its table of profiles as it is now."""
    return _filled(text, "profiles", listing.markdown(listing.rows()))


def preflight(text: str) -> str:
    """docs/preflight.md with its table of codes as it is now."""
    return _filled(text, "codes", codes.markdown())


def verify(text: str) -> str:
    """docs/verify.md with its table of checks as it is now."""
    return _filled(text, "checks", report.markdown(suite.CHECKS))


def _filled(text: str, name: str, table: str) -> str:
    block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    return block.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


def examples() -> dict[Path, str]:
    """Rendered profiles, to be read without running anything."""
    texts = {}
    for name, sources in _EXAMPLES.items():
        profile, _ = loader.load(name)
        for form in FORMS:
            text, _ = render(form, profile, name, sources)
            texts[EXAMPLES / f"{name}.{_SUFFIXES[form]}"] = f"{text}\n"
    return texts


def _options_of(engine: str, version: str) -> dict[str, Any]:
    known = catalogue.load(engine, version)
    assert known is not None
    options = {spelling: option_schema(option) for spelling, option in known.by_spelling.items()}
    args = {"properties": options, "additionalProperties": False}
    named = {"name": {"const": engine}, "version": {"const": version}}
    return {
        "if": {"properties": {"engine": {"properties": named}}},
        "then": {"properties": {"engine": {"properties": {"args": args}}}},
    }


def kinds() -> dict[str, Any]:
    """What an option of each kind may hold, alone or as a list; null leaves it out."""
    kinds: dict[str, Any] = {}
    for kind, types in _TYPES.items():
        kinds[kind] = {"type": [*types, "null"]}
        items = {"type": "array", "items": {"type": types}}
        kinds[f"{kind}-list"] = {"anyOf": [kinds[kind], items]}
    return kinds


def option_schema(option: Option) -> dict[str, Any]:
    """What one option may hold, by the kinds of ``kinds``."""
    if option.choices and not option.takes_list:
        return {"enum": [*option.choices, None]}
    return {"$ref": f"#/$defs/{option.kind}{'-list' if option.takes_list else ''}"}


def main() -> None:
    """Write every derived file."""
    derived = {
        SCHEMA: schema(),
        README: readme(README.read_text(encoding="utf-8")),
        PREFLIGHT: preflight(PREFLIGHT.read_text(encoding="utf-8")),
        VERIFY: verify(VERIFY.read_text(encoding="utf-8")),
        **examples(),
    }
    EXAMPLES.mkdir(exist_ok=True)
    for path, text in derived.items():
        path.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
