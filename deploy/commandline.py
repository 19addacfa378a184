"""The command line's options, by verb and in common; a fault in one is a finding."""

from __future__ import annotations

import argparse
from typing import NoReturn

from deploy.errors import Finding, Refused, suggestion

_EXAMPLES = """\
examples:
  python launch.py --profile cpu
  python launch.py --profile b300 --dry-run
  python launch.py --profile b300 --set engine.args.mem-fraction-static=0.85
  python launch.py --profile my-profile.yaml -- --log-level debug
"""


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are findings: what is wrong, and the option meant."""

    def error(self, message: str) -> NoReturn:
        known = [text for action in self._actions for text in action.option_strings]
        word = next((word for word in message.split() if word.startswith("--")), "")
        fix = f"see {self.prog} --help"
        if message.startswith("unrecognized") and word:
            name = word.partition("=")[0]
            fix = suggestion(name, known, f"engine options go behind --; {fix}")
        raise Refused([Finding("command-line", "", message, fix)])


def serve_parser() -> argparse.ArgumentParser:
    """The launcher itself, whose verb may be left out."""
    parser = Parser(
        prog="launch.py",
        usage="launch.py [serve] --profile NAME|FILE [options] [-- ENGINE OPTIONS]\n"
        "       launch.py check --profile NAME|FILE\n"
        "       launch.py profiles [--json]\n"
        "       launch.py check-options --profile NAME|FILE [--engine-version VERSION]\n"
        "       launch.py explain --profile NAME|FILE\n"
        "       launch.py render docker|compose|systemd --profile NAME|FILE\n"
        "       launch.py plan --profile NAME|FILE [--profile NAME|FILE ...]\n"
        "       launch.py verify --url URL [--profile NAME|FILE]\n"
        "       launch.py evaluate --url URL [--suite card|bundled] [--quick]\n"
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
    key_files(parser, api=" (or GLM_API_KEY)", admin=" (or GLM_ADMIN_API_KEY)")
    add("--dry-run", action="store_true", help="print the engine's command and start nothing")
    add("--json", action="store_true", help="print argv, env and image as JSON; start nothing")
    add("--log-file", metavar="FILE", help="where the engine's whole log goes")
    add(
        "--drain-seconds",
        type=_positive,
        metavar="N",
        help="how long requests in flight may take after a stop signal (limits.drain_seconds)",
    )
    skip_check(parser)
    return parser


def skip_check(parser: argparse.ArgumentParser) -> None:
    """What every verb takes that checks the host."""
    parser.add_argument(
        "--skip-check",
        action="append",
        default=[],
        metavar="CODE",
        help="go on in spite of this fault of the host; repeat at will (launch.py check --list)",
    )


def common(parser: argparse.ArgumentParser, profile_required: bool = True) -> None:
    """What every verb about one profile takes."""
    add = parser.add_argument
    what = "a profile of configs/, or a file"
    add("--profile", metavar="NAME|FILE", required=profile_required, help=what)
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="as in serve")
    add("--json", action="store_true", help="for programs")


def key_files(parser: argparse.ArgumentParser, api: str = "", admin: str = "") -> None:
    """What every verb takes that starts an engine or writes how; words for the help's end."""
    add = parser.add_argument
    add("--api-key-file", metavar="FILE", help=f"the key that requests must carry{api}")
    add("--admin-api-key-file", metavar="FILE", help=f"the key for administration{admin}")


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of seconds")
    return value
