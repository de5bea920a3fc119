"""What an ensemble is chosen on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from dssgan.audio import files
from dssgan.data.audio_file import AudioFile
from dssgan.data.dataset import Dataset, Track, unchanged
from dssgan.ensembling.validation_songs import ValidationSongs
from dssgan.inference.overlap_add import DEFAULT_SETTINGS
from dssgan.separators import SeparatorModel


def test_drums_of_dither_are_silent(tmp_path: Path, bundled: Dataset, network: SeparatorModel) -> None:
    song = bundled.valid[0]
    _, sources = song.load(44100, 2)
    dither = np.random.default_rng(0).uniform(-1, 1, sources[0].shape).astype(np.float32) * 2**-16
    for name, audio in zip(("drums", "other"), (dither, sources[1]), strict=True):
        files.write(tmp_path / f"{name}.wav", audio, 44100, "float32")
    parts = tuple(AudioFile.of(tmp_path / f"{name}.wav") for name in ("drums", "other"))
    dataset = replace(bundled, valid=(Track("dithered", None, parts),))
    songs = ValidationSongs(dataset, unchanged, torch.device("cpu"), DEFAULT_SETTINGS)
    mix, reference = songs.load(0, network)
    assert not reference[0].any()
    np.testing.assert_array_equal(reference[1], sources[1])
    np.testing.assert_allclose(mix, dither + sources[1], atol=1e-6)
