"""Samples of a song's drums: which strokes are chosen, and whether what is written plays."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from dssgan.audio import files
from dssgan.inference.one_shots import OneShots
from dssgan.inference.output import OutputSettings
from dssgan.inference.separator import Separator
from dssgan.synthesis import instruments, kits
from dssgan.synthesis.score import Hit
from dssgan.synthesis.sfz import read_regions
from dssgan.transcription.network import STEM_NAMES

RATE = 44100
SOURCES = (*STEM_NAMES, "other")


def burst(seed: int, hertz: float, seconds: float = 0.3) -> np.ndarray:
    """A decaying tone with noise, (2, samples)."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).normal(0, 0.1, len(time))
    wave = (np.sin(2 * np.pi * hertz * time) + noise) * np.exp(-time / 0.05)
    return np.stack([wave, wave]).astype(np.float32) * 0.5


class Song:
    """Ten seconds with strokes, and other music in their second half."""

    def __init__(self) -> None:
        self.estimates = np.zeros((len(SOURCES), 2, 10 * RATE), np.float32)
        self.hits: list[Hit] = []
        half = slice(5 * RATE, None)
        self.estimates[-1, :, half] = np.random.default_rng(9).normal(0, 0.1, (2, 5 * RATE))

    def strike(self, seconds: float, piece: str, stem: str, sound: np.ndarray, velocity: float) -> None:
        at = round(seconds * RATE)
        self.estimates[STEM_NAMES.index(stem), :, at : at + sound.shape[1]] += velocity**2 * sound
        self.hits.append(Hit(seconds, piece, velocity))

    def sample(self, folder: Path, block: int = 30_000) -> tuple[OneShots, list]:
        shots = OneShots(folder, SOURCES, RATE, 2)
        for start in range(0, 10 * RATE, block):
            part = self.estimates[..., start : start + block]
            shots.push(part.sum(axis=0), part)
        self.hits.sort(key=lambda hit: hit.start_seconds)
        samples = shots.write(self.hits)
        shots.close()
        return shots, samples


@pytest.fixture
def song() -> Song:
    song = Song()
    kick, low, high = burst(0, 60), burst(1, 200), burst(2, 2000)
    for number in range(10):
        velocity = 0.9 if number % 2 else 0.5
        song.strike(0.5 + 0.9 * number, "kick", "kick", kick, velocity)
        song.strike(0.95 + 0.9 * number, "snare", "snare", low if number < 7 else high, 0.8)
    song.strike(9.5, "crash", "cymbals", burst(3, 5000), 0.7)
    return song


def test_the_cleanest_strokes_of_each_sound_are_written(song: Song, tmp_path: Path) -> None:
    _, samples = song.sample(tmp_path / "kit")
    chosen = [(sample.piece, sample.sound, sample.velocities) for sample in samples]
    assert chosen == [
        ("kick", 1, (1, 89)), ("kick", 1, (90, 127)), ("snare", 1, (1, 127)), ("snare", 2, (1, 127)),
        ("crash", 1, (1, 127)),
    ]  # fmt: skip
    soft, loud, snare, other_snare, _ = samples
    assert min(soft.clean_db, loud.clean_db, snare.clean_db) > -0.01  # out of the half without music
    assert other_snare.clean_db < -1  # all of these are covered
    assert (soft.velocity, loud.velocity) == (0.5, 0.9)
    # what is written is the stroke as it was struck
    written = files.read(tmp_path / "kit" / loud.name)
    expected = np.pad(0.81 * burst(0, 60), ((0, 0), (round(0.004 * RATE), 0)))[:, : written.shape[1]]
    inner = slice(300, written.shape[1] - 1500)
    np.testing.assert_allclose(written[:, inner], expected[:, inner], atol=1e-3)
    assert not [path for path in tmp_path.iterdir() if path.name != "kit"]


def test_the_kits_play_on_keys_of_general_midi(song: Song, tmp_path: Path) -> None:
    _, samples = song.sample(tmp_path / "Sóng & more")
    folder = tmp_path / "Sóng & more"
    regions = read_regions(folder / "kit.sfz")
    assert [(region.keys[0], region.velocities) for region in regions] == [
        (36, (1, 89)), (36, (90, 127)), (38, (1, 127)), (84, (1, 127)), (49, (1, 127)),
    ]  # fmt: skip
    for region, sample in zip(regions, samples, strict=True):
        # at its own velocity a stroke is as loud as it was
        assert region.gain * sample.velocity**2 == pytest.approx(1, rel=0.01)
    root = ElementTree.parse(folder / "drumkit.xml").getroot()
    assert root.findtext("{*}name") == "Sóng & more"
    kit = kits._hydrogen(instruments.Instrument("kit", folder, "credit"))
    assert set(kit.loaders) == {"kick", "snare", "crash"}
    layers = kit.layers("kick")
    assert [round(layer.most, 2) for layer in layers] == [0.7, 1.0]
    assert layers[1].strokes[0].shape[1] > 0.1 * RATE


def test_a_song_without_strokes_writes_nothing(tmp_path: Path) -> None:
    song = Song()
    _, samples = song.sample(tmp_path / "kit")
    assert samples == []
    assert list(tmp_path.iterdir()) == []


def test_strokes_too_close_to_the_next_are_left_out(tmp_path: Path) -> None:
    song = Song()
    for number in range(20):
        song.strike(1 + 0.06 * number, "closed_hat", "hihat", burst(4, 6000, 0.05), 0.6)
    _, samples = song.sample(tmp_path / "kit")
    assert [sample.piece for sample in samples] == ["closed_hat"]  # the last one, which rings out
    assert samples[0].audio.shape[1] > 0.05 * RATE


def test_samples_of_a_file(tmp_path: Path, song: Song) -> None:
    files.write(tmp_path / "drums.wav", song.estimates[:-1].sum(axis=0), RATE)
    separator = Separator.load("pieces", "cpu")
    output = OutputSettings(samples=tmp_path / "samples", stems=("kick",))
    result = separator.separate_file(tmp_path / "drums.wav", tmp_path / "stems", output)
    assert "samples" in result.note
    assert (tmp_path / "samples" / "drums" / "kit.sfz").exists()
    assert {path.name for path in (tmp_path / "samples").iterdir()} == {"drums"}
