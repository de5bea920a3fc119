"""Any rate, any channels, any length: what comes out lies where it went in and sums to it."""

import numpy as np
import pytest
import torch
from torch import Tensor

from dssgan.inference.overlap_add import SeparationSettings
from dssgan.inference.stream import separate_stream
from dssgan.separators.base import SeparatorModel


class LeftIsDrums(SeparatorModel):
    """Drums are the first channel, other is the second: shows which channel the model heard where."""

    def __init__(self, sample_rate: int = 8000) -> None:
        super().__init__(("drums", "other"), sample_rate, 2)

    def forward(self, mix: Tensor) -> Tensor:
        left = torch.tensor([[1.0], [0.0]])
        return torch.stack([mix * left, mix * (1 - left)], dim=1)


def separate(
    model: SeparatorModel, mix: np.ndarray, rate: int, size: int = 5000, **settings: float
) -> tuple[np.ndarray, np.ndarray]:
    blocks = (mix[:, start : start + size] for start in range(0, mix.shape[-1], size))
    parts = list(
        separate_stream(model, blocks, sample_rate=rate, channels=mix.shape[0], settings=SeparationSettings(**settings))
    )
    return np.concatenate([part for part, _ in parts], -1), np.concatenate([estimate for _, estimate in parts], -1)


def tones(num_samples: int, channels: int, rate: int) -> np.ndarray:
    """Another tone in each channel, all far below half of every rate here."""
    seconds = np.arange(num_samples) / rate
    return np.stack([0.8 * np.sin(2 * np.pi * 300 * (index + 1) * seconds) for index in range(channels)]).astype("f4")


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("model_channels", [1, 2])
def test_estimates_lie_where_the_mix_does(models, rate, channels, model_channels):
    model = models["gains"](0.25, 0.5, sample_rate=8000, channels=model_channels)
    mix = tones(rate + 13, channels, rate)
    heard, estimates = separate(model, mix, rate, segment_seconds=0.3)
    np.testing.assert_array_equal(heard, mix)
    np.testing.assert_allclose(estimates.sum(0), mix, atol=5e-7)
    # the residual 0.25 goes to both in equal shares: 0.375 and 0.625; a shift by one sample would show as 0.07 and more
    middle = slice(rate // 10, -rate // 10)
    np.testing.assert_allclose(estimates[0][:, middle], 0.375 * mix[:, middle], atol=2e-3)
    np.testing.assert_allclose(estimates[1][:, middle], 0.625 * mix[:, middle], atol=2e-3)


@pytest.mark.parametrize("rate", [8000, 48000, 5000])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_short_length(models, rate, channels):
    model = models["fir"](channels=2)
    for num_samples in (*range(1, 12), 799, 801):
        mix = tones(num_samples, channels, rate)
        heard, estimates = separate(model, mix, rate, size=7, segment_seconds=0.01)
        np.testing.assert_array_equal(heard, mix)
        assert estimates.shape == (2, channels, num_samples)
        np.testing.assert_allclose(estimates.sum(0), mix, atol=5e-7)


@pytest.mark.parametrize("rate", [8000, 44100])
def test_cut_of_blocks_does_not_matter(models, rate):
    model = models["fir"](channels=2)
    mix = np.random.default_rng(0).uniform(-1, 1, (3, 20011)).astype(np.float32)
    _, at_once = separate(model, mix, rate, size=10**6, segment_seconds=0.2)
    for size in (257, 5000, 20010):
        _, in_pieces = separate(model, mix, rate, size=size, segment_seconds=0.2)
        np.testing.assert_allclose(in_pieces, at_once, atol=1e-6)


def test_what_the_models_rate_cannot_hold_is_shared(models):
    """A tone of 10 kHz is silence to a model at 8 kHz."""
    mix = 0.5 * np.sin(2 * np.pi * 10000 / 44100 * np.arange(44100))[None].astype(np.float32)
    _, estimates = separate(models["gains"](1.0, 0.0), mix, 44100)
    np.testing.assert_allclose(estimates[:, :, 4000:-4000], np.stack([mix / 2] * 2)[:, :, 4000:-4000], atol=1e-3)


def test_mono_is_heard_on_both_sides():
    """The model calls the left side drums and the right side other; their average is half of each."""
    mix = tones(900, 1, 8000)
    _, estimates = separate(LeftIsDrums(), mix, 8000)
    np.testing.assert_allclose(estimates, [0.5 * mix, 0.5 * mix], atol=1e-6)


def test_three_channels_are_a_pair_and_one():
    mix = tones(900, 3, 8000)
    _, estimates = separate(LeftIsDrums(), mix, 8000)
    nothing = np.zeros(900)
    np.testing.assert_allclose(estimates[0], [mix[0], nothing, 0.5 * mix[2]], atol=1e-6)
    np.testing.assert_allclose(estimates[1], [nothing, mix[1], 0.5 * mix[2]], atol=1e-6)
