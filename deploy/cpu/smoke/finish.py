"""The last stage of training: `python -m deploy.cpu.smoke.finish --from DIR --out DIR`.

What is asked most should never fail, so most samples here are single calls in the wording that
newcomers use, with values that are easily miscopied: words that repeat, short names before "today",
letters of other scripts. The rest is the curriculum. A quarter of an hour on 2 CPU cores.
"""

from __future__ import annotations

import argparse
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from . import curriculum, export, probes, values
from . import tokenizer as smoke_tokenizer
from .batches import Encoded, Encoder, filler_tokens, pad
from .conversation import Sample
from .held_out import mentions_held_out
from .train import loss_of, optimizer_of, rate_at

# Tools and words of users, as (name, description, parameter, words); {v} is the value.
ASKS: tuple[probes.Ask, ...] = (
    *probes.ASKS,
    *(
        ("get_weather", "Get the current weather in a city", "city", words)
        for words in (
            "What is the weather in {v}?",
            "What's the weather like in {v} today?",
            "How is the weather in {v}?",
            "weather in {v}",
            "What's the weather in {v} today?",
            "Tell me the weather for {v}.",
        )
    ),
    ("track_order", "Track an order", "order_id", "Track order {v}"),
    ("get_time", "Get the current time in a city", "city", "What time is it in {v}?"),
    ("find_order", "Find an order", "order_id", "Where is my order {v}?"),
    ("get_forecast", "Weather forecast", "city", "What will the weather be in {v} tomorrow?"),
    ("search", "Search the web", "query", "Search for {v}"),
    ("lookup_user", "Look up a user", "name", "Look up the user {v}."),
)
PLACES = ("city", "location", "place", "town", "name")
CALL_SHARE = 0.8
WARMUP_STEPS = 10
STEP_TOKENS = 5_000  # keeps a step under a second on 2 cores
SHARES = ((0, 0.93), (300, 0.05), (1_000, 0.02))  # long prompts are learned before this stage


def value(rng: random.Random) -> str:
    """Return a value that is not held out, half of them of the kinds that are miscopied."""
    kind = rng.random()
    name = values.capitalised(rng)
    if kind < 0.25:
        made = rng.choice((f"{name} {name}", f"{name}-{name}", name, name, name))
    elif kind < 0.5:
        made = values.place(rng)
    elif kind < 0.6:
        made = values.foreign(rng)
    else:
        made = values.argument(rng)
    return value(rng) if mentions_held_out(made) else made


def call(rng: random.Random) -> Sample:
    """Return one request for one tool, alone or among others."""
    name, description, parameter, words = rng.choice(ASKS)
    if rng.random() < 0.15:
        parameter = rng.choice(PLACES)
    tools = {name: probes.tool(name, description, parameter)}
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
        other = rng.choice(ASKS)
        tools.setdefault(other[0], probes.tool(*other[:3]))
    offered = list(tools.values())
    rng.shuffle(offered)
    wanted = value(rng)
    return probes.sample(
        "call",
        [{"role": "user", "content": words.replace("{v}", wanted)}],
        probes.call_step(name, parameter, wanted),
        rng.random() < 0.6,
        offered,
    )


def steps(encoder: Encoder, seed: int) -> Iterator[list[list[Encoded]]]:
    """Yield the samples of one step after the other, in groups of like length."""
    rng = random.Random(seed)
    stream = curriculum.stream(seed + 1, SHARES)
    while True:
        pool: list[Encoded] = []
        while sum(len(entry.ids) for entry in pool) < STEP_TOKENS:
            sample = call(rng) if rng.random() < CALL_SHARE else next(stream)
            pool.append(encoder.with_gaps(rng, encoder.encode(rng, sample)))
        pool.sort(key=lambda entry: len(entry.ids))
        groups: list[list[Encoded]] = [[]]
        for entry in pool:
            tokens = sum(len(other.ids) for other in groups[-1])
            # A new group where padding would outweigh what is there.
            if groups[-1] and len(entry.ids) * (len(groups[-1]) + 1) > 2 * tokens + len(entry.ids):
                groups.append([])
            groups[-1].append(entry)
        yield groups


def main() -> None:
    """Go on from a trained model and write the finished one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="source", type=Path, required=True, help="train's --out")
    parser.add_argument("--out", type=Path, required=True, help="model directory to write")
    parser.add_argument("--minutes", type=float, default=10.0, help="minutes of training")
    parser.add_argument("--rate", type=float, default=3e-4, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=77, help="seed of the data")
    options = parser.parse_args()

    device = torch.device("cpu")
    tokenizer = smoke_tokenizer.load(options.source)
    encoder = Encoder(tokenizer, filler_tokens(tokenizer))
    network = export.load(options.source)
    network.load_state_dict(torch.load(options.source / "float32.pt", map_location=device))
    network.train()
    optimizer = optimizer_of(network, options.rate, device)
    start = time.monotonic()
    for step, groups in enumerate(steps(encoder, options.seed)):
        elapsed = time.monotonic() - start
        progress = elapsed / (60 * options.minutes)
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = options.rate * rate_at(step, progress, WARMUP_STEPS)
        optimizer.zero_grad(set_to_none=True)
        count, total = sum(map(len, groups)), 0.0
        for samples in groups:
            loss = loss_of(network, pad(samples), device) * len(samples) / count
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if step % 40 == 0:
            print(f"step {step} {elapsed:.0f} s loss {total:.4f}", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    for file in options.source.glob("tokenizer*.json"):
        if options.out.resolve() != options.source.resolve():
            shutil.copy(file, options.out)
    torch.save(network.state_dict(), options.out / "float32.pt")
    export.save(network, tokenizer, options.out)


if __name__ == "__main__":
    main()
