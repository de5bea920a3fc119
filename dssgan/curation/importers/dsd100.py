"""DSD100 of SiSEC 2016 (Liutkus et al. 2017)."""

from pathlib import Path

from dssgan.curation.importers.base import Importer, ImportResult, Options, folders, make_track, only
from dssgan.data.track import Track

_STEMS = ("bass", "drums", "other", "vocals")


def _read(root: Path, options: Options) -> ImportResult:
    return ImportResult(train=_songs(root, "Dev", options), test=_songs(root, "Test", options))


def _songs(root: Path, part: str, options: Options) -> list[Track]:
    return [
        make_track(
            folder.name,
            only(folder, "mixture"),
            [(name, only(root / "Sources" / part / folder.name, name)) for name in _STEMS],
            options,
        )
        for folder in folders(root / "Mixtures" / part)
    ]


DSD100 = Importer(
    "DSD100", "Mixtures/{Dev,Test}/SONG/mixture.wav and Sources/{Dev,Test}/SONG/{bass,drums,other,vocals}.wav", _read
)
