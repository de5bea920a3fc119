"""ccMixter (Liutkus et al. 2014): songs with and without their singer, with no information on drums."""

from pathlib import Path

from dssgan.curation.importers.base import Importer, ImportResult, Options, audio_files, folders, only
from dssgan.data.audio_file import AudioFile
from dssgan.data.track import Unpaired

_NOTE = "the set separates voices from the rest, not drums: its songs train as unpaired mixes"


def _read(root: Path, _options: Options) -> ImportResult:
    songs = [
        folder for folder in folders(root) if any(file.stem.casefold() == "source-01" for file in audio_files(folder))
    ]
    return ImportResult(unpaired=Unpaired(tuple(AudioFile.of(only(folder, "mix")) for folder in songs)), notes=[_NOTE])


CCMIXTER = Importer("ccMixter", "SONG/{mix,source-01,source-02}.wav", _read)
