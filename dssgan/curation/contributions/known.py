"""Knowing audio again, whatever it is called and whatever codec or level it comes in."""

from collections.abc import Iterable

from dssgan.data.acoustic import Landmarks, landmarks, matches
from dssgan.data.audio_file import Recording
from dssgan.data.dataset import PAIRED_PARTITIONS, Dataset, Track
from dssgan.data.fingerprint import SILENCE


class KnownAudio:
    """The recordings of a data set, and those added since, by what they sound like.

    Args:
        dataset: what is there already, in whatever partition.

    Raises:
        AudioError: a file without a known fingerprint cannot be decoded.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._owners: dict[str, str] = {}
        self._unheard: list[tuple[str, Track]] = []
        self._heard: list[tuple[str, Landmarks]] = []
        for partition in PAIRED_PARTITIONS:
            for track in dataset.partition(partition):
                self._learn(track.samples, f"{track.name} of {partition}")
                self._unheard.append((f"{track.name} of {partition}", track))
        self._learn(dataset.train_unsup.samples, "a recording of train_unsup")

    def add(self, track: Track) -> None:
        """Remember a track."""
        self._learn(track.samples, track.name)
        self._unheard.append((track.name, track))

    def find(self, track: Track) -> str | None:
        """Name what shares a file's audio with this track, or sounds the same; None where nothing does.

        Raises:
            AudioError: a song cannot be decoded.
        """
        known = [self._owners[content] for content in _contents(track.samples) if content in self._owners]
        return known[0] if known else self._find_by_ear(track)

    def _find_by_ear(self, track: Track) -> str | None:
        # songs are decoded when a track is new to the fingerprints, which most merges have few of
        self._heard += [(owner, _mix_landmarks(other)) for owner, other in self._unheard]
        self._unheard.clear()
        found = matches([_mix_landmarks(track), *(marks for _, marks in self._heard)], num_queries=1)
        return self._heard[found[0].second - 1][0] if found else None

    def _learn(self, recordings: Iterable[Recording], owner: str) -> None:
        for content in _contents(recordings):
            self._owners.setdefault(content, owner)


def _mix_landmarks(track: Track) -> Landmarks:
    mix, _ = track.load()
    return landmarks(mix, track.sample_rate)


def _contents(recordings: Iterable[Recording]) -> list[str]:
    """Fingerprints of recordings and of the files they are made of; silence is nobody's."""
    found = []
    for recording in recordings:
        found += [recording.compute_fingerprint(), *(file.compute_fingerprint() for file in recording.files)]
    return [content for content in found if content != SILENCE]
