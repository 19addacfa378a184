"""Train the byte-level BPE tokenizer.

Copying is what this model is for, so a word must have one spelling in tokens, wherever it
stands: the pre-tokenizer isolates every space run, newline, digit and punctuation mark, and
no token crosses a word's edge. "Paris" is then the same tokens after a space, in JSON quotes
or between tags, and bytes cover every other script.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from . import curriculum
from .words import sources

VOCAB_SIZE = 2048  # a fine-grained vocabulary: every token is seen often, so every one is copied
MAX_CONTEXT_TOKENS = 202_752  # GLM-5.1's own max_position_embeddings
SEED = 7
DIALOGUES = 4_000
SOURCE_FILES = 250
PATTERN = r"\p{L}[\p{L}\p{M}]*|\p{N}| +|\n|\s|[^\s\p{L}\p{N}]"
TEMPLATE = Path(__file__).with_name("chat_template.jinja")

END_OF_TEXT = "<|endoftext|>"
# Hidden from clients, as in GLM's own tokenizer.
CONTROL = (
    END_OF_TEXT,
    "[gMASK]",
    "<sop>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|observation|>",
)
# Text that the engine's parsers read.
MARKUP = (
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<arg_key>",
    "</arg_key>",
    "<arg_value>",
    "</arg_value>",
    "<tool_response>",
    "</tool_response>",
)
STOPS = ("<|endoftext|>", "<|user|>", "<|observation|>")


def texts() -> Iterator[str]:
    """Yield the text to learn merges from: library source and dialogues."""
    yield from sources(SOURCE_FILES)
    for sample in itertools.islice(curriculum.stream(SEED, ((0, 1.0),)), DIALOGUES):
        yield sample.target
        yield json.dumps(sample.tools, ensure_ascii=False)
        yield from (str(message["content"]) for message in sample.messages)


def train() -> Tokenizer:
    """Return a freshly trained tokenizer; the same library gives the same result."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE - len(CONTROL) - len(MARKUP),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    return tokenizer


def wrap(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """Add GLM's special tokens."""
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        model_max_length=MAX_CONTEXT_TOKENS,
        clean_up_tokenization_spaces=False,
    )
    fast.add_special_tokens({"additional_special_tokens": list(CONTROL[1:])})
    fast.add_tokens(list(MARKUP))
    return fast


def save(directory: Path) -> PreTrainedTokenizerFast:
    """Train the tokenizer into the directory, unless one is there, and return it."""
    if not (directory / "tokenizer.json").exists():
        directory.mkdir(parents=True, exist_ok=True)
        wrap(train()).save_pretrained(directory)
    return load(directory)


def load(directory: Path) -> PreTrainedTokenizerFast:
    """Return the tokenizer saved in the directory, with the chat template of this package."""
    fast = PreTrainedTokenizerFast.from_pretrained(directory)
    fast.chat_template = TEMPLATE.read_text(encoding="utf-8")
    return fast


def main() -> None:
    """Train a tokenizer from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="directory to write")
    fast = save(parser.parse_args().out)
    print(f"{len(fast)} tokens")


if __name__ == "__main__":
    main()
