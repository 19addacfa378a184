"""The verb `verify`: connect, run, tell."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy import keys
from deploy.errors import FAILED, Finding, Refused
from deploy.profile import Profile
from deploy.server.console import Console
from deploy.verify import report, suite
from deploy.verify.check import Check, Outcome
from deploy.verify.connect import connect

# As shells count a process that SIGINT ended.
_INTERRUPTED = 130


def add_options(parser: argparse.ArgumentParser) -> None:
    """What a user can choose, beside the profile and the keys."""
    add = parser.add_argument
    add("--url", metavar="URL", required=True, help="the server, such as http://127.0.0.1:30000")
    add("--model", metavar="NAME", help="the served name; otherwise the profile's, or the first")
    for name, what in (("only", "run nothing but"), ("skip", "leave out")):
        add(
            f"--{name}",
            action="append",
            default=[],
            metavar="CHECK",
            help=f"{what} this check or topic; repeat at will, or put commas between",
        )
    add(
        "--minutes",
        type=_positive,
        default=10.0,
        metavar="N",
        help="how long it may take; what does not fit is left out and said (10)",
    )
    add("--max-context-tokens", type=_count, metavar="N", help="longest prompt to send")
    add("--seed", help="of the prompts; otherwise new ones, which no cache knows")
    add("--junit", metavar="FILE", help="write JUnit XML, too")


def verify(
    options: argparse.Namespace, profile: Profile | None, key_files: Mapping[str, str | None]
) -> int:
    """Run the checks and tell; the exit status. Refused where nothing can be run."""
    checks = suite.select(_names(options.only), _names(options.skip))
    if options.junit:
        _writable(options.junit)
    target = connect(
        options.url,
        profile,
        keys.read(key_files, os.environ),
        model=options.model,
        minutes=options.minutes,
        max_context_tokens=options.max_context_tokens,
        seed=options.seed,
    )
    console = Console()
    console.say(
        f"{target.url}: {target.model} on {target.engine}, {len(checks)} checks, "
        f"at most {options.minutes:g} minutes, --seed {target.seed}"
    )
    width = max(len(check.name) for check in checks)
    outcomes: list[Outcome] = []

    def starting(check: Check) -> None:
        if sys.stderr.isatty():
            place = f"{len(outcomes) + 1} of {len(checks)}"
            console.status(check.name, f"{place}: {check.promise}")

    interrupted = False
    try:
        for outcome in suite.run(target, checks, starting):
            outcomes.append(outcome)
            console.status("", "")
            if not options.json:
                console.log(f"{report.line(outcome, width)}\n".encode())
    except KeyboardInterrupt:
        interrupted = True
        console.status("", "")
        console.say(f"interrupted: {len(checks) - len(outcomes)} checks were not run or finished")
    finally:
        target.close()
    console.say(report.summary(outcomes))
    if options.json:
        print(report.as_json(target, outcomes))
    if options.junit:
        Path(options.junit).write_text(report.as_junit(outcomes), encoding="utf-8")
    if interrupted:
        return _INTERRUPTED
    return 0 if report.is_good(outcomes) else FAILED


def _names(words: Sequence[str]) -> list[str]:
    return [name for word in words for name in word.split(",") if name]


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of minutes")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of tokens")
    return value


def _writable(name: str) -> None:
    try:
        with open(name, "a", encoding="utf-8"):
            pass
    except OSError as error:
        message = f"{name} cannot be written: {error.strerror}"
        fix = "name a file in a directory that exists"
        raise Refused([Finding("file-unwritable", "--junit", message, fix)]) from None
