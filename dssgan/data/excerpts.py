"""Endless random excerpts of songs, the same for the same seed."""

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from dssgan.data.audio_file import Recording
from dssgan.data.augment import Augment
from dssgan.data.cache import AudioCache, num_samples_of
from dssgan.data.pairing import make_pair
from dssgan.data.track import Track
from dssgan.errors import DataError
from dssgan.types import Audio

_Position = tuple[int, int, int]  # number of the recording, start and period in samples

_SILENCE_DB = -60.0
_MAX_TRIES = 20


class _Excerpts:
    """What paired and unpaired excerpts share: seeds, positions and the cache."""

    def __init__(
        self, durations: Sequence[float], segment_seconds: float, cache: AudioCache, seed: int, rank: int
    ) -> None:
        self.num_samples = num_samples_of(segment_seconds, cache.sample_rate)
        self.cache = cache
        self.seed = seed
        self.rank = rank
        self.epoch = 0
        self._periods = [num_samples_of(seconds, cache.sample_rate) for seconds in durations]
        self._weights: NDArray[np.float64] = np.asarray(durations, np.float64) / sum(durations)

    def generator(self, index: int) -> np.random.Generator:
        """Return an excerpt's own random generator, so that it does not matter which process makes it, or when."""
        return np.random.default_rng(np.random.SeedSequence([self.seed, self.epoch, self.rank, index]))

    def position(self, generator: np.random.Generator, others: Sequence[_Position] = ()) -> _Position:
        """Choose a recording by its length, then a start: so every second of all recordings has the same chance.

        A recording shorter than an excerpt starts anywhere and repeats.

        Args:
            generator: random generator.
            others: their recordings are left out, or, where there is no other recording, their starts.
        """
        weights, used = self._weights, {number for number, _, _ in others}
        if used and len(used) < len(self._periods):
            weights = weights.copy()
            weights[list(used)] = 0
            weights /= weights.sum()
        number = int(generator.choice(len(self._periods), p=weights))
        period = self._periods[number]
        room = period - self.num_samples
        starts = room + 1 if room >= 0 else period
        taken = {start for other, start, _ in others if other == number}
        start = int(generator.integers(starts))
        while start in taken and len(taken) < starts:
            start = int(generator.integers(starts))
        return number, start, period


def _check(segment_seconds: float, sample_rate: int, channels: int, num_recordings: int, kind: str) -> None:
    if num_recordings == 0:
        raise DataError(f"{kind}: there is none to take excerpts from; add some to the data set")
    if not (segment_seconds > 0 and sample_rate > 0 and channels > 0):
        raise DataError(
            f"excerpts of {segment_seconds} s, {channels} channels at {sample_rate} Hz: each must be above zero"
        )


class PairedExcerpts(Dataset[tuple[Tensor, Tensor]]):
    """Excerpts of songs with their sources, without end.

    Seeded by (seed, epoch, rank, index): exactly the same in any order and process, and different on every
    rank. How a mix and its sources are put together: `dssgan.data.pairing.make_pair`. A song shorter than an excerpt
    repeats.

    Args:
        tracks: songs to take them from, each in proportion to its length.
        segment_seconds: length of an excerpt, seconds.
        sample_rate: wanted rate, Hz.
        channels: wanted channels.
        augment: how they are changed.
        seed: any number from zero up.
        rank: number of this process among those that train together.
        cache: decoded audio; None for a new cache of 2 GiB. Give one to several data sets to share its room.

    Raises:
        DataError: there are no tracks, or a length, rate or channel count is not above zero.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        *,
        segment_seconds: float,
        sample_rate: int,
        channels: int,
        augment: Augment,
        seed: int,
        rank: int = 0,
        cache: AudioCache | None = None,
    ) -> None:
        _check(segment_seconds, sample_rate, channels, len(tracks), "paired tracks")
        self.tracks = tuple(tracks)
        self.augment = augment
        self._excerpts = _Excerpts(
            [track.duration for track in tracks],
            segment_seconds,
            _matching(cache, sample_rate, channels),
            seed,
            rank,
        )

    def set_epoch(self, epoch: int) -> None:
        """Choose other excerpts, from the next excerpt on."""
        self._excerpts.epoch = epoch

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return mix (channels, samples) and sources (sources, channels, samples) of the excerpt with this index."""
        mix, sources = make_pair(
            self._excerpts.generator(index), self.augment, self, index,
            num_sources=len(self.tracks[0].sources), sample_rate=self._excerpts.cache.sample_rate,
        )  # fmt: skip
        return torch.from_numpy(mix), torch.from_numpy(sources)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield them without end, from the first."""
        return map(self.__getitem__, count())

    def choose_position(self, generator: np.random.Generator, index: int, others: Sequence[_Position]) -> _Position:  # noqa: ARG002
        """Choose a song and a start, as `dssgan.data.pairing.Songs` describes."""
        return self._excerpts.position(generator, others)

    def read_source(self, position: _Position, source: int) -> Audio:
        """Read a source at a position, (channels, samples)."""
        return self._read(self.tracks[position[0]].sources[source], *position[1:])

    def read_mix(self, position: _Position) -> Audio | None:
        """Read the song's own mix at a position, (channels, samples); None where it is the sum of the sources."""
        mix = self.tracks[position[0]].mix
        return None if mix is None else self._read(mix, *position[1:])

    def _read(self, recording: Recording | None, start: int, period: int) -> Audio:
        if recording is None:
            return np.zeros((self._excerpts.cache.channels, self._excerpts.num_samples), np.float32)
        return self._excerpts.cache.excerpt(recording, start, self._excerpts.num_samples, period)


class UnpairedExcerpts(Dataset[Tensor]):
    """Excerpts of single recordings, without end.

    Near-silent excerpts are passed over, since a critic that distinguishes silence from music has learnt nothing: up to
    20 positions are tried, and the loudest of them is taken where all are below -60 dB.

    Args:
        recordings: recordings to take them from, each in proportion to its length; short ones repeat.
        segment_seconds: length of an excerpt, seconds.
        sample_rate: wanted rate, Hz.
        channels: wanted channels.
        augment: how they are changed; there is nothing to remix.
        seed: any number from zero up.
        rank: number of this process among those that train together.
        cache: decoded audio; None for a new cache of 2 GiB.

    Raises:
        DataError: there are no recordings, or a length, rate or channel count is not above zero.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        *,
        segment_seconds: float,
        sample_rate: int,
        channels: int,
        augment: Augment,
        seed: int,
        rank: int = 0,
        cache: AudioCache | None = None,
    ) -> None:
        _check(segment_seconds, sample_rate, channels, len(recordings), "unpaired recordings")
        self.recordings = tuple(recordings)
        self.augment = augment
        self._excerpts = _Excerpts(
            [recording.duration for recording in recordings],
            segment_seconds,
            _matching(cache, sample_rate, channels),
            seed,
            rank,
        )

    def set_epoch(self, epoch: int) -> None:
        """Choose other excerpts, from the next excerpt on."""
        self._excerpts.epoch = epoch

    def __getitem__(self, index: int) -> Tensor:
        """Return the excerpt with this index, (channels, samples)."""
        generator = self._excerpts.generator(index)
        rate = self._excerpts.cache.sample_rate
        audio, _ = self.augment.apply(self._audible(generator), generator, rate)
        return torch.from_numpy(np.array(audio))  # a copy: the cache must not be written to

    def __iter__(self) -> Iterator[Tensor]:
        """Yield them without end, from the first."""
        return map(self.__getitem__, count())

    def _audible(self, generator: np.random.Generator) -> Audio:
        loudest, loudest_power = None, -1.0
        for _ in range(_MAX_TRIES):
            index, start, period = self._excerpts.position(generator)
            audio = self._excerpts.cache.excerpt(self.recordings[index], start, self._excerpts.num_samples, period)
            power = float(np.mean(np.square(audio, dtype=np.float64)))
            if power > 10 ** (_SILENCE_DB / 10):
                return audio
            if power > loudest_power:
                loudest, loudest_power = audio, power
        assert loudest is not None
        return loudest


def _matching(cache: AudioCache | None, sample_rate: int, channels: int) -> AudioCache:
    if cache is None:
        return AudioCache(sample_rate, channels)
    if (cache.sample_rate, cache.channels) != (sample_rate, channels):
        raise DataError(
            f"the cache holds {cache.channels} channels at {cache.sample_rate} Hz, but {channels} at {sample_rate} Hz "
            "are wanted; make another cache"
        )
    return cache
