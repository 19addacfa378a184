"""All checks together, and their report."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from deploy.errors import Finding
from deploy.preflight import (
    checkpoint,
    codes,
    gpus,
    hub,
    interconnect,
    model_files,
    port,
    resources,
    software,
    system,
)
from deploy.preflight.codes import Outcome
from deploy.preflight.host import Host
from deploy.profile import Profile


@dataclass(frozen=True)
class Report:
    """The host as it was found, and one outcome or more for each thing checked."""

    host: Host
    outcomes: tuple[Outcome, ...]

    @property
    def findings(self) -> list[Finding]:
        """The faults that nobody set aside, as they are told before a start."""
        return [
            outcome.finding() for outcome in self.outcomes if outcome.status in ("error", "warning")
        ]

    @property
    def failed(self) -> bool:
        """Whether a start would be refused."""
        return any(outcome.status == "error" for outcome in self.outcomes)


def check(profile: Profile, skipped: Collection[str] = ()) -> Report:
    """Check this host; faults with a code in ``skipped`` are set aside."""
    environ = {**os.environ, **profile.engine.env}
    host = system.read(profile, environ)
    return Report(host, tuple(codes.skip(outcomes(profile, host, environ), skipped)))


def outcomes(profile: Profile, host: Host, environ: Mapping[str, str]) -> Iterator[Outcome]:
    """What there is to say of a host, of the model's files and of the port."""
    place = hub.locate(profile, environ)
    files = checkpoint.read(place.directory) if place.directory else None
    yield from software.check(profile, host)
    yield from gpus.check(profile, host)
    yield from interconnect.check(profile, host)
    yield from model_files.check(profile, place, files)
    yield from resources.check(
        profile,
        host,
        weights_bytes=files.present_bytes if files else 0,
        fetch_bytes=model_files.fetch_bytes(place, files),
    )
    yield port.check(profile.host, profile.port)
