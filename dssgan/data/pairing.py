"""Training pairs of a mix and its sources, made in one way from songs of any kind."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

from dssgan.data import effects
from dssgan.data.augment import Augment
from dssgan.types import Audio

Position = TypeVar("Position")


class Songs(Protocol[Position]):
    """Songs that the sources of excerpts are cut from."""

    def set_epoch(self, epoch: int) -> None:
        """Choose other excerpts, from the next excerpt on."""

    def choose_position(self, generator: np.random.Generator, index: int, others: Sequence[Position]) -> Position:
        """Choose a song and a start.

        Args:
            generator: random generator.
            index: number of the excerpt.
            others: positions of this excerpt so far; the new one differs from them as far as there are others.
        """

    def read_source(self, position: Position, source: int) -> Audio:
        """Read a source at a position, (channels, samples)."""

    def read_mix(self, position: Position) -> Audio | None:
        """Read the song's own mix at a position, (channels, samples); None where it is the sum of the sources."""


def make_pair(
    generator: np.random.Generator, augment: Augment, songs: Songs[Position], index: int, *,
    num_sources: int, sample_rate: int,
) -> tuple[Audio, Audio]:  # fmt: skip
    """Make a mix and its sources from one position, or from one position for each source.

    Whether the sources are remixed is decided once for the excerpt, before anything else: a gain, a swap or a turned
    sign changes a source and never where the next one comes from. The positions of a remix are chosen in either case,
    so that two runs that differ in `augment.remix` see the same first positions.

    Args:
        generator: random generator.
        augment: how sources and mixes are changed.
        songs: what they are cut from.
        index: number of the excerpt.
        num_sources: number of sources.
        sample_rate: sample rate of the songs, Hz.

    Returns:
        Mix (channels, samples) and sources (sources, channels, samples), new arrays. The mix is the sum of the sources
        but for a codec of `augment.master`, or the song's own where neither a remix nor an augmentation changed one.
    """
    is_remixed = bool(generator.random() < augment.remix)
    positions = [songs.choose_position(generator, index, [])]
    for _ in range(num_sources - 1):
        positions.append(songs.choose_position(generator, index, positions))
    is_changed = is_remixed
    # a generator of its own leaves the following excerpts as they are without it
    composer = generator.spawn(1)[0] if augment.composes else None
    sounding = [True] * num_sources if composer is None else augment.sounding(num_sources, composer)
    parts = []
    for source in range(num_sources):
        before = songs.read_source(positions[source if is_remixed else 0], source)
        after, touched = augment.apply(before, generator, sample_rate)
        is_changed = is_changed or (touched and bool(before.any()))
        if not sounding[source]:
            is_changed, after = True, np.zeros_like(after)
        elif composer is not None and source > 0:
            for _ in range(augment.num_layers(composer)):
                positions.append(songs.choose_position(generator, index, positions))
                is_changed = True
                after = after + augment.apply(songs.read_source(positions[-1], source), composer, sample_rate)[0]
        parts.append(after)
    sources = np.stack(parts)  # (sources, channels, samples)
    if composer is not None and augment.master:
        return effects.master(sources, sample_rate, augment.master, composer)
    own_mix = None if is_changed else songs.read_mix(positions[0])
    return (sources.sum(axis=0) if own_mix is None else np.array(own_mix)), sources
