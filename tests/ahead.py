"""Work begun on every core before the tests that want it come round."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


@contextmanager
def begun(
    work: Callable[[Key], Value], keys: Iterable[Key]
) -> Iterator[Mapping[Key, Future[Value]]]:
    """What ``work``, which waits for a process, makes of each key; the rest is called off."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        yield {key: pool.submit(work, key) for key in keys}
    finally:
        pool.shutdown(cancel_futures=True)
