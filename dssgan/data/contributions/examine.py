"""Whether a track is fit to learn from."""

from collections.abc import Sequence

from dssgan.data.doctor import examine_track
from dssgan.data.track import Track


def faults(track: Track, sources: Sequence[str]) -> list[str]:
    """Say why a track must not be learnt from.

    Args:
        track: what was given, its fingerprints known.
        sources: names of its sources.

    Returns:
        Reasons; empty where the track is sound.
    """
    return [finding.message for finding in examine_track(track, sources) if finding.severity == "error"]
