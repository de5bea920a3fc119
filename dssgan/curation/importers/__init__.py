"""Data sets in the layouts people have them in. Each importer is one file and one row of this table."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from dssgan.audio.files import SUFFIXES, probe
from dssgan.audio.stem_streams import is_stem_file
from dssgan.configurable import lookup
from dssgan.curation.groups import GROUPS
from dssgan.curation.importers import (
    bach10,
    ccmixter,
    csv_table,
    dsd100,
    folders,
    ikala,
    medleydb,
    moisesdb,
    musdb18,
    slakh,
    stem_files,
    unpaired,
)
from dssgan.curation.importers.base import Importer, ImportResult, Options, split, walk
from dssgan.data.audio_file import AudioFile, Recording
from dssgan.data.dataset import PAIRED_PARTITIONS, Dataset, Track, Unpaired
from dssgan.errors import AudioError, DataError, unknown
from dssgan.parallel.processes import MapUnordered

__all__ = ["KINDS", "Importer", "Options", "import_dataset"]

_MAX_BAD = 20  # that an error lists
_MAX_NOTED = 5  # files whose containers are spoken of

KINDS: dict[str, Importer] = {
    "musdb18": musdb18.MUSDB18,
    "musdb18-hq": musdb18.MUSDB18_HQ,
    "dsd100": dsd100.DSD100,
    "medleydb": medleydb.MEDLEYDB,
    "moisesdb": moisesdb.MOISESDB,
    "slakh": slakh.SLAKH,
    "ccmixter": ccmixter.CCMIXTER,
    "ikala": ikala.IKALA,
    "bach10": bach10.BACH10,
    "stems": stem_files.STEMS,
    "folders": folders.FOLDERS,
    "csv": csv_table.CSV,
    "unpaired": unpaired.UNPAIRED,
}


def import_dataset(
    kind: str,
    path: Path,
    options: Options = Options(),  # noqa: B008  (frozen)
    *,
    name: str | None = None,
    licence: str | None = None,
    credits: tuple[str, ...] = (),  # noqa: A002  (the manifest's own word)
    valid_share: float = 0.1,
    test_share: float = 0.0,
    group_by: str | None = None,
    map_unordered: MapUnordered = map,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Dataset, list[str]]:
    """Describe a data set in place; no audio is copied.

    Args:
        kind: a key of `KINDS`.
        path: its folder, or its table.
        options: the options of the import.
        name: what reports call it; None for the folder's name.
        licence: its terms; None for those its importer knows.
        credits: lines that credit the makers.
        valid_share: share of the training songs that validate, where the set names none.
        test_share: share of the training songs that test, where the set names none.
        group_by: what stays on one side there: "artist", "album" or "folder"; None for nothing but the song.
        map_unordered: how to fingerprint files, such as `map_in_processes(4)`.
        progress: called with (files done, files in all).

    Returns:
        The data set, every file fingerprinted, and what the user should know, a line each.

    Raises:
        ConfigError: there is no such group.
        DataError: an unknown kind, a folder in another layout, or songs that cannot be used.
        AudioError: a file cannot be decoded.
    """
    if kind not in KINDS:
        raise DataError(unknown("kind of data set", kind, KINDS))
    group_of = (lambda _: None) if group_by is None else lookup("kind of group", GROUPS, group_by)
    importer = KINDS[kind]
    path = Path(path).absolute()
    if not path.exists():
        raise DataError(f"{path}: no such folder; {importer.title} is laid out as {importer.layout}")
    if importer.is_file is not None and path.is_file() != importer.is_file:
        raise DataError(
            f"{path}: is {'a file' if path.is_file() else 'a folder'}, and {importer.title} is laid out as "
            f"{importer.layout}"
        )
    found = importer.read(path, options)
    _report_bad(path, found.bad, found.notes, options)
    if not any((found.train, found.valid, found.test, tuple(found.unpaired.recordings))):
        raise DataError(f"{path}: no songs found; {importer.title} is laid out as {importer.layout}")
    _split(found, valid_share, test_share, group_of)
    dataset = replace(
        found.dataset(options.sources),
        name=name or (path.stem if path.is_file() else path.name),
        licence=licence or importer.licence,
        credits=credits,
    )
    if path.is_dir():
        found.notes += _passed_over(path, dataset)
    found.notes += _notes_of_containers(dataset)
    dataset, bad = _without_unreadable(dataset, map_unordered, progress)
    _report_bad(path, bad, found.notes, options)
    return dataset, found.notes


def _passed_over(root: Path, dataset: Dataset) -> list[str]:
    """Name audio files of a folder that no song is made of."""
    used = {file.path.resolve() for file in dataset.files}
    unused = [
        path for path in walk(root, "*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and path.resolve() not in used
    ]  # fmt: skip
    if not unused:
        return []
    names = ", ".join(str(path.relative_to(root)) for path in unused[:3])
    verb = "file is" if len(unused) == 1 else "files are"
    return [f"{len(unused)} audio {verb} not used: {names}{', ...' if len(unused) > 3 else ''}"]


def _notes_of_containers(dataset: Dataset) -> list[str]:
    """Name files whose containers hold more than one sound, or one that begins late."""
    files = {file.path: probe(file.path, file.stem).note for file in dataset.files if not is_stem_file(file.path)}
    noted = {path: note for path, note in files.items() if note}
    return [f"{path}: {note}" for path, note in list(noted.items())[:_MAX_NOTED]] + (
        [f"and {len(noted) - _MAX_NOTED} more such files"] if len(noted) > _MAX_NOTED else []
    )


def _report_bad(path: Path, bad: list[str], notes: list[str], options: Options) -> None:
    """Name all songs that cannot be used at once, and leave them out where the user asks for it."""
    if bad and not options.skip_bad:
        more = f" (and {len(bad) - _MAX_BAD} more)" if len(bad) > _MAX_BAD else ""
        raise DataError(
            f"{path}: {len(bad)} songs cannot be used: {'; '.join(bad[:_MAX_BAD])}{more}; or leave such songs out with "
            "--skip-bad"
            if len(bad) > 1
            else f"{bad[0]}; or leave such songs out with --skip-bad"
        )
    notes += [f"left out: {line}" for line in bad]


def _split(found: ImportResult, valid_share: float, test_share: float, group_of: Callable[[Track], str | None]) -> None:
    if not found.test and test_share:
        found.train, found.test = split(found.train, test_share, group_of)
    if not found.valid and valid_share and found.train:
        found.train, found.valid = split(found.train, valid_share, group_of)
        if found.valid:
            names = ", ".join(track.name for track in found.valid[:3]) + (", ..." if len(found.valid) > 3 else "")
            found.notes.append(f"the set names no validation songs: {len(found.valid)} chosen by name ({names})")


def _without_unreadable(
    dataset: Dataset, map_unordered: MapUnordered, progress: Callable[[int, int], None] | None
) -> tuple[Dataset, list[str]]:
    """Decode every file once, to know it again under another name.

    Args:
        dataset: files with or without fingerprints.
        map_unordered: how to work, such as `map_in_processes(4)`.
        progress: called with (files done, files in all).

    Returns:
        The data set without what needs a file that cannot be decoded, and why, a line a file.

    Raises:
        DataError: a test song turns out to be in another partition.
    """
    files = dataset.files
    known: dict[AudioFile, AudioFile] = {}
    unreadable: dict[AudioFile, str] = {}
    for done, (file, content, error) in enumerate(map_unordered(_content, files), 1):
        if error is None:
            known[file] = replace(file, fingerprint=content)
        else:
            unreadable[file] = error
        if progress is not None:
            progress(done, len(files))
    if unreadable:
        dataset = _without(dataset, set(unreadable))
    return dataset.with_files(known), sorted(unreadable.values())


def _content(file: AudioFile) -> tuple[AudioFile, str | None, str | None]:
    try:
        return file, file.compute_fingerprint(), None
    except AudioError as error:
        return file, None, str(error)


def _without(dataset: Dataset, files: set[AudioFile]) -> Dataset:
    def intact(recordings: Iterable[Recording]) -> bool:
        return not any(file in files for recording in recordings for file in recording.files)

    train, valid, test = (
        tuple(track for track in dataset.partition(name) if intact(track.recordings)) for name in PAIRED_PARTITIONS
    )
    loose = dataset.train_unsup
    unpaired = Unpaired(
        tuple(one for one in loose.mixes if intact([one])),
        tuple(tuple(one for one in source if intact([one])) for source in loose.sources),
    )
    return replace(dataset, train_sup=train, train_unsup=unpaired, valid=valid, test=test)
