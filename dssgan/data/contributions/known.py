"""Knowing audio again, whatever it is called."""

from collections.abc import Iterable

from dssgan.data.dataset import PAIRED_PARTITIONS, Dataset, Track
from dssgan.data.fingerprint import SILENCE
from dssgan.data.sample import Recording


class KnownAudio:
    """The recordings of a data set, and those added since, by what they sound like.

    Args:
        dataset: what is there already, in whatever partition.

    Raises:
        AudioError: a file without a known fingerprint cannot be decoded.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._owners: dict[str, str] = {}
        for partition in PAIRED_PARTITIONS:
            for track in dataset.partition(partition):
                self._learn(track.samples, f"{track.name} of {partition}")
        self._learn(dataset.train_unsup.samples, "a recording of train_unsup")

    def add(self, track: Track) -> None:
        """Remember a track."""
        self._learn(track.samples, track.name)

    def find(self, track: Track) -> str | None:
        """Name what shares a file's audio with this track; None where nothing does."""
        known = [self._owners[content] for content in _contents(track.samples) if content in self._owners]
        return known[0] if known else None

    def _learn(self, recordings: Iterable[Recording], owner: str) -> None:
        for content in _contents(recordings):
            self._owners.setdefault(content, owner)


def _contents(recordings: Iterable[Recording]) -> list[str]:
    """Fingerprints of recordings and of the files they are made of; silence is nobody's."""
    found = []
    for recording in recordings:
        found += [recording.content(), *(file.content() for file in recording.files)]
    return [content for content in found if content != SILENCE]
