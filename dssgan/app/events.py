"""Changes of the library as server-sent events."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from dssgan.app.song import Song

_KEEP_ALIVE_SECONDS = 15.0


@dataclass
class Events:
    """Passes changes from any thread to every listener; of changes of a song that wait to be read, the latest."""

    _listeners: set["_Listener"] = field(default_factory=set, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _is_closed: bool = field(default=False, init=False)

    def publish(self, change: Song | str) -> None:
        """Pass on a song that is new or has changed, or the identifier of one that was removed."""
        identifier = change if isinstance(change, str) else change.id
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener.put(identifier, change)

    def close(self) -> None:
        """End all streams of events."""
        with self._lock:
            self._is_closed = True
            listeners = list(self._listeners)
        for listener in listeners:
            listener.wake()

    async def listen(
        self, only: str | None = None, now: Callable[[], Song | None] = lambda: None
    ) -> AsyncIterator[str]:
        """Yield changes as server-sent events.

        Args:
            only: identifier of the song whose changes are sent; None for all.
            now: gives a song that is sent at once, as it is.
        """
        listener = _Listener(asyncio.get_running_loop())
        with self._lock:
            self._listeners.add(listener)
        try:
            yield "retry: 1000\n\n"
            if (song := now()) is not None:
                yield _event(song)
            while not self._is_closed:
                for identifier, change in await listener.take():
                    if only not in (None, identifier):
                        continue
                    yield _event(change)
                yield ": alive\n\n"
        finally:
            with self._lock:
                self._listeners.discard(listener)


def _event(change: Song | str) -> str:
    if isinstance(change, str):
        return f'event: removed\ndata: {{"id": "{change}"}}\n\n'
    return f"event: song\ndata: {change.model_dump_json()}\n\n"


class _Listener:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._event = asyncio.Event()
        self._waiting: dict[str, Song | str] = {}
        self._lock = threading.Lock()

    def put(self, identifier: str, change: Song | str) -> None:
        with self._lock:
            self._waiting[identifier] = change
        self.wake()

    def wake(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    async def take(self) -> list[tuple[str, Song | str]]:
        """Return what has changed; wait for something, but not for long."""
        try:
            await asyncio.wait_for(self._event.wait(), _KEEP_ALIVE_SECONDS)
        except TimeoutError:
            return []
        self._event.clear()
        with self._lock:
            taken, self._waiting = list(self._waiting.items()), {}
        return taken
