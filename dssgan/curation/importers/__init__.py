"""Data sets in the layouts people have them in. Each importer is one file and one row of this table."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

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
from dssgan.curation.importers.base import Importer, ImportResult, Options, split
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Dataset
from dssgan.errors import DataError, unknown
from dssgan.parallel.processes import MapUnordered

__all__ = ["KINDS", "Importer", "Options", "fingerprinted", "import_dataset"]

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
    map_unordered: MapUnordered = map,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Dataset, list[str]]:
    """Describe a data set where it lies; no audio is copied.

    Args:
        kind: a key of `KINDS`.
        path: its folder, or its table.
        options: what the user says about it.
        name: what reports call it; None for the folder's name.
        licence: its terms; None for those its importer knows.
        credits: whom to thank, a line each.
        valid_share: share of the training songs that validate, where the set names none.
        test_share: share of the training songs that test, where the set names none.
        map_unordered: how to fingerprint files, such as `map_in_processes(4)`.
        progress: called with (files done, files in all).

    Returns:
        The data set, every file fingerprinted, and what the user should know, a line each.

    Raises:
        DataError: an unknown kind, a folder in another layout, or songs that cannot be used.
        AudioError: a file cannot be decoded.
    """
    if kind not in KINDS:
        raise DataError(unknown("kind of data set", kind, KINDS))
    importer = KINDS[kind]
    path = Path(path).absolute()
    if not path.exists():
        raise DataError(f"{path}: no such folder; {importer.title} lies in {importer.layout}")
    if importer.is_file is not None and path.is_file() != importer.is_file:
        raise DataError(
            f"{path}: is {'a file' if path.is_file() else 'a folder'}; {importer.title} lies in {importer.layout}"
        )
    found = importer.read(path, options)
    if not any((found.train, found.valid, found.test, tuple(found.unpaired.samples))):
        raise DataError(f"{path}: no songs found; {importer.title} lies in {importer.layout}")
    _split(found, valid_share, test_share)
    dataset = replace(
        found.dataset(options.sources),
        name=name or (path.stem if path.is_file() else path.name),
        licence=licence or importer.licence,
        credits=credits,
    )
    return fingerprinted(dataset, map_unordered=map_unordered, progress=progress), found.notes


def _split(found: ImportResult, valid_share: float, test_share: float) -> None:
    if not found.test and test_share:
        found.train, found.test = split(found.train, test_share)
    if not found.valid and valid_share and found.train:
        found.train, found.valid = split(found.train, valid_share)
        if found.valid:
            names = ", ".join(track.name for track in found.valid[:3]) + (", ..." if len(found.valid) > 3 else "")
            found.notes.append(f"the set names no validation songs: {len(found.valid)} chosen by name ({names})")


def fingerprinted(
    dataset: Dataset, *, map_unordered: MapUnordered = map, progress: Callable[[int, int], None] | None = None
) -> Dataset:
    """Decode every file once, to know it again under another name.

    Args:
        dataset: files with or without fingerprints.
        map_unordered: how to work, such as `map_in_processes(4)`.
        progress: called with (files done, files in all).

    Raises:
        AudioError: a file cannot be decoded.
        DataError: a test song turns out to be in another partition.
    """
    samples = dataset.files
    known: dict[AudioFile, AudioFile] = {}
    for done, (sample, content) in enumerate(map_unordered(_content, samples), 1):
        known[sample] = replace(sample, fingerprint=content)
        if progress is not None:
            progress(done, len(samples))
    return dataset.with_files(known)


def _content(sample: AudioFile) -> tuple[AudioFile, str]:
    return sample, sample.compute_fingerprint()
