"""The bundled songs, cut to a few seconds: what is built here does not depend on their length."""

from dataclasses import replace

import pytest

from dssgan.audio import files
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Dataset
from dssgan.data.track import Track

_SECONDS = 4.0


@pytest.fixture(scope="session")
def bundled(bundled: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The data set that comes with the package, each labelled song with four seconds of drums and all else alone."""
    folder = tmp_path_factory.mktemp("cut")

    def cut(track: Track) -> Track:
        parts = []
        for source, sample in zip(bundled.sources, track.sources, strict=True):
            assert sample is not None
            path = folder / track.name / f"{source}.wav"
            files.write(path, sample.read(6.0, _SECONDS), sample.sample_rate, "float32")
            parts.append(AudioFile.of(path, with_fingerprint=True))
        return Track(track.name, None, tuple(parts), track.group)

    partitions = {name: tuple(map(cut, getattr(bundled, name))) for name in ("train_sup", "valid", "test")}
    return replace(bundled, **partitions)
