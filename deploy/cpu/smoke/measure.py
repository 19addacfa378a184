"""Measure a network on the probes: would greedy decoding give exactly the expected text?

One forward pass over prompt and expected answer decides it: greedy decoding reproduces the
answer if and only if every one of its tokens is the most likely one after those before it.
"""

from __future__ import annotations

import random
from collections import defaultdict

import torch

from . import probes
from .batches import Encoded, Encoder, pad
from .held_out import CODE_WORDS
from .network import Network

LENGTHS = (1_000, 4_000, 16_000, 32_000, 64_000, 128_000, 200_000)
DEPTHS = (0.05, 0.3, 0.5, 0.8, 0.97)
GROUP_TOKENS = 32_000  # per forward pass
FLOAT32_TOKENS = 20_000
SEED = 11


@torch.no_grad()
def exact(network: Network, samples: list[Encoded]) -> list[bool]:
    """Return for every sample whether greedy decoding gives its target."""
    device = network.lm_head.device
    done: list[bool] = []
    group: list[Encoded] = []
    for index, sample in enumerate(samples):
        group.append(sample)
        full = len(group) * max(len(entry.ids) for entry in group) > GROUP_TOKENS
        if not full and index + 1 < len(samples):
            continue
        batch = pad(group)
        ids = torch.from_numpy(batch.ids).to(device)
        learn = torch.zeros_like(ids, dtype=torch.bool)
        for row, entry in enumerate(group):
            learn[row, entry.start : len(entry.ids)] = True
        wanted = learn.roll(-1, dims=1)  # the token before each target predicts it
        positions = torch.from_numpy(batch.positions).to(device)
        # On a GPU long prompts are measured in bfloat16: float32 has no fast attention there.
        fast = device.type == "cuda" and ids.shape[1] > FLOAT32_TOKENS
        with torch.autocast(device.type, torch.bfloat16, enabled=fast):
            best = network(ids, positions, wanted).argmax(-1)
        hit = torch.ones_like(learn)
        hit[learn] = best == ids[learn]
        done += hit.all(dim=1).tolist()
        group = []
    return done


def short(network: Network, encoder: Encoder) -> dict[str, tuple[int, int]]:
    """Return (exact, asked) per kind of short probe, and print the first misses."""
    rng = random.Random(SEED)
    samples = probes.all_short()
    encoded = [encoder.encode(rng, sample) for sample in samples]
    table: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    misses: list[str] = []
    for sample, hit in zip(samples, exact(network, encoded), strict=True):
        right, asked = table[sample.kind]
        table[sample.kind] = (right + hit, asked + 1)
        if not hit:
            misses.append(f"{sample.messages[-1]['content'][-60:]!r} -> {sample.target[-70:]!r}")
    for line in misses[:: max(1, len(misses) // 12)]:
        print("  missed", line)
    return dict(table)


def long(network: Network, encoder: Encoder, longest: int) -> dict[int, tuple[int, int]]:
    """Return (exact, asked) per prompt length, every depth with several code words."""
    rng = random.Random(SEED)
    table: dict[int, tuple[int, int]] = {}
    for length in LENGTHS:
        if length > longest:
            break
        words = CODE_WORDS[: 10 if length < 64_000 else 4]
        encoded = [
            encoder.encode(rng, probes.recall(length, depth, word))
            for depth in DEPTHS
            for word in words
        ]
        hits = exact(network, encoded)
        table[length] = (sum(hits), len(hits))
    return table
