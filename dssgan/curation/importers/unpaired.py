"""Folders of mixes, of drum loops and of drumless music that have nothing to do with each other."""

from pathlib import Path

from dssgan.curation.importers.base import Importer, ImportResult, Options, audio_files, child, folders
from dssgan.data.audio_file import AudioFile
from dssgan.data.track import Unpaired

_MIXES = "mixes"


def read_unpaired(root: Path, options: Options) -> Unpaired:
    """Find unpaired recordings, in folders within folders too.

    Raises:
        AudioError: a file cannot be read.
    """
    mixes, *sources = (tuple(_recordings(child(root, name))) for name in (_MIXES, *options.sources))
    return Unpaired(mixes, tuple(sources))


def _recordings(folder: Path) -> list[AudioFile]:
    recordings = [AudioFile.of(path) for path in audio_files(folder)]
    for inner in folders(folder):
        recordings += _recordings(inner)
    return recordings


UNPAIRED = Importer(
    "a folder of unpaired music",
    "{mixes,drums,other}/**/*.wav",
    lambda root, options: ImportResult(unpaired=read_unpaired(root, options)),
)
