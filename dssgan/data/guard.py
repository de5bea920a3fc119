"""The guard of the test partition: no song of it reaches training or fitting, under any name and in any codec."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace

from dssgan.data.acoustic import matches
from dssgan.data.audio_file import AudioFile, Recording, Sum
from dssgan.data.dataset import Dataset
from dssgan.data.recording_facts import RecordingFacts, examine_recordings
from dssgan.data.seen_recordings import SAME_SONG, SeenRecordings
from dssgan.data.track import Track
from dssgan.errors import DataError
from dssgan.parallel.processes import MapUnordered
from dssgan.types import Progress


@dataclass(frozen=True)
class GuardedDataset(Dataset):
    """A data set that may be learnt from: no test song is in another partition. Only `guarded` makes it.

    Attributes:
        learnt_from: the recordings that a model learns from here, to be recorded in its bundle.
    """

    learnt_from: SeenRecordings = field(default_factory=SeenRecordings, repr=False, compare=False)


def guarded(
    dataset: Dataset, *, map_unordered: MapUnordered | None = None, progress: Progress | None = None
) -> GuardedDataset:
    """Check a data set before anything is trained, chosen or fitted on it.

    Files are compared with their fingerprints, and what the model will learn from with the test songs, by how they
    sound: a copy through another codec, at another level, or cut elsewhere is known again. What was worked out about a
    file is kept in the user's cache until the file changes.

    Args:
        dataset: what is about to be used.
        map_unordered: how to work; None for as many processes as there are cores, where that pays.
        progress: called with the recordings done and all that are not in the cache.

    Returns:
        The same songs with every fingerprint known.

    Raises:
        AudioError: a file cannot be read.
        DataError: a test song is in another partition, or a file is not the audio of its fingerprint.
    """
    if (
        isinstance(dataset, GuardedDataset)
        and not dataset.test
        and dataset.learnt_from.data_fingerprint == dataset.fingerprint  # it still has the songs that were checked
    ):
        return dataset
    learning, testing = list(_learning(dataset)), list(_testing(dataset))
    known = examine_recordings(
        (recording for _, recording in (*learning, *testing)), map_unordered=map_unordered, progress=progress
    )
    _require_apart(learning, testing, known)
    contents = {
        file: content
        for recording, found in known.items()
        for file, content in zip(recording.files, found.fingerprints, strict=True)
    }
    filled = dataset.with_files({file: replace(file, fingerprint=contents[file]) for file in dataset.files})
    record = replace(SeenRecordings.of(learning, known), data_fingerprint=filled.fingerprint)
    songs = {each.name: getattr(filled, each.name) for each in fields(Dataset)}
    return GuardedDataset(**songs, learnt_from=record)


def recordings_of(track: Track) -> tuple[Recording, ...]:
    """Return a song's recordings: the mix, or the sum of its sources, then the sources that are not silent."""
    sources = tuple(source for source in track.sources if source is not None)
    return (track.mix or _sum(sources), *sources)


def _sum(recordings: Sequence[Recording]) -> Recording:
    terms: list[tuple[AudioFile, float]] = []
    for recording in recordings:
        terms += [(recording, 1.0)] if isinstance(recording, AudioFile) else recording.terms
    return Sum(tuple(terms))


def _learning(dataset: Dataset) -> Iterator[tuple[str, Recording]]:
    for track in (*dataset.train_sup, *dataset.valid):
        for recording in recordings_of(track):
            yield track.name, recording
    for recording in dataset.train_unsup.recordings:
        # bundles are passed on, and must not reveal where their makers' files are
        yield " + ".join(f"{file.path.parent.name}/{file.path.name}" for file in recording.files), recording


def _testing(dataset: Dataset) -> Iterator[tuple[str, Recording]]:
    for track in dataset.test:
        for recording in recordings_of(track):
            yield track.name, recording


def _require_apart(
    learning: Sequence[tuple[str, Recording]],
    testing: Sequence[tuple[str, Recording]],
    known: dict[Recording, RecordingFacts],
) -> None:
    everyone = [*testing, *learning]
    for match in matches([known[recording].marks for _, recording in everyone], num_queries=len(testing)):
        if match.second < len(testing) or match.share <= SAME_SONG:
            continue
        (test, _), (name, _) = everyone[match.first], everyone[match.second]
        raise DataError(
            f"{name}: sounds like test track {test} ({match.share:.0%} of its landmarks), which must not be learnt "
            "from or chosen by; take it out of one of the two (dssgan data check shows all such songs)"
        )
