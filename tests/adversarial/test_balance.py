"""The adversarial gradient beside the supervised one."""

import pytest
import torch
from torch import nn

from dssgan.adversarial.balance import GradientBalancer, equalise


def test_all_estimates_grad_alike_and_together_as_told() -> None:
    grad = torch.zeros(2, 2, 1, 4)
    grad[0, 0, 0] = torch.tensor([3.0, 4.0, 0.0, 0.0])  # norm 5
    grad[0, 1, 0, 2] = -700.0  # a soft estimate, brought to the level of the others
    grad[1, 1, 0, 3] = 0.01
    # three of four were heard: each gets 6 / sqrt(3)
    balanced = equalise(grad, torch.tensor(6.0))
    each = 6 / 3**0.5
    torch.testing.assert_close(balanced[0, 0, 0], torch.tensor([0.6, 0.8, 0.0, 0.0]) * each)
    torch.testing.assert_close(balanced[0, 1, 0], torch.tensor([0.0, 0.0, -each, 0.0]))
    torch.testing.assert_close(balanced[1, 1, 0], torch.tensor([0.0, 0.0, 0.0, each]))
    assert balanced[1, 0].count_nonzero() == 0
    torch.testing.assert_close(balanced.norm(), torch.tensor(6.0))


def test_silence_everywhere_grades_nowhere() -> None:
    assert equalise(torch.zeros(1, 2, 1, 4), torch.tensor(1.0)).count_nonzero() == 0


def test_the_ratio_is_measured_at_the_weights_and_averaged() -> None:
    weight = nn.Parameter(torch.ones(1))
    loud = torch.tensor([[[[2.0, 0.0]]]])  # the weight scales the first sample alone
    balancer = GradientBalancer([weight], lambda value: [value, 3 * value])
    supervised, adversarial = torch.tensor([[[[3.0, 4.0]]]]), torch.tensor([[[[0.6, 0.8]]]])
    # equalised, the adversarial gradient is (3, 4): at the weight both are 6, so the ratio is 1 here and 3 elsewhere
    scaled = balancer.scale(adversarial, supervised, weight * loud, step=1)
    assert balancer.weight_grad_ratio == pytest.approx(2.0)
    torch.testing.assert_close(scaled, supervised / 2)
    # it is used until it is measured again, at every fifth step, and then moves by a fifth of the way
    turned = torch.tensor([[[[0.8, 0.6]]]])  # equalised (4, 3): at the weight 8 against 6
    balancer.scale(turned, supervised, weight * loud, step=4)
    balancer.scale(turned, supervised, weight * loud, step=None)
    assert balancer.weight_grad_ratio == pytest.approx(2.0)
    balancer.scale(turned, supervised, weight * loud, step=5)
    assert balancer.weight_grad_ratio == pytest.approx(2.0 + 0.2 * (2 * 8 / 6 - 2.0))
    other = GradientBalancer([weight], lambda value: [value])
    other.load_state_dict(balancer.state_dict())
    assert other.weight_grad_ratio == balancer.weight_grad_ratio
    other.reset()
    assert other.weight_grad_ratio == 0.0


def test_silence_measures_nothing_and_a_small_ratio_is_bounded() -> None:
    weight = nn.Parameter(torch.ones(1))
    estimates, supervised = weight * torch.ones(1, 1, 1, 2), torch.ones(1, 1, 1, 2)
    balancer = GradientBalancer([weight], lambda value: [value])
    assert balancer.scale(torch.zeros(1, 1, 1, 2), supervised, estimates, step=0).count_nonzero() == 0
    assert balancer.weight_grad_ratio == 0.0
    # a gradient that does not reach the weight at all is amplified a thousand times, and no more
    across = torch.tensor([[[[1.0, -1.0]]]])
    scaled = balancer.scale(across, supervised, estimates, step=0)
    torch.testing.assert_close(scaled, across * 1000)
