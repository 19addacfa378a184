"""The command's verbs. Each is a thin function over the modules."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from deploy import keys, loader
from deploy.errors import FAILED, Finding, Refused, suggestion
from deploy.overrides import Setting
from deploy.profile import Profile
from deploy.render import shell

# Both engines know these spellings.
_SHORTHANDS = {"host": "host", "port": "port", "model": "model"}
_EXAMPLES = """\
examples:
  python launch.py --profile cpu
  python launch.py --profile b300 --dry-run
  python launch.py --profile b300 --set engine.args.mem-fraction-static=0.85
  python launch.py --profile my-profile.yaml -- --log-level debug
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        known = [text for action in self._actions for text in action.option_strings]
        word = next((word for word in message.split() if word.startswith("--")), "")
        fix = f"see {self.prog} --help"
        if message.startswith("unrecognized") and word:
            name = word.partition("=")[0]
            fix = suggestion(name, known, f"engine options go behind --; {fix}")
        raise Refused([Finding("command-line", "", message, fix)])


def main(words: Sequence[str]) -> int:
    """Run one command line; the exit status."""
    verb, rest = (words[0], words[1:]) if words and words[0] in _VERBS else ("serve", words)
    try:
        if verb == "serve" and rest and not rest[0].startswith("-"):
            fix = suggestion(rest[0], [*_VERBS, *loader.names()], "verbs: " + ", ".join(_VERBS))
            if rest[0] in loader.names():
                fix = f"write --profile {rest[0]}"
            raise Refused([Finding("command-line", "", f'there is no verb "{rest[0]}"', fix)])
        return _VERBS[verb](list(rest))
    except Refused as refused:
        _tell(refused.findings)
        return refused.status


def _tell(findings: Sequence[Finding]) -> None:
    for finding in findings:
        print(finding, file=sys.stderr)


def _serve(words: list[str]) -> int:
    cut = words.index("--") if "--" in words else len(words)
    options = _serve_parser().parse_args(words[:cut])
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

    return serve(profile, options.profile, files, options.log_file, options.drain_seconds)


def _dry_run(profile: Profile, files: dict[str, str | None], as_json: bool) -> int:
    sources = keys.sources(files, os.environ)
    text = shell.as_json if as_json else shell.text
    print(text(profile.command(), sources))
    return 0


def _profiles(words: list[str]) -> int:
    from deploy import listing

    parser = _Parser(
        prog="launch.py profiles", allow_abbrev=False, description="List the profiles."
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(words)
    rows = listing.rows()
    print(listing.as_json(rows) if options.json else listing.table(rows))
    return 0


def _explain(words: list[str]) -> int:
    from deploy import explain
    from deploy.engines.resolve import resolve

    parser = _Parser(
        prog="launch.py explain",
        allow_abbrev=False,
        description="What the engine will really use, by its own resolution; needs the engine.",
    )
    parser.add_argument("--profile", metavar="NAME|FILE", required=True, help="a profile")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="as in serve"
    )
    parser.add_argument("--model-config", metavar="FILE", help="a config.json, as in plan")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(words)
    profile, warnings = loader.load(options.profile, [Setting.of(text) for text in options.set])
    _tell(warnings)
    rows = resolve(profile, options.model_config)
    print(explain.as_json(rows) if options.json else explain.table(rows))
    return 0


def _check_options(words: list[str]) -> int:
    from deploy.engines import judge

    parser = _Parser(
        prog="launch.py check-options",
        allow_abbrev=False,
        description="What breaks in a profile under another engine version?",
    )
    _common(parser)
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

    parser = _Parser(
        prog="launch.py render",
        usage=f"launch.py render {'|'.join(FORMS)} --profile NAME|FILE [options]",
        allow_abbrev=False,
        description="A profile as a docker run command, a Compose file or a systemd unit.",
    )
    parser.add_argument("form", metavar="FORM", help="one of: " + ", ".join(FORMS))
    _common(parser)
    _key_files(parser)
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

    description = "Does it fit, how many sequences does it hold, how long does it take to start?"
    parser = _Parser(prog="launch.py plan", allow_abbrev=False, description=description)
    return command.run(parser, words, _tell)


def _make_mini(words: list[str]) -> int:
    from deploy import mini

    description = "Write a checkpoint that is GLM-5.1 in everything but size; needs torch, no GPU."
    parser = _Parser(prog="launch.py make-mini", allow_abbrev=False, description=description)
    return mini.run(parser, words)


def _serve_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="launch.py",
        usage="launch.py [serve] --profile NAME|FILE [options] [-- ENGINE OPTIONS]\n"
        "       launch.py profiles [--json]\n"
        "       launch.py check-options --profile NAME|FILE [--engine-version VERSION]\n"
        "       launch.py explain --profile NAME|FILE\n"
        "       launch.py render docker|compose|systemd --profile NAME|FILE\n"
        "       launch.py plan --profile NAME|FILE [--profile NAME|FILE ...]\n"
        "       launch.py make-mini [--out DIR]",
        description="Serve GLM-5.1-NVFP4 as a profile says.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--profile", metavar="NAME|FILE", help="a profile of configs/, or a file like them")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a value of the profile, such as engine.args.port=30001; repeat at will",
    )
    add("--host", help="short for --set engine.args.host=HOST")
    add("--port", help="short for --set engine.args.port=PORT")
    add("--model", help="short for --set engine.args.model=MODEL")
    _key_files(parser, api=" (or GLM_API_KEY)", admin=" (or GLM_ADMIN_API_KEY)")
    add("--dry-run", action="store_true", help="print the engine's command and start nothing")
    add("--json", action="store_true", help="print argv, env and image as JSON; start nothing")
    add("--log-file", metavar="FILE", help="where the engine's whole log goes")
    add(
        "--drain-seconds",
        type=_positive,
        metavar="N",
        help="how long requests in flight may take after a stop signal (limits.drain_seconds)",
    )
    return parser


def _common(parser: argparse.ArgumentParser) -> None:
    """What every verb about one profile takes."""
    add = parser.add_argument
    add("--profile", metavar="NAME|FILE", required=True, help="a profile of configs/, or a file")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="as in serve")
    add("--json", action="store_true", help="for programs")


def _key_files(parser: argparse.ArgumentParser, api: str = "", admin: str = "") -> None:
    add = parser.add_argument
    add("--api-key-file", metavar="FILE", help=f"the key that requests must carry{api}")
    add("--admin-api-key-file", metavar="FILE", help=f"the key for administration{admin}")


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of seconds")
    return value


# With one of these there was nothing to check the options against.
_NOT_CHECKED = {"engine-version-unknown", "profile-unknown", "profile-empty", "yaml-syntax"}
_VERBS = {
    "serve": _serve,
    "profiles": _profiles,
    "check-options": _check_options,
    "explain": _explain,
    "render": _render,
    "plan": _plan,
    "make-mini": _make_mini,
}
