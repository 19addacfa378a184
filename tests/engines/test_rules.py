from __future__ import annotations

import pytest

from deploy.engines.catalogue import load
from deploy.engines.sglang import SGLANG
from tests.engines.test_trouble import findings

SPECULATIVE = [
    "engine.args.speculative-num-steps=3",
    "engine.args.speculative-eagle-topk=1",
    "engine.args.speculative-num-draft-tokens=4",
]
EAGLE = "engine.args.speculative-algorithm=EAGLE"
HICACHE = "engine.args.enable-hierarchical-cache=true"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([EAGLE, *SPECULATIVE], set()),
        ([EAGLE], set()),
        ([EAGLE, SPECULATIVE[0]], {"option-group"}),
        ([EAGLE, *SPECULATIVE[1:]], {"option-group"}),
        (SPECULATIVE, {"option-needs"}),
        (["engine.args.hicache-ratio=2"], {"option-needs"}),
        (["engine.args.enable-dp-attention=true"], {"option-needs"}),
        (["engine.args.enable-dp-attention=true", "engine.args.data-parallel-size=8"], set()),
        ([HICACHE, "engine.args.disable-radix-cache=true"], {"option-excludes"}),
        ([HICACHE, "engine.args.disable-radix-cache=false"], set()),
        (["engine.args.mem-fraction-static=null"], {"memory-fraction"}),
        (["engine.args.mem-fraction-static=null", "engine.args.chunked-prefill-size=8192"], set()),
    ],
)
def test_combinations(settings: list[str], expected: set[str]) -> None:
    assert set(findings(*settings)) - {"hierarchical-cache-garbling"} == expected


def test_the_automatic_fraction_is_the_published_one() -> None:
    """facts of SGLang 0.5.23: 0.27 on B300 and -0.095 on B200 with a chunk of 131072."""
    for gib, fraction in ((267.0, "0.27"), (177.5, "-0.10")):
        fault = SGLANG.memory_fault(
            {"chunked-prefill-size": 131072, "tp-size": 8}, int(gib * 2**30)
        )
        assert fault is not None and f"fraction of {fraction}" in fault[1]


def test_rules_speak_of_options_that_exist() -> None:
    catalogues = [load("sglang", version) for version in ("0.5.20", "0.5.23")]
    names = {name for catalogue in catalogues if catalogue for name in catalogue.options}
    rules = SGLANG.rules
    for group in (*rules.together, *rules.needs.values(), *rules.excludes, rules.needs):
        assert set(group) <= names
