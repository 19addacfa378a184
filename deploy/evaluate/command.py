"""The verb ``evaluate``: its options, what it says on the way, and its exit status."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from deploy import keys
from deploy.errors import FAILED, Finding, Refused
from deploy.evaluate import endpoint, plan, report
from deploy.evaluate.harness import Harness, Judge
from deploy.evaluate.run import Evaluation, Stopped, stop_signals
from deploy.evaluate.store import Store
from deploy.evaluate.suites import BUNDLED, SUITES
from deploy.loader import CONFIGS
from deploy.server.console import Console, seconds

DESCRIPTION = "Is the server as accurate as the model card says, or as an earlier run was?"
EPILOG = """\
exit status: 0 consistent; 1 worse, or too few samples to tell; 2 nothing could be asked;
130 after Ctrl-C, with what was answered kept for --resume

examples:
  python launch.py evaluate --url http://127.0.0.1:30000/v1 --suite card --only gpqa_diamond
  python launch.py evaluate --url http://127.0.0.1:30000/v1 --suite card --quick
  python launch.py evaluate --url http://127.0.0.1:30000/v1 --suite bundled --reference bundled=95
"""
_HARNESS_PYTHON = CONFIGS.parent / ".venv-evaluate" / "bin" / "python"
_UNGRADED = ", and answers that evalscope has not graded yet"
_RESULTS = "~/.local/state/glm-serving/evaluations"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    add = parser.add_argument
    add("--url", required=True, help="the server, as launch.py prints it when it is ready")
    add("--suite", choices=SUITES, default="card", help="the card's benchmarks, or our questions")
    add("--model", metavar="NAME", help="which model, where the server has several")
    add("--only", metavar="NAMES", default="", help="some of the suite's benchmarks, by comma")
    add("--quick", action="store_true", help="a gate after a rollout: fewer samples, 6 points")
    add("--repeats", type=_count, metavar="N", help="ask every question so often")
    add("--concurrency", type=_count, default=16, metavar="N", help="requests at once (16)")
    add("--reference", action="append", default=[], metavar="NAME=PERCENT", help="compare with it")
    add("--against", type=Path, metavar="DIR", help="compare with an earlier run, by question")
    add("--measure", action="store_true", help="measure only, for a later --against")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--out", type=Path, metavar="DIR", help=f"results (under {_RESULTS})")
    place.add_argument("--resume", type=Path, metavar="DIR", help="go on with a stopped run")
    add("--api-key-file", metavar="FILE", help="the server's key (or GLM_API_KEY)")
    add("--judge-url", metavar="URL", help="the model that grades AA-LCR")
    add("--judge-model", metavar="NAME", help="its name")
    add("--judge-key-file", metavar="FILE", help="its key")
    add("--dataset", action="append", default=[], metavar="NAME=DIR", help="a local copy")
    add("--harness-python", type=Path, default=_HARNESS_PYTHON, metavar="FILE", help="evalscope's")
    add("--json", action="store_true", help="for programs")


def run(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Evaluate as the options say; ``words`` are the command line, to tell how to resume it."""
    try:
        with stop_signals():
            return _run(options, words)
    except Stopped as stop:
        return stop.status


def _run(options: argparse.Namespace, words: Sequence[str]) -> int:
    only = [word for word in options.only.split(",") if word]
    wanted = plan.make(
        options.suite,
        only,
        options.repeats,
        options.quick,
        options.reference,
        options.against,
        options.measure,
    )
    judge, datasets = _judge(options), _datasets(options.dataset, wanted)
    findings = list(plan.check(wanted, options.harness_python, judge, datasets))
    for finding in findings:
        if finding.severity == "warning":
            print(finding, file=sys.stderr)
    if errors := [finding for finding in findings if finding.severity == "error"]:
        raise Refused(errors)
    key = keys.read({"api-key": options.api_key_file}, os.environ).get("api-key", "")
    server = endpoint.connect(options.url, options.model, key)
    directory = options.resume or options.out or _new_directory(options.suite)
    described = plan.settings(wanted, server, judge, datasets)
    plan.check_earlier(wanted, described)
    store = Store(directory, described, resume=options.resume is not None)
    harness = None
    if options.suite != BUNDLED:
        python = options.harness_python.absolute()
        harness = Harness(python, server, wanted.suite, options.concurrency, judge, datasets)
    evaluation = Evaluation(wanted, server, store, Console(), options.concurrency, harness)
    try:
        return _judged(evaluation, options.json)
    except (Stopped, Refused):
        evaluation.console.status("", "")
        print(
            f"stopped: {len(store.samples)} of {evaluation.expected} samples are kept in "
            f"{directory}{_UNGRADED if harness else ''}; go on with: {_resuming(words, directory)}",
            file=sys.stderr,
        )
        raise
    finally:
        store.close()


def _judged(evaluation: Evaluation, as_json: bool) -> int:
    console, store, started = evaluation.console, evaluation.store, time.monotonic()
    console.say(
        f"asking {evaluation.endpoint.model} at {evaluation.endpoint.url}: "
        + ", ".join(
            f"{name} {evaluation.plan.benchmark(name).questions} x {count}"
            for name, count in evaluation.plan.repeats.items()
        )
        + f"\nresults: {store.directory}"
    )
    found = evaluation.run()
    console.say(f"done in {seconds(time.monotonic() - started)}")
    (store.directory / "report.json").write_text(f"{report.as_json(found)}\n", encoding="utf-8")
    (store.directory / "junit.xml").write_text(f"{report.as_junit(found)}\n", encoding="utf-8")
    print(report.as_json(found) if as_json else report.table(found))
    return 0 if found.passed else FAILED


def _judge(options: argparse.Namespace) -> Judge | None:
    if bool(options.judge_url) != bool(options.judge_model):
        fix = "give both --judge-url and --judge-model"
        raise Refused([Finding("judge", "--judge-url", "a judge has an address and a name", fix)])
    if not options.judge_url:
        return None
    key = keys.read({"api-key": options.judge_key_file}, {}).get("api-key", "")
    return Judge(endpoint.base_url(options.judge_url), options.judge_model, key)


def _datasets(words: Sequence[str], wanted: plan.Plan) -> dict[str, str]:
    found: dict[str, str] = {}
    findings = []
    for text in words:
        name, _, place = text.partition("=")
        path = Path(place).expanduser().absolute()
        if name not in wanted.suite.benchmarks or not place or not path.is_dir():
            fix = f"write NAME=DIR with one of {', '.join(wanted.suite.benchmarks)}"
            findings.append(Finding("dataset", "--dataset", f"{text}: no such directory", fix))
        found[name] = str(path)
    if findings:
        raise Refused(findings)
    return found


def _new_directory(suite: str) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return Path(_RESULTS).expanduser() / f"{suite}-{stamp}-{os.getpid()}"


def _resuming(words: Sequence[str], directory: Path) -> str:
    """The same command line with ``--resume DIR`` in place of where it began."""
    kept: list[str] = []
    skip = False
    for word in words:
        name, equals, _ = word.partition("=")
        if name in ("--out", "--resume"):
            skip = not equals
            continue
        if not skip:
            kept.append(word)
        skip = False
    words = ["python", "launch.py", "evaluate", *kept, "--resume", str(directory)]
    return shlex.join(words)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value
