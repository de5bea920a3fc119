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

    def __enter__(self) -> "Notice":
        if threading.current_thread() is threading.main_thread():  # no other may listen to signals
            self._before = signal.signal(signal.SIGTERM, self._note)
        return self

    def listen(self) -> None:
        """Heed the signal from now on, in a process whose work is not done in its main thread. To be called in that."""
        if self._before is None:
            self.__enter__()

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._told.set()
        signal.signal(signal.SIGTERM, self._before)
