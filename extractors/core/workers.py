"""Processes that pull side by side: typing and hashing rows is work for processors, not waiting.

They are started once and kept, so that a replay of many days pays for their imports once.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from siyu.errors import SiyuError

_POOLS: dict[int, ProcessPoolExecutor] = {}
_PARENT_CHECK_SECONDS = 1.0


def run_all(function: Callable, items: Iterable, workers: int) -> Iterator:
    """Results of `function` for every item, in order; one worker means the calling process.

    Raises:
        SiyuError: a worker process died.
    """
    items = list(items)
    if workers == 1 or len(items) == 1:
        yield from map(function, items)
        return
    try:
        yield from _pool(workers).map(function, items)
    except BrokenProcessPool:
        _POOLS.pop(workers).shutdown(wait=False)
        raise SiyuError(
            "A process that pulls was killed (out of memory, perhaps)",
            action="run the same command again: what was not committed is pulled again",
        ) from None


def _pool(workers: int) -> ProcessPoolExecutor:
    if workers not in _POOLS:
        # not fork: a process with threads must not be forked
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["extractors.core.pull", "extractors.registry"])
        _POOLS[workers] = ProcessPoolExecutor(
            workers, context, initializer=_end_with, initargs=(os.getpid(),)
        )
    return _POOLS[workers]


def _end_with(parent: int) -> None:
    """End this worker when the process that started it is gone, also when that was killed."""

    def watch() -> None:
        while True:
            time.sleep(_PARENT_CHECK_SECONDS)
            try:
                os.kill(parent, 0)
            except ProcessLookupError:
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
