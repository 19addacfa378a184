"""Profiles, their containers, and values that quoting gets wrong."""

from __future__ import annotations

from deploy import loader
from deploy.hardware import CPU
from deploy.profile import Profile
from deploy.render.container import Container, Sources, container

# The CPU profiles have no container, and the mini profiles' model lies on this host only.
NAMES = [
    name
    for name in loader.names()
    if loader.load(name)[0].hardware.gpu != CPU and not name.startswith("mini-")
]
NO_SOURCES = Sources({})
# What every engine has an option for.
ALL_SOURCES = Sources({"api-key": "/keys/api key"}, "/keys/hub", "/data/it's $HERE")
NASTY = [
    "two words",
    "it's",
    'say "x"',
    "$HOME ${HOME} $$ $",
    "100% %n %%",
    "`id` $(id)",
    "a\nb\n",
    "tab\t\r\x1b\x7f",
    "back\\slash\\n\\",
    "é€😀\u2028\x85",
    '{"a": ["b", "$c"]}',
    "#x",
    "; true",
    ";",
    "yes",
    "1e3",
    "0x1F",
    "1:30",
    "~",
    "null",
    "-x",
    "--x y",
    "",
    " ",
    "a: b",
    "a, b]",
    "!x",
    "&x",
    "*x",
    "%x",
    "@x",
]


def profile_of(name: str = "b300") -> Profile:
    return loader.load(name)[0]


def container_of(
    name: str = "b300", sources: Sources = NO_SOURCES, profile: Profile | None = None
) -> Container:
    return container(profile or profile_of(name), name, sources)


def with_env(profile: Profile, env: dict[str, str]) -> Profile:
    engine = profile.engine.model_copy(update={"env": env})
    return profile.model_copy(update={"engine": engine})


def nasty_container(value: str, sources: Sources = NO_SOURCES) -> Container:
    """That value as an option, as an item of a list, and in the environment."""
    profile = profile_of().with_argument("served-model-name", value)
    profile = profile.with_argument("allowed-media-domains", ["x", value])
    return container_of(sources=sources, profile=with_env(profile, {"ODD": value}))
