"""One folder a song with its stems, as people export them."""

from pathlib import Path

from dssgan.curation.importers.base import (
    DRUMS,
    Importer,
    ImportResult,
    Options,
    audio_files,
    folders,
    kind_of,
    make_track,
)
from dssgan.curation.importers.unpaired import read_unpaired
from dssgan.data.track import Track
from dssgan.errors import DataError

_PARTS = {"train": ("train_sup", "train"), "valid": ("valid", "validation"), "test": ("test",)}
_UNPAIRED = "train_unsup"


def _read(root: Path, options: Options) -> ImportResult:
    parts = {part: [root / name for name in names if (root / name).is_dir()] for part, names in _PARTS.items()}
    found = ImportResult()
    if any(parts.values()) or (root / _UNPAIRED).is_dir():
        found.train, found.valid, found.test = (
            [song for place in places for song in tracks_under(place, options)] for places in parts.values()
        )
        found.unpaired = read_unpaired(root / _UNPAIRED, options)
    else:
        found.train = tracks_under(root, options)
    return found


def tracks_under(root: Path, options: Options) -> list[Track]:
    """Find the songs in a folder, a folder each.

    A file is the mix, drums or whatever source it is named after; else its name is searched for words such as kick or
    percussion; what is neither mix nor drums belongs to "other".

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
    kinds = [(_kind(name, folder.name, options), path) for name, path in stems.items()]
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


def _kind(name: str, song: str, options: Options) -> str:
    if options.drums is not None and name.lower() == options.drums.lower():
        return DRUMS
    return name.lower() if name.lower() in options.sources else kind_of(name, song)


FOLDERS = Importer(
    "a plain data set",
    "SONG/{mix,drums,other}.wav, or {train_sup,valid,test}/SONG/*.wav and train_unsup/{mixes,drums,other}/*.wav",
    _read,
)
