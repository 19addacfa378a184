"""The container forms by name, and the one way from a profile to any of them."""

from __future__ import annotations

from collections.abc import Callable

from deploy.errors import Finding, Refused, suggestion
from deploy.profile import Profile
from deploy.render import compose, docker, systemd
from deploy.render.container import Container, Sources, container, warnings

FORMS: dict[str, Callable[[Container], str]] = {
    "docker": docker.text,
    "compose": compose.text,
    "systemd": systemd.text,
}


def render(
    form: str, profile: Profile, name: str, sources: Sources, as_json: bool = False
) -> tuple[str, list[Finding]]:
    """The profile called ``name`` in that form, and the warnings about it.

    Refused where the form is unknown or one host's Docker cannot run the profile. ``as_json`` is
    for docker alone: a Compose file and a unit are for programs already.
    """
    if form not in FORMS:
        fix = suggestion(form, FORMS, "forms: " + ", ".join(FORMS))
        raise Refused([Finding("render-form", "command-line", f'there is no form "{form}"', fix)])
    if as_json and form != "docker":
        what = f"{form} has no JSON form"
        raise Refused([Finding("render-json", "--json", what, "leave --json out")])
    text = docker.as_json if as_json else FORMS[form]
    return text(container(profile, name, sources)), list(warnings(profile, sources))
