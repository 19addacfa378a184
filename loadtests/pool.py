"""Pieces of prompt with known token counts, ready as JSON bytes: nothing is tokenized in a run."""

from __future__ import annotations

import bisect
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests import corpus
from loadtests.outcomes import Refused, fault
from loadtests.tokens import Counter
from loadtests.words import WORDS

_LARGE, _SMALL = 4000, 400  # characters: about 1000 and 100 tokens
_SMALL_SHARE = 0.2
# A pool larger than the largest prompt lets prompts differ in more than their order.
_POOL_OVER_PROMPT = 1.5
_LEAST_POOL_CHARACTERS = 60_000
_CHARACTERS_PER_TOKEN = 3.6  # of Python source with a large vocabulary; sizes the pool, no more
_MOST_POOL_CHARACTERS = 4_500_000
_LEAST_WORDS = 24
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
    """Counted passages, smallest first, words of one token, and what a line costs around them."""

    passages: list[Piece]
    words: list[str]
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
        words = _single_tokens(counter)
        pool = Pool(pieces, words, *_lines(counter, words))
        pool._check_sums(counter, texts, counts)
        return pool

    def to_json(self) -> dict[str, Any]:
        """For another process."""
        passages = [[piece.data.decode(), piece.tokens] for piece in self.passages]
        costs = (self.line_tokens, self.ending_tokens, self.needle_tokens, self.labelled_tokens)
        return {"passages": passages, "rest": [self.words, *costs]}

    @staticmethod
    def from_json(value: dict[str, Any]) -> Pool:
        """The pool that another process counted."""
        pieces = [Piece(data.encode(), n) for data, n in value["passages"]]
        return Pool(pieces, *value["rest"])

    @property
    def nonce_tokens(self) -> int:
        """Tokens of a nonce."""
        return self.line_tokens + 7

    def line(self, tokens: int, rng: random.Random) -> Piece:
        """A line of exactly that many tokens."""
        words = rng.choices(self.words, k=tokens - self.line_tokens)
        return Piece(encode(_LINE_START + "".join(words) + _LINE_END), tokens)

    def ending(self, tokens: int, rng: random.Random) -> Piece:
        """A line without its newline: templates strip what ends a message."""
        words = rng.choices(self.words, k=tokens - self.ending_tokens)
        return Piece(encode(_LINE_START + "".join(words)), tokens)

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
        rng = random.Random(f"{run}/{number}")
        word = "".join(rng.sample(self.words, 3)).strip()
        if not label:
            text = f"{_NEEDLE_START} {word}{_NEEDLE_END}"
            return Piece(encode(text), self.needle_tokens + 3), word, ""
        name = self.words[number % len(self.words)].strip()
        text = f"{_LABELLED_START} {name}{_LABELLED_MIDDLE} {word}{_NEEDLE_END}"
        return Piece(encode(text), self.labelled_tokens + 4), word, name

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


def _single_tokens(counter: Counter) -> list[str]:
    words = [" " + word for word in WORDS]
    one = [word for word, n in zip(words, counter.texts(words), strict=True) if n == 1]
    if len(one) < _LEAST_WORDS:
        said = f"only {len(one)} of {len(words)} common words are one token"
        mend = "exact prompts need a tokenizer trained on English"
        raise Refused([fault("tokenizer", said, mend)])
    return one


def _lines(counter: Counter, words: list[str]) -> tuple[int, int, int, int]:
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
    costs = [n - 2 - bool(label) for n, (_, label, _) in zip(short, forms, strict=True)]
    if [n - 20 - bool(label) for n, (_, label, _) in zip(long, forms, strict=True)] != costs:
        said = "words of one token do not add up in a line"
        raise Refused([fault("tokenizer", said, "exact prompts need a byte-level tokenizer")])
    return costs[0], costs[1], costs[2], costs[3]
