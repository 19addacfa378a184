"""Code words: sentences that hide one in a prompt, and the question that asks for it."""

from __future__ import annotations

import random

from . import values
from .conversation import Exchange, Step, filler_mark

THOUGHT = "The user asks for the code word, so I look for it in this prompt."
NOTE_THOUGHT = "The user tells me a code word, so I confirm it."
NONE_ANSWER = "There is no such code word in this prompt."

SAYINGS = (
    "The code word{l} is {w}.|The code word{l} is {w}.|The code word{l} is {w}.|"
    "Remember: the code word{l} is {w}.|Note that the code word{l} is {w}.|"
    "The secret code word{l} is {w}.|By the way, the code word{l} is {w}.|"
    "# The code word{l} is {w}.|Important: the code word{l} is {w}.|the code word{l} is {w}.|"
    "The code word{l} is: {w}.|The code word{l} is {w}|The code word{l} is {w}. Remember it."
).split("|")
QUESTIONS = (
    "What is the code word{l}?|What is the code word{l}?|What is the code word{l}?|"
    "What's the code word{l}?|Tell me the code word{l}.|what is the code word{l}|"
    "Which code word{l} was given?|Please tell me the code word{l}.|What was the code word{l}?|"
    "Do you remember the code word{l}?|Repeat the code word{l}.|Give me the code word{l}.|"
    "So, what is the code word{l}?|Now answer: what is the code word{l}?|"
    "What is the code word{l} in the text above?|Can you recall the code word{l}?"
).split("|")
INTROS = (
    "Here is some text:|Read this:|Here is a file:|Read the following text.|Context:|"
    "Read this text carefully.|Please read:||||"
).split("|")


def label_phrase(label: str) -> str:
    """Return how a labelled code word is named, as in "code word for alpha"."""
    return f" for {label}" if label else ""


def needles(rng: random.Random, count: int) -> dict[str, str]:
    """Return that many code words by label; a single one mostly has no label."""
    if count == 1 and rng.random() < 0.85:
        return {"": values.draw(rng, values.code_word)}
    labels = {
        values.word(rng) if rng.random() < 0.8 else values.capitalised(rng): 0 for _ in range(count)
    }
    return {label: values.draw(rng, values.code_word) for label in labels}


def saying(rng: random.Random, label: str, code_word: str) -> str:
    """Return a sentence that gives the code word."""
    pattern = rng.choice(SAYINGS)
    return pattern.replace("{l}", label_phrase(label)).replace("{w}", code_word)


def haystack(rng: random.Random, sayings: list[str], tokens: int) -> str:
    """Return the sentences in order, hidden at random depths of that many tokens of filler."""
    cuts = sorted(rng.random() for _ in sayings)
    parts: list[str] = []
    done = 0.0
    for cut, said in zip(cuts, sayings, strict=True):
        parts.append(filler_mark(int((cut - done) * tokens)))
        parts.append(said + rng.choice(("\n", "\n", "\n", " ", "\n\n")))
        done = cut
    parts.append(filler_mark(int((1 - done) * tokens)))
    return "".join(parts)


def question(rng: random.Random, hidden: dict[str, str]) -> Exchange:
    """Ask for one of the hidden code words, or for one that nobody gave."""
    missing = not hidden or rng.random() < 0.04
    label = rng.choice(list(hidden)) if not missing else (values.word(rng) if hidden else "")
    if missing and label in hidden:
        missing = False
    text = rng.choice(QUESTIONS).replace("{l}", label_phrase(label))
    answer = NONE_ANSWER
    if not missing:
        answer = f"The code word{label_phrase(label)} is {hidden[label]}."
    return Exchange(text, (Step(THOUGHT, answer),))


def note(rng: random.Random, label: str, code_word: str) -> Exchange:
    """The user gives a code word in a message of its own."""
    answer = f"Noted: the code word{label_phrase(label)} is {code_word}."
    return Exchange(saying(rng, label, code_word), (Step(NOTE_THOUGHT, answer),))
