"""Notice that the Ray which this process started ends under it, and leave it without its taking this process along."""

import atexit
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import ray

_SECONDS_BETWEEN_LOOKS = 0.2
# Without these nothing works; of the others, such as the dashboard, Ray has no need.
_NEEDED = ("raylet", "gcs_server")


def gone() -> str | None:
    """Name the process of the Ray that this one started which has ended; None where all are there, or none is its own.

    Of a cluster that was joined, nothing is known.
    """
    node = ray._private.worker.global_worker.node  # nothing public knows of the processes
    return next((kind for kind, _ in node.dead_processes() if kind in _NEEDED), None)


@contextmanager
def ray_watched(ended: Callable[[str], None]) -> Iterator[None]:
    """Watch the Ray that this process started, from a thread of its own.

    Without its raylet, Ray ends the process that started it: some 15 s later, or at the next call, with pages of its
    logs and without an exception that could be caught.

    Args:
        ended: called once, in that thread, with the name of the process that has gone. It must see to it that the block
            ends without a further call of Ray.
    """
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_SECONDS_BETWEEN_LOOKS):
            missing = gone()
            if missing is not None:
                ended(missing)
                return

    thread = threading.Thread(target=watch, name="ray-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def shut_down() -> None:
    """Leave Ray, also one that has ended: of that, this process keeps threads which make its own end take a minute."""
    if ray.is_initialized() and gone() is not None:
        atexit.unregister(ray._private.worker.shutdown)  # it would end this process
        ray._private.worker.global_worker.node.kill_all_processes(check_alive=False)
    else:
        ray.shutdown()


def keep_quiet() -> None:
    """Keep what Ray says of its own processes off the terminal: among it the last lines of their logs."""
    worker = ray._private.worker.global_worker
    worker.threads_stopped.set()
    worker.gcs_error_subscriber.close()
