"""Start, load and capacity: what follows from published rates, and how questions are read."""

from __future__ import annotations

import pytest

from deploy.errors import Refused
from deploy.plan import Question, shapes
from deploy.plan.capacity import parse_mix
from deploy.plan.measurements import COLD_LOAD, PREFILL_RATES
from deploy.plan.startup import parse_storage
from deploy.plan.throughput import operations
from tests.plan.profiles import NVFP4, planned


def test_a_start_is_loading_compiling_and_capturing() -> None:
    start = planned("b300").startup
    # Without speculative decoding the prediction layer is not read.
    assert start.read_bytes == pytest.approx(445.96e9, rel=0.0001)
    assert planned("b300-low-latency").startup.read_bytes == pytest.approx(465.86e9, rel=0.0001)
    assert start.load_seconds == pytest.approx(445.96 / 3, rel=0.001)
    assert start.warm_seconds == pytest.approx(66 + 148.7 + 71.3, abs=0.1)
    assert start.cold_seconds == start.warm_seconds + 1200
    assert start.probe_seconds % 60 == 0 and start.probe_seconds >= start.cold_seconds


def test_the_probe_outlasts_the_slowest_published_start() -> None:
    # ajith-sirra-amd/Issues: 746 GB took the slowest of eight ranks 888 s.
    slowest = 446 / 746 * 888
    start = planned("b300").startup
    rest = start.cold_seconds - start.load_seconds
    assert start.probe_seconds > rest + slowest, COLD_LOAD.link


def test_the_probe_of_a_slow_network_is_longer() -> None:
    slow = planned("b300", question=Question(storage_bytes_per_second=parse_storage("0.5")))
    assert slow.startup.probe_seconds >= 2 * 446 / 0.5 + 1200


def test_the_cpu_engine_is_ready_within_its_probe() -> None:
    # Measured here: 25 s, and 68 s with both cores busy; cpu-vllm up to 57 s.
    assert planned("cpu").startup.probe_seconds >= 68
    assert planned("cpu-vllm").startup.warm_seconds >= 57


def test_storage_is_a_name_or_gigabytes_a_second() -> None:
    assert parse_storage("local") > parse_storage("network") == 1e9
    assert parse_storage("6.5") == 6.5e9
    for text in ("fast", "0", "-1", "inf", "nan"):
        with pytest.raises(Refused):
            parse_storage(text)


def test_operations_of_a_prefill_by_hand() -> None:
    model = shapes.read(NVFP4)
    # One token: two for each active parameter but the head's, and attention over itself.
    head = 154_880 * 6144
    once = 2 * (model.active_parameters - head)
    once += 2 * 78 * 64 * (512 + 64 + 512) + 2 * 78 * 32 * 128
    assert operations(model, 1) == pytest.approx(once)
    # Far out each token sees 2,048 keys, and the indexer all of them.
    more = operations(model, 200_000) - operations(model, 199_999)
    far = 2 * (model.active_parameters - head)
    far += 2 * 78 * 64 * (512 + 64 + 512) * 2048 + 2 * 78 * 32 * 128 * 200_000
    assert more == pytest.approx(far)


def test_cold_prompts_take_as_long_as_the_published_rate_says_or_longer() -> None:
    for name in ("b300", "b200", "b300-tp4"):
        found = planned(name, question=Question(context_tokens=200_000)).throughput
        assert found and found.least_seconds and found.most_seconds
        assert found.rate in PREFILL_RATES and found.rate.source.link
        assert found.least_seconds == pytest.approx(200_000 / found.rate.tokens_per_second)
        assert found.most_seconds == pytest.approx(found.least_seconds * found.growth)
        assert 1.5 < found.growth < 1.8
        assert found.prompts_per_hour[1] == pytest.approx(3600 / found.least_seconds)


def test_nothing_is_promised_where_nothing_was_published() -> None:
    assert planned("h200").throughput is None
    assert planned("b300", config={**NVFP4, "quantization_config": None}).throughput is None
    # One prompt stays on one rank of attention data parallelism: its time is not the server's.
    spread = planned("b300-high-throughput").throughput
    assert spread and spread.least_seconds is None and spread.prompts_per_hour[0] > 0


def test_capacity_is_of_whole_pages_and_of_a_mix() -> None:
    mix = parse_mix("200000:1,8000:20")
    assert mix == ((200_000, 1.0), (8_000, 20.0))
    found = planned("b300", question=Question(context_tokens=200_000, mix=mix)).capacity
    tokens = found.tokens
    assert tokens and found.sequences == tokens / 200_000 and found.whole_sequences == 15
    # 200,000 and twenty times 8,000 in 21 sequences, all whole pages of 64.
    assert found.mix_sequences == int(tokens / ((200_000 + 20 * 8_000) / 21))
    ranks = planned("b300-high-throughput", question=Question(context_tokens=200_000)).capacity
    assert ranks.caches == 8 and ranks.tokens and ranks.tokens % 8 == 0
    few = planned("b300-low-latency", question=Question(context_tokens=1000)).capacity
    assert few.sequences == few.running_requests == 16


def test_a_mix_that_cannot_be_read_is_refused() -> None:
    for text in ("", "200000:0", "x:1", "200000:1,,8000:2", "-5", "1:nan", "1:inf"):
        with pytest.raises(Refused, match="tokens:weight"):
            parse_mix(text)
