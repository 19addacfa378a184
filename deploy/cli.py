"""The command's verbs. Each is a thin function over the modules."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Sequence

from deploy import keys, loader
from deploy.commandline import Parser, common, key_files, serve_parser, skip_check
from deploy.errors import FAILED, Finding, Refused, suggestion
from deploy.overrides import Setting
from deploy.profile import Profile
from deploy.render import shell

# Both engines know these spellings.
_SHORTHANDS = {"host": "host", "port": "port", "model": "model"}


def main(words: Sequence[str]) -> int:
    """Run one command line; the exit status."""
    verb, rest = (words[0], words[1:]) if words and words[0] in _VERBS else ("serve", words)
    try:
        if verb == "serve" and rest and not rest[0].startswith("-"):
            fix = suggestion(rest[0], [*_VERBS, *loader.names()], "verbs: " + ", ".join(_VERBS))
            if rest[0] in loader.names():
                fix = f"write --profile {rest[0]}"
            raise Refused([Finding("command-line", "", f'there is no verb "{rest[0]}"', fix)])
        status = _VERBS[verb](list(rest))
        sys.stdout.flush()
        return status
    except Refused as refused:
        _tell(refused.findings)
        return refused.status
    except BrokenPipeError:
        # The reader, head for one, has seen enough; Python must not flush once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def _tell(findings: Sequence[Finding]) -> None:
    for finding in findings:
        print(finding, file=sys.stderr)


def _serve(words: list[str]) -> int:
    cut = words.index("--") if "--" in words else len(words)
    options = serve_parser().parse_args(words[:cut])
    if options.profile is None:
        raise Refused(
            [
                Finding(
                    "command-line",
                    "--profile",
                    "no profile is named",
                    "name one of: " + ", ".join(loader.names()),
                )
            ]
        )
    _check_known(options.skip_check)
    settings = [Setting.of(text) for text in options.set]
    settings += [
        Setting(f"engine.args.{name}={value}", f"--{flag} {value}")
        for flag, name in _SHORTHANDS.items()
        if (value := getattr(options, flag)) is not None
    ]
    profile, warnings = loader.load(options.profile, settings, words[cut + 1 :])
    files = {"api-key": options.api_key_file, "admin-api-key": options.admin_api_key_file}
    keys.check_known(profile.driver, files, os.environ)
    _tell(warnings)
    if options.dry_run or options.json:
        return _dry_run(profile, files, options.json)
    from deploy.serve import serve

    return serve(
        profile,
        options.profile,
        files,
        options.log_file,
        options.drain_seconds,
        options.skip_check,
    )


def _dry_run(profile: Profile, files: dict[str, str | None], as_json: bool) -> int:
    sources = keys.sources(files, os.environ)
    text = shell.as_json if as_json else shell.text
    print(text(profile.command(), sources))
    return 0


def _profiles(words: list[str]) -> int:
    from deploy import listing

    parser = Parser(prog="launch.py profiles", allow_abbrev=False, description="List the profiles.")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(words)
    rows = listing.rows()
    print(listing.as_json(rows) if options.json else listing.table(rows))
    return 0


def _explain(words: list[str]) -> int:
    from deploy import explain
    from deploy.engines.resolve import resolve

    parser = Parser(
        prog="launch.py explain",
        allow_abbrev=False,
        description="What the engine will really use, by its own resolution; needs the engine.",
    )
    parser.add_argument("--profile", metavar="NAME|FILE", required=True, help="a profile")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="as in serve"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--model-config", metavar="FILE", help="a config.json, as in plan")
    options = parser.parse_args(words)
    profile, warnings = loader.load(options.profile, [Setting.of(text) for text in options.set])
    _tell(warnings)
    rows = resolve(profile, options.model_config)
    print(explain.as_json(rows) if options.json else explain.table(rows))
    return 0


def _check(words: list[str]) -> int:
    from deploy.preflight import check, codes, report

    parser = Parser(
        prog="launch.py check",
        usage="launch.py check --profile NAME|FILE [options]\n       launch.py check --list",
        allow_abbrev=False,
        description="Is this host fit for a profile? Starts nothing; status 1 where it is not.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common(parser)
    skip_check(parser)
    text = codes.listing()
    parser.add_argument("--list", action="version", version=text, help="list the checks' codes")
    options = parser.parse_args(words)
    _check_known(options.skip_check)
    profile, warnings = loader.load(options.profile, [Setting.of(text) for text in options.set])
    _tell(warnings)
    found = check.check(profile, options.skip_check)
    print(report.as_json(found) if options.json else report.table(found))
    return FAILED if found.failed else 0


def _check_options(words: list[str]) -> int:
    from deploy.engines import judge

    parser = Parser(
        prog="launch.py check-options",
        allow_abbrev=False,
        description="What breaks in a profile under another engine version?",
    )
    common(parser)
    parser.add_argument("--engine-version", metavar="VERSION", help="instead of the profile's own")
    options = parser.parse_args(words)
    settings = [Setting.of(text) for text in options.set]
    if options.engine_version:
        text = f"engine.version={options.engine_version}"
        settings.append(Setting(text, f"--engine-version {options.engine_version}"))
    try:
        profile, findings = loader.load(options.profile, settings)
    except Refused as refused:
        if any(finding.code in _NOT_CHECKED for finding in refused.findings):
            raise
        findings = list(refused.findings)
    else:
        engine = f"{profile.engine.name} {profile.engine.version}"
        asked = judge.is_installed(profile)
        if asked and (objection := judge.objection(profile)):
            fix = "mend what it names; please report it, since the option catalogue should know"
            findings.append(Finding("engine-parser", f"the installed {engine}", objection, fix))
        elif not options.json:
            agrees = "; its own parser, installed here, agrees" if asked else ""
            print(f"{engine} knows every option of {options.profile}, as it is{agrees}")
    if options.json:
        print(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        _tell(findings)
    return FAILED if any(finding.severity == "error" for finding in findings) else 0


def _render(words: list[str]) -> int:
    from deploy.render.container import Sources
    from deploy.render.forms import FORMS, render

    parser = Parser(
        prog="launch.py render",
        usage=f"launch.py render {'|'.join(FORMS)} --profile NAME|FILE [options]",
        allow_abbrev=False,
        description="A profile as a docker run command, a Compose file or a systemd unit.",
    )
    parser.add_argument("form", metavar="FORM", help="one of: " + ", ".join(FORMS))
    common(parser)
    key_files(parser)
    add = parser.add_argument
    add("--hf-token-file", metavar="FILE", help="the Hugging Face token, in a file of root's")
    add(
        "--cache-dir",
        metavar="DIR",
        help="where the host keeps weights and compiled kernels; otherwise in Docker's volumes",
    )
    options = parser.parse_args(words)
    profile, findings = loader.load(options.profile, [Setting.of(text) for text in options.set])
    files = {"api-key": options.api_key_file, "admin-api-key": options.admin_api_key_file}
    sources = Sources(files, options.hf_token_file, options.cache_dir)
    name = loader.find(options.profile).stem
    text, more = render(options.form, profile, name, sources, options.json)
    _tell([*findings, *more])
    print(text)
    return 0


def _plan(words: list[str]) -> int:
    from deploy.plan import command

    description = (
        "Does it fit, how many sequences does it hold, how long does it take to start? "
        "Status 1 where it cannot work."
    )
    parser = Parser(prog="launch.py plan", allow_abbrev=False, description=description)
    return command.run(parser, words, _tell)


def _make_mini(words: list[str]) -> int:
    from deploy import mini

    description = "Write a checkpoint that is GLM-5.1 in everything but size; needs torch, no GPU."
    parser = Parser(prog="launch.py make-mini", allow_abbrev=False, description=description)
    return mini.run(parser, words)


def _verify(words: list[str]) -> int:
    from deploy.verify import command

    parser = Parser(
        prog="launch.py verify",
        allow_abbrev=False,
        description="Does a running server keep its promises?",
    )
    common(parser, profile_required=False)
    command.add_options(parser)
    key_files(parser, api=" (or GLM_API_KEY)", admin=" (or GLM_ADMIN_API_KEY)")
    options = parser.parse_args(words)
    files = {"api-key": options.api_key_file, "admin-api-key": options.admin_api_key_file}
    settings = [Setting.of(text) for text in options.set]
    profile = loader.load(options.profile, settings)[0] if options.profile else None
    return command.verify(options, profile, files)


def _evaluate(words: list[str]) -> int:
    from deploy.evaluate import command

    parser = Parser(
        prog="launch.py evaluate",
        allow_abbrev=False,
        description=command.DESCRIPTION,
        epilog=command.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_options(parser)
    return command.run(parser.parse_args(words), words)


def _check_known(names: Sequence[str]) -> None:
    if names:
        from deploy.preflight import codes

        codes.check_known(names)


# With one of these there was nothing to check the options against.
_NOT_CHECKED = {"engine-version-unknown", "profile-unknown", "profile-empty", "yaml-syntax"}
_VERBS = {
    "serve": _serve,
    "check": _check,
    "profiles": _profiles,
    "check-options": _check_options,
    "explain": _explain,
    "render": _render,
    "plan": _plan,
    "verify": _verify,
    "evaluate": _evaluate,
    "make-mini": _make_mini,
}
