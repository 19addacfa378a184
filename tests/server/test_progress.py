from __future__ import annotations

from deploy.engines.sglang import SGLANG
from deploy.server.console import seconds
from deploy.server.progress import Progress

# Lines as SGLang 0.5.20 printed them, shortened.
LOG = [
    ("[2026-11-23 11:32:24] server_args={'model_path': 'm'}", "starting the workers"),
    ("[2026-11-23 11:32:30 TP1] Init torch distributed begin.", "connecting the workers"),
    ("[2026-11-23 11:32:31 TP0] Load weight begin. avail mem=21.99 GB", "loading weights"),
    ("[2026-11-23 11:32:31 TP1] Init torch distributed begin.", "loading weights"),
    ("Multi-thread loading shards:  26% Completed | 12/47 [00:10<00:30]", "loading weights"),
    ("[2026-11-23 11:32:31 TP0] Load weight end. elapsed=0.14 s", "allocating the KV cache"),
    (
        "[2026-11-23 11:32:33 TP0] Capture target verify CUDA graph begin. bs=[1]",
        "capturing CUDA graphs",
    ),
    (
        "[2026-11-23 11:32:36] INFO:     Uvicorn running on http://127.0.0.1:1 (Press CTRL+C)",
        "warming up",
    ),
    ("[2026-11-23 11:32:38] The server is fired up and ready to roll!", "answering"),
]


def test_phases_follow_the_log_and_never_go_back() -> None:
    progress = Progress(SGLANG.phases)
    assert progress.phase == "starting the engine"
    for line, phase in LOG:
        assert not progress.complete
        progress.feed(line)
        assert progress.phase == phase
    assert progress.complete


def test_shards_and_remaining_time_are_told_while_weights_load() -> None:
    progress = Progress(SGLANG.phases)
    for line, _ in LOG[:5]:
        progress.feed(line)
    assert ", weight shard 12 of 47, about " in progress.detail()
    progress.feed(LOG[5][0])
    assert "shard" not in progress.detail()


def test_an_engine_without_graphs_skips_that_phase() -> None:
    progress = Progress(SGLANG.phases)
    progress.feed(LOG[0][0])
    progress.feed(LOG[-2][0])
    assert progress.phase == "warming up"


def test_durations_read_as_people_say_them() -> None:
    assert [seconds(value) for value in (0.4, 42, 60, 185, 3600, 3725)] == [
        "0 s",
        "42 s",
        "1 min 00 s",
        "3 min 05 s",
        "1 h 00 min",
        "1 h 02 min",
    ]
