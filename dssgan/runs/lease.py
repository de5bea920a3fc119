"""One process at a time on a run in a bucket, where no system releases the lock of a process that has ended."""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dssgan.errors import ConfigError, DssganError
from dssgan.runs.store import OnMessage, Store

FOLDER = "driver"
_NAME = f"{FOLDER}/lease.json"
SECONDS_BETWEEN_BEATS = 10.0
SECONDS_TO_LAPSE = 35.0  # without a beat
_SECONDS_TO_CONFIRM = 1.0


@contextmanager
def leased(store: Store, work: str, on_message: OnMessage = lambda _: None) -> Iterator[Callable[[], bool]]:
    """Hold a bucket's folder while the block runs, by a file that is written again every few seconds.

    A process that finds the file waits to see whether it changes, so that no two machines' clocks are compared. When
    two processes begin in the same second, or one was suspended while another took over, the loser finds out at its
    next write.

    Args:
        store: the run's store.
        work: what is done there, such as "sweep".
        on_message: called with a line while this process waits.

    Yields:
        A function that returns whether another process has taken the folder over meanwhile.

    Raises:
        ConfigError: another process holds it.
    """
    before = store.read_text(_NAME)
    if before is not None and not _ended_here(before):
        on_message(
            f"{store}: waiting {SECONDS_TO_LAPSE:.0f} s to see that {_holder(before)} no longer runs this {work}"
        )
        deadline = time.monotonic() + SECONDS_TO_LAPSE
        while time.monotonic() < deadline:
            now = store.read_text(_NAME)
            if now is None:
                break  # its holder has ended and removed it
            if now != before:
                raise _held(store, work, now)
            time.sleep(SECONDS_BETWEEN_BEATS / 5)
    own = {"id": uuid.uuid4().hex, "machine": socket.gethostname(), "process": os.getpid()}
    beats = 0

    def write() -> None:
        nonlocal beats
        beats += 1
        store.write_text(_NAME, json.dumps({**own, "beat": beats}))

    def of_another() -> str | None:
        found = store.read_text(_NAME)
        return None if found is None or json.loads(found)["id"] == own["id"] else found

    write()
    time.sleep(_SECONDS_TO_CONFIRM)
    other = of_another()
    if other is not None:
        raise _held(store, work, other)
    is_over, is_taken_over = threading.Event(), threading.Event()

    def beat() -> None:
        while not is_over.wait(SECONDS_BETWEEN_BEATS):
            try:
                if of_another() is not None:
                    is_taken_over.set()
                    return
                write()
            except DssganError:
                continue  # the bucket does not answer, which the run itself reports

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield is_taken_over.is_set
    finally:
        is_over.set()
        thread.join(SECONDS_BETWEEN_BEATS)
        if not is_taken_over.is_set():
            store.delete(FOLDER)


def _held(store: Store, work: str, lease: str) -> ConfigError:
    return ConfigError(
        f"{store}: another process runs this {work} ({_holder(lease)}); wait for it, end it, or choose another folder"
    )


def _holder(lease: str) -> str:
    held = json.loads(lease)
    return f"process {held['process']} on {held['machine']}"


def _ended_here(lease: str) -> bool:
    """Return whether the holder was a process of this machine that has ended."""
    held = json.loads(lease)
    if held["machine"] != socket.gethostname():
        return False
    try:
        os.kill(held["process"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return bool(held["process"] == os.getpid())  # its number was reused for this process
