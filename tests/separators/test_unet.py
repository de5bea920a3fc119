"""The U-Net against the numbers of the system it continues."""

import pytest
import torch

from dssgan.separators import build_separator
from dssgan.separators.unet import UNet, context_cells


def test_parity_has_the_original_parameters_and_shapes() -> None:
    model = build_separator("unet", {}, "parity")
    assert isinstance(model, UNet)
    assert sum(parameter.numel() for parameter in model.parameters()) == 958_596
    assert context_cells(4) == 46
    log_magnitudes = torch.rand(2, 1, 350, 158)
    assert model.magnitudes(log_magnitudes).shape == (2, 2, 1, 258, 66)


@pytest.mark.parametrize("num_layers", [1, 2, 3, 5])
def test_any_depth_covers_the_whole_spectrogram(num_layers: int) -> None:
    model = build_separator(
        "unet", {"num_layers": num_layers, "num_initial_filters": 2, "n_fft": 512, "hop_samples": 256}
    )
    assert model(torch.randn(1, 2, 3001)).shape == (1, 2, 2, 3001)


def test_starts_from_an_equal_share_of_the_log_magnitudes() -> None:
    model = build_separator("unet", {}, "parity")
    with torch.no_grad():
        for head in model.heads:
            head.weight[:, :-1] = 0
        estimate = model.magnitudes(torch.full((1, 1, 350, 158), 2.0))
    torch.testing.assert_close(estimate, torch.ones_like(estimate), atol=0.1, rtol=0)
