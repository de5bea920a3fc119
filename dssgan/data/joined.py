"""Excerpts whose sources are cut from two collections of songs, remixed across both."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from dssgan.data.augment import Augment
from dssgan.data.pairing import Songs, make_pair
from dssgan.errors import DataError
from dssgan.types import Audio

_STREAM = 0x6A6F696E  # keeps these draws apart from those of the collections themselves

_Position = tuple[int, Any]  # which collection, and a position in it


class JoinedExcerpts(Dataset[tuple[Tensor, Tensor]]):
    """Excerpts of two collections of songs, as if they were one.

    Each position is one of the second collection with probability `share`. A remix may thus put the drums of a
    synthetic song over the rest of a recorded one. Seeded by (seed, epoch, rank, index).

    Args:
        first: a collection.
        second: the other.
        share: probability of the second, 0 to 1.
        num_sources: number of sources of both.
        sample_rate: sample rate of both, Hz.
        augment: how sources and mixes are changed.
        seed: any number from zero up.
        rank: number of this process among those that train together.

    Raises:
        DataError: `share` is no probability.
    """

    def __init__(
        self,
        first: Songs[Any],
        second: Songs[Any],
        *,
        share: float,
        num_sources: int,
        sample_rate: int,
        augment: Augment,
        seed: int,
        rank: int = 0,
    ) -> None:
        if not 0 <= share <= 1:
            raise DataError(f"share {share}: is no probability; choose between 0 and 1")
        self.augment = augment
        self._collections = (first, second)
        self._share = share
        self._num_sources = num_sources
        self._sample_rate = sample_rate
        self._key = (seed, rank)
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose other excerpts, from the next excerpt on."""
        self._epoch = epoch
        for songs in self._collections:
            songs.set_epoch(epoch)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return mix (channels, samples) and sources (sources, channels, samples) of the excerpt with this number."""
        generator = np.random.default_rng(np.random.SeedSequence([_STREAM, *self._key, self._epoch, index]))
        mix, sources = make_pair(
            generator, self.augment, self, index, num_sources=self._num_sources, sample_rate=self._sample_rate
        )
        return torch.from_numpy(mix), torch.from_numpy(sources)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield them without end, from the first."""
        return map(self.__getitem__, count())

    def choose_position(self, generator: np.random.Generator, index: int, others: Sequence[_Position]) -> _Position:
        """Choose a collection, and a position in it, as `dssgan.data.pairing.Songs` describes."""
        which = int(generator.random() < self._share)
        taken = [position for collection, position in others if collection == which]
        return which, self._collections[which].choose_position(generator, index, taken)

    def read_source(self, position: _Position, source: int) -> Audio:
        """Read a source at a position, (channels, samples)."""
        return self._collections[position[0]].read_source(position[1], source)

    def read_mix(self, position: _Position) -> Audio | None:
        """Read the song's own mix at a position, (channels, samples); None where it is the sum of the sources."""
        return self._collections[position[0]].read_mix(position[1])
