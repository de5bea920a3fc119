"""Songs in partitions, of which the test partition is kept apart."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from dssgan.data.audio_file import AudioFile, Recording, Sum
from dssgan.data.rights import Rights
from dssgan.data.track import Track, Unpaired, check_name
from dssgan.errors import DataError, unknown

__all__ = ["PAIRED_PARTITIONS", "Dataset", "Track", "Unpaired"]

PAIRED_PARTITIONS = ("train_sup", "valid", "test")


@dataclass(frozen=True)
class Dataset:
    """Songs in partitions.

    Attributes:
        sources: names of the sources, at least two.
        train_sup: songs with their sources, to train on.
        train_unsup: recordings that are not paired, to train on.
        valid: songs that choose models and settings.
        test: songs that are opened once, at the end.
        name: what reports call it.
        licence: licence of its audio, where it is known.
        credits: lines that credit the makers.
        rights: the terms under which its tracks were given, where they are recorded.
        takes: what its mixes are: None for songs, or the name of a stem of songs, such as "drums".
        path: the manifest that it was loaded from; None for the bundled songs, or songs put together in Python.

    Raises:
        DataError: a test song is in another partition under any name, or the parts do not fit together.
    """

    sources: tuple[str, ...]
    train_sup: tuple[Track, ...] = ()
    train_unsup: Unpaired = field(default_factory=Unpaired)
    valid: tuple[Track, ...] = ()
    test: tuple[Track, ...] = ()
    name: str = "dataset"
    licence: str | None = None
    credits: tuple[str, ...] = ()
    rights: tuple[Rights, ...] = ()
    takes: str | None = None
    path: Path | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.train_unsup.sources:
            empty: tuple[tuple[Recording, ...], ...] = tuple(() for _ in self.sources)
            object.__setattr__(self, "train_unsup", Unpaired(self.train_unsup.mixes, empty))
        for source in self.sources:
            check_name("source", source)
        if len(self.sources) < 2 or len(set(self.sources)) != len(self.sources):
            raise DataError(f"data set {self.name}: sources {self.sources} must be two or more different names")
        if len(self.train_unsup.sources) != len(self.sources):
            raise DataError(
                f"data set {self.name}: train_unsup has {len(self.train_unsup.sources)} lists of sources, "
                f"but there are {len(self.sources)} sources; give a list (it may be empty) for each"
            )
        for partition in PAIRED_PARTITIONS:
            self._check_tracks(partition)
        everything_else: tuple[Track | Recording, ...] = (*self.train_sup, *self.train_unsup.recordings, *self.valid)
        self.forbid_test(everything_else, "train or validation partition of this data set")

    def _check_tracks(self, partition: str) -> None:
        seen: set[str] = set()
        for track in self.partition(partition):
            if len(track.sources) != len(self.sources):
                raise DataError(
                    f"data set {self.name}: track {track.name} has {len(track.sources)} sources, "
                    f"but the data set names {len(self.sources)} ({', '.join(self.sources)})"
                )
            if track.name in seen:
                raise DataError(f"data set {self.name}: two tracks of {partition} are called {track.name}; rename one")
            seen.add(track.name)

    def partition(self, name: str) -> tuple[Track, ...]:
        """Return the tracks of "train_sup", "valid" or "test".

        Raises:
            DataError: there is no such partition.
        """
        partitions = {"train_sup": self.train_sup, "valid": self.valid, "test": self.test}
        if name not in partitions:
            raise DataError(unknown("partition", name, partitions))
        return partitions[name]

    @property
    def files(self) -> tuple[AudioFile, ...]:
        """Every file once."""
        tracks = (*self.train_sup, *self.valid, *self.test)
        recordings = [*(part for track in tracks for part in track.recordings), *self.train_unsup.recordings]
        return tuple(dict.fromkeys(file for recording in recordings for file in recording.files))

    def with_files(self, others: Mapping[AudioFile, AudioFile]) -> "Dataset":
        """Return the same songs in other files: copies of them, or the same ones with their fingerprints.

        Args:
            others: what stands for each of `files`.

        Raises:
            DataError: a test song turns out to be in another partition.
        """

        def recording(old: Recording) -> Recording:
            if isinstance(old, Sum):
                return Sum(tuple((others[file], factor) for file, factor in old.terms))
            return others[old]

        def track(old: Track) -> Track:
            mix = None if old.mix is None else recording(old.mix)
            return Track(
                old.name, mix, tuple(None if part is None else recording(part) for part in old.sources), old.group
            )

        unpaired = self.train_unsup
        sources = tuple(tuple(map(recording, samples)) for samples in unpaired.sources)
        return replace(
            self,
            train_sup=tuple(map(track, self.train_sup)),
            train_unsup=Unpaired(tuple(map(recording, unpaired.mixes)), sources),
            valid=tuple(map(track, self.valid)),
            test=tuple(map(track, self.test)),
        )

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what a model may learn from: sources, train_sup, train_unsup and valid, in order.

        Names, paths and the test partition do not matter. Files without a known fingerprint are decoded.
        """
        lines = [" ".join(self.sources)]
        for partition in ("train_sup", "valid"):
            for track in self.partition(partition):
                parts = (track.mix, *track.sources)
                lines.append(
                    " ".join([partition, *("-" if part is None else part.compute_fingerprint() for part in parts)])
                )
        unpaired = (self.train_unsup.mixes, *self.train_unsup.sources)
        for kind, recordings in zip(("mixes", *self.sources), unpaired, strict=True):
            lines += [f"train_unsup {kind} {recording.compute_fingerprint()}" for recording in recordings]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def forbid_test(self, tracks: Iterable[Track | Recording], purpose: str) -> None:
        """Refuse tracks of the test partition: tuning, early stopping and fitting must never see it.

        Args:
            tracks: what is about to be used.
            purpose: what for, said in the error.

        Raises:
            DataError: one of them is in the test partition, by its audio or its path.
        """
        owners = {identity: track.name for track in self.test for identity in track.identities}
        for track in tracks:
            known = sorted(owners[identity] for identity in track.identities if identity in owners)
            if known:
                name = track.name if isinstance(track, Track) else track.label
                raise DataError(
                    f"{name}: is the same audio as test track {known[0]}, which must not reach the {purpose}; "
                    "take it out of one of the two"
                )


# Returns a data set with files of the machine that calls it.
Localise = Callable[[Dataset], Dataset]


def unchanged(dataset: Dataset) -> Dataset:
    """Return a data set as it is: every machine sees its files under the same paths."""
    return dataset
