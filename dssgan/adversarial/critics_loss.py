"""The loss between a separator and one critic per source."""

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from dssgan.adversarial.critic_augment import AugmentParams, CriticAugment
from dssgan.adversarial.critics import Critic
from dssgan.adversarial.losses import AdversarialLoss, weighted_mean


class CriticsLoss(nn.Module):
    """Every critic's loss in one forward, so that data-parallel training averages the right gradients.

    The sum over sources is Stoller et al. 2017, equation 4, arXiv 1711.00048.

    Args:
        critics: one critic per source, in the order of the sources.
        loss: the losses of critics and separator.
        critic_augment: what sources and estimates pass before a critic.
    """

    def __init__(self, critics: Iterable[Critic], loss: AdversarialLoss, critic_augment: CriticAugment) -> None:
        super().__init__()
        self.critics = nn.ModuleList(critics)
        self.loss = loss
        self.critic_augment = critic_augment

    def forward(
        self, real: Tensor, fake: Tensor, position: Tensor, params: AugmentParams | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Score both sides with every critic.

        Args:
            real: sources that belong to no mix, (batch, sources, channels, samples).
            fake: estimates, the same shape, without gradient.
            position: where gradients between the two are probed, uniform in [0, 1], (batch, sources).
            params: how both sides are changed; None leaves them.

        Returns:
            The loss, the distance E critic(real) - E critic(fake) and the weighted penalty, each summed over the
            sources; scalars.
        """
        total, distance, penalty = (real.new_zeros(()) for _ in range(3))
        with torch.no_grad():
            real, real_audible = self.critic_augment.apply(real, params)
            fake, fake_audible = self.critic_augment.apply(fake, params)
        audible = real_audible * fake_audible
        for index, critic in enumerate(self._each()):
            with torch.no_grad():
                real_views, fake_views = critic.views(real[:, index]), critic.views(fake[:, index])
            weight = audible[:, index]
            of_real, of_fake = critic.judge(real_views).scores, critic.judge(fake_views).scores
            for score, other in zip(of_real, of_fake, strict=True):
                total = total + weighted_mean(self.loss.critic(score, other), weight) / len(of_real)
                distance = distance + weighted_mean(score - other, weight) / len(of_real)
            penalty = penalty + self.loss.penalty(critic, real_views, fake_views, position[:, index], weight)
        return total + penalty, distance.detach(), penalty.detach()

    def separator_loss(self, fake: Tensor, real: Tensor | None = None, params: AugmentParams | None = None) -> Tensor:
        """Return the separator's adversarial term, L_u: the lower, the more real the critics find the estimates.

        Args:
            fake: estimates, (batch, sources, channels, samples), with gradient.
            real: sources that belong to no mix, the same shape; a relative loss needs them.
            params: as in `forward`.

        Returns:
            Sum over the sources, scalar.

        Raises:
            ValueError: the loss is relative and there is nothing real.
        """
        fake, audible = self.critic_augment.apply(fake, params)
        augmented_real = None
        if self.loss.is_relative:
            if real is None:
                raise ValueError("a relative loss compares with real sources: give some")
            with torch.no_grad():
                augmented_real, real_audible = self.critic_augment.apply(real, params)
            audible = audible * real_audible
        total = fake.new_zeros(())
        for index, critic in enumerate(self._each()):
            scores = critic(fake[:, index]).scores
            others = scores
            if augmented_real is not None:
                with torch.no_grad():
                    others = critic(augmented_real[:, index]).scores
            for score, other in zip(scores, others, strict=True):
                total = total + weighted_mean(self.loss.separator(score, other), audible[:, index]) / len(scores)
        return total

    def matching_loss(self, estimate: Tensor, reference: Tensor, params: AugmentParams | None = None) -> Tensor:
        """Compare what the critics' layers see of estimates and of the true sources: feature matching.

        Source: Defossez et al. 2022, equation 5, arXiv 2210.13438; DAC, Kumar et al. 2023, arXiv 2306.06546.

        Args:
            estimate: estimates of pairs, (batch, sources, channels, samples), with gradient.
            reference: the same shape.
            params: as in `forward`.

        Returns:
            Mean over the layers of the mean difference, in parts of the reference's mean; summed over sources; scalar.
        """
        # the reference's own level for both: a wrong level is a fault that pairs may show
        with torch.no_grad():
            normalised, audible = replace(self.critic_augment, augment=False).apply(reference)
            factor = (normalised * reference).sum((-2, -1)) / reference.square().sum((-2, -1)).clamp(min=1e-12)
            factor = torch.where(audible > 0, factor, torch.ones_like(factor))[..., None, None]
        change = replace(self.critic_augment, loudness=False)
        total = estimate.new_zeros(())
        estimate, _ = change.apply(estimate * factor, params)
        with torch.no_grad():
            reference, _ = change.apply(reference * factor, params)
        for index, critic in enumerate(self._each()):
            maps = critic(estimate[:, index]).maps
            with torch.no_grad():
                targets = critic(reference[:, index]).maps
            for seen, target in zip(maps, targets, strict=True):
                difference = weighted_mean((seen - target).abs(), audible[:, index])
                level = weighted_mean(target.abs(), audible[:, index])
                total = total + difference / level.clamp(min=1e-6) / len(maps)
        return total

    def _each(self) -> Iterable[Critic]:
        return (cast(Critic, critic) for critic in self.critics)
