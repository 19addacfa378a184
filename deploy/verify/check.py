"""What a contract check is, and what comes of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from deploy.verify.target import Target

Status = Literal["passed", "failed", "not-applicable"]


class Broken(Exception):
    """The server broke the promise: what was expected, and what came back."""


class DoesNotApply(Exception):
    """Found out on the way: the promise was not made here, or cannot be tried here."""


def always(target: Target) -> str | None:
    """The promise is made by every server."""
    return None


@dataclass(frozen=True)
class Check:
    """One promise of a server.

    ``name`` is topic.word. ``failure`` says what a broken promise means for users. ``run`` returns
    what it saw, in words, or raises Broken or DoesNotApply. ``applies`` gives the reason why the
    promise was not made by this server, or None where it was. ``needs`` are checks that this one
    rests on: where one of them fails, this one cannot tell anything.
    """

    name: str
    promise: str
    failure: str
    run: Callable[[Target], str]
    applies: Callable[[Target], str | None] = always
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, shortened for people; the key is never part of it."""

    sent: str
    received: str


@dataclass(frozen=True)
class Outcome:
    """What came of one check; ``meaning`` is evidence, the reason, or what is broken."""

    check: Check
    status: Status
    meaning: str
    seconds: float
    exchanges: list[Exchange] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.check.name,
            "promise": self.check.promise,
            "status": self.status,
            "meaning": self.meaning,
            "if_broken": self.check.failure,
            "seconds": round(self.seconds, 3),
            "exchanges": [
                {"sent": exchange.sent, "received": exchange.received}
                for exchange in self.exchanges
            ],
        }


def expect(condition: object, message: str) -> None:
    """Broken with that message unless the condition holds."""
    if not condition:
        raise Broken(message)
