"""The Wasserstein game between a separator and one critic per source."""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from dssgan.critics import Critic

# Keeps the derivative of the gradient's norm finite where the gradient is zero; its absence gave the original NaNs.
NORM_EPSILON = 1e-12


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, position: Tensor) -> Tensor:
    """Punish a critic's gradient where it is steeper than 1, between fake and real.

    One-sided: a flat critic is 1-Lipschitz too. Source: Gulrajani et al., "Improved training of Wasserstein GANs",
    2017, equation 3, arXiv 1704.00028; one-sided as in Petzka et al. 2017, arXiv 1709.08894.

    Args:
        critic: the critic.
        real: features of real sources, (items, ...).
        fake: features of estimates, the same shape.
        position: where between fake (0) and real (1) each item is probed, (items,).

    Returns:
        Mean of max(norm - 1, 0)^2 over the items, scalar.
    """
    position = position.view(-1, *[1] * (real.dim() - 1))
    between = (position * real + (1 - position) * fake).detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic.score(between).sum(), between, create_graph=True)
    norm = (gradient.flatten(1).square().sum(dim=1) + NORM_EPSILON).sqrt()
    return (norm - 1).clamp(min=0).square().mean()


class CriticsLoss(nn.Module):
    """Every critic's loss in one forward, so that data-parallel training averages the right gradients.

    Source: Gulrajani et al. 2017, equation 3, arXiv 1704.00028; the sum over sources is Stoller et al. 2017,
    equation 4, arXiv 1711.00048.

    Args:
        critics: one critic per source, in the order of the sources.
        penalty_weight: weight of the gradient penalty, the papers' lambda.
    """

    def __init__(self, critics: Iterable[Critic], penalty_weight: float = 10.0) -> None:
        super().__init__()
        self.critics = nn.ModuleList(critics)
        self.penalty_weight = penalty_weight

    def forward(self, real: Tensor, fake: Tensor, position: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Score both sides with every critic.

        Args:
            real: sources that belong to no mix, (batch, sources, channels, samples).
            fake: estimates, the same shape, without gradient.
            position: where the gradient is probed, uniform in [0, 1], (batch, sources).

        Returns:
            The loss, the Wasserstein distance E critic(real) - E critic(fake) and the penalty, each summed over the
            sources; scalars.
        """
        distance, penalty = real.new_zeros(()), real.new_zeros(())
        for index, module in enumerate(self.critics):
            critic = cast(Critic, module)
            with torch.no_grad():
                real_features, fake_features = critic.features(real[:, index]), critic.features(fake[:, index])
            windows = len(real_features) // len(real)
            distance = distance + critic.score(real_features).mean() - critic.score(fake_features).mean()
            at = position[:, index].repeat_interleave(windows)
            penalty = penalty + gradient_penalty(critic, real_features, fake_features, at)
        return self.penalty_weight * penalty - distance, distance, penalty

    def separator_loss(self, fake: Tensor) -> Tensor:
        """Say how unreal the critics find estimates: L_u, the separator's adversarial term.

        Args:
            fake: estimates, (batch, sources, channels, samples), with gradient.

        Returns:
            -sum over the sources of E critic(fake), scalar.
        """
        scores = [cast(Critic, critic)(fake[:, index]).mean() for index, critic in enumerate(self.critics)]
        return -torch.stack(scores).sum()
