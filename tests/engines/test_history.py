"""What became of options: expected from the engine's documents, not from our own tables."""

from __future__ import annotations

import json

import pytest
from packaging.version import Version

from deploy.engines import ENGINES, history
from deploy.engines.catalogue import load, versions
from tests.launching import run


def told(version: str, spelling: str, engine: str = "sglang") -> str:
    catalogue = load(engine, version)
    assert catalogue is not None
    ((_, code, message, fix),) = catalogue.faults({spelling: None}, ENGINES[engine].replaced)
    assert code == "option-unknown"
    return f"{message}; {fix}"


@pytest.mark.parametrize(
    ("version", "spelling", "expected"),
    [
        ("0.5.20", "nsa-prefill-backend", "renamed to --dsa-prefill-backend in sglang 0.5.13"),
        ("0.5.23", "nsa-decode-backend", "gone since 0.5.20; write dsa-decode-backend"),
        ("0.5.20", "cuda-graph-max-bs", "renamed to --cuda-graph-max-bs-decode in sglang 0.5.14"),
        ("0.5.20", "cuda-graph-bs", "write cuda-graph-bs-decode"),
        ("0.5.20", "disable-piecewise-cuda-graph", "use cuda-graph-backend-prefill: disabled"),
        ("0.5.20", "enable-nsa-prefill-context-parallel", "enable-prefill-cp"),
        ("0.5.20", "stream-output", "removed in sglang 0.5.20; use incremental-streaming-output"),
        ("0.5.20", "collect-tokens-histogram", "removed in sglang 0.5.20; leave it out"),
        ("0.5.20", "torchao-config", "removed in sglang 0.5.18; leave it out"),
        ("0.5.16", "enable-nan-detection", "removed in sglang 0.5.13"),
        ("0.5.20", "attn-dp-size", "came with sglang 0.5.22"),
        ("0.5.12.post1", "bf16-gemm-backend", "came with sglang 0.5.15.post1"),
        ("0.5.12.post1", "dsa-prefill-backend", "write nsa-prefill-backend"),
        ("0.5.12.post1", "cuda-graph-max-bs-decode", "write cuda-graph-max-bs"),
        ("0.5.20", "nsa_prefill_backend", "write dsa-prefill-backend"),
        ("0.5.20", "never-an-option", "has no option --never-an-option"),
    ],
)
def test_a_gone_or_later_option_is_explained(version: str, spelling: str, expected: str) -> None:
    assert expected in told(version, spelling)


@pytest.mark.parametrize(
    ("version", "spelling", "expected"),
    [
        ("0.32.0", "swap-space", "removed in vllm 0.18.1; leave it out"),
        ("0.19.1", "disable-log-requests", "removed in vllm 0.17.1; use no-enable-log-requests"),
        ("0.32.0", "guided-decoding-backend", "use structured-outputs-config"),
        ("0.32.0", "max-num-partial-prefills", "removed in vllm 0.27.1"),
        ("0.19.1", "spec-method", "came with vllm"),
        ("0.32.0", "speculative-config.method", "write speculative-config as a map with method"),
        ("0.32.0", "tensor_parallel_size", "write tensor-parallel-size"),
    ],
)
def test_a_gone_or_later_option_of_vllm_is_explained(
    version: str, spelling: str, expected: str
) -> None:
    assert expected in told(version, spelling, "vllm")


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_history_and_catalogues_agree(engine: str) -> None:
    """Two ways to the same fact: a span covers exactly the versions whose catalogue knows it."""
    known = [load(engine, version) for version in versions(engine)]
    for spelling, span in history.spans(engine).items():
        for catalogue in known:
            assert catalogue is not None
            there = (span.since is None or _after(catalogue.version, span.since)) and (
                span.gone is None or not _after(catalogue.version, span.gone)
            )
            assert there == (catalogue.find(spelling) is not None), (spelling, catalogue.version)


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_every_replacement_replaces_a_gone_option_by_one_that_exists(engine: str) -> None:
    newest = load(engine, versions(engine)[-1])
    assert newest is not None
    for old, new in ENGINES[engine].replaced.items():
        assert newest.find(old) is None
        assert newest.find(new.partition(":")[0]) is not None
        span = history.spans(engine).get(old)  # none: gone before the oldest release read
        assert span is None or span.gone


def test_what_breaks_on_an_upgrade_is_listed() -> None:
    words = ["check-options", "--profile", "b300", "--set", "engine.version=0.5.16"]
    old = [*words, "--set", "engine.args.cuda-graph-max-bs=16"]
    assert run(*old).returncode == 0
    new = run(*old, "--engine-version", "0.5.23", "--json")
    assert new.returncode == 1
    (finding,) = json.loads(new.stdout)
    assert finding["fix"] == "write cuda-graph-max-bs-decode"
    assert run(*words, "--engine-version", "0.5.23").stdout == (
        "sglang 0.5.23 knows every option of b300, as it is\n"
    )
    unknown = run(*words, "--engine-version", "9.9.9")
    assert (unknown.returncode, unknown.stdout) == (2, "")


def _after(version: str, other: str) -> bool:
    return Version(version) >= Version(other)


def test_rules_hold_whatever_spelling_a_release_has_first() -> None:
    # 0.5.12 calls it --data-parallel-size first, 0.5.20 --dp-size.
    words = ["check-options", "--profile", "b300-high-throughput", "--json"]
    for version in versions("sglang"):
        done = run(*words, "--engine-version", version)
        codes = {finding["code"] for finding in json.loads(done.stdout)}
        assert not codes & {"option-needs", "option-group", "option-excludes"}, version
