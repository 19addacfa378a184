"""Pieces of prompt with known token counts, ready as JSON bytes: nothing is tokenized in a run."""

from __future__ import annotations

import bisect
import itertools
import json
import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.client.outcomes import Refused, fault
from loadtests.prompts import corpus
from loadtests.prompts.tokens import Counter
from loadtests.prompts.words import WORDS

_LARGE, _SMALL = 4000, 400  # characters: about 1000 and 100 tokens
_SMALL_SHARE = 0.2
# A pool larger than the largest prompt lets prompts differ in more than their order.
_POOL_OVER_PROMPT = 1.5
_LEAST_POOL_CHARACTERS = 60_000
_CHARACTERS_PER_TOKEN = 3.6  # of Python source with a large vocabulary; sizes the pool, no more
_MOST_POOL_CHARACTERS = 4_500_000
_LEAST_WORDS = 24
_MOST_WORD_TOKENS = 2  # a small vocabulary has the space apart
_GOLDEN = 0.618  # steps of the golden ratio spread evenly (Knuth, TAOCP 3, 6.4)
_LINE_MOST = 24  # words of a line that fills up what no passage fits
_LINE_START, _LINE_END = "Note", "\n"
_NEEDLE_START, _NEEDLE_END = "The code word is", ".\n"
_LABELLED_START, _LABELLED_MIDDLE = "The code word for", " is"


@dataclass(frozen=True)
class Piece:
    """Some text with its count; ``data`` is the inside of a JSON string."""

    data: bytes
    tokens: int


def encode(text: str) -> bytes:
    """The inside of a JSON string."""
    return json.dumps(text)[1:-1].encode()


def joined(pieces: list[Piece]) -> Piece:
    """Several pieces as one."""
    return Piece(b"".join(piece.data for piece in pieces), sum(piece.tokens for piece in pieces))


@dataclass
class Pool:
    """Counted passages, smallest first, words that cost the same, and what a line costs beside.

    ``word_tokens`` is 1 in most vocabularies; where a space is a token of its own it is 2, and
    ``extras`` are line endings that cost the tokens in between.
    """

    passages: list[Piece]
    words: list[str]
    word_tokens: int
    extras: list[str]
    line_tokens: int
    ending_tokens: int
    needle_tokens: int
    labelled_tokens: int

    def __post_init__(self) -> None:
        self._counts = [piece.tokens for piece in self.passages]

    @staticmethod
    def calibrate(counter: Counter, largest_prompt: int, folder: Path | None = None) -> Pool:
        """Count everything once; Refused where the tokenizer does not add up."""
        wanted = largest_prompt * _POOL_OVER_PROMPT * _CHARACTERS_PER_TOKEN
        total = int(min(max(wanted, _LEAST_POOL_CHARACTERS), _MOST_POOL_CHARACTERS))
        try:
            texts = corpus.passages(_LARGE, int(total * (1 - _SMALL_SHARE)), folder)
            texts += corpus.passages(_SMALL, int(total * _SMALL_SHARE), folder, seed=1)
        except ValueError as error:
            raise Refused([fault("--corpus", str(error), "give a folder of text files")]) from None
        counts = counter.texts(texts)
        pieces = sorted(
            (Piece(encode(text), n) for text, n in zip(texts, counts, strict=True)),
            key=lambda piece: piece.tokens,
        )
        words, cost = _equal_words(counter)
        extras = _extras(counter, words, cost)
        pool = Pool(pieces, words, cost, extras, *_lines(counter, words, cost))
        pool._check_sums(counter, texts, counts)
        return pool

    def to_json(self) -> dict[str, Any]:
        """For another process."""
        passages = [[piece.data.decode(), piece.tokens] for piece in self.passages]
        costs = (self.line_tokens, self.ending_tokens, self.needle_tokens, self.labelled_tokens)
        rest = [self.words, self.word_tokens, self.extras, *costs]
        return {"passages": passages, "rest": rest}

    @staticmethod
    def from_json(value: dict[str, Any]) -> Pool:
        """The pool that another process counted."""
        pieces = [Piece(data.encode(), n) for data, n in value["passages"]]
        return Pool(pieces, *value["rest"])

    @property
    def nonce_tokens(self) -> int:
        """Tokens of a nonce."""
        return self.line_tokens + 7 * self.word_tokens

    def line(self, tokens: int, rng: random.Random) -> Piece:
        """A line of exactly that many tokens."""
        return self._words(tokens, tokens - self.line_tokens, rng, _LINE_END)

    def ending(self, tokens: int, rng: random.Random) -> Piece:
        """A line without its newline: templates strip what ends a message."""
        return self._words(tokens, tokens - self.ending_tokens, rng, "")

    def _words(self, tokens: int, beside: int, rng: random.Random, end: str) -> Piece:
        count, extra = divmod(beside, self.word_tokens)
        text = _LINE_START + "".join(rng.choices(self.words, k=count)) + self.extras[extra] + end
        return Piece(encode(text), tokens)

    def nonce(self, number: int, run: int) -> Piece:
        """A line that differs from any other number's in its first words, and from any other
        run's in its last: a server that is still warm from another run knows none of it."""
        base = len(self.words)
        words: list[str] = []
        for value, digits in ((number, 4), (run, 3)):
            rest = value
            for _ in range(digits):
                rest, digit = divmod(rest, base)
                words.append(self.words[digit])
        return Piece(encode(_LINE_START + "".join(words) + _LINE_END), self.nonce_tokens)

    def needle(self, number: int, run: int, label: bool = False) -> tuple[Piece, str, str]:
        """A sentence with a code word of three words; (piece, code word, its label)."""
        word = " ".join(self._three(number, run))
        if not label:
            text = f"{_NEEDLE_START} {word}{_NEEDLE_END}"
            return Piece(encode(text), self.needle_tokens + 3 * self.word_tokens), word, ""
        name = self.words[number % len(self.words)].strip()
        text = f"{_LABELLED_START} {name}{_LABELLED_MIDDLE} {word}{_NEEDLE_END}"
        return Piece(encode(text), self.labelled_tokens + 4 * self.word_tokens), word, name

    def _three(self, number: int, run: int) -> list[str]:
        """Three different words, and other ones for every other number, up to n (n-1) (n-2)."""
        left, found = list(self.words), []
        some = math.perm(len(left), 3)
        stride = next(n for n in itertools.count(int(_GOLDEN * some)) if math.gcd(n, some) == 1)
        rest = (number * stride + run) % some
        for _ in range(3):
            rest, index = divmod(rest, len(left))
            found.append(left.pop(index).strip())
        return found

    def fill(self, tokens: int, rng: random.Random) -> list[Piece]:
        """Passages, and a line last, of exactly that many tokens together."""
        if 0 < tokens < self.line_tokens:
            raise ValueError(f"{tokens} tokens are too few to fill")
        pieces: list[Piece] = []
        left, counts = tokens, self._counts
        while left > 0:
            # Whatever fits and leaves room for a line.
            fitting = bisect.bisect_right(counts, left - self.line_tokens)
            if left <= self.line_tokens + _LINE_MOST or not fitting:
                pieces.append(self.line(left, rng))
                break
            # Any of the larger half; at the end one of the few that fit best.
            start = fitting // 2 if left > counts[-1] else max(0, fitting - 8)
            piece = self.passages[rng.randrange(start, fitting)]
            pieces.append(piece)
            left -= piece.tokens
        return pieces

    def _check_sums(self, counter: Counter, texts: list[str], counts: list[int]) -> None:
        rng = random.Random(0)
        some = [rng.randrange(len(texts)) for _ in range(12)]
        nonce = self.nonce(3, 1)
        whole = "".join(texts[i] for i in some) + json.loads(b'"' + nonce.data + b'"')
        wanted = sum(counts[i] for i in some) + nonce.tokens
        got = counter.texts([whole])[0]
        if got != wanted:
            words = f"passages of {wanted} tokens count {got} when joined"
            mend = "give --corpus another folder of text; exact prompts need counts that add"
            raise Refused([fault("tokenizer", words, mend)])


def _equal_words(counter: Counter) -> tuple[list[str], int]:
    """Words that cost the same, as little as there are enough of, and that cost."""
    words = [" " + word for word in WORDS]
    counts = counter.texts(words)
    for cost in range(1, _MOST_WORD_TOKENS + 1):
        equal = [word for word, n in zip(words, counts, strict=True) if n == cost]
        if len(equal) >= _LEAST_WORDS:
            return equal, cost
    said = f"too few of {len(words)} common words are one token"
    mend = "exact prompts need a tokenizer trained on English"
    raise Refused([fault("tokenizer", said, mend)])


def _extras(counter: Counter, words: list[str], cost: int) -> list[str]:
    """Ends of a line that cost 0, 1, ... tokens, up to what a word costs."""
    line = _LINE_START + words[0]
    extras = ["", "."][:cost]
    counts = counter.texts([line + extra + end for end in ("", _LINE_END) for extra in extras])
    if any(n - counts[i - i % cost] != i % cost for i, n in enumerate(counts)):
        said = "no line ending costs one token"
        raise Refused([fault("tokenizer", said, "exact prompts need a byte-level tokenizer")])
    return extras


def _lines(counter: Counter, words: list[str], cost: int) -> tuple[int, int, int, int]:
    """What a line, an ending, a needle and a labelled needle cost beside their words."""
    a, b, c = words[0], words[1], words[2]
    many = "".join(words[:20])
    forms = [
        (_LINE_START, "", _LINE_END),
        (_LINE_START, "", ""),
        (_NEEDLE_START, "", _NEEDLE_END),
        (_LABELLED_START, f"{a}{_LABELLED_MIDDLE}", _NEEDLE_END),
    ]
    short = counter.texts([f"{start}{label}{b}{c}{end}" for start, label, end in forms])
    long = counter.texts([f"{start}{label}{many}{end}" for start, label, end in forms])
    labels = [cost * bool(label) for _, label, _ in forms]
    costs = [n - 2 * cost - label for n, label in zip(short, labels, strict=True)]
    if [n - 20 * cost - label for n, label in zip(long, labels, strict=True)] != costs:
        said = "words of equal cost do not add up in a line"
        raise Refused([fault("tokenizer", said, "exact prompts need a byte-level tokenizer")])
    return costs[0], costs[1], costs[2], costs[3]
