"""Post-processing steps: what every one must do, and what each is for."""

import math

import pytest
import torch

from dssgan.errors import ConfigError
from dssgan.separators.hpss import HPSS, percussive_mask
from dssgan.separators.postprocess import STEPS, BleedGate, PercussivePart, Wiener
from dssgan.separators.upper_band import UpperBand
from dssgan.separators.wiener import multichannel_wiener

SETTINGS: dict[str, dict[str, float]] = {"bandwidth": {"cutoff_hz": 8000.0}, "bleed_gate": {"threshold_db": -20.0}}


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=STEPS)
def step(request: pytest.FixtureRequest) -> torch.nn.Module:
    return STEPS[request.param](**SETTINGS.get(request.param, {}))


@pytest.mark.parametrize("num_samples", [1, 777, 5000])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_shape_and_sum_stay(step: torch.nn.Module, num_samples: int, channels: int) -> None:
    estimates = noise(2, 3, channels, num_samples)
    mix = estimates.sum(dim=1)
    stepped = step(estimates, mix)
    assert stepped.shape == estimates.shape
    torch.testing.assert_close(stepped.sum(dim=1), mix, atol=2e-5, rtol=0)


def test_silence_stays_silent(step: torch.nn.Module) -> None:
    assert step(torch.zeros(1, 2, 2, 9000), torch.zeros(1, 2, 9000)).abs().max() < 1e-6


def test_items_of_a_batch_do_not_touch(step: torch.nn.Module) -> None:
    estimates = noise(2, 2, 2, 12000)
    mix = estimates.sum(dim=1)
    torch.testing.assert_close(step(estimates, mix)[1:], step(estimates[1:], mix[1:]), atol=1e-6, rtol=1e-4)


def test_the_gate_moves_what_it_takes() -> None:
    generator = torch.Generator().manual_seed(0)
    other = 0.3 * torch.randn(1, 2, 44100, generator=generator)
    drums = torch.zeros(1, 2, 44100)
    drums[..., 22050:] = 0.3 * torch.randn(1, 2, 22050, generator=generator)
    leak = 0.02 * other  # 34 dB below
    estimates = torch.stack([drums + leak, other - leak], dim=1)
    gated = BleedGate(threshold_db=-20)(estimates, drums + other)
    torch.testing.assert_close(gated.sum(dim=1), drums + other, atol=1e-6, rtol=0)
    quiet, loud = slice(2000, 18000), slice(26000, 42000)
    before, after = (e[0, 0, :, quiet].square().mean() for e in (estimates, gated))
    assert 10 * torch.log10(after / before) < -30
    torch.testing.assert_close(gated[0, 0, :, loud], estimates[0, 0, :, loud], atol=5e-3, rtol=0)


def test_hits_and_tones_are_told_apart() -> None:
    time = torch.arange(44100) / 44100
    tones = sum(0.1 * torch.sin(2 * math.pi * frequency * time) for frequency in (220.0, 1000.0, 3700.0))
    assert isinstance(tones, torch.Tensor)
    hits = torch.zeros(44100)
    hits[5000::11025] = 4.0
    mix = (tones + hits).expand(1, 2, -1)
    drums, other = HPSS()(mix)[0, :, 0]
    assert sdr(drums, hits) > 10
    assert sdr(other, tones) > 10
    # and out of a drums estimate that half of the tones leaked into
    estimates = torch.stack([hits + 0.5 * tones, 0.5 * tones])[None, :, None].expand(1, 2, 2, -1)
    cleaned = PercussivePart(strength=1.0)(estimates, mix)[0, 0, 0]
    assert sdr(cleaned, hits) > sdr(hits + 0.5 * tones, hits) + 8
    torch.testing.assert_close(PercussivePart(strength=0.0)(estimates, mix), estimates, atol=1e-6, rtol=0)


def test_medians_by_hand() -> None:
    magnitude = torch.tensor([[[1.0, 9.0, 1.0], [2.0, 9.0, 2.0], [1.0, 9.0, 1.0]]])  # three bins, three frames
    # along time the middle bin's medians are 2, 2, 2 (the ends are continued); along frequency 1, 9, 1
    mask = percussive_mask(magnitude, frames=3, bins=3)
    torch.testing.assert_close(mask[0, 1], torch.tensor([1 / 5, 81 / 85, 1 / 5]))
    assert percussive_mask(torch.zeros(1, 4, 4), 3, 3).unique().tolist() == [0.5]


def test_one_channel_is_filtered_by_the_ratio_of_powers() -> None:
    # with one channel the filter is |a|^2 / (|a|^2 + |b|^2)
    first, second = torch.tensor([3.0 + 0j, 1j]), torch.tensor([4.0 + 0j, 2.0 + 0j])
    estimates = torch.stack([first, second])[None, :, None, None]  # (1, 2, 1, 1 bin, 2 frames)
    mix = torch.tensor([5.0 + 0j, 10.0 + 0j])
    filtered = multichannel_wiener(estimates, mix[None, None, None])
    torch.testing.assert_close(filtered[0, 0, 0, 0].real, torch.tensor([5 * 9 / 25, 10 * 1 / 5]), atol=1e-3, rtol=0)


def test_sources_at_different_places_are_parted_by_place() -> None:
    """Estimates that leak into each other, of sources at the left and at the right."""
    left, right = noise(40000, seed=1), noise(40000, seed=2)
    sources = torch.stack([torch.stack([left, 0.1 * left]), torch.stack([0.1 * right, right])])
    leaking = torch.stack([sources[0] + 0.3 * sources[1], sources[1] + 0.3 * sources[0]])
    estimates = (leaking * (1 / 1.3))[None]
    filtered = Wiener()(estimates, sources.sum(dim=0)[None])[0]
    assert sdr(filtered[0], sources[0]) > sdr(estimates[0, 0], sources[0]) + 3
    # a mix whose channels are the same has no place, and an inverse all the same
    mono = noise(1, 2, 1, 9000).expand(1, 2, 2, 9000)
    assert torch.isfinite(Wiener(iterations=3)(mono, mono.sum(dim=1))).all()


def test_the_upper_band_is_shared_as_the_band_below() -> None:
    time = torch.arange(44100) / 44100
    low, high = (0.2 * torch.sin(2 * math.pi * hertz * time) for hertz in (7000.0, 12000.0))
    first = torch.cat([low[:22050], 0.5 * low[22050:]])
    second = torch.cat([torch.zeros(22050), 0.5 * low[22050:]])
    estimates = torch.stack([first, second])[None, :, None]
    mix = (low + high)[None, None]
    shared = UpperBand(cutoff_hz=8000.0)(estimates, mix)[0, :, 0]
    for part, share in ((slice(4000, 18000), 1.0), (slice(26000, 40000), 0.5)):
        torch.testing.assert_close(shared[0, part], first[part] + share * high[part], atol=1e-3, rtol=0)
        torch.testing.assert_close(shared[1, part], second[part] + (1 - share) * high[part], atol=1e-3, rtol=0)
    torch.testing.assert_close(shared.sum(dim=0)[4000:-4000], mix[0, 0, 4000:-4000], atol=1e-3, rtol=0)


def sdr(estimate: torch.Tensor, reference: torch.Tensor) -> float:
    return float(10 * torch.log10(reference.square().sum() / (estimate - reference).square().sum()))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("bandwidth", {"cutoff_hz": 30000.0}, "cutoff_hz=30000: must be from 200 to half of the sample rate, 22050"),
        ("bleed_gate", {"threshold_db": -20.0, "smoothing_frames": 2}, "smoothing_frames=2"),
        ("hpss", {"strength": 1.5}, "strength=1.5"),
        ("hpss", {"bins": 4}, "bins=4: must be odd"),
        ("wiener", {"iterations": 0}, "iterations=0"),
    ],
)
def test_settings_out_of_range_are_named(name: str, settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        STEPS[name](**settings)
