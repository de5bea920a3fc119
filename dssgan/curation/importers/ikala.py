"""iKala (Chan et al. 2015): accompaniment on the left channel, voice on the right. Withdrawn by its makers."""

from pathlib import Path

from dssgan.curation.importers.base import Importer, ImportResult, Options, audio_files, child
from dssgan.data.audio_file import AudioFile
from dssgan.data.track import Unpaired
from dssgan.errors import DataError

_NOTE = (
    "the set separates voices from the rest, not drums: its clips train as unpaired mixes. Their left channel is the "
    "music and the right one the voice, so train with channels=1, which adds them up"
)


def _read(root: Path, _options: Options) -> ImportResult:
    clips = tuple(AudioFile.of(path) for path in audio_files(child(root, "Wavfile")))
    for clip in clips:
        if clip.channels != 2:
            raise DataError(f"{clip.label}: has {clip.channels} channels, where iKala has music left and voice right")
    return ImportResult(unpaired=Unpaired(clips), notes=[_NOTE])


IKALA = Importer("iKala", "Wavfile/*.wav", _read)
