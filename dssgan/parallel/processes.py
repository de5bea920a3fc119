"""The same work on many files, in several processes."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any, Protocol

from dssgan.errors import DssganError


class MapUnordered(Protocol):
    """Apply a function to each item, in any order: the built-in `map`, or one that works in parallel."""

    def __call__(self, function: Callable[[Any], Any], items: Sequence[Any], /) -> Iterable[Any]:
        """Yield the results as they come."""


def map_in_processes(num_workers: int) -> MapUnordered:
    """Make a map that works in several processes of this machine.

    Args:
        num_workers: processes; 1 for none but this one.
    """
    return partial(_map_in_processes, num_workers)


def _map_in_processes(num_workers: int, function: Callable[[Any], Any], items: Sequence[Any], /) -> Iterator[Any]:
    num_workers = min(num_workers, len(items))
    if num_workers <= 1:
        yield from map(function, items)
        return
    # spawn: a fork would take the threads' locks of this process along
    pool = ProcessPoolExecutor(num_workers, multiprocessing.get_context("spawn"), initializer=_start_worker)
    try:
        for future in as_completed([pool.submit(function, item) for item in items]):
            yield future.result()
    except BrokenProcessPool as error:
        raise DssganError(
            "a worker process died, perhaps for want of memory; run it again with fewer workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which lets running work end
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    # a worker of a pool whose owner was killed would wait for work for ever
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
