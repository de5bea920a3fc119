"""Excerpts from two endless sources in one stream."""

from collections.abc import Iterator
from itertools import count
from typing import Generic, Protocol, TypeVar

import numpy as np
from torch.utils.data import Dataset

from dssgan.errors import DataError

Item = TypeVar("Item")
ItemOut = TypeVar("ItemOut", covariant=True)
_STREAM = 0x626C656E64  # keeps these draws apart from those of the sources


class Endless(Protocol[ItemOut]):
    """A source of excerpts without end."""

    def set_epoch(self, epoch: int) -> None:
        """Choose other excerpts, from the next excerpt on."""

    def __getitem__(self, index: int) -> ItemOut:
        """Return the excerpt with this index, which may be any from 0."""


class Blend(Dataset[Item], Generic[Item]):
    """Take each excerpt from one of two sources by chance, the same for the same seed.

    Args:
        first: a source.
        second: the other.
        share: probability of the second, 0 to 1.
        seed: any number from zero up.
        rank: number of this process among those that train together.

    Raises:
        DataError: `share` is no probability.
    """

    def __init__(self, first: Endless[Item], second: Endless[Item], *, share: float, seed: int, rank: int = 0) -> None:
        if not 0 <= share <= 1:
            raise DataError(f"share {share}: is no probability; choose between 0 and 1")
        self._sources = (first, second)
        self._share = share
        self._key = (seed, rank)
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose other excerpts, from the next excerpt on."""
        self._epoch = epoch
        for source in self._sources:
            source.set_epoch(epoch)

    def __getitem__(self, index: int) -> Item:
        """Return the excerpt with this index from a randomly chosen source."""
        generator = np.random.default_rng(np.random.SeedSequence([_STREAM, *self._key, self._epoch, index]))
        return self._sources[int(generator.random() < self._share)][index]

    def __iter__(self) -> Iterator[Item]:
        """Yield them without end, from the first."""
        return map(self.__getitem__, count())
