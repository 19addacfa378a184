"""What is told to a user: findings, and the exception that carries them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]

# Exit statuses (design.md): a bad profile or command line, and a failed check or run.
BAD_INPUT = 2
FAILED = 1


@dataclass(frozen=True)
class Finding:
    """One fault: a stable code, where it is, what is wrong, and how to mend it."""

    code: str
    where: str
    message: str
    fix: str
    severity: Severity = "error"

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        return f"{self.severity}: {where}{self.message} [{self.code}]\n       fix: {self.fix}"


class Refused(Exception):
    """Nothing was started: the profile, the command line or the host does not allow it."""

    def __init__(self, findings: Iterable[Finding], status: int = BAD_INPUT) -> None:
        self.findings = tuple(findings)
        self.status = status
        super().__init__("\n".join(str(finding) for finding in self.findings))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name most like ``word``, or None when nothing is close."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def suggestion(word: str, known: Iterable[str], otherwise: str) -> str:
    """``did you mean "x"?`` where a known name is close, ``otherwise`` where none is."""
    match = nearest(word, known)
    return f'did you mean "{match}"? {otherwise}' if match else otherwise
