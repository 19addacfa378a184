"""The model's files: all there, whole, and with what the profile uses of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deploy.preflight.checkpoint import Checkpoint
from deploy.preflight.codes import Outcome, fault, passed
from deploy.preflight.hub import Place
from deploy.profile import Profile

# Bytes of repositories whose index is not here yet, as listed by the hub on 2026-08-13.
_SIZES = {"nvidia/GLM-5.1-NVFP4": 465_900_000_000}
# How many names a finding shows of those that it counts.
_SHOWN = 3


def check(profile: Profile, place: Place, checkpoint: Checkpoint | None) -> Iterator[Outcome]:
    """Outcomes about the model; ``checkpoint`` is None where there is no directory yet."""
    if checkpoint is None:
        yield _absent(place)
        return
    missing = _unfetched(checkpoint) if place.repository else []
    if missing:
        yield _unfinished(place, missing)
    else:
        faults = [*_small_files(place, checkpoint)]
        yield from faults or [passed("model", str(place.directory))]
    if profile.argument("load-format") != "dummy":  # which makes weights up
        yield from _weights(place, checkpoint)
        yield from _mtp(profile, checkpoint)


def fetch_bytes(place: Place, checkpoint: Checkpoint | None) -> int | None:
    """How much the engine will download; None where nobody knows."""
    if place.repository is None or (checkpoint and not _unfetched(checkpoint)):
        return 0
    whole = (checkpoint.total_bytes if checkpoint else None) or _SIZES.get(place.repository)
    return whole and max(0, whole - (checkpoint.present_bytes if checkpoint else 0))


def _absent(place: Place) -> Outcome:
    if place.repository is None:
        return fault("model-missing", f"there is no directory {place.model}")
    if place.offline:
        found = f"{place.repository} is not in the cache, and the hub must not be asked"
        return fault("model-offline", found, model=place.repository)
    return passed("model", f"{place.repository} is not here yet: the engine downloads it")


def _unfetched(checkpoint: Checkpoint) -> list[str]:
    """What a cut-off download has not brought, by file."""
    missing = [name for name, words in checkpoint.faults.items() if words == "is missing"]
    missing += [shard.name for shard in checkpoint.shards if shard.state == "missing"]
    if not checkpoint.shards and not checkpoint.other_weights:
        missing.append("all weights")
    return missing


def _unfinished(place: Place, missing: Sequence[str]) -> Outcome:
    begun = f"; downloads begun: {place.unfinished}" if place.unfinished else ""
    found = f"{place.repository} lacks {_listed(missing)}{begun}"
    if place.offline:
        found += ", and the hub must not be asked"
        return fault("model-offline", found, model=place.repository)
    return fault("download-incomplete", found, model=place.repository)


def _small_files(place: Place, checkpoint: Checkpoint) -> Iterator[Outcome]:
    for name, words in checkpoint.faults.items():
        yield fault("model-incomplete", f"{name} {words} in {place.directory}")
    if checkpoint.pointers:
        found = f"{_listed(checkpoint.pointers)} in {place.directory}"
        yield fault("lfs-pointer", found, directory=place.directory)


def _weights(place: Place, checkpoint: Checkpoint) -> Iterator[Outcome]:
    if not checkpoint.shards:
        if checkpoint.other_weights:
            kinds = _listed(checkpoint.other_weights)
            yield passed("weights", f"{kinds}: no safetensors, so not checked")
        elif place.repository is None and not checkpoint.faults:
            yield fault("model-no-weights", f"none in {place.directory}")
        return
    faults = [*_files(place, checkpoint), *_tensors(checkpoint)]
    yield from faults
    if not faults and all(shard.state == "whole" for shard in checkpoint.shards):
        count, tensors = len(checkpoint.shards), len(checkpoint.tensors)
        files = "1 file" if count == 1 else f"{count} files"
        size = f"{checkpoint.present_bytes / 1e9:.3f} GB"
        yield passed("weights", f"{files}, {size}, {tensors} tensors, as their headers say")


def _files(place: Place, checkpoint: Checkpoint) -> Iterator[Outcome]:
    states = {
        "truncated": "shard-truncated",
        "unreadable": "shard-unreadable",
        "pointer": "lfs-pointer",
        "missing": "shard-missing",
    }
    if place.repository:
        del states["missing"]  # what the hub can bring is told of as a download
    for state, code in states.items():
        bad = [shard for shard in checkpoint.shards if shard.state == state]
        names = [shard.name + (f" ({shard.detail})" if shard.detail else "") for shard in bad]
        found = f"{len(bad)} of {len(checkpoint.shards)}: {_listed(names)}"
        if state == "missing" and place.unfinished:
            found += f"; downloads begun beside them: {place.unfinished}"
        if bad:
            yield fault(code, found, directory=place.directory)


def _tensors(checkpoint: Checkpoint) -> Iterator[Outcome]:
    held = {shard.name: shard.tensors for shard in checkpoint.shards if shard.state == "whole"}
    lost = [
        tensor
        for tensor, name in checkpoint.weight_map.items()
        if name in held and tensor not in held[name]
    ]
    if lost:
        total = len(checkpoint.weight_map)
        yield fault("tensor-missing", f"{len(lost)} of {total}: {_listed(lost)}")


def _mtp(profile: Profile, checkpoint: Checkpoint) -> Iterator[Outcome]:
    """GLM's own draft layer comes behind the last layer; without it the engine drafts garbage."""
    config, tensors = checkpoint.config, checkpoint.tensors
    glm = str(config.get("model_type")).startswith("glm")
    if not (glm and tensors and _drafts_with_itself(profile)):
        return
    tensor = f"model.layers.{config.get('num_hidden_layers')}.eh_proj.weight"
    yield passed("MTP layer", tensor) if tensor in tensors else fault("mtp-missing", f"no {tensor}")


def _drafts_with_itself(profile: Profile) -> bool:
    """Whether speculative decoding uses the model's own MTP layer; vLLM says so in a map."""
    config = profile.argument("speculative-config")
    if isinstance(config, dict):
        return "mtp" in str(config.get("method")) and config.get("model") in (None, profile.model)
    algorithm = str(profile.argument("speculative-algorithm") or "").upper()
    draft = profile.argument("speculative-draft-model-path")
    return algorithm in ("EAGLE", "NEXTN") and draft in (None, profile.model)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
