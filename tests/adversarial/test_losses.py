"""Games against numbers worked out by hand."""

import math

import pytest
import torch
from torch import Tensor, nn

from dssgan.adversarial.critic_augment import CriticAugment
from dssgan.adversarial.critics import Critic, Judgement, build_critic
from dssgan.adversarial.critics_loss import CriticsLoss
from dssgan.adversarial.losses import (
    ADVERSARIAL_LOSSES,
    AdversarialLoss,
    HingeLoss,
    LeastSquaresLoss,
    RelativisticLoss,
    WassersteinLoss,
    gradient_penalty,
    weighted_mean,
)
from dssgan.errors import ConfigError

PLAIN = CriticAugment(loudness=False, augment=False, silence_db=-60.0)
ONES = torch.ones(3)


class Linear(Critic):
    """A critic whose gradient is known everywhere: score = slope times the sum of the waveform."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def views(self, wave: Tensor) -> tuple[Tensor, ...]:
        return (wave,)

    def judge(self, views: tuple[Tensor, ...]) -> Judgement:
        return Judgement((self.slope * views[0].flatten(1).sum(dim=1),), (self.slope * views[0],))


def _sides() -> tuple[Tensor, Tensor]:
    """Drums: real sums to 4, fake to 2; other: 4 and 0.4."""
    fake = torch.stack([torch.full((5, 1, 4), 0.5), torch.full((5, 1, 4), 0.1)], dim=1)
    return torch.ones(5, 2, 1, 4), fake


def test_penalty_is_one_sided_and_of_the_whole_gradient() -> None:
    # four samples of slope a: the gradient's norm is 2 |a|, so a = 1 gives (2 - 1)^2 = 1 and a = 0.25 gives 0
    real, fake, position = (torch.ones(3, 1, 4),), (torch.zeros(3, 1, 4),), torch.rand(3)
    assert gradient_penalty(Linear(1.0), real, fake, position, ONES).item() == pytest.approx(1.0)
    assert gradient_penalty(Linear(0.25), real, fake, position, ONES).item() == 0.0
    assert gradient_penalty(Linear(-2.0), real, fake, position, ONES).item() == pytest.approx(9.0)


def test_penalty_is_exact_where_the_rest_is_in_bfloat16() -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))

    class Small(Linear):
        def judge(self, views: tuple[Tensor, ...]) -> Judgement:
            return Judgement((4 * critic(views[0])[:, 0],), ())

    sides = (torch.randn(3, 1, 4),), (torch.randn(3, 1, 4),), torch.rand(3), ONES
    expected = gradient_penalty(Small(1.0), *sides)
    with torch.autocast("cpu", torch.bfloat16):
        assert gradient_penalty(Small(1.0), *sides).item() == expected.item()


def test_penalty_has_a_derivative_where_the_gradient_is_zero() -> None:
    critic = Linear(0.0)
    gradient_penalty(critic, (torch.ones(3, 1, 4),), (torch.zeros(3, 1, 4),), torch.rand(3), ONES).backward()
    assert critic.slope.grad is not None
    assert torch.isfinite(critic.slope.grad)


# scores: drums 4 (real) and 2 (fake) at slope 1, other 2 and 0.2 at slope 0.5; squared slopes 4 and 1
@pytest.mark.parametrize(
    ("game", "critics", "penalty", "separator"),
    [
        (WassersteinLoss(), -2.0 - 1.8, 10.0, -2.0 - 0.2),
        (HingeLoss(), 3.0 + 1.2, 0.0, -2.0 - 0.2),
        (LeastSquaresLoss(), (9 + 4) + (1 + 0.04), 0.0, 1.0 + 0.64),
        (
            RelativisticLoss(penalty_weight=0.5),
            math.log1p(math.exp(-2)) + math.log1p(math.exp(-1.8)),
            0.25 * 2 * (4 + 1),  # half the weight, R1 and R2 alike
            math.log1p(math.exp(2)) + math.log1p(math.exp(1.8)),
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, AdversarialLoss) else "",
)
def test_games_by_hand(game: AdversarialLoss, critics: float, penalty: float, separator: float) -> None:
    loss = CriticsLoss([Linear(1.0), Linear(0.5)], game, PLAIN)
    real, fake = _sides()
    total, distance, punished = loss(real, fake, torch.rand(5, 2))
    assert distance.item() == pytest.approx(3.8)
    assert punished.item() == pytest.approx(penalty)
    assert total.item() == pytest.approx(critics + penalty, rel=1e-5)
    assert loss.separator_loss(fake, real).item() == pytest.approx(separator, rel=1e-5)


class Twice(Linear):
    """A critic that gives its score at two resolutions, the second one twice as high."""

    def judge(self, views: tuple[Tensor, ...]) -> Judgement:
        judged = super().judge(views)
        return Judgement((*judged.scores, 2 * judged.scores[0]), judged.maps)


def test_several_resolutions_count_as_one_critic() -> None:
    loss = CriticsLoss([Twice(1.0), Twice(0.5)], WassersteinLoss(penalty_weight=0.0), PLAIN)
    real, fake = _sides()
    total, distance, _ = loss(real, fake, torch.rand(5, 2))
    # the mean of one and two times what one resolution gives
    assert distance.item() == pytest.approx(1.5 * 3.8)
    assert total.item() == pytest.approx(-1.5 * 3.8)
    assert loss.separator_loss(fake, real).item() == pytest.approx(1.5 * -2.2)


def test_weights_are_of_waveforms_not_windows() -> None:
    # two windows a waveform: the second waveform does not count
    assert weighted_mean(torch.tensor([1.0, 3.0, 100.0, 100.0]), torch.tensor([1.0, 0.0])).item() == 2.0
    assert weighted_mean(torch.tensor([1.0, 3.0]), torch.zeros(2)).item() == 0.0


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_silence_changes_nothing(name: str) -> None:
    loss = CriticsLoss([Linear(1.0), Linear(0.5)], ADVERSARIAL_LOSSES[name](), PLAIN)
    real, fake = _sides()
    silence = torch.zeros(1, 2, 1, 4)
    more_real, more_fake = torch.cat([real, silence + 1]), torch.cat([fake, silence])
    position = torch.rand(6, 2)
    for whole, part in zip(loss(more_real, more_fake, position), loss(real, fake, position[:5]), strict=True):
        torch.testing.assert_close(whole, part)
    torch.testing.assert_close(loss.separator_loss(more_fake, more_real), loss.separator_loss(fake, real))


def test_matching_by_hand() -> None:
    # |0.5 - 1| / 1 and |0.1 - 1| / 1, whatever the slope
    real, fake = _sides()
    loss = CriticsLoss([Linear(3.0), Linear(0.5)], HingeLoss(), PLAIN)
    assert loss.matching_loss(fake, real).item() == pytest.approx(0.5 + 0.9, rel=1e-5)
    assert loss.matching_loss(real, real).item() == 0.0


def test_matching_hears_a_wrong_level_but_not_the_pairs_own() -> None:
    real, fake = _sides()
    loss = CriticsLoss([Linear(3.0), Linear(0.5)], HingeLoss(), CriticAugment(augment=False))
    first, second = loss.matching_loss(fake, real).item(), loss.matching_loss(0.1 * fake, 0.1 * real).item()
    assert first == pytest.approx(1.4, rel=1e-4)
    assert second == pytest.approx(first, rel=1e-4)


class Saturating(Linear):
    """A critic whose layers do not scale with the level of the waveform."""

    def judge(self, views: tuple[Tensor, ...]) -> Judgement:
        judged = super().judge(views)
        return Judgement(judged.scores, tuple(map(torch.tanh, judged.maps)))


def test_matching_compares_pairs_at_the_level_that_critics_expect() -> None:
    real, fake = _sides()
    loss = CriticsLoss([Saturating(3.0), Saturating(0.5)], HingeLoss(), CriticAugment(augment=False))
    loud, soft = loss.matching_loss(fake, real).item(), loss.matching_loss(0.1 * fake, 0.1 * real).item()
    assert soft == pytest.approx(loud, rel=1e-4)


@pytest.mark.parametrize("critic", ["strided", "multi_resolution"])
@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_gradients_are_finite_and_reach_both_sides(name: str, critic: str) -> None:
    torch.manual_seed(0)
    settings = (
        {"num_filters": 2, "n_ffts": (256, 128)} if critic == "multi_resolution" else {"n_fft": 128, "hop_samples": 64}
    )
    critic_augment = CriticAugment()
    loss = CriticsLoss([build_critic(critic, settings) for _ in range(2)], ADVERSARIAL_LOSSES[name](), critic_augment)
    real, draw = 0.1 * torch.randn(2, 2, 2, 8192), critic_augment.sample_params(2, 2)
    fake = (0.1 * torch.randn(2, 2, 2, 8192)).requires_grad_(True)
    loss(real, fake, torch.rand(2, 2), draw)[0].backward()
    assert fake.grad is None
    for parameter_name, parameter in loss.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name
    (loss.separator_loss(fake, real, draw) + loss.matching_loss(fake, real, draw)).backward()
    assert fake.grad is not None
    assert torch.isfinite(fake.grad).all()
    assert (fake.grad.abs().amax(dim=(-2, -1)) > 0).all()


def test_a_negative_penalty_is_refused() -> None:
    with pytest.raises(ConfigError, match="penalty_weight=-1"):
        WassersteinLoss(penalty_weight=-1)
