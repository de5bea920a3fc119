"""Bach10 (Duan and Pardo 2011) and its synthesised version by Sibelius (Miron et al. 2017): chorales, no drums."""

import re
from pathlib import Path

from dssgan.curation.importers.base import Importer, ImportResult, Options, audio_files, folders
from dssgan.data.audio_file import AudioFile, Recording, Sum
from dssgan.data.track import Unpaired
from dssgan.errors import DataError
from dssgan.types import OTHER

_CHORALE = re.compile(r"^\d{2}[-_ ]")


def _read(root: Path, options: Options) -> ImportResult:
    if OTHER not in options.sources:
        raise DataError(f"{root}: Bach10 is drumless music, for which there is no source; add other to --sources")
    chorales = tuple(
        _chorale(folder) for folder in folders(root) if _CHORALE.match(folder.name) and audio_files(folder)
    )
    sources = tuple(chorales if source == OTHER else () for source in options.sources)
    return ImportResult(unpaired=Unpaired((), sources), notes=["chorales without drums: they train as unpaired other"])


def _chorale(folder: Path) -> Recording:
    """The recording of all four, named as the folder; else the sum of the parts."""
    wanted = re.sub(r"\W|_", "", folder.name).lower()
    parts = audio_files(folder)
    for path in parts:
        if re.sub(r"\W|_", "", path.stem).lower() == wanted:
            return AudioFile.of(path)
    return Sum(tuple((AudioFile.of(path), 1.0) for path in parts))


BACH10 = Importer("Bach10", "01-AchGottundHerr/01-AchGottundHerr{,-violin,-clarinet,-saxphone,-bassoon}.wav", _read)
