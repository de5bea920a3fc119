"""Whether a track is fit to learn from."""

from collections.abc import Sequence

from dssgan.data.fingerprint import SILENCE
from dssgan.data.track import Track


def faults(track: Track, sources: Sequence[str]) -> list[str]:
    """Say why a track must not be learnt from.

    Args:
        track: what was given, its fingerprints known.
        sources: names of its sources.

    Returns:
        Reasons; empty where the track is sound.
    """
    if all(part is None or part.content() == SILENCE for part in track.sources):
        return [f"all its sources ({', '.join(sources)}) are silent"]
    return []
