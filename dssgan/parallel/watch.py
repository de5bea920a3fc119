"""Detecting that the Ray which this process started has ended, before that ends this process as well."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import ray

from dssgan.parallel.ray_internals import find_ended_process, kill_processes

_SECONDS_BETWEEN_LOOKS = 0.2
# Without these nothing works; of the others, such as the dashboard, Ray has no need.
_NEEDED = ("raylet", "gcs_server")


def find_ended() -> str | None:
    """Return the kind of the process that has ended of the Ray that this process started; None where all run.

    Of a cluster that was joined, no process is known.
    """
    return find_ended_process(_NEEDED)


@contextmanager
def ray_watched(ended: Callable[[str], None]) -> Iterator[None]:
    """Watch the Ray that this process started, from a thread of its own.

    Without its raylet, Ray ends the process that started it: some 15 s later, or at the next call, with pages of its
    logs and without an exception that could be caught.

    Args:
        ended: called once, in that thread, with the kind of the process that has ended. It must make the block end
            without a further call of Ray.
    """
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(_SECONDS_BETWEEN_LOOKS):
            missing = find_ended()
            if missing is not None:
                ended(missing)
                return

    thread = threading.Thread(target=watch, name="ray-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def shut_down() -> None:
    """Leave Ray, even where it has ended: otherwise its threads in this process delay the process's end by a minute."""
    if ray.is_initialized() and find_ended() is not None:
        kill_processes()
    else:
        ray.shutdown()
