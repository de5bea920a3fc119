"""Mixture invariant training's loss, by hand and by what it must not depend on."""

import math

import pytest
import torch

from dssgan.losses.mixit import mixit_loss


def test_two_estimates_by_hand() -> None:
    """Mixes of energies 4 and 1; the estimates are off by 0.5 and by 0: SNR of 12.04 dB, and of the 30 dB limit."""
    first, second = torch.tensor([[[2.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
    estimates = torch.tensor([[[[0.0, 1.0]], [[1.5, 0.0]]]])
    off = 10 * math.log10(0.25 / 4 + 1e-3)
    exact = 10 * math.log10(1e-3)
    assert mixit_loss(estimates, first, second).item() == pytest.approx((off + exact) / 2, abs=1e-4)
    assert off == pytest.approx(-11.97, abs=0.01)


def test_the_best_assignment_counts_whatever_the_order() -> None:
    generator = torch.Generator().manual_seed(0)
    parts = torch.randn(2, 4, 2, 500, generator=generator)
    first, second = parts[:, [0, 2]].sum(dim=1), parts[:, [1, 3]].sum(dim=1)
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        assert mixit_loss(parts[:, order], first, second).item() == pytest.approx(-30, abs=1e-3)
    # what belongs to two mixes in one estimate cannot be shared out
    merged = torch.stack([parts[:, 0] + parts[:, 1], parts[:, 2] + parts[:, 3]], dim=1)
    assert mixit_loss(merged, first, second) > -4


def test_the_gradient_parts_what_is_mixed_up() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 1, 2, 400, generator=generator)
    estimates = torch.stack([0.6 * first + 0.4 * second, 0.4 * first + 0.6 * second], dim=1).requires_grad_(True)
    losses = []
    for _ in range(60):
        loss = mixit_loss(estimates, first, second)
        (gradient,) = torch.autograd.grad(loss, estimates)
        losses.append(loss.item())
        estimates = (estimates - 0.3 * gradient / gradient.norm()).detach().requires_grad_(True)
    assert losses[-1] < losses[0] - 10


def test_silence_gives_finite_numbers() -> None:
    estimates = torch.zeros(1, 4, 2, 100, requires_grad=True)
    loss = mixit_loss(estimates, torch.zeros(1, 2, 100), torch.zeros(1, 2, 100))
    loss.backward()
    assert torch.isfinite(loss)
    assert estimates.grad is not None
    assert torch.isfinite(estimates.grad).all()
