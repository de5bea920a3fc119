"""A running app, and a song that it has separated."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from running_app import RATE, RunningApp, start

from dssgan.audio import files
from dssgan.data.loading import load_dataset
from dssgan.separators import build_separator
from dssgan.separators.bundle import save_bundle


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that separates in no time, and badly."""
    torch.manual_seed(0)
    model = build_separator("unet", {"num_layers": 1, "num_initial_filters": 2, "n_fft": 512, "hop_samples": 256})
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_bundle(folder, "unet", model, metadata={})
    return folder


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Iterator[RunningApp]:
    """An app with its page."""
    running = start(tmp_path_factory.mktemp("app") / "library", "--model", str(tiny), headless=False)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def beat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds of a bundled song with an even beat, as flac with tags."""
    track = next(one for one in load_dataset().test if one.name == "esp")
    mix = track.load(RATE)[0][:, : 8 * RATE]
    path = tmp_path_factory.mktemp("songs") / "beat.wav"
    files.write(path, mix, RATE)
    tagged = path.with_suffix(".flac")
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(path),
        "-metadata",
        "title=The Beat",
        "-metadata",
        "artist=A",
        str(tagged),
    ]
    subprocess.run(command, check=True)
    return tagged


@pytest.fixture(scope="session")
def separated(app: RunningApp, beat: Path) -> Any:
    """A song with pieces and MIDI, done."""
    return app.wait(app.add(beat, model="fast", pieces="true", midi="true"))


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """Two seconds of stereo noise."""
    audio = np.random.default_rng(0).uniform(-0.3, 0.3, (2, 2 * RATE)).astype(np.float32)
    path = tmp_path / "noise.wav"
    files.write(path, audio, RATE)
    return path
