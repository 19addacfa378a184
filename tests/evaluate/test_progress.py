from __future__ import annotations

import time

from deploy.evaluate.progress import Progress
from deploy.server.console import Console


def test_the_line_tells_done_time_left_and_accuracy() -> None:
    progress = Progress(Console(), "gpqa_diamond", 1584, 0)
    now = time.monotonic()
    assert progress.text(0, None, now) == "0 of 1584 samples, 0 s so far"
    assert progress.text(396, 0.85, now + 600) == (
        "396 of 1584 samples, 10 min 00 s so far, about 30 min 00 s left, 85.0 % right"
    )
    assert "left" not in progress.text(1584, 0.85, now + 2400)


def test_what_an_earlier_run_answered_is_not_counted_as_speed() -> None:
    progress = Progress(Console(), "aime26", 480, 400)
    now = time.monotonic()
    assert "left" not in progress.text(400, 0.9, now + 10)
    assert "about 1 min 10 s left" in progress.text(410, 0.9, now + 10)
