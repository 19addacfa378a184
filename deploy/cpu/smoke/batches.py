"""Turn samples into token batches: rendering, filler, position gaps, background workers."""

from __future__ import annotations

import queue
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.multiprocessing as mp
from transformers import PreTrainedTokenizerFast

from . import curriculum, values
from .conversation import END_OF_ANSWER, END_OF_CALL, MARK, Sample
from .tokenizer import MAX_CONTEXT_TOKENS
from .words import sources

Array = np.ndarray[Any, np.dtype[np.int64]]

GAP_CHANCE = 0.5  # share of samples whose positions jump
PATIENCE_SECONDS = 5.0  # between looks at whether the data processes still live
RANDOM_TEXT_TOKENS = 300_000  # of word salad beside the library source, enough for one prompt


@dataclass(frozen=True)
class Encoded:
    """One sample in tokens: ids, positions, where the answer begins, and what is learned.

    `learn` marks the answer and what the assistant said in earlier turns.
    """

    ids: Array
    positions: Array
    start: int
    learn: np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Batch:
    """Padded samples, (batch, time) each; `learn` marks tokens that are learned targets."""

    ids: Array
    positions: Array
    learn: np.ndarray[Any, np.dtype[np.bool_]]


class Encoder:
    """Renders samples with the chat template and splices filler in as tokens."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, filler: Array | None = None) -> None:
        self.tokenizer = tokenizer
        self.filler = filler if filler is not None else filler_tokens(tokenizer)
        self.newline = self.tokens("\n")[0]
        self.assistant = tokenizer.convert_tokens_to_ids("<|assistant|>")
        self.turn_ends = np.array(
            tokenizer.convert_tokens_to_ids([END_OF_ANSWER, END_OF_CALL]), dtype=np.int64
        )
        self.breaks = np.array([self.newline, *tokenizer.all_special_ids])

    def tokens(self, text: str) -> list[int]:
        """Return the ids of a text."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def prompt(self, sample: Sample) -> str:
        """Return the rendered prompt, generation prompt included."""
        text = self.tokenizer.apply_chat_template(
            sample.messages,
            tools=sample.tools or None,
            tokenize=False,
            add_generation_prompt=True,
            **sample.template_kwargs,
        )
        return str(text)

    def slice(self, rng: random.Random, count: int) -> Array:
        """Return that many tokens of filler, from the start of a line where there is one near."""
        start = rng.randrange(len(self.filler))
        near = np.flatnonzero(self.filler[start : start + 100] == self.newline)
        start += int(near[0]) + 1 if near.size else 0
        return self.filler.take(np.arange(start, start + count), mode="wrap")

    def encode(self, rng: random.Random, sample: Sample) -> Encoded:
        """Return the sample in tokens, positions without gaps."""
        pieces: list[Array] = []
        for index, text in enumerate(self.prompt(sample).split(MARK)):
            if index % 2:
                pieces.append(self.slice(rng, int(text)))
            else:
                pieces.append(np.array(self.tokens(text), dtype=np.int64))
        start = sum(len(piece) for piece in pieces)
        pieces.append(np.array(self.tokens(sample.target), dtype=np.int64))
        ids = np.concatenate(pieces)
        learn = self.spoken(ids)
        learn[start:] = True
        return Encoded(ids, np.arange(len(ids)), start, learn)

    def spoken(self, ids: Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Mark what the assistant said, each turn's end token included."""
        spoken = np.zeros(len(ids), dtype=np.bool_)
        starts = np.flatnonzero(ids == self.assistant) + 2  # after <|assistant|></think>
        ends = np.flatnonzero(np.isin(ids, self.turn_ends))
        for start in starts:
            after = ends[ends >= start]
            if after.size:
                spoken[start : after[0] + 1] = True
        return spoken

    def with_gaps(self, rng: random.Random, encoded: Encoded) -> Encoded:
        """Let the positions jump at a few line or turn breaks, as if text had been there."""
        free = MAX_CONTEXT_TOKENS - len(encoded.ids)
        if rng.random() > GAP_CHANCE or free < 1:
            return encoded
        places = np.flatnonzero(np.isin(encoded.ids, self.breaks))
        positions = encoded.positions.copy()
        for place in rng.choices(places, k=rng.randint(1, 4)):
            jump = int(free ** rng.random())  # log-uniform: near and far alike
            free -= jump
            positions[place:] += jump
            if free < 1:
                break
        return Encoded(encoded.ids, positions, encoded.start, encoded.learn)


def filler_tokens(tokenizer: PreTrainedTokenizerFast, files: int | None = None) -> Array:
    """Return library source and, for a seventh of it each, word salad and repeated prose."""
    rng = random.Random(3)
    texts = list(sources(files))
    ids = [piece.ids for piece in tokenizer.backend_tokenizer.encode_batch_fast(texts)]
    total = sum(map(len, ids))
    salad: list[int] = []
    while len(salad) < min(total // 7, RANDOM_TEXT_TOKENS):
        line = " ".join(values.word(rng) for _ in range(rng.randint(4, 30)))
        salad += tokenizer.encode(line + rng.choice((".\n", "\n", ". ")))
    prose: list[int] = []
    while len(prose) < min(total // 7, RANDOM_TEXT_TOKENS):
        words = [values.word(rng) for _ in range(rng.randint(3, 9))]
        line = f"The {words[0]} is {' '.join(words[1:])}. "
        prose += tokenizer.encode(line) * rng.choice((1, 1, 2, 20))
    return np.concatenate([np.array(part, dtype=np.int64) for part in (*ids, salad, prose)])


def pad(samples: list[Encoded]) -> Batch:
    """Pad samples to the longest one; padding comes last, so causal attention ignores it."""
    width = max(len(sample.ids) for sample in samples)
    ids = np.zeros((len(samples), width), dtype=np.int64)
    positions = np.zeros_like(ids)
    learn = np.zeros(ids.shape, dtype=np.bool_)
    for row, sample in enumerate(samples):
        size = len(sample.ids)
        ids[row, :size] = sample.ids
        positions[row, :size] = sample.positions
        learn[row, :size] = sample.learn
    return Batch(ids, positions, learn)


def batches(
    encoder: Encoder, seed: int, shares: tuple[tuple[int, float], ...], tokens: int
) -> Iterator[Batch]:
    """Yield batches of about that many tokens; samples of like length go together."""
    rng = random.Random(seed)
    samples = curriculum.stream(seed, shares)
    while True:
        pool: list[Encoded] = []
        while sum(len(entry.ids) for entry in pool) < 4 * tokens:
            pool.append(encoder.with_gaps(rng, encoder.encode(rng, next(samples))))
        pool.sort(key=lambda entry: len(entry.ids))
        groups: list[list[Encoded]] = [[]]
        for entry in pool:
            if groups[-1] and len(entry.ids) * (len(groups[-1]) + 1) > tokens:
                groups.append([])
            groups[-1].append(entry)
        rng.shuffle(groups)
        yield from map(pad, groups)


class Workers:
    """Processes that fill a queue with batches."""

    def __init__(
        self,
        encoder: Encoder,
        count: int,
        seed: int,
        shares: tuple[tuple[int, float], ...],
        tokens: int,
    ) -> None:
        context = mp.get_context("fork")  # the filler is shared, not copied
        self.queue: Any = context.Queue(maxsize=4 * count)
        self.processes = [
            context.Process(
                target=self._fill, args=(encoder, seed * 1000 + i, shares, tokens), daemon=True
            )
            for i in range(count)
        ]
        for process in self.processes:
            process.start()

    def _fill(
        self, encoder: Encoder, seed: int, shares: tuple[tuple[int, float], ...], tokens: int
    ) -> None:
        for batch in batches(encoder, seed, shares, tokens):
            self.queue.put(batch)

    def get(self) -> Batch:
        """Return the next batch, waiting for it."""
        while True:
            try:
                batch: Batch = self.queue.get(timeout=PATIENCE_SECONDS)
                return batch
            except queue.Empty:
                if not all(process.is_alive() for process in self.processes):
                    raise RuntimeError("a data process died; its traceback is above") from None

    def close(self) -> None:
        """Stop the processes."""
        for process in self.processes:
            process.terminate()
