"""MUSDB18 (Rafii et al. 2017, doi 10.5281/zenodo.1117372) and its uncompressed version MUSDB18-HQ."""

from collections.abc import Callable, Iterator
from pathlib import Path

from dssgan.curation.importers.base import (
    Importer,
    ImportResult,
    Options,
    child,
    make_track,
    only,
    songs_with,
    walk,
    without_suffix,
)
from dssgan.data.audio_file import AudioFile
from dssgan.data.track import Track
from dssgan.errors import DataError

STEMS = ("drums", "bass", "other", "vocals")  # in the order of the .stem.mp4's streams, after the mix

# the validation songs that the set's own tools name
VALIDATION = frozenset(
    {
        "ANiMAL - Rockshow", "Actions - One Minute Smile", "Alexander Ross - Goodbye Bolero",
        "Clara Berry And Wooldog - Waltz For My Victims", "Fergessen - Nos Palpitants", "James May - On The Line",
        "Johnny Lokke - Promises & Lies", "Leaf - Summerghost", "Meaxic - Take A Step",
        "Patrick Talbot - A Reason To Leave", "Skelpolu - Human Mistakes", "Traffic Experiment - Sirens",
        "Triviul - Angelsaint", "Young Griffo - Pennies",
    }
)  # fmt: skip


def _read(
    root: Path, options: Options, find: Callable[[Path], Iterator[Path]], track: Callable[[Path, Options], Track]
) -> ImportResult:
    found = ImportResult()
    for path in find(child(root, "train")):
        with found.one_song():
            song = track(path, options)
            (found.valid if song.name in VALIDATION else found.train).append(song)
    for path in find(child(root, "test")):
        with found.one_song():
            found.test.append(track(path, options))
    return found


def _compressed(path: Path, options: Options) -> Track:
    mix = AudioFile.of(path, 0)
    stems = [(name, AudioFile.of(path, number)) for number, name in enumerate(STEMS, 1)]
    return make_track(without_suffix(path, ".stem.mp4"), mix, stems, options)


def _uncompressed(path: Path, options: Options) -> Track:
    folder = path.parent
    return make_track(folder.name, path, [(name, only(folder, name)) for name in STEMS], options)


def _read_compressed(root: Path, options: Options) -> ImportResult:
    if next(songs_with(root, "mixture"), None) is not None and next(_stem_files(root), None) is None:
        raise DataError(f"{root}: holds wav files, which is MUSDB18-HQ; import it as musdb18-hq")
    return _read(root, options, _stem_files, _compressed)


def _stem_files(root: Path) -> Iterator[Path]:
    return walk(root, "*.stem.mp4")


MUSDB18 = Importer("MUSDB18", "{train,test}/SONG.stem.mp4", _read_compressed)
MUSDB18_HQ = Importer(
    "MUSDB18-HQ",
    "{train,test}/SONG/{mixture,drums,bass,other,vocals}.wav",
    lambda root, options: _read(root, options, lambda part: songs_with(part, "mixture"), _uncompressed),
)
