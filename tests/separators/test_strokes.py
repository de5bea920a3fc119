"""Cleaning strokes by others that sound alike."""

import math

import pytest
import torch

from dssgan.errors import ConfigError
from dssgan.separators.strokes import StrokeRepair

RATE = 44100
SPACING = 11025


def drum(hertz: float, level: float = 0.5, decay: float = 0.04) -> torch.Tensor:
    """A stroke of two tones, ten times apart."""
    time = torch.arange(SPACING) / RATE
    tones = torch.sin(2 * math.pi * hertz * time) + 0.5 * torch.sin(20 * math.pi * hertz * time)
    return level * tones * torch.exp(-time / decay)


def beat(*strokes: torch.Tensor) -> torch.Tensor:
    """Strokes at even distances after 0.1 s, (1, 1, samples)."""
    silence = torch.zeros(4410)
    return torch.cat([silence, *strokes])[None, None]


def sdr(estimate: torch.Tensor, reference: torch.Tensor) -> float:
    return float(10 * torch.log10(reference.square().sum() / (estimate - reference).square().sum()))


def covered(drums: torch.Tensor, number: int, share: float) -> tuple[torch.Tensor, torch.Tensor, slice]:
    """Estimates of drums and a tone that lies over one stroke, with a share of that stroke's body given to the tone."""
    at = slice(4410 + number * SPACING, 4410 + (number + 1) * SPACING)
    tone = torch.zeros_like(drums)
    tone[..., at] = 0.4 * torch.sin(2 * math.pi * 180 * torch.arange(SPACING) / RATE)
    lost = torch.zeros_like(drums)
    time = torch.arange(SPACING) / RATE
    lost[..., at] = share * 0.5 * torch.sin(2 * math.pi * 200 * time) * torch.exp(-time / 0.04)
    return torch.stack([drums - lost, tone + lost], dim=1), drums + tone, at


def test_a_hole_under_another_source_is_filled() -> None:
    drums = beat(*[drum(200)] * 8)
    estimates, mix, at = covered(drums, 4, 0.8)
    cleaned = StrokeRepair()(estimates, mix)
    torch.testing.assert_close(cleaned.sum(dim=1), mix, atol=1e-5, rtol=0)
    # 80 % of the lower tone are missing, which has 4/5 of the energy: 10 log10(1 / (0.8 * 0.64))
    assert sdr(estimates[:, 0, :, at], drums[..., at]) == pytest.approx(2.91, abs=0.05)
    assert sdr(cleaned[:, 0, :, at], drums[..., at]) > 4
    before, after = (10 * math.log10(float(one[:, 0, :, at].square().sum())) for one in (estimates, cleaned))
    assert after > before + 1.2


def test_what_is_not_covered_stays() -> None:
    drums = beat(*(drum(200, level) for level in (0.5, 0.3, 0.5, 0.1, 0.5, 0.3, 0.5, 0.2)))
    estimates = torch.stack([drums, torch.zeros_like(drums)], dim=1)
    torch.testing.assert_close(StrokeRepair()(estimates, drums), estimates, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("settings", "strokes"),
    [
        ({"strength": 0.0}, [drum(200)] * 8),
        ({}, [drum(200)] * 4),  # fewer than four others
        ({}, [drum(hertz) for hertz in (60, 120, 240, 480, 960, 1920, 3840, 7680)]),  # of which none comes again
    ],
    ids=["strength 0", "few strokes", "all different"],
)
def test_nothing_is_changed_without_alike_strokes(settings: dict[str, float], strokes: list[torch.Tensor]) -> None:
    estimates, mix, _ = covered(beat(*strokes), 2, 0.8)
    torch.testing.assert_close(StrokeRepair(**settings)(estimates, mix), estimates, atol=1e-6, rtol=0)  # type: ignore[arg-type]


def test_a_drum_is_not_made_of_another() -> None:
    drums = beat(*[drum(200), drum(4000)] * 6)
    estimates, mix, at = covered(drums, 4, 0.8)
    cleaned = StrokeRepair()(estimates, mix)[0, 0, 0, at]
    spectrum = torch.fft.rfft(cleaned * torch.hann_window(SPACING)).abs()
    hertz = torch.fft.rfftfreq(SPACING, 1 / RATE)
    low, high = (spectrum[(hertz - centre).abs() < 100].max() for centre in (200, 4000))
    assert 20 * torch.log10(high / low) < -30


def test_every_source_but_the_last_is_cleaned() -> None:
    estimates, mix, _ = covered(beat(*[drum(200)] * 8), 4, 0.8)
    alone = StrokeRepair()(estimates, mix)
    hats = beat(*[drum(900, 0.001)] * 8)
    three = torch.cat([hats[:, None], estimates], dim=1)
    cleaned = StrokeRepair()(three, three.sum(dim=1))
    torch.testing.assert_close(cleaned[:, 1], alone[:, 0], atol=2e-2, rtol=0)
    assert (cleaned[:, 2] - three[:, 2]).abs().max() > 0.1


@pytest.mark.parametrize("settings", [{"strength": 1.5}, {"quantile": -0.1}, {"neighbours": 0}, {"least": 0}])
def test_settings_out_of_range_are_named(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        StrokeRepair(**settings)  # type: ignore[arg-type]
