"""What the critics say of each estimate counts alike."""

import torch

from dssgan.training.gan import balance


def test_all_estimates_push_alike_and_together_as_told() -> None:
    push = torch.zeros(2, 2, 1, 4)
    push[0, 0, 0] = torch.tensor([3.0, 4.0, 0.0, 0.0])  # norm 5
    push[0, 1, 0, 2] = -700.0  # a soft estimate, brought to the level of the others
    push[1, 1, 0, 3] = 0.01
    # three of four were heard: each gets 6 / sqrt(3)
    balanced = balance(push, torch.tensor(6.0))
    each = 6 / 3**0.5
    torch.testing.assert_close(balanced[0, 0, 0], torch.tensor([0.6, 0.8, 0.0, 0.0]) * each)
    torch.testing.assert_close(balanced[0, 1, 0], torch.tensor([0.0, 0.0, -each, 0.0]))
    torch.testing.assert_close(balanced[1, 1, 0], torch.tensor([0.0, 0.0, 0.0, each]))
    assert balanced[1, 0].count_nonzero() == 0
    torch.testing.assert_close(balanced.norm(), torch.tensor(6.0))


def test_silence_everywhere_pushes_nowhere() -> None:
    assert balance(torch.zeros(1, 2, 1, 4), torch.tensor(1.0)).count_nonzero() == 0
