"""MedleyDB, versions 1 and 2 (Bittner et al. 2014 and 2016)."""

import glob
from pathlib import Path
from typing import Any

from dssgan.curation.importers.base import (
    Importer,
    ImportResult,
    Options,
    child,
    make_track,
    read_metadata,
    walk,
    without_suffix,
)
from dssgan.errors import DataError
from dssgan.types import DRUMS, OTHER

_SUFFIX = "_METADATA.yaml"
# the set's names for what a drummer or a percussionist without pitches plays
_DRUMS = frozenset(
    {
        "auxiliary percussion", "bass drum", "beatboxing", "bongo", "castanet", "claps", "conga", "cowbell", "cymbal",
        "darbuka", "doumbek", "drum machine", "drum set", "gong", "guiro", "gu", "high hat", "kick drum", "maracas",
        "rattle", "scratches", "shaker", "sleigh bells", "snaps", "snare drum", "tabla", "tambourine", "timpani",
        "toms",
        "triangle", "whistle drum", "woodblock",
    }
)  # fmt: skip


def _read(root: Path, options: Options) -> ImportResult:
    found = ImportResult()
    bleeding = []
    for path in walk(root, f"*{_SUFFIX}"):
        name = without_suffix(path, _SUFFIX)
        metadata = read_metadata(path)
        stems = metadata.get("stems") if isinstance(metadata, dict) else None
        if not isinstance(stems, dict):
            raise DataError(f"{path}: names no stems; replace it by an intact copy")
        folder = _audio_folder(root, path, name)
        # the metadata come for all songs, the audio only for those one has; and some copies have the former twice
        if folder is None or any(track.name == name for track in found.train) or name in bleeding:
            continue
        if metadata.get("has_bleed") in ("yes", True):
            bleeding.append(name)
            continue
        mix = child(folder, str(metadata.get("mix_filename") or f"{name}_MIX.wav"))
        stem_folder = child(folder, str(metadata.get("stem_dir") or f"{name}_STEMS"))
        kinds = [
            (_kind(stem), child(stem_folder, Path(str(stem.get("filename"))).name))
            for _, stem in sorted(stems.items())
            if isinstance(stem, dict)
        ]
        with found.one_song():
            found.train.append(make_track(name, mix if mix.exists() else None, kinds, options))
    if bleeding:
        found.notes.append(
            f"{len(bleeding)} songs left out whose stems bleed, as the set says: {', '.join(bleeding[:5])}"
            + (", ..." if len(bleeding) > 5 else "")
        )
    return found


def _audio_folder(root: Path, metadata: Path, name: str) -> Path | None:
    folders = (
        metadata.parent,
        metadata.parent / name,
        root / name,
        *(child(root, part) / name for part in ("Audio", "V1", "V2")),
    )
    for folder in folders:
        if child(folder, f"{name}_STEMS").is_dir():
            return folder
    found = next(iter(walk(root, f"{glob.escape(name)}_STEMS")), None)
    return None if found is None else found.parent


def _kind(stem: dict[str, Any]) -> str:
    instrument = stem.get("instrument")
    instruments = instrument if isinstance(instrument, list) else [instrument]
    return DRUMS if instruments and all(str(kind).lower() in _DRUMS for kind in instruments) else OTHER


MEDLEYDB = Importer(
    "MedleyDB",
    "[Audio/]SONG/{SONG_MIX.wav,SONG_STEMS/SONG_STEM_01.wav,...} with SONG_METADATA.yaml there or in Metadata/",
    _read,
    "CC BY-NC-SA 4.0",
)
