"""The codes that checks give, read from codes.yaml, and what a check says of one thing."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from deploy.errors import Finding, Refused, Severity, suggestion

TABLE = Path(__file__).with_name("codes.yaml")


class Code(BaseModel):
    """One entry; the head of codes.yaml says what each key means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: str
    severity: Severity
    needed: str
    why: str
    fix: str


@functools.cache
def table() -> dict[str, Code]:
    """Every code, by name, in the order in which the checks run."""
    entries = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return {name: Code.model_validate(entry) for name, entry in entries.items()}


@dataclass(frozen=True)
class Outcome:
    """What one check found; ``code``, ``needed`` and ``fix`` are empty where all is well."""

    subject: str
    status: Literal["ok", "warning", "error", "skipped"]
    found: str
    code: str = ""
    needed: str = ""
    fix: str = ""

    def finding(self) -> Finding:
        """The fault as it is told before a start."""
        severity: Severity = "error" if self.status == "error" else "warning"
        message = f"{self.found}; needed: {self.needed}"
        return Finding(self.code, self.subject, message, self.fix, severity)


def passed(subject: str, found: str) -> Outcome:
    """All is well."""
    return Outcome(subject, "ok", found)


def fault(code: str, found: str, needed: str = "", **values: object) -> Outcome:
    """A fault; ``needed`` says more than the table's where given, ``values`` fill in its fix."""
    entry = table()[code]
    fix = entry.fix.format(**values)
    return Outcome(entry.subject, entry.severity, found, code, needed or entry.needed, fix)


def skip(outcomes: Iterable[Outcome], names: Iterable[str]) -> list[Outcome]:
    """The outcomes with the faults of these codes set aside."""
    skipped = set(names)
    return [
        replace(outcome, status="skipped") if outcome.code in skipped else outcome
        for outcome in outcomes
    ]


def check_known(names: Iterable[str]) -> None:
    """Refused where ``--skip-check`` names a code that does not exist."""
    findings = [
        Finding(
            "command-line",
            f"--skip-check {name}",
            f'there is no check "{name}"',
            suggestion(name, table(), "codes: python launch.py check --list"),
        )
        for name in names
        if name not in table()
    ]
    if findings:
        raise Refused(findings)


def listing() -> str:
    """For people: one code a line."""
    width = max(map(len, table()))
    return "\n".join(
        f"{name.ljust(width)}  {code.severity.ljust(7)}  {code.needed}"
        for name, code in table().items()
    )


def markdown() -> str:
    """The table in docs/preflight.md."""
    lines = ["| code | | what is needed | why | how to fix |", "|---|---|---|---|---|"]
    for name, code in table().items():
        fix = code.fix.format_map(_Placeholders())
        lines.append(f"| `{name}` | {code.severity} | {code.needed} | {code.why} | {fix} |")
    return "\n".join(lines)


class _Placeholders(dict[str, str]):
    """Stands for what a fix says of the case at hand."""

    def __missing__(self, key: str) -> str:
        return key.upper()
