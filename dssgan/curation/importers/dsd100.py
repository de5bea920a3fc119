"""DSD100 of SiSEC 2016 (Liutkus et al. 2017)."""

from pathlib import Path

from dssgan.curation.importers.base import Importer, ImportResult, Options, child, folders, make_track, only

_STEMS = ("bass", "drums", "other", "vocals")


def _read(root: Path, options: Options) -> ImportResult:
    found = ImportResult()
    for part, songs in (("Dev", found.train), ("Test", found.test)):
        sources = child(child(root, "Sources"), part)
        for folder in folders(child(child(root, "Mixtures"), part)):
            with found.one_song():
                stems = [(name, only(child(sources, folder.name), name)) for name in _STEMS]
                songs.append(make_track(folder.name, only(folder, "mixture"), stems, options))
    return found


DSD100 = Importer(
    "DSD100", "Mixtures/{Dev,Test}/SONG/mixture.wav and Sources/{Dev,Test}/SONG/{bass,drums,other,vocals}.wav", _read
)
