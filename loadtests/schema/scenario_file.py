"""Scenarios from files: read, overridden, checked, with every fault at once."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import Any

from loadtests.client.outcomes import Refused, fault
from loadtests.schema.fields import build
from loadtests.schema.scenario import Scenario, Slo, Traffic, largest

FOLDER = Path(__file__).parent.parent / "scenarios"
_PERCENTILE = re.compile(r"p(\d{1,2}(\.\d+)?|100)$")
# Below that a prompt has no room for its template, its first line, a code word and a question.
LEAST_PROMPT_TOKENS = 96
_PERCENTILES = ("ttft_seconds", "itl_seconds", "tpot_seconds", "e2e_seconds")


def load(path: Path, overrides: list[str]) -> Scenario:
    """The scenario of that file; Refused with every fault where it is not one."""
    value = read(path)
    faults: list[str] = []
    for override in overrides:
        _override(value, override, faults)
    scenario = build(Scenario, value, "", faults)
    if scenario:
        faults += _check(scenario)
    if faults or not scenario:
        raise Refused([f"{path}:", *faults])
    return scenario


def find(name: str) -> Path:
    """The file of a scenario, by its name or its path."""
    candidates = [Path(name), *(FOLDER / f"{name}{suffix}" for suffix in (".yaml", ".json"))]
    for path in candidates:
        if path.is_file():
            return path
    known = sorted(p.stem for p in FOLDER.iterdir() if p.suffix in (".yaml", ".json"))
    near = difflib.get_close_matches(name, known, n=1)
    mend = (f'did you mean "{near[0]}"? ' if near else "") + "known: " + ", ".join(known)
    raise Refused([fault("--scenario", f"no scenario {name}", mend)])


def read(path: Path) -> dict[str, Any]:
    """A mapping from YAML or JSON. YAML is imported for a YAML file only: a chart hands over JSON,
    and the stock locust image has no YAML."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            value = json.loads(text)
        else:
            import yaml

            try:
                value = yaml.safe_load(text)
            except yaml.YAMLError as error:
                raise ValueError(error) from None
    except ImportError:
        mend = "pip install PyYAML, or give the file as .json"
        raise Refused([fault(str(path), "no PyYAML here to read it", mend)]) from None
    except (ValueError, OSError) as error:
        raise Refused([fault(str(path), f"cannot be read: {error}", "mend it")]) from None
    if not isinstance(value, dict):
        raise Refused([fault(str(path), "not a mapping", "write it as key: value lines")])
    return value


def check_context(scenario: Scenario, context_tokens: int | None) -> None:
    """Refused where a prompt and its answer exceed what the server holds."""
    faults = []
    for index, traffic in enumerate(scenario.traffic):
        prompt = traffic.prompt.tokens if traffic.prompt else 0
        most = traffic.session.most_tokens if traffic.session else prompt
        if context_tokens and most + traffic.answer.tokens > context_tokens:
            words = f"{most} + {traffic.answer.tokens} tokens exceed the server's {context_tokens}"
            mend = "lower the prompt's tokens or answer.tokens"
            faults.append(fault(f"traffic[{index}]", words, mend))
    if faults:
        raise Refused(faults)


def _check(scenario: Scenario) -> list[str]:
    """What the schema cannot say."""
    faults: list[str] = []
    names = [traffic.name for traffic in scenario.traffic]
    if not names:
        faults.append(fault("traffic", "empty", "add at least one kind of traffic"))
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(fault("traffic", f"two are named {name}", "name them apart"))
    for index, traffic in enumerate(scenario.traffic):
        faults += _check_traffic(traffic, f"traffic[{index}]")
    for name, slo in scenario.slo.items():
        if name not in names:
            mend = f"known: {', '.join(names)}"
            faults.append(fault(f"slo.{name}", "no traffic has this name", mend))
        faults += _check_slo(slo, f"slo.{name}")
    if scenario.search and any(traffic.trace for traffic in scenario.traffic):
        faults.append(fault("search", "a trace has its own load", "leave search out"))
    if scenario.search and not scenario.slo:
        faults.append(fault("slo", "a search needs one to miss", "add limits"))
    return faults


def _check_slo(slo: Slo, where: str) -> list[str]:
    faults: list[str] = []
    for metric in _PERCENTILES:
        for key, limit in getattr(slo, metric).items():
            at = f"{where}.{metric}.{key}"
            if not _PERCENTILE.match(str(key)):
                faults.append(fault(at, "not a percentile", "write p50, p99 or p99.9"))
            if limit <= 0:
                faults.append(fault(at, "not above 0", "give seconds"))
    return faults


def _check_traffic(traffic: Traffic, where: str) -> list[str]:
    faults: list[str] = []
    kinds = [kind for kind in ("prompt", "session", "trace") if getattr(traffic, kind)]
    if len(kinds) != 1:
        has = " and ".join(kinds) or "nothing to send"
        faults.append(fault(where, f"has {has}", "give one of prompt, session and trace"))
    load = traffic.load
    if traffic.trace:
        if load.users or load.rate:
            faults.append(fault(f"{where}.load", "a trace has its own times", "leave load out"))
    elif bool(load.users) == bool(load.rate):
        words = "needs users (closed loop) or rate (open loop)"
        faults.append(fault(f"{where}.load", words, "give one of them"))
    if traffic.prompt:
        faults += _check_room(traffic.prompt.tokens, traffic.prompt.shared_tokens,
                              f"{where}.prompt", "tokens")  # fmt: skip
    if traffic.session:
        first, shared = traffic.session.first_tokens, traffic.session.shared_tokens
        smallest = int(first if isinstance(first, int) else first.least)
        faults += _check_room(smallest, shared, f"{where}.session", "first_tokens")
        if largest(first) > traffic.session.most_tokens:
            at = f"{where}.session.first_tokens"
            faults.append(fault(at, "may exceed most_tokens", "lower it, or its most"))
    return faults


def _check_room(tokens: int, shared: int, where: str, key: str) -> list[str]:
    faults: list[str] = []
    least = LEAST_PROMPT_TOKENS
    if tokens < least:
        faults.append(fault(f"{where}.{key}", f"{tokens} is too few", f"give {least} or more"))
    elif shared > tokens - least:
        words = "leaves no room for the rest of the prompt"
        faults.append(fault(f"{where}.shared_tokens", words, f"give at most {tokens - least}"))
    elif 0 < shared < least:
        faults.append(fault(f"{where}.shared_tokens", f"{shared} is too few",
                            f"give 0, or {least} or more"))  # fmt: skip
    return faults


def _override(value: dict[str, Any], text: str, faults: list[str]) -> None:
    """Lay ``a.b.0.c=value`` over the mapping; the value is read as JSON, else as text."""
    path, equals, raw = text.partition("=")
    if not equals:
        faults.append(fault("--set", f"{text!r} has no =", "write --set path=value"))
        return
    try:
        new = json.loads(raw)
    except ValueError:
        new = raw
    *parents, last = path.split(".")
    target: Any = value
    try:
        for part in parents:
            target = target[int(part)] if isinstance(target, list) else target.setdefault(part, {})
        if isinstance(target, list):
            target[int(last)] = new
        else:
            target[last] = new
    except (ValueError, IndexError, TypeError, AttributeError):
        faults.append(fault(f"--set {path}", "leads nowhere", "write a.b.0.c as in the file"))
