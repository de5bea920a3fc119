"""The band-split network: its bands and its causality."""

import pytest
import torch

from dssgan.errors import ConfigError
from dssgan.separators.band_split import BandSplit


def test_bands_cover_every_bin_once() -> None:
    for n_fft, sample_rate in ((2048, 44100), (4096, 44100), (512, 8192)):
        model = BandSplit(n_fft=n_fft, hop_samples=n_fft // 4, sample_rate=sample_rate)
        assert sum(model.band_sizes) == n_fft // 2
        assert min(model.band_sizes) >= 1


def test_causal_hears_one_window_ahead_and_no_more() -> None:
    torch.manual_seed(0)
    model = BandSplit(causal=True, hop_samples=512).eval()
    mix = 0.1 * torch.randn(1, 2, 20000)
    changed = mix.clone()
    changed[..., 12000:] = 0.1 * torch.randn(1, 2, 8000)
    with torch.inference_mode():
        difference = (model(mix) - model(changed)).abs().amax(dim=(0, 1, 2))
    assert difference[: 12000 - model.n_fft].max() == 0
    assert difference[12000 - model.hop_samples : 12000].max() > 0


def test_the_other_one_hears_everything() -> None:
    torch.manual_seed(0)
    model = BandSplit().eval()
    mix = 0.1 * torch.randn(1, 2, 20000)
    changed = mix.clone()
    changed[..., 19000:] = 0
    with torch.inference_mode():
        assert (model(mix) - model(changed)).abs()[..., :1000].max() > 0


@pytest.mark.parametrize("edges_hz", [(), (10.0, 100.0), (0.0, 200.0, 100.0)])
def test_edges_that_do_not_rise_from_zero_are_refused(edges_hz: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="edges_hz"):
        BandSplit(edges_hz=edges_hz)
