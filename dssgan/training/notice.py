"""A machine that is about to be taken away says so with SIGTERM, and leaves half a minute."""

import signal
import threading
from types import FrameType
from typing import Any


class Notice:
    """Whether this process was told to end. While the block runs, the first SIGTERM is noted; a second one ends it."""

    def __init__(self) -> None:
        self._told = threading.Event()
        self._before: Any = None

    def __call__(self) -> bool:
        """Say whether it was told."""
        return self._told.is_set()

    def listen(self) -> None:
        """Heed the signal from now on. Only the process's main thread may; in another, nothing happens."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._note)

    def __enter__(self) -> "Notice":
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._told.set()
        signal.signal(signal.SIGTERM, self._before)
