"""Knowing audio again through gain, codecs, sample rates and cuts."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from dssgan.audio import files
from dssgan.data.acoustic import landmarks, matches
from dssgan.data.dataset import Dataset

RATE = 44100


@pytest.mark.parametrize(
    "changes",
    [
        ["-c:a", "libmp3lame", "-b:a", "96k"],
        ["-af", "volume=-12dB", "-ar", "22050", "-c:a", "libmp3lame", "-b:a", "64k"],
        ["-ss", "4.0", "-c:a", "libmp3lame", "-b:a", "128k"],
    ],
    ids=["mp3", "quiet at 22 kHz", "cut"],
)
@pytest.mark.parametrize("source", [0, 1], ids=["drums", "other"])
def test_a_copy_is_known_again(changes: list[str], source: int, bundled: Dataset, tmp_path: Path) -> None:
    sample = bundled.train_sup[0].sources[source]
    assert sample is not None
    audio = sample.read()
    files.write(tmp_path / "a.wav", audio / max(1.0, float(np.abs(audio).max())), RATE)
    subprocess.run(["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", *changes, tmp_path / "b.mp3"], check=True)
    copy = landmarks(files.read(tmp_path / "b.mp3"), files.probe(tmp_path / "b.mp3").sample_rate)
    (match,) = matches([landmarks(audio, RATE), copy])
    assert (match.first, match.second) == (0, 1)
    assert match.share > 0.1
    assert match.offset_seconds == pytest.approx(4.0 if "-ss" in changes else 0.0, abs=0.06)


def test_different_songs_share_nothing(bundled: Dataset) -> None:
    tracks = (*bundled.train_sup, *bundled.valid, *bundled.test)
    artists: dict[str, np.ndarray] = {}
    for track in tracks:  # one excerpt of each song
        artists.setdefault(track.name.split("-")[0], track.load()[0])
    assert len(artists) >= 4
    assert not matches([landmarks(mix, RATE) for mix in artists.values()])


@pytest.mark.parametrize(
    "audio", [np.zeros((2, RATE)), np.zeros((1, 10)), np.zeros((2, 0))], ids=["silent", "short", "empty"]
)
def test_nothing_has_no_landmarks(audio: np.ndarray) -> None:
    marks = landmarks(audio.astype(np.float32), RATE)
    assert len(marks[0]) == len(marks[1]) == 0
    assert matches([marks, marks]) == []
    assert matches([]) == []
