"""MoisesDB (Pereira et al. 2023, arXiv 2307.15913)."""

from pathlib import Path
from typing import Any

from dssgan.curation.importers.base import (
    Importer,
    ImportResult,
    Options,
    audio_files,
    child,
    make_track,
    read_metadata,
    walk,
)
from dssgan.errors import DataError
from dssgan.types import DRUMS

_DRUM_STEMS = ("drums", "percussion")


def _read(root: Path, options: Options) -> ImportResult:
    found = ImportResult()
    names: set[str] = set()
    for path in walk(root, "data.json"):
        song = read_metadata(path)
        if not isinstance(song, dict) or not isinstance(song.get("stems"), list):
            raise DataError(f"{path}: names no stems; replace it by an intact copy")
        name = f"{song.get('artist', 'unknown')} - {song.get('song', path.parent.name)}".replace("/", "-")
        if name in names:
            name = f"{name} ({path.parent.name})"
        names.add(name)
        with found.one_song():
            stems = [pair for stem in song["stems"] for pair in _files(path, stem)]
            found.train.append(make_track(name, None, stems, options))
    return found


def _files(path: Path, stem: Any) -> list[tuple[str, Path]]:
    try:
        kind, tracks = str(stem["stemName"]), [str(track["id"]) for track in stem["tracks"]]
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: a stem lacks its name or its tracks; replace it by an intact copy") from error
    there = {file.stem.casefold(): file for file in audio_files(child(path.parent, Path(kind).name))}
    missing = [track for track in tracks if track.casefold() not in there]
    if missing:
        raise DataError(
            f"{path}: names {missing[0]} in {kind}, which is not there; complete the set or take the song out"
        )
    return [(DRUMS if kind in _DRUM_STEMS else kind, there[track.casefold()]) for track in tracks]


MOISESDB = Importer("MoisesDB", "UUID/data.json and UUID/STEM/TRACK.wav", _read, "CC BY-NC-SA 4.0")
