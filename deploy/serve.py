"""Serve a profile on this host: the checks, the keys, then the engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy import keys
from deploy.errors import Finding, Refused
from deploy.preflight.check import check
from deploy.preflight.hub import directory_of
from deploy.profile import Profile
from deploy.server.log import LogFile, default_path
from deploy.server.run import Launch, run


def serve(
    profile: Profile,
    name: str,
    key_files: Mapping[str, str | None],
    log_file: str | None,
    drain_seconds: float | None,
    skipped_checks: Sequence[str],
) -> int:
    """Run the profile's engine to its end; the exit status. Refused where the host cannot."""
    findings = check(profile, skipped_checks).findings
    try:
        secrets = keys.read(key_files, os.environ)
    except Refused as refused:
        findings += refused.findings
    path = Path(log_file).expanduser() if log_file else default_path(Path(name).stem, profile.port)
    try:
        file = LogFile(path)
    except OSError as error:
        message, fix = f"cannot be written: {error.strerror}", "name another file with --log-file"
        findings.append(Finding("log-file", str(path), message, fix))
    if any(finding.severity == "error" for finding in findings):
        raise Refused(findings)
    for finding in findings:
        print(finding, file=sys.stderr)
    env = {key: value for key, value in os.environ.items() if key not in keys.VARIABLES.values()}
    source = keys.sources(key_files, os.environ).get("api-key")
    with keys.config_file(secrets) as config:
        argv = _argv(profile)
        launch = Launch(
            profile=profile,
            argv=(*argv, "--config", str(config)) if config else argv,
            env={**env, **profile.engine.env},
            log=file,
            drain_seconds=drain_seconds or profile.limits.drain_seconds,
            secrets=tuple(secrets.values()),
            authorization=f'-H "Authorization: Bearer {source}" ' if source else "",
            config=config,
        )
        return run(launch)


def _argv(profile: Profile) -> tuple[str, ...]:
    """The profile's argv for this interpreter, with a local model's absolute path."""
    directory = directory_of(profile.model)
    if directory:
        profile = profile.with_argument(profile.driver.model_option, str(directory))
    return (sys.executable, *profile.command().argv[1:])
