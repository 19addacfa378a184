"""Measure needle recall against a running server, by prompt length and depth.

`python -m deploy.cpu.smoke.recall --url http://127.0.0.1:30000/v1 --lengths 1000 32000`

Each prompt hides "The code word is ..." at a depth in source text of the Python standard
library and asks for it at the end. Lengths are in tokens of the served model, as the server
counts them.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass

import openai

from .held_out import CODE_WORDS
from .words import sources

QUESTION = "What is the code word?"
DEPTHS = (0.05, 0.3, 0.5, 0.8, 0.97)
CHARACTERS_PER_TOKEN = 1.9  # measured on the filler with this tokenizer; corrected by the server
ANSWER_TOKENS = 120
TIMEOUT_SECONDS = 7_200.0  # 200,000 tokens take a CPU a good part of an hour


@dataclass(frozen=True)
class Cell:
    """One length and depth: how many answers held the code word, of how many."""

    prompt_tokens: int
    depth: float
    right: int
    asked: int
    seconds: float


def prompt(code_word: str, characters: int, depth: float, seed: int) -> str:
    """Return about that many characters of source text with the code word at that depth."""
    rng = random.Random(seed)
    texts = sources()
    pieces: list[str] = []
    while sum(map(len, pieces)) < characters:
        pieces.append(texts[rng.randrange(len(texts))])
    lines = "\n".join(pieces)[:characters].splitlines()
    lines.insert(int(len(lines) * depth), f"The code word is {code_word}.")
    return "\n".join([*lines, "", QUESTION])


def ask(client: openai.OpenAI, model: str, text: str) -> tuple[str, int]:
    """Return the answer and the number of prompt tokens."""
    reply = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": text}],
        temperature=0.0,
        max_tokens=ANSWER_TOKENS,
    )
    used = reply.usage.prompt_tokens if reply.usage else 0
    return reply.choices[0].message.content or "", used


def measure(
    client: openai.OpenAI, model: str, tokens: int, depth: float, words: tuple[str, ...]
) -> Cell:
    """Ask for every code word at one length and depth."""
    right, used, start = 0, 0, time.monotonic()
    for seed, word in enumerate(words):
        characters = int(tokens * CHARACTERS_PER_TOKEN)
        answer, used = ask(client, model, prompt(word, characters, depth, seed))
        right += word in answer
    return Cell(used, depth, right, len(words), (time.monotonic() - start) / len(words))


def main() -> None:
    """Print a Markdown table, one line per length and depth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:30000/v1", help="OpenAI base URL")
    parser.add_argument("--lengths", type=int, nargs="+", default=[1_000, 4_000, 16_000, 32_000])
    parser.add_argument("--depths", type=float, nargs="+", default=list(DEPTHS))
    parser.add_argument("--words", type=int, default=4, help="code words per length and depth")
    options = parser.parse_args()
    client = openai.OpenAI(base_url=options.url, api_key="none", timeout=TIMEOUT_SECONDS)
    model = client.models.list().data[0].id
    print("| prompt tokens | depth | recalled | seconds each |\n|---|---|---|---|")
    for tokens in options.lengths:
        for depth in options.depths:
            cell = measure(client, model, tokens, depth, CODE_WORDS[: options.words])
            print(
                f"| {cell.prompt_tokens} | {depth:.0%} | {cell.right}/{cell.asked} "
                f"| {cell.seconds:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
