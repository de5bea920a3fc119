"""Loudness against the standard's own numbers, and against ffmpeg's meter."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dssgan.app.loudness import LoudnessMeter
from dssgan.audio import files
from dssgan.data.loading import load_dataset


def measure(audio: np.ndarray, rate: int, block: int = 10_007) -> LoudnessMeter:
    meter = LoudnessMeter(rate, len(audio))
    for start in range(0, audio.shape[1], block):
        meter.push(audio[:, start : start + block])
    return meter


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_a_sine_of_full_scale_in_one_channel_is_3_lufs_below(rate: int) -> None:
    sine = np.sin(2 * np.pi * 997 * np.arange(5 * rate) / rate).astype(np.float32)
    assert measure(sine[None], rate).integrated() == pytest.approx(-3.01, abs=0.02)
    assert measure(np.stack([sine, sine]) / 10, rate).integrated() == pytest.approx(-20.0, abs=0.02)
    assert measure(sine[None], rate).peak == pytest.approx(1, abs=1e-3)


def test_silence_and_what_is_short_have_none() -> None:
    assert measure(np.zeros((2, 48000), np.float32), 48000).integrated() == -np.inf
    assert measure(np.ones((2, 4800), np.float32), 48000).integrated() == -np.inf


def test_quiet_parts_do_not_count() -> None:
    rate = 48000
    sine = np.sin(2 * np.pi * 997 * np.arange(10 * rate) / rate).astype(np.float32)[None]
    quiet = np.concatenate([sine, sine / 1000], axis=1)
    assert measure(quiet, rate).integrated() == pytest.approx(measure(sine, rate).integrated(), abs=0.1)


def test_a_song_is_as_loud_as_ffmpeg_says(tmp_path: Path) -> None:
    mix = load_dataset().test[0].load(44100)[0]
    path = tmp_path / "song.wav"
    files.write(path, mix, 44100, "float32")
    command = ["ffmpeg", "-nostats", "-i", str(path), "-af", "ebur128", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    loudness = float(re.findall(r"I:\s+(-?[\d.]+) LUFS", said)[-1])
    assert measure(mix, 44100).integrated() == pytest.approx(loudness, abs=0.1)
