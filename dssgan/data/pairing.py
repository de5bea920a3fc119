"""The one way in which a mix and its sources are put together for training, whatever they are cut from."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

from dssgan.data import effects
from dssgan.data.augment import Augment
from dssgan.types import Audio

Place = TypeVar("Place")


class Songs(Protocol[Place]):
    """Songs that the sources of excerpts are cut from."""

    def set_epoch(self, epoch: int) -> None:
        """Choose other excerpts, from the next excerpt on."""

    def choose_place(self, generator: np.random.Generator, index: int, others: Sequence[Place]) -> Place:
        """Choose a song and a start.

        Args:
            generator: where chance comes from.
            index: number of the excerpt.
            others: places of this excerpt so far; the new one differs from them as far as there are others.
        """

    def read_source(self, place: Place, source: int) -> Audio:
        """Read a source at a place, (channels, samples)."""

    def read_mix(self, place: Place) -> Audio | None:
        """Read the song's own mix at a place, (channels, samples); None where it is the sum of the sources."""


def make_pair(
    generator: np.random.Generator, augment: Augment, songs: Songs[Place], index: int, *,
    num_sources: int, sample_rate: int,
) -> tuple[Audio, Audio]:  # fmt: skip
    """Put a mix and its sources together from one place, or from one place a source.

    Whether the sources are remixed is decided once for the excerpt, before anything else: a gain, a swap or a turned
    sign changes a source and never where the next one comes from. The places of a remix are chosen in either case, so
    that two runs that differ in `augment.remix` see the same first places.

    Args:
        generator: where chance comes from.
        augment: how sources and mixes are changed.
        songs: what they are cut from.
        index: number of the excerpt.
        num_sources: number of sources.
        sample_rate: of all of them, Hz.

    Returns:
        Mix (channels, samples) and sources (sources, channels, samples), new arrays. The mix is the sum of the sources
        but for a codec of `augment.master`, or the song's own where neither a remix nor an augmentation changed one.
    """
    is_remixed = bool(generator.random() < augment.remix)
    places = [songs.choose_place(generator, index, [])]
    for _ in range(num_sources - 1):
        places.append(songs.choose_place(generator, index, places))
    is_changed = is_remixed
    # its own source of chance leaves the excerpts that follow as they are without it
    composer = generator.spawn(1)[0] if augment.composes else None
    sounding = [True] * num_sources if composer is None else augment.sounding(num_sources, composer)
    parts = []
    for source in range(num_sources):
        before = songs.read_source(places[source if is_remixed else 0], source)
        after, touched = augment.apply(before, generator, sample_rate)
        is_changed = is_changed or (touched and bool(before.any()))
        if not sounding[source]:
            is_changed, after = True, np.zeros_like(after)
        elif composer is not None and source > 0:
            for _ in range(augment.num_layers(composer)):
                places.append(songs.choose_place(generator, index, places))
                is_changed = True
                after = after + augment.apply(songs.read_source(places[-1], source), composer, sample_rate)[0]
        parts.append(after)
    sources = np.stack(parts)  # (sources, channels, samples)
    if composer is not None and augment.master:
        return effects.master(sources, sample_rate, augment.master, composer)
    own_mix = None if is_changed else songs.read_mix(places[0])
    return (sources.sum(axis=0) if own_mix is None else np.array(own_mix)), sources
