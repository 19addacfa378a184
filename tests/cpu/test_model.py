"""The committed model directory."""

from __future__ import annotations

import itertools
import json
import random
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import Glm4MoeForCausalLM

from deploy.cpu.smoke import batches, curriculum, export
from deploy.cpu.smoke import tokenizer as smoke_tokenizer
from deploy.cpu.smoke.network import Network, Shape, checkpoint, config

MODEL = Path(smoke_tokenizer.__file__).parents[1] / "model"
MAX_BYTES = 5_000_000


@pytest.fixture(scope="module")
def encoder() -> batches.Encoder:
    tokenizer = smoke_tokenizer.load(MODEL)
    return batches.Encoder(tokenizer, batches.filler_tokens(tokenizer, files=5))


@pytest.fixture(scope="module")
def network() -> Network:
    return export.load(MODEL)


@pytest.fixture(scope="module")
def samples(encoder: batches.Encoder) -> list[batches.Encoded]:
    rng = random.Random(0)
    drawn = itertools.islice(curriculum.stream(9, ((0, 1.0),)), 4)
    return [encoder.encode(rng, sample) for sample in drawn]


def test_directory_is_small() -> None:
    assert sum(path.stat().st_size for path in MODEL.iterdir()) <= MAX_BYTES


def test_configuration_is_what_the_scripts_write(encoder: batches.Encoder) -> None:
    stops = encoder.tokenizer.convert_tokens_to_ids(list(smoke_tokenizer.STOPS))
    written = json.loads((MODEL / "config.json").read_text())
    assert written == config(Shape(), stops, stops[0])
    assert written["vocab_size"] == len(encoder.tokenizer)
    assert written["n_routed_experts"] >= 4
    generation = json.loads((MODEL / "generation_config.json").read_text())
    assert generation == export.generation_config(stops, stops[0])


def test_weights_round_trip(network: Network) -> None:
    stored = load_file(MODEL / "model.safetensors")
    again = checkpoint(network)
    assert stored.keys() == again.keys()
    assert all(torch.equal(stored[name], again[name]) for name in stored)


def test_transformers_computes_the_same(network: Network, samples: list[batches.Encoded]) -> None:
    published = Glm4MoeForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()
    for sample in samples:
        ids, positions = (
            torch.from_numpy(sample.ids)[None],
            torch.from_numpy(sample.positions)[None],
        )
        with torch.no_grad():
            ours, theirs = network(ids, positions), published(ids).logits
        torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=1e-3)


def test_position_gaps_keep_the_order(encoder: batches.Encoder) -> None:
    rng = random.Random(2)
    sample = next(curriculum.stream(4, ((0, 1.0),)))
    encoded = encoder.encode(rng, sample)
    for _ in range(50):
        gapped = encoder.with_gaps(rng, encoded)
        steps = gapped.positions[1:] - gapped.positions[:-1]
        assert (steps >= 1).all()
        assert gapped.positions[-1] < smoke_tokenizer.MAX_CONTEXT_TOKENS


def test_padding_is_not_learned(samples: list[batches.Encoded]) -> None:
    batch = batches.pad(samples)
    for row, sample in enumerate(samples):
        assert batch.learn[row].sum() == sample.learn.sum()
        assert batch.learn[row, sample.start : len(sample.ids)].all()
        assert not batch.learn[row, len(sample.ids) :].any()


def test_model_card_has_no_local_paths() -> None:
    card = (MODEL / "README.md").read_text()
    assert "Apache-2.0" in card
    assert not re.search(r"/(work|tmp|home|root)/", card)
