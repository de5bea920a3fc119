"""Native Instruments' .stem.mp4, as shops for DJs sell them: a mix and four named stems in one file."""

from pathlib import Path

from dssgan.audio.stem_streams import stem_names
from dssgan.curation.importers.base import Importer, ImportResult, Options, kind_of, make_track, walk, without_suffix
from dssgan.data.audio_file import AudioFile
from dssgan.data.track import Track
from dssgan.errors import DataError
from dssgan.types import DRUMS, OTHER


def _read(root: Path, options: Options) -> ImportResult:
    paths = [root] if root.is_file() else list(walk(root, "*.stem.mp4"))
    found = ImportResult()
    for path in paths:
        with found.one_song():
            found.train.append(_track(path, options))
    return found


def _track(path: Path, options: Options) -> Track:
    names = stem_names(path)[1:]
    stems = [
        (DRUMS if number in _drums(path, names, options) else _kind(name, options), AudioFile.of(path, number))
        for number, name in enumerate(names, 1)
    ]
    return make_track(without_suffix(path, ".stem.mp4"), AudioFile.of(path, 0), stems, options)


def _kind(name: str, options: Options) -> str:
    return name.lower() if name.lower() in options.sources else OTHER


def _drums(path: Path, names: tuple[str, ...], options: Options) -> set[int]:
    """Numbers of the stems that are drums: those that the user gave, or those with such names."""
    given = options.drums
    if given is None:
        chosen = {number for number, name in enumerate(names, 1) if _named_drums(name)}
    else:
        chosen = {
            number for number, name in enumerate(names, 1) if given.lower() == name.lower() or given == str(number)
        }
    if not chosen:
        listed = ", ".join(f"{number} {name!r}" for number, name in enumerate(names, 1))
        wanted = "none is called drums" if given is None else f"none is {given!r}"
        raise DataError(f"{path}: its stems are {listed}, and {wanted}; give its name or number with --drums")
    return chosen


def _named_drums(name: str) -> bool:
    try:
        return kind_of(name) == DRUMS
    except DataError:  # this name does not show it; another stem's may
        return False


STEMS = Importer("a folder of stem files", "**/SONG.stem.mp4", _read, is_file=None)
