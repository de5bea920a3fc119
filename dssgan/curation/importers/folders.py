"""One folder a song with its stems, as people export them."""

import re
from collections import Counter
from pathlib import Path

from dssgan.audio.files import SUFFIXES
from dssgan.curation.importers.base import (
    Importer,
    ImportResult,
    Options,
    audio_files,
    folders,
    kind_of,
    make_track,
    walk,
    without_title,
)
from dssgan.curation.importers.unpaired import read_unpaired
from dssgan.data.track import Track
from dssgan.errors import DataError
from dssgan.types import DRUMS

_PARTS = {"train": ("train_sup", "train"), "valid": ("valid", "validation"), "test": ("test",)}
_UNPAIRED = "train_unsup"
_MAX_SHOWN = 8
_COPY = re.compile(r"(.+) \(\d+\)")  # what systems call a second file of one name


def _read(root: Path, options: Options) -> ImportResult:
    parts = {part: [root / name for name in names if (root / name).is_dir()] for part, names in _PARTS.items()}
    found = ImportResult()
    if any(parts.values()) or (root / _UNPAIRED).is_dir():
        for folders, songs in zip(parts.values(), (found.train, found.valid, found.test), strict=True):
            for folder in folders:
                _collect(folder, options, found, songs)
        with found.one_song():
            found.unpaired = read_unpaired(root / _UNPAIRED, options)
    else:
        _collect(root, options, found, found.train)
    found.notes += _what_is_drums([*found.train, *found.valid, *found.test])
    return found


def _collect(root: Path, options: Options, found: ImportResult, songs: list[Track]) -> None:
    without_audio = []
    for folder in folders(root):
        if not _holds_audio(folder):
            without_audio.append(folder.name)
            continue
        with found.one_song():
            songs.append(_track(folder, options))
    if without_audio:
        found.notes.append(f"folders without audio are passed over: {', '.join(without_audio[:_MAX_SHOWN])}")


def _holds_audio(folder: Path) -> bool:
    return any(path.suffix.lower() in SUFFIXES for path in walk(folder, "*.*"))


def _what_is_drums(tracks: list[Track]) -> list[str]:
    """List the files that were taken for drums, so that a user notices a wrong one."""
    taken = Counter(
        " + ".join(sorted(file.path.name for file in track.sources[0].files)) if track.sources[0] else "no file"
        for track in tracks
    )
    shown = [f"{names} ({count} song{'s' if count > 1 else ''})" for names, count in taken.most_common(_MAX_SHOWN)]
    if len(taken) > _MAX_SHOWN:
        shown.append(f"and {len(taken) - _MAX_SHOWN} more")
    return [f"taken for drums: {', '.join(shown)}"] if shown else []


def tracks_under(root: Path, options: Options) -> list[Track]:
    """Find the songs in a folder, a folder each.

    A file is the mix, drums or another source that it is named after; else its name is searched for words such as kick
    or percussion; what is neither mix nor drums belongs to "other".

    Raises:
        DataError: two files of one name, or a song without stems.
        AudioError: a file cannot be read.
    """
    return [_track(folder, options) for folder in folders(root)]


def _track(folder: Path, options: Options) -> Track:
    stems: dict[str, Path] = {}
    for path in audio_files(folder):
        if path.stem in stems:
            raise DataError(f"{path}: {stems[path.stem].name} is there already; keep one of the two")
        stems[path.stem] = path
    for name in stems:
        copied = _COPY.fullmatch(name)
        if copied is not None and copied[1] in stems:
            raise DataError(f"{stems[name]}: may be a copy of {stems[copied[1]].name}; take it out, or rename it")
    bare = without_title(list(stems), folder.name)
    kinds = [(_kind(name, bare[name], folder.name, options), path) for name, path in stems.items()]
    mixes = [path for kind, path in kinds if kind == "mix"]
    if len(mixes) > 1:
        raise DataError(f"{folder}: {' and '.join(path.name for path in mixes)} may both be the mix; keep one")
    sources = [(kind, path) for kind, path in kinds if kind != "mix"]
    if options.drums is not None and options.drums.lower() not in map(str.lower, stems):
        raise DataError(
            f"{folder}: holds {', '.join(stems)}, but no {options.drums}; name the drums' file with --drums"
        )
    if not sources:
        raise DataError(
            f"{folder}: holds no source; put {' or '.join(f'{name}.wav' for name in options.sources)} into it"
        )
    return make_track(folder.name, mixes[0] if mixes else None, sources, options)


def _kind(name: str, bare: str, song: str, options: Options) -> str:
    if options.drums is not None and name.lower() == options.drums.lower():
        return DRUMS
    named = next((word for word in (name.lower(), bare) if word in options.sources), None)
    return named or kind_of(bare, song)


FOLDERS = Importer(
    "a plain data set",
    "SONG/{mix,drums,other}.wav, or {train_sup,valid,test}/SONG/*.wav and train_unsup/{mixes,drums,other}/*.wav",
    _read,
)
