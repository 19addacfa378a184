"""Model directories as the tools write them."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.preflight import checkpoint, hub, model_files
from deploy.preflight.codes import Outcome
from deploy.profile import Profile
from tests.preflight.hosts import profile_of

COUNT = 3
LAYERS = 4


def write_shard(path: Path, tensors: list[str]) -> None:
    """A safetensors file: 8 bytes of header length, the header, and 16 bytes for each tensor."""
    header: dict[str, object] = {
        name: {"dtype": "F32", "shape": [4], "data_offsets": [16 * i, 16 * i + 16]}
        for i, name in enumerate(tensors)
    }
    header["__metadata__"] = {"format": "pt"}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(16 * len(tensors)))


def name_of(number: int) -> str:
    return f"model-{number:05d}-of-{COUNT:05d}.safetensors"


def glm(directory: Path, mtp: bool = True) -> Path:
    """A GLM-shaped checkpoint of three shards, the MTP layer behind the last one."""
    directory.mkdir(parents=True, exist_ok=True)
    config = {"model_type": "glm_moe_dsa", "num_hidden_layers": LAYERS}
    (directory / "config.json").write_text(json.dumps(config))
    names = [f"model.layers.{layer}.mlp.weight" for layer in range(LAYERS)]
    if mtp:
        names.append(f"model.layers.{LAYERS}.eh_proj.weight")
    weight_map = {name: name_of(index % COUNT + 1) for index, name in enumerate(names)}
    for number in range(1, COUNT + 1):
        held = [name for name, shard in weight_map.items() if shard == name_of(number)]
        write_shard(directory / name_of(number), held)
    index = {"metadata": {"total_size": 10**9}, "weight_map": weight_map}
    (directory / checkpoint.INDEX).write_text(json.dumps(index))
    return directory


def truncate(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def judged(profile: Profile, **environ: str) -> list[Outcome]:
    place = hub.locate(profile, environ)
    files = checkpoint.read(place.directory) if place.directory else None
    return list(model_files.check(profile, place, files))


def of_path(directory: Path, *settings: str, name: str = "b300") -> list[Outcome]:
    return judged(profile_of(name, f"engine.args.model={directory}", *settings))
