"""The game between a separator and one critic per source."""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from dssgan.critics import Critic
from dssgan.losses.games import Game, weighted_mean
from dssgan.losses.hearing import Draw, Hearing


class CriticsLoss(nn.Module):
    """Every critic's loss in one forward, so that data-parallel training averages the right gradients.

    The sum over sources is Stoller et al. 2017, equation 4, arXiv 1711.00048.

    Args:
        critics: one critic per source, in the order of the sources.
        game: what critics and separator want.
        hearing: what both sides pass before a critic hears them.
    """

    def __init__(self, critics: Iterable[Critic], game: Game, hearing: Hearing) -> None:
        super().__init__()
        self.critics = nn.ModuleList(critics)
        self.game = game
        self.hearing = hearing

    def forward(
        self, real: Tensor, fake: Tensor, position: Tensor, draw: Draw | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Score both sides with every critic.

        Args:
            real: sources that belong to no mix, (batch, sources, channels, samples).
            fake: estimates, the same shape, without gradient.
            position: where gradients between the two are probed, uniform in [0, 1], (batch, sources).
            draw: how both sides are changed; None leaves them.

        Returns:
            The loss, the distance E critic(real) - E critic(fake) and the weighted penalty, each summed over the
            sources; scalars.
        """
        total, distance, penalty = (real.new_zeros(()) for _ in range(3))
        with torch.no_grad():
            real, real_audible = self.hearing.hear(real, draw)
            fake, fake_audible = self.hearing.hear(fake, draw)
        audible = real_audible * fake_audible
        for index, critic in enumerate(self._each()):
            with torch.no_grad():
                real_views, fake_views = critic.views(real[:, index]), critic.views(fake[:, index])
            weight = audible[:, index]
            of_real, of_fake = critic.judge(real_views).scores, critic.judge(fake_views).scores
            for score, other in zip(of_real, of_fake, strict=True):
                total = total + weighted_mean(self.game.critic(score, other), weight) / len(of_real)
                distance = distance + weighted_mean(score - other, weight) / len(of_real)
            penalty = penalty + self.game.penalty(critic, real_views, fake_views, position[:, index], weight)
        return total + penalty, distance.detach(), penalty.detach()

    def separator_loss(self, fake: Tensor, real: Tensor | None = None, draw: Draw | None = None) -> Tensor:
        """Say how unreal the critics find estimates: L_u, the separator's adversarial term.

        Args:
            fake: estimates, (batch, sources, channels, samples), with gradient.
            real: sources that belong to no mix, the same shape; a relative game needs them.
            draw: as in `forward`.

        Returns:
            Sum over the sources, scalar.

        Raises:
            ValueError: the game is relative and there is nothing real.
        """
        fake, audible = self.hearing.hear(fake, draw)
        heard_real = None
        if self.game.is_relative:
            if real is None:
                raise ValueError("a relative game compares with real sources: give some")
            with torch.no_grad():
                heard_real, real_audible = self.hearing.hear(real, draw)
            audible = audible * real_audible
        total = fake.new_zeros(())
        for index, critic in enumerate(self._each()):
            scores = critic(fake[:, index]).scores
            others = scores
            if heard_real is not None:
                with torch.no_grad():
                    others = critic(heard_real[:, index]).scores
            for score, other in zip(scores, others, strict=True):
                total = total + weighted_mean(self.game.separator(score, other), audible[:, index]) / len(scores)
        return total

    def matching_loss(self, estimate: Tensor, reference: Tensor, draw: Draw | None = None) -> Tensor:
        """Compare what the critics' layers see of estimates and of the true sources: feature matching.

        Source: Defossez et al. 2022, equation 5, arXiv 2210.13438; DAC, Kumar et al. 2023, arXiv 2306.06546.

        Args:
            estimate: of pairs, (batch, sources, channels, samples), with gradient.
            reference: the same shape.
            draw: as in `forward`.

        Returns:
            Mean over the layers of the mean difference, in parts of the reference's mean; summed over sources; scalar.
        """
        # the reference's own level for both: a wrong level is a fault that pairs may show
        with torch.no_grad():
            own = Hearing(loudness=self.hearing.loudness, augment=False, silence_db=self.hearing.silence_db)
            heard, audible = own.hear(reference)
            factor = (heard * reference).sum((-2, -1)) / reference.square().sum((-2, -1)).clamp(min=1e-12)
            factor = torch.where(audible > 0, factor, torch.ones_like(factor))[..., None, None]
        change = Hearing(loudness=False, augment=self.hearing.augment, silence_db=self.hearing.silence_db)
        total = estimate.new_zeros(())
        estimate, _ = change.hear(estimate * factor, draw)
        with torch.no_grad():
            reference, _ = change.hear(reference * factor, draw)
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
