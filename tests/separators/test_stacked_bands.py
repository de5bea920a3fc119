"""The layers of all bands side by side."""

import pytest
import torch

from dssgan.separators.band_split import BandSplit
from dssgan.separators.stacked_bands import StackedBands

SMALL = {"n_fft": 256, "hop_samples": 64, "width": 8, "num_layers": 2, "hidden": 6, "causal": True}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"heads": "complex"},
        {"channels": 1, "sources": ("drums", "bass", "other"), "slots": 2},
        {"edges_hz": (0, 20, 21, 5000)},  # one band of many bins, and narrow ones that are joined
    ],
)
def test_frame_by_frame_it_gives_what_the_network_gives(settings: dict) -> None:
    torch.manual_seed(0)
    network = BandSplit(**{**SMALL, **settings}).eval()
    with torch.no_grad():  # away from norms that scale by one and from masks that are equal
        for parameter in network.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    stacked = StackedBands(network)
    frames = torch.randn(5, 1, 2 * network.channels, 1, network.num_bins) * torch.logspace(-4, 1, 5).view(
        -1, 1, 1, 1, 1
    )
    expected, given = [None] * network.num_layers, [None] * network.num_layers
    with torch.inference_mode():
        for frame in frames:
            masks, expected = network.advance(frame, expected)
            ours, given = stacked.advance(frame, given)
            torch.testing.assert_close(ours, masks, atol=2e-5, rtol=1e-5)
    for ours, state in zip(given, expected, strict=True):
        torch.testing.assert_close(ours, state, atol=2e-5, rtol=1e-5)
