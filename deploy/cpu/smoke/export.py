"""Write a model directory that the engine and transformers load."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast

from .network import Network, Shape, checkpoint, config, restore
from .tokenizer import END_OF_TEXT, STOPS, TEMPLATE


def generation_config(stops: list[int], pad: int) -> dict[str, Any]:
    """Return the contents of generation_config.json; greedy is this model's only good mode."""
    return {"do_sample": False, "eos_token_id": stops, "pad_token_id": pad}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write readable JSON."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def save(network: Network, tokenizer: PreTrainedTokenizerFast, directory: Path) -> None:
    """Write weights, configuration and chat template; the tokenizer is there already."""
    stops = tokenizer.convert_tokens_to_ids(list(STOPS))
    pad = tokenizer.convert_tokens_to_ids(END_OF_TEXT)
    save_file(checkpoint(network), directory / "model.safetensors", metadata={"format": "pt"})
    write_json(directory / "config.json", config(network.shape, stops, pad))
    write_json(directory / "generation_config.json", generation_config(stops, pad))
    shutil.copyfile(TEMPLATE, directory / "chat_template.jinja")


def load(directory: Path) -> Network:
    """Return the network of a model directory, ready to measure."""
    written = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    written |= written["rope_parameters"]
    shape = Shape(**{entry.name: written[entry.name] for entry in fields(Shape)})
    network = restore(shape, load_file(directory / "model.safetensors"))
    network.eval()
    return network


@torch.no_grad()
def round_weights(network: Network) -> None:
    """Round the weights as the checkpoint does, so that what is measured is what is saved."""
    for parameter in network.parameters():
        parameter.copy_(parameter.to(torch.bfloat16).to(parameter.dtype))
