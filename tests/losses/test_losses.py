"""Losses against numbers worked out by hand."""

import math

import pytest
import torch
from torch import Tensor, nn

from dssgan.critics import Critic
from dssgan.losses.additivity import AdditivityLoss
from dssgan.losses.adversarial import CriticsLoss, gradient_penalty
from dssgan.losses.supervised import LogMagnitudeLoss, WaveAndSTFTLoss


class Linear(Critic):
    """A critic whose gradient is known everywhere: score = slope times the sum of the waveform."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def features(self, wave: Tensor) -> Tensor:
        return wave

    def score(self, features: Tensor) -> Tensor:
        return self.slope * features.flatten(1).sum(dim=1)


def test_penalty_is_one_sided_and_of_the_whole_gradient() -> None:
    # four samples of slope a: the gradient's norm is 2 |a|, so a = 1 gives (2 - 1)^2 = 1 and a = 0.25 gives 0
    real, fake, position = torch.ones(3, 1, 4), torch.zeros(3, 1, 4), torch.rand(3)
    assert gradient_penalty(Linear(1.0), real, fake, position).item() == pytest.approx(1.0)
    assert gradient_penalty(Linear(0.25), real, fake, position).item() == 0.0
    assert gradient_penalty(Linear(-2.0), real, fake, position).item() == pytest.approx(9.0)


def test_penalty_has_a_derivative_where_the_gradient_is_zero() -> None:
    critic = Linear(0.0)
    gradient_penalty(critic, torch.ones(2, 1, 4), torch.zeros(2, 1, 4), torch.rand(2)).backward()
    assert critic.slope.grad is not None
    assert torch.isfinite(critic.slope.grad)


def test_critics_loss_by_hand() -> None:
    # drums: slope 1, real sums to 4, fake to 2: distance 2, norm 2, penalty 1
    # other: slope 0.5, real 4, fake 0: distance 2, norm 1, penalty 0
    loss = CriticsLoss([Linear(1.0), Linear(0.5)], penalty_weight=10.0)
    real = torch.ones(5, 2, 1, 4)
    fake = torch.stack([torch.full((5, 1, 4), 0.5), torch.zeros(5, 1, 4)], dim=1)
    total, distance, penalty = loss(real, fake, torch.rand(5, 2))
    assert distance.item() == pytest.approx(4.0)
    assert penalty.item() == pytest.approx(1.0)
    assert total.item() == pytest.approx(10.0 - 4.0)
    # the separator wants high scores: -(1 x 2 + 0.5 x 0)
    assert loss.separator_loss(fake).item() == pytest.approx(-2.0)


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
