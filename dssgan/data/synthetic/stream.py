"""Excerpts of synthetic songs without end, composed and rendered as training goes."""

from collections import deque
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from dssgan.audio.files import Audio
from dssgan.audio.resample import resample, to_channels
from dssgan.data.augment import Augment
from dssgan.data.cache import num_samples_of
from dssgan.data.synthetic import kits
from dssgan.data.synthetic.compose import compose
from dssgan.data.synthetic.render import SOURCES, render
from dssgan.data.synthetic.soundfont import SAMPLE_RATE
from dssgan.errors import DataError

_STREAM = 0x73796E74  # keeps these draws apart from those of real excerpts
_SONG_SECONDS = 24.0
_FIRST_SONGS = 4
_MOST_SONGS = 16
_EXCERPTS_A_SONG = 64  # rendering a song costs a fifth of training a small network on them, two cores


class SyntheticExcerpts(IterableDataset[tuple[Tensor, Tensor]]):
    """Excerpts of synthetic songs with their sources, without end.

    A pool of the latest songs is kept, and a new one rendered every 64 excerpts. Seeded by (seed, epoch, rank, worker):
    the same again on a machine with the same instruments, and different on every rank. The mix is the song's own unless
    a source was changed or came from another song; then it is the sum of the sources.

    Args:
        segment_seconds: length of an excerpt, seconds; at most 24.
        sample_rate: wanted rate, Hz.
        channels: wanted channels.
        augment: how they are changed.
        seed: any number from zero up.
        rank: number of this process among those that train together.

    Raises:
        DataError: a length, rate or channel count that cannot be; or this machine has no instruments.
    """

    sources = SOURCES

    def __init__(
        self, *, segment_seconds: float, sample_rate: int, channels: int, augment: Augment, seed: int, rank: int = 0
    ) -> None:
        if not (0 < segment_seconds <= _SONG_SECONDS and sample_rate > 0 and channels > 0):
            raise DataError(
                f"excerpts of {segment_seconds} s, {channels} channels at {sample_rate} Hz: each must be above zero, "
                f"and synthetic songs last {_SONG_SECONDS:.0f} s"
            )
        kits.find()  # says at once what is missing
        self.augment = augment
        self._num_samples = num_samples_of(segment_seconds, sample_rate)
        self._sample_rate = sample_rate
        self._channels = channels
        self._key = (seed, rank)
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose other songs, from the next `iter` on."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield mix (channels, samples) and sources (2, channels, samples), for ever."""
        worker = get_worker_info()
        key = [_STREAM, *self._key, self._epoch, 0 if worker is None else worker.id]
        generator = np.random.default_rng(np.random.SeedSequence(key))
        songs = deque((self._song(generator) for _ in range(_FIRST_SONGS)), maxlen=_MOST_SONGS)
        while True:
            for _ in range(_EXCERPTS_A_SONG):
                yield self._excerpt(songs, generator)
            songs.append(self._song(generator))

    def _song(self, generator: np.random.Generator) -> tuple[Audio, Audio, Audio]:
        song = render(compose(int(generator.integers(1 << 48)), _SONG_SECONDS))
        mix, drums, other = (
            to_channels(resample(audio, SAMPLE_RATE, self._sample_rate), self._channels)
            for audio in (song.mix, song.drums, song.other)
        )
        return mix, drums, other

    def _excerpt(
        self, songs: deque[tuple[Audio, Audio, Audio]], generator: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        number, start = self._place(songs, generator)
        changed = bool(generator.random() < self.augment.remix)
        parts = []
        for source in range(len(SOURCES)):
            donor, place = self._place(songs, generator) if changed else (number, start)
            audio, touched = self.augment.apply(
                songs[donor][1 + source][:, place : place + self._num_samples], generator
            )
            changed = changed or touched
            parts.append(audio)
        sources = np.stack(parts)  # (2, channels, samples)
        own = songs[number][0][:, start : start + self._num_samples]
        mix = sources.sum(axis=0) if changed else own.copy()
        return torch.from_numpy(mix), torch.from_numpy(sources)

    def _place(self, songs: deque[tuple[Audio, Audio, Audio]], generator: np.random.Generator) -> tuple[int, int]:
        number = int(generator.integers(len(songs)))
        return number, int(generator.integers(songs[number][0].shape[1] - self._num_samples + 1))
