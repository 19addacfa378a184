"""The checks in their order, which of them run, and what comes of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import httpx
import openai

from deploy.errors import Finding, Refused, suggestion
from deploy.verify import (
    cache,
    cancellation,
    chat,
    context,
    limits,
    messages,
    models,
    operations,
    parsing,
    reasoning,
    security,
    structured,
    tools,
)
from deploy.verify.check import Broken, Check, DoesNotApply, Outcome, Status
from deploy.verify.target import Target

# What others rest on comes first; the long contexts come last, as they take what time is left.
CHECKS: tuple[Check, ...] = tuple(
    check
    for topic in (
        models,
        structured,
        chat,
        limits,
        reasoning,
        tools,
        parsing,
        messages,
        cache,
        cancellation,
        security,
        operations,
        context,
    )
    for check in topic.CHECKS
)
NAMES = tuple(check.name for check in CHECKS)
TOPICS = tuple(dict.fromkeys(name.partition(".")[0] for name in NAMES))


def select(only: Sequence[str], skip: Sequence[str]) -> tuple[Check, ...]:
    """The checks of these names or topics, less those; Refused where a name is not known."""
    findings = [
        Finding(
            "check-unknown",
            option,
            f'there is no check or topic "{name}"',
            suggestion(name, (*NAMES, *TOPICS), "topics: " + ", ".join(TOPICS)),
        )
        for option, names in (("--only", only), ("--skip", skip))
        for name in names
        if name not in NAMES and name not in TOPICS
    ]
    if findings:
        raise Refused(findings)

    def named(check: Check, names: Sequence[str]) -> bool:
        return check.name in names or check.name.partition(".")[0] in names

    chosen = tuple(
        check for check in CHECKS if (not only or named(check, only)) and not named(check, skip)
    )
    if not chosen:
        fix = "leave one of --only and --skip out"
        raise Refused([Finding("check-none", "--skip", "nothing is left to run", fix)])
    return chosen


def run(
    target: Target, checks: Iterable[Check], starting: Callable[[Check], None]
) -> Iterator[Outcome]:
    """Run the checks in turn; ``starting`` is told before each."""
    # By name, the checks that failed behind each that cannot be relied on.
    blamed: dict[str, tuple[str, ...]] = {}
    for check in checks:
        starting(check)
        behind = {name for need in check.needs for name in blamed.get(need, ())}
        culprits = tuple(name for name in NAMES if name in behind)
        outcome = _outcome(target, check, culprits)
        if outcome.status == "failed":
            blamed[check.name] = (check.name,)
        elif culprits:
            blamed[check.name] = culprits
        yield outcome


def _outcome(target: Target, check: Check, culprits: Sequence[str]) -> Outcome:
    target.exchanges = []
    target.agent = f"glm-serving-verify/{check.name}"
    started = time.monotonic()

    def outcome(status: Status, meaning: str) -> Outcome:
        return Outcome(check, status, meaning, time.monotonic() - started, target.exchanges)

    if reason := check.applies(target):
        return outcome("not-applicable", reason)
    if culprits:
        return outcome("not-applicable", f"rests on {' and '.join(culprits)}, which failed")
    if target.budget.remaining_seconds <= 0:
        return outcome("not-applicable", "left out: the time of --minutes was spent")
    try:
        return outcome("passed", check.run(target))
    except DoesNotApply as reason:
        return outcome("not-applicable", str(reason))
    except Broken as broken_promise:
        return outcome("failed", str(broken_promise))
    except openai.APIStatusError as error:
        return outcome("failed", f"a request was answered {error.status_code}: {error.message}")
    except (openai.OpenAIError, httpx.HTTPError) as error:
        return outcome("failed", f"a request failed: {type(error).__name__}: {error}")
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        return outcome("failed", f"an answer has not the form that the API promises ({what})")
