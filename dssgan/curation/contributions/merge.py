"""Merging archives into a data set: all of them or none, and never twice."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from dssgan.atomic import write_text
from dssgan.curation.contributions.archive import DEFAULT_MAX_GIB, Unpacked, unpack
from dssgan.curation.contributions.rules import MIX, credit_of, folded
from dssgan.curation.doctor import examine_track
from dssgan.data.acoustic import Landmarks, landmarks, matches
from dssgan.data.audio_file import AudioFile, Recording
from dssgan.data.dataset import PAIRED_PARTITIONS, Dataset, Track
from dssgan.data.fingerprint import SILENCE
from dssgan.data.loading import load_dataset
from dssgan.data.manifest import save_manifest
from dssgan.errors import DataError, DssganError, unknown

QUARANTINE = "quarantine"
_STAGING_PREFIX = ".dssgan-merge-"
_ALIVE = "alive.lock"


@dataclass(frozen=True)
class MergeReport:
    """Result of a merge, track by track.

    Attributes:
        added: their names in the data set.
        duplicates: names, with what each is the same as.
        quarantined: names, with the reason.
    """

    added: tuple[str, ...]
    duplicates: tuple[tuple[str, str], ...]
    quarantined: tuple[tuple[str, str], ...]


def merge(
    archives: Sequence[Path],
    output: Path,
    *,
    into: Path | None = None,
    partition: str = "train_sup",
    max_gib: float = DEFAULT_MAX_GIB,
) -> MergeReport:
    """Verify archives and add their tracks to a data set.

    Every archive is verified before anything is written; the manifest, written last and at once, is what makes the
    tracks part of the data set. So an interruption leaves the data set as it was, or complete.

    Args:
        archives: what `contribute` wrote.
        output: the manifest; made where it is missing.
        into: folder for the audio; "contributions" beside the manifest by default.
        partition: "train_sup", "valid" or "test".
        max_gib: the most each archive may hold.

    Raises:
        DataError: an archive is refused, or does not fit the data set.
        DssganError: the files cannot be written.
    """
    output = Path(output).absolute()
    folder = output.parent / "contributions" if into is None else Path(into).absolute()
    if partition not in PAIRED_PARTITIONS:
        raise DataError(unknown("partition", partition, PAIRED_PARTITIONS))
    if output.suffix.lower() != ".json":
        raise DataError(f"{output}: cannot be the name of a manifest; end it in .json")
    with ExitStack() as stack:
        try:
            staging = stack.enter_context(_staging(_existing(folder)))
            unpacked = []
            for index, archive in enumerate(archives):
                unpacked_into = staging / str(index)
                unpacked_into.mkdir()
                unpacked.append(unpack(archive, unpacked_into, max_gib))
            before = _load(output, unpacked)  # refuses what does not fit before anything is made
            _check_sources(before, unpacked)
            output.parent.mkdir(parents=True, exist_ok=True)
            # two merges into one manifest would each forget what the other added
            stack.enter_context(FileLock(output.with_name(f".{output.name}.lock")))
            return _Merging(_load(output, unpacked), folder, partition).run(unpacked, output)
        except OSError as error:
            raise DssganError(f"{folder}: cannot be written ({error.strerror or error}); make space there") from error


@contextmanager
def _staging(parent: Path) -> Iterator[Path]:
    """Make a folder to unpack into, and remove those of merges that were killed."""
    for left in parent.glob(f"{_STAGING_PREFIX}*"):
        with suppress(Timeout), FileLock(left / _ALIVE, timeout=0):  # only the living hold it
            shutil.rmtree(left, ignore_errors=True)
    # locked before it has the name by which others find it
    unnamed = Path(tempfile.mkdtemp(dir=parent, prefix=".dssgan-new-"))
    with FileLock(unnamed / _ALIVE):
        staging = unnamed.rename(parent / f"{_STAGING_PREFIX}{unnamed.name.removeprefix('.dssgan-new-')}")
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _existing(folder: Path) -> Path:
    """Find the nearest folder that is there: on the same disk, so that a renaming suffices in the end."""
    return next(parent for parent in (folder.parent, *folder.parent.parents) if parent.is_dir())


def _load(output: Path, unpacked: Sequence[Unpacked]) -> Dataset:
    if output.exists():
        return load_dataset(output)
    return Dataset(unpacked[0].dataset.sources, name=output.parent.name or "contributions")


def _check_sources(dataset: Dataset, unpacked: Sequence[Unpacked]) -> None:
    for one in unpacked:
        if set(one.dataset.sources) != set(dataset.sources):
            raise DataError(
                f"{one.archive}: has the sources {', '.join(one.dataset.sources)}, but {dataset.name} has "
                f"{', '.join(dataset.sources)}; merge it into another data set"
            )


class _Merging:
    """One merge under way."""

    def __init__(self, dataset: Dataset, folder: Path, partition: str) -> None:
        self.dataset, self.folder, self.partition = dataset, folder, partition
        self.known = _KnownAudio(dataset)
        self.names = {folded(track.name) for each in PAIRED_PARTITIONS for track in dataset.partition(each)}
        self.added: list[str] = []
        self.duplicates: list[tuple[str, str]] = []
        self.quarantined: list[tuple[str, str]] = []

    def run(self, unpacked: Sequence[Unpacked], output: Path) -> MergeReport:
        dataset = self.dataset
        for one in unpacked:
            tracks = [added for given in one.dataset.train_sup if (added := self._add(one, given)) is not None]
            if tracks:
                dataset = _extended(dataset, self.partition, one, tracks)
        if self.added:
            save_manifest(dataset, output)
        return MergeReport(tuple(self.added), tuple(self.duplicates), tuple(self.quarantined))

    def _add(self, one: Unpacked, given: Track) -> Track | None:
        parts = _parts(one, given)
        sources = tuple(parts.get(source) for source in self.dataset.sources)
        track = Track(given.name, parts.get(MIX), sources, given.group)
        if same := self.known.find(track):
            self.duplicates.append((track.name, same))
            return None
        if reasons := _faults(track, self.dataset.sources):
            self._quarantine(one, track.name, parts, "; ".join(reasons))
            return None
        name = track.name
        if folded(name) in self.names:
            name = f"{name}-{one.sha256[:8]}"
        self.names.add(folded(name))
        self.added.append(name)
        target = self.folder / one.sha256[:16] / track.name
        _move_into(one, parts, target)
        there = {part: replace(file, path=target / f"{part}.flac") for part, file in parts.items()}
        placed = Track(name, there.get(MIX), tuple(there.get(source) for source in self.dataset.sources), given.group)
        self.known.add(placed)
        return placed

    def _quarantine(self, one: Unpacked, name: str, parts: Mapping[str, AudioFile], reason: str) -> None:
        self.quarantined.append((name, reason))
        (terms,) = one.dataset.rights
        text = f"{reason}\narchive: {one.sha256}\nholder: {terms.holder}\nlicence: {terms.licence}\n"
        target = self.folder / QUARANTINE / name
        note = target / "reason.txt"
        if target.exists() and not (note.is_file() and f"archive: {one.sha256}" in note.read_text("utf-8")):
            target = target.with_name(f"{name}-{one.sha256[:8]}")
        _move_into(one, parts, target, reason=text)


def _parts(one: Unpacked, track: Track) -> dict[str, AudioFile]:
    """Return a track's files by `MIX` and source; an archive holds no sums."""
    parts = zip((MIX, *one.dataset.sources), (track.mix, *track.sources), strict=True)
    return {part: recording.files[0] for part, recording in parts if recording is not None}


def _move_into(one: Unpacked, parts: Mapping[str, AudioFile], target: Path, reason: str | None = None) -> None:
    """Move a track's files to their final names in one step; what is there already, and right, stays."""
    paths = {f"{part}.flac": file.path for part, file in parts.items()}
    if all((target / name).is_file() and _same_bytes(target / name, path) for name, path in paths.items()):
        return
    ready = one.folder / "ready"
    ready.mkdir()
    for name, path in paths.items():
        path.rename(ready / name)
    if reason is not None:
        write_text(ready / "reason.txt", reason)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():  # by no manifest's leave: an earlier merge of the same archive was stopped, or files changed
        shutil.rmtree(target)
    ready.rename(target)


def _same_bytes(first: Path, second: Path) -> bool:
    with first.open("rb") as one, second.open("rb") as other:
        return hashlib.file_digest(one, "sha256").digest() == hashlib.file_digest(other, "sha256").digest()


def _extended(dataset: Dataset, partition: str, one: Unpacked, tracks: Sequence[Track]) -> Dataset:
    (terms,) = one.dataset.rights
    rights = replace(terms, tracks=tuple(track.name for track in tracks), archive=one.sha256)
    whole = [*dataset.partition(partition), *tracks]
    return replace(
        dataset,
        train_sup=tuple(whole) if partition == "train_sup" else dataset.train_sup,
        valid=tuple(whole) if partition == "valid" else dataset.valid,
        test=tuple(whole) if partition == "test" else dataset.test,
        licence=_joint_licence(dataset, terms.licence),
        credits=tuple(dict.fromkeys([*dataset.credits, credit_of(terms)])),
        rights=(*dataset.rights, rights),
    )


def _joint_licence(dataset: Dataset, licence: str) -> str | None:
    """A data set is under all of its tracks' licences; one that is not known stays so."""
    licence = f"({licence})" if " OR " in licence else licence  # AND binds tighter
    if dataset.licence is None:
        empty = not any(dataset.partition(name) for name in PAIRED_PARTITIONS) and not [*dataset.train_unsup.recordings]
        return licence if empty else None
    return dataset.licence if licence in dataset.licence.split(" AND ") else f"{dataset.licence} AND {licence}"


def _faults(track: Track, sources: Sequence[str]) -> list[str]:
    """Return why a track must not be learnt from.

    Args:
        track: what was given, its fingerprints known.
        sources: names of its sources.

    Returns:
        Reasons; empty where the track is sound.
    """
    return [finding.message for finding in examine_track(track, sources) if finding.severity == "error"]


class _KnownAudio:
    """The recordings of a data set, and those added since, by what they sound like.

    Args:
        dataset: the data set to add to, all partitions of it.

    Raises:
        AudioError: a file without a known fingerprint cannot be decoded.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._owners: dict[str, str] = {}
        self._not_decoded: list[tuple[str, Track]] = []
        self._decoded: list[tuple[str, Landmarks]] = []
        for partition in PAIRED_PARTITIONS:
            for track in dataset.partition(partition):
                self._learn(track.recordings, f"{track.name} of {partition}")
                self._not_decoded.append((f"{track.name} of {partition}", track))
        self._learn(dataset.train_unsup.recordings, "a recording of train_unsup")

    def add(self, track: Track) -> None:
        """Remember a track."""
        self._learn(track.recordings, track.name)
        self._not_decoded.append((track.name, track))

    def find(self, track: Track) -> str | None:
        """Name what shares a file's audio with this track, or sounds the same; None where nothing does.

        Raises:
            AudioError: a song cannot be decoded.
        """
        known = [self._owners[content] for content in _contents(track.recordings) if content in self._owners]
        return known[0] if known else self._find_by_sound(track)

    def _find_by_sound(self, track: Track) -> str | None:
        # songs are decoded when a track is new to the fingerprints, which most merges have few of
        self._decoded += [(owner, _mix_landmarks(other)) for owner, other in self._not_decoded]
        self._not_decoded.clear()
        found = matches([_mix_landmarks(track), *(marks for _, marks in self._decoded)], num_queries=1)
        return self._decoded[found[0].second - 1][0] if found else None

    def _learn(self, recordings: Iterable[Recording], owner: str) -> None:
        for content in _contents(recordings):
            self._owners.setdefault(content, owner)


def _mix_landmarks(track: Track) -> Landmarks:
    mix, _ = track.load()
    return landmarks(mix, track.sample_rate)


def _contents(recordings: Iterable[Recording]) -> list[str]:
    """Fingerprints of recordings and of the files they are made of; silence has none."""
    found = []
    for recording in recordings:
        found += [recording.compute_fingerprint(), *(file.compute_fingerprint() for file in recording.files)]
    return [content for content in found if content != SILENCE]
