"""The one way in which a mix and its sources are put together for training, whatever they are cut from."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from dssgan.audio.files import Audio
from dssgan.data.augment import Augment

Place = TypeVar("Place")


def make_pair(
    generator: np.random.Generator,
    augment: Augment,
    num_sources: int,
    *,
    choose_place: Callable[[list[Place]], Place],
    read_source: Callable[[Place, int], Audio],
    read_mix: Callable[[Place], Audio | None],
) -> tuple[Audio, Audio]:
    """Put a mix and its sources together from one place, or from one place a source.

    Whether the sources are remixed is decided once for the excerpt, before anything else: a gain, a swap or a turned
    sign changes a source and never where the next one comes from. The places of a remix are chosen in either case, so
    that two runs that differ in `augment.remix` see the same first places.

    Args:
        generator: where chance comes from.
        augment: how the sources are changed.
        num_sources: how many there are.
        choose_place: chooses a song and a start; it is given the places of this excerpt so far, which the new one must
            not be (as far as there are others).
        read_source: gives a source's audio at a place, (channels, samples).
        read_mix: gives the song's own mix at a place, (channels, samples); None where it is the sum of the sources.

    Returns:
        Mix (channels, samples) and sources (sources, channels, samples), new arrays. The mix is the sum of the sources,
        or the song's own where neither a remix nor an augmentation changed one.
    """
    is_remixed = bool(generator.random() < augment.remix)
    places = [choose_place([])]
    for _ in range(num_sources - 1):
        places.append(choose_place(places))
    is_changed = is_remixed
    parts = []
    for source in range(num_sources):
        before = read_source(places[source if is_remixed else 0], source)
        after, touched = augment.apply(before, generator)
        is_changed = is_changed or (touched and bool(before.any()))
        parts.append(after)
    sources = np.stack(parts)  # (sources, channels, samples)
    own_mix = None if is_changed else read_mix(places[0])
    return (sources.sum(axis=0) if own_mix is None else np.array(own_mix)), sources
