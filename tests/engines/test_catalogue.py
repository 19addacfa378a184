from __future__ import annotations

import argparse
import importlib.metadata

import pytest

from deploy.engines import generate
from deploy.engines.catalogue import load
from deploy.engines.history import CATALOGUES
from deploy.engines.parsers import describe


def test_the_catalogue_is_the_live_parser(engine_parser: argparse.ArgumentParser) -> None:
    version = importlib.metadata.version("sglang")
    path = CATALOGUES / f"sglang-{version}.json"
    text = generate.text("sglang", version, describe(engine_parser))
    assert path.read_text(encoding="utf-8") == text, "run make generate"


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("tp-size", 8, None),
        ("tp-size", "8", "not a whole number"),
        ("tp-size", 8.5, "not a whole number"),
        ("mem-fraction-static", 1, None),
        ("mem-fraction-static", "high", "not a number"),
        ("trust-remote-code", 1, "not true or false"),
        ("quantization", "nvfp4", "not one of the engine's choices"),
        ("json-model-override-args", {"a": 1}, None),
        ("json-model-override-args", '{"a": 1}', None),
        ("json-model-override-args", "{a", "not a map, a list or a JSON text"),
        ("host", {"a": 1}, "a map is not a text"),
        ("host", ["a"], "a list is not a text"),
        ("host", "--", "drops the word"),
        ("max-total-tokens", "200k", None),
        ("max-total-tokens", True, "not a number or a text"),
        ("cuda-graph-bs-decode", [1, 2], None),
        ("cuda-graph-bs-decode", [1, "x"], "not a whole number"),
        ("cuda-graph-bs-decode", [], "an empty list"),
        ("model-checksum", True, None),
        ("dllm-fdfo", False, "only leaves the option out"),
        ("dllm-fdfo", True, None),
        ("port", None, None),
    ],
)
def test_values_are_checked_as_the_engine_would(key: str, value: object, fault: str | None) -> None:
    catalogue = load("sglang", "0.5.20")
    assert catalogue is not None
    found = [message for _, _, message, _ in catalogue.faults({key: value})]
    assert (fault is None and not found) or (fault is not None and fault in found[0])
