"""Losses against numbers worked out by hand."""

import math

import pytest
import torch
from torch import nn

from dssgan.losses.additivity import AdditivityLoss
from dssgan.losses.supervised import LogMagnitudeLoss, WaveAndSTFTLoss


def test_log_magnitude_loss_by_hand() -> None:
    # a constant of 1 under a Hann window of 8: the frames in the middle have bins 4, -2, 0, 0, 0
    reference, estimate = torch.zeros(1, 2, 1, 64), torch.zeros(1, 2, 1, 64)
    estimate[:, 0] = 1.0
    loss = LogMagnitudeLoss(n_fft=8, hop_samples=4)
    middle = (math.log1p(4) ** 2 + math.log1p(2) ** 2) / 5
    # 17 frames; the two at the ends see half a window of ones: |2 - ...| worked out by the transform of w[4:8] alone
    half = [
        abs(
            sum(
                0.5
                * (1 - math.cos(math.pi * n / 4))
                * complex(math.cos(math.pi * k * n / 4), -math.sin(math.pi * k * n / 4))
                for n in range(4, 8)
            )
        )
        for k in range(5)
    ]
    first = sum(math.log1p(value) ** 2 for value in half) / 5
    half = [
        abs(
            sum(
                0.5
                * (1 - math.cos(math.pi * n / 4))
                * complex(math.cos(math.pi * k * n / 4), -math.sin(math.pi * k * n / 4))
                for n in range(4)
            )
        )
        for k in range(5)
    ]
    last = sum(math.log1p(value) ** 2 for value in half) / 5
    assert loss(estimate, reference).item() == pytest.approx((15 * middle + first + last) / 17, rel=1e-5)


def test_wave_and_stft_loss_by_hand() -> None:
    reference = torch.zeros(1, 2, 1, 64)
    assert WaveAndSTFTLoss(n_ffts=())(reference + 0.25, reference).item() == pytest.approx(0.25)
    # doubling the error doubles the loss, and no error costs nothing
    loss = WaveAndSTFTLoss(n_ffts=(16, 8))
    error = torch.randn(1, 2, 1, 64, generator=torch.Generator().manual_seed(0))
    assert loss(2 * error, reference).item() == pytest.approx(2 * loss(error, reference).item(), rel=1e-5)
    assert loss(error, error).item() == 0


@pytest.mark.parametrize("domain", ["wave", "magnitude"])
def test_additivity_is_zero_for_an_exact_split_of_one_phase(domain: str) -> None:
    mix = torch.randn(2, 1, 512, generator=torch.Generator().manual_seed(0))
    loss = AdditivityLoss(domain=domain)
    assert loss(torch.stack([0.3 * mix, 0.7 * mix], dim=1), mix).item() == pytest.approx(0, abs=1e-8)
    assert loss(torch.stack([0.3 * mix, 0.3 * mix], dim=1), mix).item() > 1e-3


def test_additivity_of_waves_by_hand() -> None:
    mix = torch.ones(1, 1, 8)
    assert AdditivityLoss(domain="wave")(torch.full((1, 2, 1, 8), 0.25), mix).item() == pytest.approx(0.25)


@pytest.mark.parametrize("loss", [LogMagnitudeLoss(), WaveAndSTFTLoss(), AdditivityLoss()])
def test_silence_has_a_gradient(loss: nn.Module) -> None:
    estimate = torch.zeros(1, 2, 1, 2048, requires_grad=True)
    target = torch.zeros(1, 1, 2048) if isinstance(loss, AdditivityLoss) else torch.zeros(1, 2, 1, 2048)
    loss(estimate, target).backward()
    assert estimate.grad is not None
    assert torch.isfinite(estimate.grad).all()
