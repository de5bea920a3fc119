"""Slakh2100 (Manilow et al. 2019): synthesised songs, 34 instrument classes."""

from pathlib import Path

from dssgan.curation.importers.base import (
    Importer,
    ImportResult,
    Options,
    audio_files,
    child,
    make_track,
    only,
    read_metadata,
    walk,
)
from dssgan.data.track import Track
from dssgan.errors import DataError
from dssgan.types import DRUMS


def _read(root: Path, options: Options) -> ImportResult:
    found = ImportResult()
    parts = {"train": found.train, "validation": found.valid, "test": found.test}
    for path in walk(root, "metadata.yaml"):
        named = (name.casefold() for name in reversed(path.parts[:-2]))
        part = next((name for name in named if name in (*parts, "omitted")), "train")
        if part == "omitted":  # songs that the authors found to be in two parts
            continue
        with found.one_song():
            parts[part].append(_track(path, options))
    return found


def _track(path: Path, options: Options) -> Track:
    metadata = read_metadata(path)
    stems = metadata.get("stems") if isinstance(metadata, dict) else None
    if not isinstance(stems, dict):
        raise DataError(f"{path}: names no stems; replace it by an intact copy")
    folder = path.parent
    there = {file.stem.casefold(): file for file in audio_files(child(folder, "stems"))}
    chosen = []
    for name, stem in sorted(stems.items()):
        if not isinstance(stem, dict) or not stem.get("audio_rendered", True):
            continue
        if str(name).casefold() not in there:
            raise DataError(f"{path}: names stem {name}, which is not there; complete the set or take the song out")
        drums = bool(stem.get("is_drum")) or stem.get("inst_class") == "Drums"
        chosen.append((DRUMS if drums else str(stem.get("inst_class", "")).lower(), there[str(name).casefold()]))
    return make_track(folder.name, only(folder, "mix"), chosen, options)


SLAKH = Importer(
    "Slakh2100", "{train,validation,test}/Track00001/{metadata.yaml,mix.flac,stems/S00.flac}", _read, "CC BY 4.0"
)
