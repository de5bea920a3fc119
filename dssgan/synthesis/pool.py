"""The latest synthetic songs of a training, rendered when they are first wanted."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dssgan.atomic import replacing
from dssgan.types import Audio

# mix, where it is not the sum; drums, other: (channels, samples) each
Song = tuple[Audio | None, Audio, Audio]


class SongPool:
    """The songs with the highest numbers, in memory or in a folder.

    In a folder they are memory-mapped, survive the process and are shared by all that load excerpts from it; a song is
    removed when one comes whose number is `max_songs` higher.

    Args:
        render: makes the song with a number, always the same.
        max_songs: number of songs that are kept.
        folder: where they are written; None keeps them in memory.
    """

    def __init__(self, render: Callable[[int], Song], max_songs: int, folder: Path | None) -> None:
        self._render = render
        self._max_songs = max_songs
        self._folder = folder
        self._songs: OrderedDict[int, Song] = OrderedDict()  # by number, the latest used last

    def song(self, number: int) -> Song:
        """Return the song with a number.

        Raises:
            DssganError: it cannot be rendered or written.
        """
        if number not in self._songs:
            self._songs[number] = self._render(number) if self._folder is None else self._stored(self._folder, number)
            while len(self._songs) > self._max_songs:
                self._songs.popitem(last=False)
        self._songs.move_to_end(number)
        return self._songs[number]

    def _stored(self, folder: Path, number: int) -> Song:
        path = folder / f"{number:08d}.npy"
        if not path.exists():
            mix, drums, other = self._render(number)
            with replacing(path) as temporary:
                np.save(temporary, np.stack([drums, other] if mix is None else [drums, other, mix]))
            for old in folder.glob("*.npy"):
                if old.stem.isdecimal() and int(old.stem) <= number - self._max_songs:
                    old.unlink(missing_ok=True)
        parts = np.load(path, mmap_mode="r")
        return (parts[2] if len(parts) == 3 else None), parts[0], parts[1]
