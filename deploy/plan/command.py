"""The verb ``plan``: its options, and one plan for each profile named."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Sequence

from deploy import loader
from deploy.errors import FAILED, Finding
from deploy.overrides import Setting
from deploy.plan import Plan, Question, document, plan, report
from deploy.plan.capacity import parse_mix
from deploy.plan.source import config_of
from deploy.plan.startup import parse_storage


def run(
    parser: argparse.ArgumentParser,
    words: Sequence[str],
    tell: Callable[[Sequence[Finding]], None],
) -> int:
    """Print the plans, tell what an operator must hear; the exit status, 1 after an error."""
    _add_options(parser)
    options = parser.parse_args(words)
    settings = [Setting.of(text) for text in options.set]
    question = Question(
        context_tokens=options.context_tokens,
        mix=parse_mix(options.lengths) if options.lengths else (),
        storage_bytes_per_second=parse_storage(options.storage),
        host_bytes=round(options.host_memory * 1e9) if options.host_memory else None,
    )
    plans: dict[str, Plan] = {}
    heard: list[Finding] = []
    for name in options.profile:
        profile, warnings = loader.load(name, settings)
        plans[name] = plan(profile, config_of(profile.model, options.model_config), question)
        for finding in (*warnings, *plans[name].findings):
            where = ": ".join(filter(None, (name, finding.where)))
            heard.append(dataclasses.replace(finding, where=where))
    print(document.as_json(plans) if options.json else report.table(plans), flush=True)
    if not options.json:
        tell(heard)
    return FAILED if any(finding.severity == "error" for finding in heard) else 0


def _add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--profile",
        metavar="NAME|FILE",
        action="append",
        required=True,
        help="a profile; repeat to see several side by side",
    )
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="as in serve, in each")
    add("--json", action="store_true", help="for programs")
    add("--context-tokens", type=_positive, metavar="N", help="instead of the profile's limit")
    add("--lengths", metavar="N:WEIGHT,...", help="a mix of sequences: 200000:1,8000:20")
    add("--storage", default="local", metavar="local|network|GB/s", help="where weights lie")
    add("--host-memory", type=_positive, metavar="GB", help="of a node, in GB of 10**9 bytes")
    add("--model-config", metavar="FILE", help="config.json of a model that is not built in")


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return value
