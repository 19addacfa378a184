from __future__ import annotations

from typing import Any

import pytest
import yaml

from deploy import loader
from deploy.engines import trouble
from deploy.engines.catalogue import load, versions
from deploy.errors import Refused
from deploy.overrides import Setting

EAGLE = ["engine.args.speculative-algorithm=EAGLE"]
# b300 with the fraction that h200 has.
H200 = ["hardware.gpu=H200", "engine.args.mem-fraction-static=0.70"]
CARD_FRACTION = ["engine.args.mem-fraction-static=0.80"]
FP8_CACHE = ["engine.args.kv-cache-dtype=fp8_e4m3"]


def findings(*settings: str, profile: str = "b300") -> dict[str, str]:
    """The severities of a profile's findings, by code."""
    try:
        _, found = loader.load(profile, [Setting.of(text) for text in settings])
    except Refused as refused:
        found = list(refused.findings)
    return {finding.code: finding.severity for finding in found}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            ["engine.version=0.5.12.post1", *EAGLE],
            {
                "eagle-graph-capture": "warning",
                "draft-moe-illegal-access": "warning",
                "large-prefill-illegal-access": "warning",
            },
        ),
        (
            ["engine.version=0.5.16", *EAGLE, "engine.args.chunked-prefill-size=8192"],
            {"draft-moe-illegal-access": "warning"},
        ),
        (
            [
                "engine.version=0.5.16",
                *EAGLE,
                "engine.args.chunked-prefill-size=8192",
                "engine.args.speculative-moe-runner-backend=triton",
            ],
            {},
        ),
        (EAGLE, {}),
        ([*EAGLE, "engine.args.moe-a2a-backend=deepep"], {"draft-expert-parallel": "error"}),
        (
            [
                *EAGLE,
                "engine.args.moe-a2a-backend=deepep",
                "engine.args.speculative-moe-a2a-backend=none",
            ],
            {},
        ),
        (H200, {}),
        ([*H200, "engine.args.moe-runner-backend=marlin"], {}),
        ([*H200, *CARD_FRACTION], {"sparse-prefill-padding": "warning"}),
        ([*H200, *CARD_FRACTION, "engine.args.chunked-prefill-size=32768"], {}),
        ([*H200, *FP8_CACHE], {"sparse-prefill-padding": "warning"}),
        ([*H200, *FP8_CACHE, "engine.args.mem-fraction-static=0.6"], {}),
        ([*H200, "engine.args.moe-runner-backend=flashinfer_trtllm"], {"nvfp4-on-hopper": "error"}),
        ([*H200, "engine.args.moe-a2a-backend=deepep"], {"marlin-with-deepep": "error"}),
        ([*H200, "engine.version=0.5.16"], {"marlin-shared-expert": "error"}),
        (["engine.args.enable-prefill-cp=true"], {"prefill-context-parallel": "error"}),
        (
            ["engine.args.enable-hierarchical-cache=true"],
            {"hierarchical-cache-garbling": "warning"},
        ),
        (
            ["engine.args.reasoning-parser=glm47"],
            {"reasoning-parser-name": "error", "option-value": "error"},
        ),
        (
            ["engine.image=lmsysorg/sglang:v0.5.19-cu129"],
            {"cuda-12-image": "error", "image-floating": "warning"},
        ),
        (["engine.image=lmsysorg/sglang:dev-cu13"], {"image-floating": "warning"}),
        (
            ["hardware.gpu=B200", "engine.args.mem-fraction-static=0.92"],
            {"indexer-out-of-memory": "warning"},
        ),
        (
            [
                "hardware.gpu=B200",
                "engine.args.mem-fraction-static=0.95",
                "engine.args.enable-dp-attention=true",
                "engine.args.dp-size=8",
            ],
            {"attention-dp-memory": "warning"},
        ),
    ],
)
def test_a_profile_that_runs_into_trouble(settings: list[str], expected: dict[str, str]) -> None:
    assert findings(*settings) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([], {"tool-call-in-reasoning": "warning"}),
        (["engine.version=0.32.0"], {}),
        (
            ["engine.version=0.32.0", "engine.args.chat-template-content-format=null"],
            {"tool-results-unseen": "warning"},
        ),
        (
            ["engine.version=0.32.0", "engine.args.enable-auto-tool-choice=null"],
            {"tool-parser-idle": "warning"},
        ),
        (
            ["engine.version=0.32.0", "engine.args.no-enable-auto-tool-choice=true"],
            {"tool-parser-idle": "warning"},
        ),
        (
            ["engine.version=0.32.0", "engine.args.tool-call-parser=null"],
            {"option-needs": "error"},
        ),
        (
            ["engine.image=vllm/vllm-openai:v0.19.1"],
            {"cuda-12-image": "error", "tool-call-in-reasoning": "warning"},
        ),
        (
            ["engine.version=0.32.0", "engine.args.shutdown-timeout=null"],
            {"drain-too-short": "warning"},
        ),
        (["engine.version=0.32.0", "engine.args.reasoning-parser=glm4"], {"option-value": "error"}),
        (
            [
                "engine.version=0.32.0",
                "engine.args.reasoning-parser=mine",
                "engine.args.reasoning-parser-plugin=mine.py",
            ],
            {},
        ),
    ],
)
def test_a_vllm_profile_that_runs_into_trouble(
    settings: list[str], expected: dict[str, str]
) -> None:
    found = findings(*settings, profile="vllm-b300")
    assert found.pop("image-floating") == "warning"  # no digest is known
    assert found == expected


def test_the_way_out_and_the_source_are_told() -> None:
    _, (finding,) = loader.load("b300", [Setting.of("engine.args.enable-hierarchical-cache=true")])
    assert finding.where == "--set engine.args.enable-hierarchical-cache=true"
    assert "https://github.com/sgl-project/sglang/issues/30321" in finding.fix


@pytest.mark.parametrize("entry", trouble.table(), ids=lambda entry: entry.code)
def test_every_entry_names_what_exists(entry: trouble.Trouble) -> None:
    """Options, and their values where the engine lists them, in some catalogued version."""
    known = [load(entry.engine, version) for version in versions(entry.engine)]
    for name, values in [
        *entry.args.items(),
        *entry.without.items(),
        *((name, []) for name in entry.at_least),
    ]:
        options = [
            catalogue.options[name]
            for catalogue in known
            if catalogue and name in catalogue.options
        ]
        assert options, name
        choices = {choice for option in options for choice in option.choices}
        if choices and entry.code != "reasoning-parser-name":
            assert set(values) <= choices, name
    assert entry.link.startswith("https://github.com/")


def test_the_table_is_read_alike_everywhere() -> None:
    from deploy.yamlfile import parse

    text = trouble.TABLE.read_text(encoding="utf-8")
    document = parse(text, "trouble.yaml")
    assert not document.findings
    plain: Any = yaml.safe_load(text)
    assert document.value == plain
