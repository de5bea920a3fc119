"""Strokes found in pieces: where, how hard, and whatever the blocks."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dssgan.errors import ModelError
from dssgan.transcription import strokes as module
from dssgan.transcription.network import KINDS, STEM_NAMES, Heard, StrokeNetwork
from dssgan.transcription.spectra import SAMPLE_RATE
from dssgan.transcription.strokes import Candidate, StrokeModel, StrokeStream, strokes_of, velocity_features

THRESHOLDS = dict.fromkeys(STEM_NAMES, 0.5)


class Rise(StrokeNetwork):
    """Hears a stroke where a piece gets louder, as sure as it rises."""

    def forward(self, spectra: torch.Tensor) -> Heard:
        level = spectra.mean(dim=-1)
        rise = torch.diff(level, dim=1, prepend=level[:, :1])
        shape = *level.shape[:2], len(KINDS)
        return Heard(30 * rise - 2, torch.zeros(shape), level)


def clicks(seconds: dict[str, list[tuple[float, float]]], length: float, rate: int = SAMPLE_RATE) -> np.ndarray:
    """Bursts of noise that die away: (stems, 2, samples)."""
    pieces = np.zeros((len(STEM_NAMES), 2, round(length * rate)), np.float32)
    burst = np.random.default_rng(0).normal(0, 1, (2, rate // 10)) * np.exp(-np.arange(rate // 10) / (rate / 50))
    for stem, strokes in seconds.items():
        for at, level in strokes:
            start = round(at * rate)
            part = pieces[STEM_NAMES.index(stem), :, start : start + burst.shape[1]]
            part += level * burst[:, : part.shape[1]].astype(np.float32)
    return pieces


PLAYED = {"kick": [(0.5, 0.5), (1.0, 0.4), (1.03, 0.9)], "hihat": [(0.25, 0.1), (40.0, 0.2)]}


def found(pieces: np.ndarray, block: int, rate: int = SAMPLE_RATE) -> list[Candidate]:
    stream = StrokeStream(Rise().eval(), rate)
    for start in range(0, pieces.shape[-1], block):
        stream.push(pieces[..., start : start + block])
    return stream.finish()


@pytest.mark.parametrize("rate", [44100, 48000])
def test_strokes_are_where_they_were_played(rate: int) -> None:
    candidates = [one for one in found(clicks(PLAYED, 41, rate), 1 << 16, rate) if one.strength > 0.5]
    played = sorted((at, stem) for stem, strokes in PLAYED.items() for at, _ in strokes)
    assert [one.stem for one in candidates] == [stem for _, stem in played]
    np.testing.assert_allclose([one.seconds for one in candidates], [at for at, _ in played], atol=0.012)


def test_blocks_change_nothing() -> None:
    pieces = clicks(PLAYED, 41)
    whole = found(pieces, pieces.shape[-1])
    assert whole
    for block in (10_007, 300_000):
        parts = found(pieces, block)
        assert [(one.stem, one.kind) for one in parts] == [(one.stem, one.kind) for one in whole]
        np.testing.assert_allclose([one.seconds for one in parts], [one.seconds for one in whole], atol=1e-4)
        np.testing.assert_allclose([one.level for one in parts], [one.level for one in whole], atol=1e-4)


def test_memory_does_not_grow_with_the_song() -> None:
    stream = StrokeStream(Rise().eval(), SAMPLE_RATE)
    for _ in range(100):
        stream.push(np.zeros((len(STEM_NAMES), 2, SAMPLE_RATE), np.float32))
        assert len(stream._frames) <= module._BLOCK_FRAMES + 150
    assert stream.finish() == []


@pytest.mark.parametrize("samples", [0, 1, 100, 500])
def test_songs_shorter_than_a_window(samples: int) -> None:
    assert found(np.zeros((len(STEM_NAMES), 1, samples), np.float32), 400) == []


def stroke(seconds: float, stem: str, level: float, strength: float = 0.9) -> Candidate:
    return Candidate(seconds, stem, strength, stem if stem in KINDS else "crash", 0.5, level)


def test_velocities_follow_from_levels_below_the_loud_ones() -> None:
    levels = [0.9, 0.9, 0.9, 0.5]
    features = velocity_features([stroke(at, "kick", level) for at, level in enumerate(levels)])
    np.testing.assert_allclose(features[:, 1], [0, 0, 0, -0.4])
    # a gain over the whole song changes none of them
    louder = velocity_features([stroke(at, "kick", level + 0.05) for at, level in enumerate(levels)])
    np.testing.assert_allclose(louder, features, atol=1e-12)

    weights = {stem: [0.9, 1.0, 0, 0, 0, 0] for stem in STEM_NAMES}
    candidates = [stroke(at, "kick", level) for at, level in enumerate(levels)]
    candidates += [stroke(0.5, "snare", 0.8, strength=0.4), stroke(1.5, "snare", 0.3)]
    hits = strokes_of(candidates, StrokeModel(StrokeNetwork(), THRESHOLDS, weights))
    assert [(hit.start_seconds, hit.piece) for hit in hits] == [
        (0, "kick"), (1, "kick"), (1.5, "snare"), (2, "kick"), (3, "kick"),
    ]  # fmt: skip
    np.testing.assert_allclose([hit.velocity for hit in hits], [0.9, 0.9, 0.9, 0.9, 0.5])


def test_a_model_is_read_back_and_what_is_none_is_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = StrokeModel(StrokeNetwork().eval(), THRESHOLDS, {stem: [1.0] * 6 for stem in STEM_NAMES}, {"seed": 0})
    model.save(tmp_path / "strokes.safetensors")
    back = StrokeModel.load(tmp_path / "strokes.safetensors")
    assert (back.thresholds, back.about) == (THRESHOLDS, {"seed": 0})
    spectra = torch.rand(1, 50, len(STEM_NAMES), 40)
    torch.testing.assert_close(back.network(spectra).onsets, model.network(spectra).onsets, atol=1e-2, rtol=1e-2)
    (tmp_path / "strokes.safetensors").write_bytes(b"no")
    for name in ("strokes.safetensors", "none.safetensors"):
        with pytest.raises(ModelError, match="is no model of strokes"):
            StrokeModel.load(tmp_path / name)
