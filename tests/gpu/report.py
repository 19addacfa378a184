"""A hardware report: figures as JSON, and the same as Markdown. ``python -m tests.gpu.report FILE``
writes the Markdown beside the JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from deploy.hardware import GIB

Figures = dict[str, Any]


def markdown(figures: Figures) -> str:
    """The report for people; every figure in it stands in ``figures``."""
    return "\n".join(_lines(figures)) + "\n"


def write(figures: Figures, path: Path) -> None:
    """Both forms: ``path`` is the JSON file's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(markdown(figures), encoding="utf-8")


def _lines(figures: Figures) -> Iterator[str]:
    host, versions = figures["host"], figures["versions"]
    yield f"# {figures['profile']} on {host['gpu']}, SGLang {versions.get('sglang', 'unknown')}"
    yield ""
    yield f"Taken {figures['taken']}. {figures['model']}"
    yield ""
    yield from (f"- {note}" for note in figures["notes"])
    yield from _table(
        ("hardware and versions", ""),
        [
            ("GPUs", f"{host['gpus']} x {host['gpu']}, {_gib(host['gpu_bytes'])}"),
            ("driver", f"{host['driver']}, CUDA {host['cuda_driver']:g}"),
            ("host", f"{host['cpus']} CPUs"),
            *versions.items(),
        ],
    )
    for run in figures["runs"]:
        yield from _run(run)


def _run(run: Figures) -> Iterator[str]:
    yield ""
    yield f"## {run['name']}"
    yield ""
    yield f"`{run['command']}`"
    if run.get("failure"):
        yield ""
        yield f"Failed: {run['failure']}"
    if "ready_seconds" in run:
        yield ""
        yield f"Ready after {run['ready_seconds']:.0f} s."
    if "stopped" in run:
        yield ""
        yield f"After SIGTERM the launcher's exit status was {run['stopped']}."
    if run.get("used"):
        yield from _table(("engine uses", ""), sorted(run["used"].items()))
    if run.get("plan"):
        rows = [(name, *_compared(name, *pair)) for name, pair in run["plan"].items()]
        yield from _table(("one GPU", "plan", "engine", "engine / plan"), rows)
    if run.get("prompts"):
        head = ("prompt, tokens", "TTFT", "ITL", "memory before", "peak", "more")
        yield from _table(head, [_prompt(prompt) for prompt in run["prompts"]])
    if run.get("load"):
        load = run["load"]
        yield ""
        yield (
            f"Load: {load['requests']} requests of {load['prompt_tokens']} tokens in and "
            f"{load['answer_tokens']} out, {load['users']} at once, in {load['seconds']:.1f} s: "
            f"{load['output_tokens_per_second']:,.0f} output tokens/s; "
            f"worst TTFT {load['worst_ttft_seconds']:.2f} s, "
            f"worst ITL {load['worst_itl_milliseconds']:.1f} ms."
        )
    if run.get("accepted_tokens") is not None:
        yield ""
        yield f"MTP: {run['accepted_tokens']:.2f} tokens a round."
    if run.get("left_out"):
        yield from _table(("left out of verify", "a random model"), run["left_out"].items())
    if run.get("checks"):
        yield from _table(("check", "passed", "said"), [_check(check) for check in run["checks"]])
    if run.get("log"):
        yield ""
        yield "The engine's log:"
        yield ""
        yield from ("```", *run["log"], "```")


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield ""
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |"


def _compared(name: str, planned: float, found: float | None) -> tuple[str, str, str]:
    shown = _gib if name.endswith("bytes") else "{:,.0f}".format
    if found is None:
        return shown(planned), "not said", ""
    return shown(planned), shown(found), f"{found / planned:.3f}" if planned else ""


def _check(check: Figures) -> tuple[str, ...]:
    # A model of random weights may well answer with a screen of white space.
    said = " ".join(check["said"].split())
    passed = {True: "yes", False: "NO", None: "n/a"}[check["passed"]]
    return check["name"], passed, said


def _prompt(prompt: Figures) -> tuple[str, ...]:
    before, peak = prompt["used_before_bytes"], prompt["peak_bytes"]
    return (
        f"{prompt['prompt_tokens']:,}",
        f"{prompt['ttft_seconds']:.2f} s",
        f"{prompt['itl_milliseconds']:.1f} ms",
        _gib(before),
        _gib(peak),
        _gib(peak - before),
    )


def _gib(value: float) -> str:
    return f"{value / GIB:,.2f} GiB"


if __name__ == "__main__":
    source = Path(sys.argv[1])
    write(json.loads(source.read_text(encoding="utf-8")), source)
