"""The same audio under another name is the same audio."""

import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dssgan.audio import files
from dssgan.data.fingerprint import fingerprint

RATE = 44100
Song = tuple[NDArray[np.float32], NDArray[np.float32]]


def test_names_and_containers_do_not_matter(tmp_path: Path, song: Song) -> None:
    first = tmp_path / "a.wav"
    files.write(first, song[0], RATE)
    audio = files.read(first)  # 16-bit from here on
    files.write(tmp_path / "b.flac", audio, RATE)
    files.write(tmp_path / "c.wav", audio, RATE, "float32")
    files.write(tmp_path / "d.flac", audio, RATE, "pcm24")
    subprocess.run(["ffmpeg", "-v", "error", "-i", first, "-c:a", "alac", tmp_path / "e.m4a"], check=True)
    assert len({fingerprint(path) for path in tmp_path.iterdir()}) == 1


def test_one_bit_matters(tmp_path: Path, song: Song) -> None:
    changed = song[0].copy()
    changed[1, -1] += 2**-14
    files.write(tmp_path / "a.wav", song[0], RATE)
    files.write(tmp_path / "b.wav", changed, RATE)
    assert fingerprint(tmp_path / "a.wav") != fingerprint(tmp_path / "b.wav")


def test_channels_matter(tmp_path: Path, song: Song) -> None:
    files.write(tmp_path / "a.wav", song[0], RATE)
    files.write(tmp_path / "b.wav", song[0][::-1], RATE)
    assert fingerprint(tmp_path / "a.wav") != fingerprint(tmp_path / "b.wav")


def test_silence_is_nobody(tmp_path: Path) -> None:
    files.write(tmp_path / "a.wav", np.zeros((2, 1000), np.float32), RATE)
    files.write(tmp_path / "b.wav", np.full((1, 5000), 2**-17, np.float32), RATE, "float32")
    assert fingerprint(tmp_path / "a.wav") == fingerprint(tmp_path / "b.wav") == "silence"
