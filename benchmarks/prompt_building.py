"""How long one load generator takes to build prompts, and how far off they are.

`PYTHON benchmarks/prompt_building.py NAME TOKENIZER_FOLDER TOKENS` runs in the environment of the
generator NAME and calls what that generator itself calls for a synthetic prompt. It prints JSON:
seconds to the first prompt (with whatever must be read or counted before), seconds of each later
one, and the tokens by which they miss, without special tokens.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LATER = 3  # prompts after the first; genai-bench takes seconds for each


def ours(folder: str, tokens: int) -> Iterator[str]:
    """The pool is counted first; then pieces are joined."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    pools: Any = importlib.import_module("loadtests.prompts.pool")
    prompts: Any = importlib.import_module("loadtests.prompts.prompts")
    counters: Any = importlib.import_module("loadtests.prompts.tokens")
    schema: Any = importlib.import_module("loadtests.schema.scenario")
    counter = counters.FileCounter.of(f"{folder}/tokenizer.json", None)
    pool = pools.Pool.calibrate(counter, tokens)
    answer, prompt = schema.Answer(tokens=1), schema.Prompt(tokens)
    traffic = schema.Traffic("x", answer, prompt=prompt, load=schema.Load(users=1))
    facts = prompts.Facts("model", 1, 1, head=0, overheads={"user": 0})
    texts = prompts.questions(answer, pool.words[0].strip())
    facts.questions.update(zip(texts, counter.texts(list(texts.values())), strict=True))
    source = prompts.SinglePrompts(traffic, prompt, pool, facts)
    for number in range(1 + _LATER):
        body = next(source.journey(number)).call.body
        yield json.loads(body)["messages"][0]["content"]


def stock(_: str, tokens: int) -> Iterator[str]:
    """What benchmarks/stock_locust.py sends: words, whatever they cost."""
    for _n in range(1 + _LATER):
        yield "word " * tokens


def guidellm(folder: str, tokens: int) -> Iterator[str]:
    """Its synthetic text: one turn's prompt."""
    synthetic: Any = importlib.import_module("guidellm.data.deserializers.synthetic")
    schemas: Any = importlib.import_module("guidellm.data.schemas")
    transformers: Any = importlib.import_module("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    made = (getattr(synthetic, "SyntheticTextDataArgs", None)
            or schemas.SyntheticTextDataArgs)(prompt_tokens=tokens, output_tokens=1)  # fmt: skip
    rows = iter(synthetic._SyntheticTextExamplesIterable(made, tokenizer, 1))
    for _n in range(1 + _LATER):
        yield _longest(next(rows)[1])


def genai_bench(folder: str, tokens: int) -> Iterator[str]:
    """Its text sampler over its own corpus, as its users call it."""
    text: Any = importlib.import_module("genai_bench.sampling.text")
    scenarios: Any = importlib.import_module("genai_bench.scenarios.base")
    config: Any = importlib.import_module("genai_bench.data.config")
    loaders: Any = importlib.import_module("genai_bench.data.loaders.factory")
    transformers: Any = importlib.import_module("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    chosen = config.DatasetConfig.from_cli_args()
    lines = loaders.DataLoaderFactory.load_data_for_task("text-to-text", chosen)
    sampler = text.TextSampler(tokenizer, "model", "text", lines)
    scenario = scenarios.Scenario.from_string(f"D({tokens},1)")
    for _n in range(1 + _LATER):
        yield sampler.sample(scenario).prompt


def _longest(value: Any) -> str:
    """The longest text in a row of data."""
    if isinstance(value, str):
        return value
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return max(map(_longest, parts), key=len, default="")


def main() -> None:
    """Build, time and count."""
    name, folder, tokens = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seconds, texts, since = [], [], time.perf_counter()
    for text in globals()[name](folder, tokens):
        seconds.append(time.perf_counter() - since)
        texts.append(text)
        since = time.perf_counter()
    tokenizers: Any = importlib.import_module("tokenizers")
    count = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json").encode
    off = [len(count(text, add_special_tokens=False).ids) - tokens for text in texts]
    print(json.dumps({"first": seconds[0], "later": seconds[1:], "off": off}))


if __name__ == "__main__":
    main()
