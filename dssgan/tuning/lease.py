"""One process at a time on a sweep in a bucket, where no system frees the lock of one that has ended."""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dssgan.errors import ConfigError, DssganError
from dssgan.training.store import Store

FOLDER = "driver"
_NAME = f"{FOLDER}/lease.json"
SECONDS_BETWEEN_BEATS = 10.0
SECONDS_TO_LAPSE = 35.0  # without a beat
_SECONDS_TO_CONFIRM = 1.0


@contextmanager
def leased(store: Store, say: Callable[[str], None] = lambda _: None) -> Iterator[Callable[[], bool]]:
    """Hold a bucket's folder while the block runs, by a file that is written again every few seconds.

    Whoever finds the file waits whether it changes, so that no two machines' clocks are compared. Two that begin in the
    same second, or one that was asleep while another took over, learn of it at the next beat.

    Args:
        store: of the sweep.
        say: told where there is something to wait for.

    Yields:
        Whether another process has taken the folder over meanwhile.

    Raises:
        ConfigError: another process holds it.
    """
    before = store.read_text(_NAME)
    if before is not None and not _ended_here(before):
        say(f"{store}: waiting {SECONDS_TO_LAPSE:.0f} s to see that {_holder(before)} no longer runs this sweep")
        deadline = time.monotonic() + SECONDS_TO_LAPSE
        while time.monotonic() < deadline:
            now = store.read_text(_NAME)
            if now is None:
                break  # it has ended, and says so
            if now != before:
                raise _held(store, now)
            time.sleep(SECONDS_BETWEEN_BEATS / 5)
    mine = {"id": uuid.uuid4().hex, "machine": socket.gethostname(), "process": os.getpid()}
    beats = 0

    def write() -> None:
        nonlocal beats
        beats += 1
        store.write_text(_NAME, json.dumps({**mine, "beat": beats}))

    def of_another() -> str | None:
        found = store.read_text(_NAME)
        return None if found is None or json.loads(found)["id"] == mine["id"] else found

    write()
    time.sleep(_SECONDS_TO_CONFIRM)
    other = of_another()
    if other is not None:
        raise _held(store, other)
    over, taken = threading.Event(), threading.Event()

    def beat() -> None:
        while not over.wait(SECONDS_BETWEEN_BEATS):
            try:
                if of_another() is not None:
                    taken.set()
                    return
                write()
            except DssganError:
                continue  # the bucket is away, as the sweep itself will say

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield taken.is_set
    finally:
        over.set()
        thread.join(SECONDS_BETWEEN_BEATS)
        if not taken.is_set():
            store.delete(FOLDER)


def _held(store: Store, lease: str) -> ConfigError:
    return ConfigError(
        f"{store}: another process runs this sweep ({_holder(lease)}); wait for it, end it, or choose another place"
    )


def _holder(lease: str) -> str:
    held = json.loads(lease)
    return f"process {held['process']} on {held['machine']}"


def _ended_here(lease: str) -> bool:
    """Say whether the holder was a process of this machine that has ended."""
    held = json.loads(lease)
    if held["machine"] != socket.gethostname():
        return False
    try:
        os.kill(held["process"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return bool(held["process"] == os.getpid())  # its number was given again, to this one
