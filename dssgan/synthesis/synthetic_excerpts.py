"""Excerpts of synthetic songs without end, composed and rendered as training goes."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from dssgan.audio.resample import resample, to_channels
from dssgan.data.augment import Augment
from dssgan.data.cache import num_samples_of
from dssgan.data.pairing import make_pair
from dssgan.errors import DataError
from dssgan.synthesis import instruments, kits, material, sampler, voices
from dssgan.synthesis.compose import compose
from dssgan.synthesis.material import NO_MATERIAL, Material
from dssgan.synthesis.pool import Song, SongPool
from dssgan.synthesis.render import SOURCES, render
from dssgan.synthesis.soundfont import SAMPLE_RATE
from dssgan.types import Audio

_STREAM = 0x73796E74  # keeps these draws apart from those of real excerpts
_SONG_SECONDS = 24.0
_FIRST_SONGS = 4
_EXCERPTS_A_SONG = 64  # rendering a song costs a fifth of training a small network on them, two cores

_Position = tuple[int, int]  # number of the song, start in samples


class MaterialSettings(Protocol):
    """The settings that say what songs are made of; see `dssgan.synthesis.material.find`."""

    synthetic_drummers: str | None
    synthetic_midi: str | None
    synthetic_written: float


def find_material(settings: MaterialSettings) -> Material:
    """Look for the MIDI files that settings name.

    Raises:
        DataError: a folder is missing, or has none.
    """
    drummers, written = (
        None if folder is None else Path(folder) for folder in (settings.synthetic_drummers, settings.synthetic_midi)
    )
    return material.find(drummers, written, settings.synthetic_written)


def instruments_fingerprint() -> str:
    """Return a hash of this machine's instruments, 16 hexadecimal digits: other instruments make other songs.

    Raises:
        DataError: there are none.
    """
    found = instruments.find()
    played = (*found.soundfonts, *found.drum_soundfonts, *found.kits, *found.sfz, *found.captures, *found.responses)
    rest = [one.path for one in (found.one_shots, found.voice) if one is not None]
    facts = [(one.name, one.path.stat().st_size) for one in (*played, *found.direct)] + [
        (path.name, 0) for path in rest
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


class SyntheticExcerpts(Dataset[tuple[Tensor, Tensor]]):
    """Excerpts of synthetic songs with their sources, without end.

    Excerpts are cut from a pool of the latest songs, which a new one joins every 64 excerpts. Seeded by (seed, epoch,
    rank, index): the same in any process on a machine with the same instruments, and different on every
    rank. Each process that loads excerpts renders the songs it needs. How a mix and its sources are put together:
    `dssgan.data.pairing.make_pair`.

    Args:
        segment_seconds: length of an excerpt, seconds; at most 24.
        sample_rate: wanted rate, Hz.
        channels: wanted channels.
        augment: how they are changed.
        seed: any number from zero up.
        rank: number of this process among those that train together.
        num_songs: number of the latest songs that excerpts are cut from.
        excerpts_per_epoch: number of excerpts in an epoch, by which songs stay in use from one epoch to the next.
        folder: where the latest songs are kept; None keeps them in memory.
        material: MIDI files that songs are made of.

    Raises:
        DataError: a length, rate or channel count that cannot be; or this machine has no instruments.
    """

    sources = SOURCES

    def __init__(
        self,
        *,
        segment_seconds: float,
        sample_rate: int,
        channels: int,
        augment: Augment,
        seed: int,
        rank: int = 0,
        num_songs: int = 16,
        excerpts_per_epoch: int = 800,
        folder: Path | None = None,
        material: Material = NO_MATERIAL,
    ) -> None:
        if not (0 < segment_seconds <= _SONG_SECONDS and sample_rate > 0 and channels > 0):
            raise DataError(
                f"excerpts of {segment_seconds} s, {channels} channels at {sample_rate} Hz: each must be above zero, "
                f"and synthetic songs last {_SONG_SECONDS:.0f} s"
            )
        kits.find()  # says at once what is missing
        self.augment = augment
        self._material = material
        self._num_samples = num_samples_of(segment_seconds, sample_rate)
        self._sample_rate = sample_rate
        self._channels = channels
        self._key = (seed, rank)
        self._epoch = 0
        self._num_songs = max(num_songs, _FIRST_SONGS)
        self._excerpts_per_epoch = excerpts_per_epoch
        self._pool = SongPool(self._render, self._num_songs, None if folder is None else folder / f"{seed}-{rank}")

    @property
    def credits(self) -> tuple[str, ...]:
        """Credits of the recordings that may be in the songs, with their licences, one per line."""
        found = instruments.find()
        credits_ = {kit.credit for kit in kits.find()} | {instrument.credit for instrument in sampler.find()}
        credits_ |= {instrument.credit for instrument in (*found.soundfonts, found.voice) if instrument is not None}
        credits_ |= {one.credit for one in (*found.captures, *found.responses, *found.direct)}
        return tuple(sorted(credits_ | {voices.borrowed_credit(), *self._material.credits}))

    def set_epoch(self, epoch: int) -> None:
        """Choose other excerpts, from the next excerpt on."""
        self._epoch = epoch

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return mix (channels, samples) and sources (2, channels, samples) of the excerpt with this number."""
        mix, sources = make_pair(
            self._generator(self._epoch, 0, index), self.augment, self, index,
            num_sources=len(SOURCES), sample_rate=self._sample_rate,
        )  # fmt: skip
        return torch.from_numpy(mix), torch.from_numpy(sources)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield them without end, from the first."""
        return map(self.__getitem__, count())

    def choose_position(self, generator: np.random.Generator, index: int, others: Sequence[_Position]) -> _Position:
        """Choose a song and a start, as `dssgan.data.pairing.Songs` describes."""
        newest = _FIRST_SONGS - 1 + (self._epoch * self._excerpts_per_epoch + index) // _EXCERPTS_A_SONG
        used = {number for number, _ in others}
        left = [number for number in range(max(0, newest + 1 - self._num_songs), newest + 1) if number not in used]
        number = left[int(generator.integers(len(left)))]  # there are more songs than an excerpt needs
        return number, int(generator.integers(num_samples_of(_SONG_SECONDS, self._sample_rate) - self._num_samples + 1))

    def read_source(self, position: _Position, source: int) -> Audio:
        """Read a source at a position, (channels, samples)."""
        _, *sources = self._pool.song(position[0])
        return self._cut(sources[source], position[1])

    def read_mix(self, position: _Position) -> Audio | None:
        """Read the song's own mix at a position, (channels, samples); None where it is the sum of the sources."""
        mix = self._pool.song(position[0])[0]
        return None if mix is None else self._cut(mix, position[1])

    def _cut(self, audio: Audio, start: int) -> Audio:
        return audio[:, start : start + self._num_samples]

    def _generator(self, *numbers: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence([_STREAM, *self._key, *numbers]))

    def _render(self, number: int) -> Song:
        seed = int(self._generator(number).integers(1 << 48))
        song = render(compose(seed, _SONG_SECONDS, material=self._material))
        mix, drums, other = (
            to_channels(resample(audio, SAMPLE_RATE, self._sample_rate), self._channels)
            for audio in (song.mix, song.drums, song.other)
        )
        return (mix if song.coloured else None), drums, other
