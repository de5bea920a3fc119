"""The signal SIGTERM, by which a spot machine announces that it is taken away half a minute later."""

import signal
import threading
from types import FrameType
from typing import Any


class StopNotice:
    """Whether this process was asked to stop. In the block a first SIGTERM is noted; a second one ends the process."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self._before: Any = None

    def __call__(self) -> bool:
        """Return whether a stop was requested."""
        return self._requested.is_set()

    def listen(self) -> None:
        """Note the signal from now on. Only the main thread of a process may; in another, nothing happens."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._note)

    def __enter__(self) -> "StopNotice":
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._requested.set()
        signal.signal(signal.SIGTERM, self._before)
