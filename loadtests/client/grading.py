"""Whether an answer is right: its needle, and signs of a model that has come apart."""

from __future__ import annotations

import re
import unicodedata

from loadtests.client.outcomes import Outcome

# A run of one character that no prose or code has; collapsing kernels give "!!!!" without end
# (sgl-project/sglang#30989). Rules of "-", "=" and the like in Markdown are shorter than 200.
_SAME_CHARACTER = re.compile(r"([^\s\-=_*#.~])\1{39,}|([\-=_*#.~])\2{199,}")
_REPEATED_TIMES = 12  # the same passage that often in a row, at the end
_PERIODS = range(8, 201)  # characters of such a passage; a shorter one repeats within
_TAIL_CHARACTERS = 4000  # a loop lasts to the end; the whole of a long answer would cost too much
_GARBAGE_SHARE = 0.02  # of characters that no text has
_GARBAGE_LEAST = 2
_CATEGORIES = {"Cc", "Cn", "Co", "Cs"}  # control, unassigned, private use, surrogate
_SPACES = "\n\r\t\f\v"


def is_garbage(text: str) -> bool:
    """Whether more than a stray character is a control, unassigned or replacement character."""
    if text.isascii() and text.isprintable():
        return False
    bad = sum(
        character == "\ufffd"
        or (unicodedata.category(character) in _CATEGORIES and character not in _SPACES)
        for character in text
    )
    return bad >= max(_GARBAGE_LEAST, _GARBAGE_SHARE * len(text))


def is_repetitive(text: str) -> bool:
    """Whether the text ends in a loop, or holds a long run of one character."""
    tail = text[-_TAIL_CHARACTERS:]
    return bool(_SAME_CHARACTER.search(tail)) or any(_loops(tail, n) for n in _PERIODS)


def _loops(tail: str, period: int) -> bool:
    """Whether it ends in a passage of that length, over and over.

    Compared by slices: a pattern with a back reference took 10 ms, in which no stream is served.
    """
    window = tail[-period * _REPEATED_TIMES :]
    if len(window) < period * _REPEATED_TIMES or window[period:] != window[:-period]:
        return False
    return len(set(window)) > 1  # a run of one character has its own rule


def holds(text: str, needle: str) -> bool:
    """Whether the text gives the code word, whatever stands between its words."""
    return _plain(needle) in _plain(text)


def grade(
    content: str, reasoning: str, needle: str | None, finish_reason: str | None, exact: bool
) -> tuple[Outcome, str]:
    """The class of a complete answer.

    ``exact`` says that the answer was made to go on to a fixed length, past its own end: what
    comes after that end is not judged for loops. An answer cut short by its limit before it could
    say the code word is not wrong; it was not asked for enough tokens to tell.
    """
    text = reasoning + content
    if is_garbage(text):
        return Outcome.GARBAGE, ascii(text[:80])
    if not exact and is_repetitive(text):
        return Outcome.REPETITION, ascii(text[-80:])
    if needle and not holds(content, needle):
        if finish_reason == "length":
            return Outcome.OK, "ungraded: cut at its limit"
        return Outcome.WRONG_ANSWER, f"wanted {needle!r}, got {content[-120:]!a}"
    return Outcome.OK, ""


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text).casefold()
