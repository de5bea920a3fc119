"""Excerpts of synthetic songs without end, composed and rendered as training goes."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from dssgan.audio.files import Audio
from dssgan.audio.resample import resample, to_channels
from dssgan.data.augment import Augment
from dssgan.data.cache import num_samples_of
from dssgan.data.pairing import make_pair
from dssgan.errors import DataError
from dssgan.synthesis import kits
from dssgan.synthesis.compose import compose
from dssgan.synthesis.render import SOURCES, render
from dssgan.synthesis.soundfont import SAMPLE_RATE

_STREAM = 0x73796E74  # keeps these draws apart from those of real excerpts
_SONG_SECONDS = 24.0
_FIRST_SONGS = 4
_MAX_SONGS = 16
_EXCERPTS_A_SONG = 64  # rendering a song costs a fifth of training a small network on them, two cores


_Song = tuple[Audio, Audio, Audio]  # mix, drums, other
_Place = tuple[int, int]  # number of the song, start in samples


class SyntheticExcerpts(Dataset[tuple[Tensor, Tensor]]):
    """Excerpts of synthetic songs with their sources, without end.

    Excerpts are cut from a pool of the latest songs, which a new one joins every 64 excerpts. Seeded by (seed, epoch,
    rank, index): the same again in whatever process on a machine with the same instruments, and different on every
    rank. Each process that loads excerpts renders the songs it needs. How a mix and its sources are put together:
    `dssgan.data.pairing.make_pair`.

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
        self._songs: OrderedDict[int, _Song] = OrderedDict()  # by number, the latest used last

    def set_epoch(self, epoch: int) -> None:
        """Choose other songs, from the next excerpt on."""
        if epoch != self._epoch:
            self._songs.clear()
        self._epoch = epoch

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Give mix (channels, samples) and sources (2, channels, samples) of the excerpt with this number."""
        generator = self._generator(0, index)
        newest = _FIRST_SONGS - 1 + index // _EXCERPTS_A_SONG
        pool = range(max(0, newest + 1 - _MAX_SONGS), newest + 1)

        def cut(place: _Place, part: int) -> Audio:
            number, start = place
            return self._song(number)[part][:, start : start + self._num_samples]

        mix, sources = make_pair(
            generator, self.augment, len(SOURCES),
            choose_place=lambda others: self._place(pool, others, generator),
            read_source=lambda place, source: cut(place, 1 + source),
            read_mix=lambda place: cut(place, 0),
        )  # fmt: skip
        return torch.from_numpy(mix), torch.from_numpy(sources)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield them for ever, from the first."""
        return map(self.__getitem__, count())

    def _generator(self, kind: int, index: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence([_STREAM, *self._key, self._epoch, kind, index]))

    def _song(self, number: int) -> _Song:
        if number not in self._songs:
            song = render(compose(int(self._generator(1, number).integers(1 << 48)), _SONG_SECONDS))
            mix, drums, other = (
                to_channels(resample(audio, SAMPLE_RATE, self._sample_rate), self._channels)
                for audio in (song.mix, song.drums, song.other)
            )
            self._songs[number] = mix, drums, other
            while len(self._songs) > _MAX_SONGS:
                self._songs.popitem(last=False)
        self._songs.move_to_end(number)
        return self._songs[number]

    def _place(self, pool: range, others: Sequence[_Place], generator: np.random.Generator) -> _Place:
        left = [number for number in pool if number not in {used for used, _ in others}]
        number = left[int(generator.integers(len(left)))]  # there are more songs than sources
        return number, int(generator.integers(num_samples_of(_SONG_SECONDS, self._sample_rate) - self._num_samples + 1))
