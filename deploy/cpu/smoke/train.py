"""Train the smoke model: `python -m deploy.cpu.smoke.train --out DIR`.

The published weights took the default schedule on one GPU; `--steps 300 --longest 2000` is a
rehearsal that a CPU finishes in minutes.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from . import measure
from .batches import Batch, Encoder, Workers, filler_tokens
from .export import round_weights, save
from .network import Experts, Network, Shape
from .tokenizer import MARKUP, VOCAB_SIZE
from .tokenizer import save as save_tokenizer

PROMPT_WEIGHT = 0.03  # a little language modelling of the prompt makes copying heads form sooner
FINAL_RATE = 0.03  # of the peak learning rate
KEPT_BATCHES, REPLAY_CHANCE = 128, 0.35  # short batches are seen again, which is as good as new
NAME_WEIGHT = 2.0  # on top of 1: few tokens choose the tool, and they are the hardest to learn
CALL_TOKENS = tuple(
    VOCAB_SIZE - len(MARKUP) + MARKUP.index(text)
    for text in ("<tool_call>", "<arg_key>", "</tool_call>")
)
BALANCE_RATE = 1e-3  # DeepSeek-V3's, for the routing bias
SHORT = ((0, 0.75), (300, 0.25))
MEDIUM = ((1_000, 0.3), (4_000, 0.4), (8_000, 0.3))
LONG = ((32_000, 0.45), (128_000, 0.30), (200_000, 0.25))


@dataclass(frozen=True)
class Mix:
    """From this share of the run on, these chances of a short, medium and long batch."""

    start: float
    chances: tuple[float, float, float]


SCHEDULE = (
    Mix(0.00, (1.00, 0.00, 0.00)),
    Mix(0.20, (0.80, 0.20, 0.00)),
    Mix(0.45, (0.73, 0.22, 0.05)),
    Mix(0.75, (0.68, 0.22, 0.10)),
)


def naming(ids: Tensor) -> Tensor:
    """Mark, (batch, time), the tokens that predict a called function's name: the hard choice."""
    opened, argument, closed = (ids == token for token in CALL_TOKENS)
    ended = (argument | closed).cumsum(1)
    # Inside a call and before its first argument: as many calls opened as pieces ended there.
    since = torch.where(opened, ended, 0).cummax(1).values
    return ((opened.cumsum(1) > 0) & (ended == since) & ~argument & ~closed).float()


def loss_of(network: Network, batch: Batch, device: torch.device) -> Tensor:
    """Return the loss: the targets' mean cross-entropy, plus a little of short prompts'."""
    ids = torch.from_numpy(batch.ids).to(device, non_blocking=True)
    positions = torch.from_numpy(batch.positions).to(device, non_blocking=True)
    learn = torch.from_numpy(batch.learn).to(device, non_blocking=True)
    target = learn.roll(-1, dims=1)  # the token before each target predicts it
    target[:, -1] = False
    # Long prompts, and any prompt on a CPU: the answer alone.
    whole = batch.ids.shape[1] < 1_000 and device.type == "cuda"
    wanted = (ids != 0) if whole else target
    wanted[:, -1] = False
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        logits = network(ids, positions, wanted)
    following = ids.roll(-1, dims=1)[wanted]
    losses = F.cross_entropy(logits.float(), following, reduction="none")
    answer = target[wanted].float()
    weight = answer * (1 + NAME_WEIGHT * naming(ids)[wanted])
    loss = (losses * weight).sum() / weight.sum()
    if whole:
        loss = loss + PROMPT_WEIGHT * (losses * (1 - answer)).sum() / (1 - answer).sum()
    return loss


def rate_at(step: int, progress: float, warmup: int) -> float:
    """Return the factor on the learning rate: linear warm-up, then a cosine."""
    cosine = FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return min(1.0, (step + 1) / warmup) * cosine


def optimizer_of(network: Network, rate: float, device: torch.device) -> torch.optim.AdamW:
    """Return AdamW with decay on matrices only."""
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": 0.02},
        {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0},
    ]
    fused = device.type == "cuda"
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=fused)


def train(network: Network, encoder: Encoder, options: argparse.Namespace) -> None:
    """Train until the steps or the minutes are used up, whichever comes first."""
    device = network.lm_head.device
    optimizer = optimizer_of(network, options.rate, device)
    shares = [
        tuple((min(limit, options.longest), weight) for limit, weight in share)
        for share in (SHORT, MEDIUM, LONG)
    ]
    sizes = (options.batch_tokens, options.batch_tokens, max(options.batch_tokens, options.longest))
    counts = (max(1, options.workers - 3), 1 + (options.workers > 8), 1)
    seed = options.seed
    loaders = [
        Workers(encoder, *work)
        for work in zip(counts, range(seed, seed + 3), shares, sizes, strict=True)
    ]
    rng = random.Random(seed)
    kept: deque[Batch] = deque(maxlen=KEPT_BATCHES)
    start, waited, tokens = time.monotonic(), 0.0, 0
    for step in range(options.steps):
        elapsed = time.monotonic() - start
        progress = max(step / options.steps, elapsed / (60 * options.minutes))
        if progress >= 1.0:
            break
        place = options.start + (1 - options.start) * progress
        mix = [entry for entry in SCHEDULE if entry.start <= place][-1]
        index = rng.choices(range(len(loaders)), mix.chances)[0]
        if index == 0 and len(kept) == KEPT_BATCHES and rng.random() < REPLAY_CHANCE:
            batch = rng.choice(kept)
        else:
            before = time.monotonic()
            batch = loaders[index].get()
            waited += time.monotonic() - before
            if index == 0:
                kept.append(batch)
        for group in optimizer.param_groups:
            group["lr"] = options.rate * rate_at(step, progress, options.warmup)
        loss = loss_of(network, batch, device)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        for module in network.modules():
            if isinstance(module, Experts):
                module.balance(BALANCE_RATE)
        tokens += batch.ids.size
        if step % options.report == 0:
            print(
                f"step {step} {elapsed:.0f} s ({waited:.0f} s waiting) "
                f"loss {float(loss.detach()):.4f} {tokens / 1e6:.0f} M tokens",
                flush=True,
            )
        if step % (options.report * 20) == 0 and step:
            torch.save(network.state_dict(), options.out / "float32.pt")
    for loader in loaders:
        loader.close()
    print(f"trained {step} steps in {time.monotonic() - start:.0f} s", flush=True)


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="model directory to write")
    parser.add_argument("--steps", type=int, default=30_000, help="optimizer steps at most")
    parser.add_argument("--minutes", type=float, default=20.0, help="minutes of training at most")
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--warmup", type=int, default=200, help="steps of warm-up")
    parser.add_argument("--batch-tokens", type=int, default=65_536, help="tokens a step")
    parser.add_argument("--longest", type=int, default=200_000, help="most tokens of filler")
    parser.add_argument("--workers", type=int, default=15, help="data processes")
    parser.add_argument("--seed", type=int, default=1, help="seed of data and weights")
    parser.add_argument("--start", type=float, default=0.0, help="where in the schedule to begin")
    parser.add_argument("--resume", type=Path, help="float32.pt to go on from")
    parser.add_argument("--report", type=int, default=100, help="steps between progress lines")
    parser.add_argument("--shape", nargs="*", default=[], help="sizes, as head_dim=64")
    options = parser.parse_args()

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(options.seed)
    tokenizer = save_tokenizer(options.out)
    encoder = Encoder(tokenizer, filler_tokens(tokenizer))
    sizes = {name: int(size) for name, size in (entry.split("=") for entry in options.shape)}
    network = Network(Shape(**sizes)).to(device)
    if options.resume:
        network.load_state_dict(torch.load(options.resume, map_location=device))
    print(
        f"{sum(p.numel() for p in network.parameters()):,} parameters, "
        f"{len(encoder.filler):,} filler tokens, {device}",
        flush=True,
    )

    train(network, encoder, options)
    torch.save(network.state_dict(), options.out / "float32.pt")
    save(network, tokenizer, options.out)
    network.eval()
    round_weights(network)
    for kind, (right, asked) in measure.short(network, encoder).items():
        print(f"{kind}: {right}/{asked}")
    for length, (right, asked) in measure.long(network, encoder, options.longest).items():
        print(f"recall at {length}: {right}/{asked}", flush=True)


if __name__ == "__main__":
    main()
