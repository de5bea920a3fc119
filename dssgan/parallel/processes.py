"""The same work on many files, in several processes."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, Protocol

from dssgan.errors import DssganError


def exit_on_signals() -> None:
    """Have SIGTERM and SIGHUP end this process by an exception, so that what is half done is cleaned up.

    Where something else handles a signal, or it is ignored as under nohup, that stays. It is for a main thread.
    """
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _exit)


def _exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


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
    num_threads = max((os.cpu_count() or 1) // num_workers, 1)
    pool = ProcessPoolExecutor(num_workers, multiprocessing.get_context("spawn"), _start_worker, (num_threads,))
    try:
        with _main_module_hidden(function, items):
            futures = [pool.submit(_run, function, item) for item in items]
        for future in as_completed(futures):
            yield future.result()
    except SystemExit:  # SIGTERM: running work is not waited for
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    except BrokenProcessPool as error:
        raise DssganError(
            "a worker process died, perhaps for want of memory; run it again with fewer workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _main_module_hidden(function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[None]:
    """Keep processes that are started meanwhile from importing the caller's script, which would run all of it again.

    A script without `if __name__ == "__main__":` would so start processes of its own, and fail. Where the work itself
    is defined in the script, the processes need it.
    """
    main = sys.modules["__main__"]
    if b"__main__" in pickle.dumps((function, *items[:1])):
        yield
        return
    hidden = {name: vars(main)[name] for name in ("__file__", "__spec__") if name in vars(main)}
    try:
        for name in hidden:
            setattr(main, name, None)
        yield
    finally:
        for name, value in hidden.items():
            setattr(main, name, value)


def _run(function: Callable[[Any], Any], item: Any) -> Any:
    try:
        return function(item)
    except SystemExit:  # what was begun is cleaned up; the executor would go on with the next item
        os._exit(128 + signal.SIGTERM)


def _start_worker(num_threads: int) -> None:
    # more threads than cores wait for one another, which has taken fifty times as long; read when torch is loaded
    os.environ.setdefault("OMP_NUM_THREADS", str(num_threads))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which lets running work end
    exit_on_signals()
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    # a worker of a pool whose owner was killed would wait for work for ever
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
