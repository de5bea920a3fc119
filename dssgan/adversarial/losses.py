"""Adversarial losses of the critics and of the separator, as functions of the critics' scores."""

import torch
from torch import Tensor
from torch.nn import functional

from dssgan.adversarial.critics import Critic
from dssgan.errors import ConfigError

# Keeps the derivative of the gradient's norm finite where the gradient is zero; its absence gave the original NaNs.
NORM_EPSILON = 1e-12


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Average with a weight for each waveform.

    Args:
        values: (items, ...), as many items for every waveform, those of the first waveform first.
        weight: (batch,), 1 for what counts and 0 for what does not.

    Returns:
        Scalar; 0 where nothing counts.
    """
    of_items = values.flatten(1).mean(dim=1) if values.dim() > 1 else values
    weight = weight.repeat_interleave(len(of_items) // len(weight))
    return (of_items * weight).sum() / weight.sum().clamp(min=1)


def _gradients(critic: Critic, views: tuple[Tensor, ...]) -> Tensor:
    """Squared norm of a critic's gradient for each waveform's items, (items,); every view's score counts alike."""
    with torch.autocast(views[0].device.type, enabled=False):  # a norm of bfloat16 would be a guess
        scores = critic.judge(views).scores
        of_items = [score.flatten(1).mean(dim=1) if score.dim() > 1 else score for score in scores]
        total = torch.stack(of_items).sum() / len(scores)
        gradients = torch.autograd.grad(total, views, create_graph=True)
    return torch.stack([gradient.flatten(1).square().sum(dim=1) for gradient in gradients]).sum(dim=0)


def gradient_penalty(
    critic: Critic, real: tuple[Tensor, ...], fake: tuple[Tensor, ...], position: Tensor, weight: Tensor
) -> Tensor:
    """Penalise a critic's gradient norm above 1 between fake and real.

    One-sided: a flat critic is 1-Lipschitz too. Source: Gulrajani et al., "Improved training of Wasserstein GANs",
    2017, equation 3, arXiv 1704.00028; one-sided as in Petzka et al. 2017, arXiv 1709.08894.

    Args:
        critic: the critic.
        real: views of real sources.
        fake: views of estimates, the same shapes.
        position: where between fake (0) and real (1) each waveform is probed, (batch,).
        weight: which waveforms count, (batch,).

    Returns:
        Mean of max(norm - 1, 0)^2 over the items, scalar.
    """
    between = []
    for real_view, fake_view in zip(real, fake, strict=True):
        at = position.repeat_interleave(len(real_view) // len(position)).view(-1, *[1] * (real_view.dim() - 1))
        between.append((at * real_view + (1 - at) * fake_view).detach().requires_grad_(True))
    norm = (_gradients(critic, tuple(between)) + NORM_EPSILON).sqrt()
    return weighted_mean((norm - 1).clamp(min=0).square(), weight)


class AdversarialLoss:
    """The losses that the critics and the separator minimise.

    Args:
        penalty_weight: weight of the penalty on the critics' gradient.

    Raises:
        ConfigError: the weight is negative.
    """

    is_relative = False  # whether the separator's term looks at real scores

    def __init__(self, *, penalty_weight: float = 0.0) -> None:
        if penalty_weight < 0:
            raise ConfigError(f"penalty_weight={penalty_weight}: must be at least 0")
        self.penalty_weight = penalty_weight

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the critic's loss for each pair of scores, of the scores' shape."""
        raise NotImplementedError

    def separator(self, fake: Tensor, real: Tensor) -> Tensor:
        """Return the separator's loss for each pair of scores, of the scores' shape."""
        raise NotImplementedError

    def penalty(
        self, critic: Critic, real: tuple[Tensor, ...], fake: tuple[Tensor, ...], position: Tensor, weight: Tensor
    ) -> Tensor:
        """Return the weighted penalty on a critic's gradient; arguments as in `gradient_penalty`."""
        del critic, fake, position, weight
        return real[0].new_zeros(())


class WassersteinLoss(AdversarialLoss):
    """Wasserstein loss with gradient penalty: the critic estimates a distance, which the separator reduces.

    Source: Stoller, Ewert, Dixon 2017, section 2.2, arXiv 1711.00048; Gulrajani et al. 2017, arXiv 1704.00028.

    Args:
        penalty_weight: the papers' lambda.
    """

    def __init__(self, *, penalty_weight: float = 10.0) -> None:
        super().__init__(penalty_weight=penalty_weight)

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the negative estimate of the distance; see `AdversarialLoss.critic`."""
        return fake - real

    def separator(self, fake: Tensor, real: Tensor) -> Tensor:  # noqa: ARG002
        """Return the negative scores of estimates; see `AdversarialLoss.separator`."""
        return -fake

    def penalty(
        self, critic: Critic, real: tuple[Tensor, ...], fake: tuple[Tensor, ...], position: Tensor, weight: Tensor
    ) -> Tensor:
        """Penalise the gradient norm between fake and real; see `gradient_penalty`."""
        return self.penalty_weight * gradient_penalty(critic, real, fake, position, weight)


class HingeLoss(AdversarialLoss):
    """Hinge loss with margins at 1 for real scores and at -1 for scores of estimates.

    Source: Lim and Ye, "Geometric GAN", 2017, equation 9, arXiv 1705.02894.
    """

    def __init__(self) -> None:
        super().__init__()

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the distance to the margins; see `AdversarialLoss.critic`."""
        return functional.relu(1 - real) + functional.relu(1 + fake)

    def separator(self, fake: Tensor, real: Tensor) -> Tensor:  # noqa: ARG002
        """Return the negative scores of estimates; see `AdversarialLoss.separator`."""
        return -fake


class LeastSquaresLoss(AdversarialLoss):
    """Least-squares loss with targets 1 for real scores and 0 for scores of estimates.

    Source: Mao et al., "Least squares generative adversarial networks", 2016, equation 9, arXiv 1611.04076.
    """

    def __init__(self) -> None:
        super().__init__()

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the squared distances from the targets; see `AdversarialLoss.critic`."""
        return (real - 1).square() + fake.square()

    def separator(self, fake: Tensor, real: Tensor) -> Tensor:  # noqa: ARG002
        """Return the squared distance from 1; see `AdversarialLoss.separator`."""
        return (fake - 1).square()


class RelativisticLoss(AdversarialLoss):
    """Relativistic pairing loss with gradient penalties on real sources and on estimates.

    Source: Huang et al., "The GAN is dead; long live the GAN! A modern baseline GAN" (R3GAN), 2024, section 2, arXiv
    2501.05441; R1 by Mescheder et al. 2018, arXiv 1801.04406; the pairing by Jolicoeur-Martineau 2018,
    arXiv 1807.00734.

    Args:
        penalty_weight: weight of R1 and R2, the papers' gamma.
    """

    is_relative = True

    def __init__(self, *, penalty_weight: float = 1.0) -> None:
        super().__init__(penalty_weight=penalty_weight)

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the softplus of fake minus real; see `AdversarialLoss.critic`."""
        return functional.softplus(fake - real)

    def separator(self, fake: Tensor, real: Tensor) -> Tensor:
        """Return the softplus of real minus fake; see `AdversarialLoss.separator`."""
        return functional.softplus(real - fake)

    def penalty(
        self, critic: Critic, real: tuple[Tensor, ...], fake: tuple[Tensor, ...], position: Tensor, weight: Tensor
    ) -> Tensor:
        """Penalise the squared gradient norm at real sources (R1) and at estimates (R2)."""
        del position
        total = real[0].new_zeros(())
        for side in (real, fake):
            views = tuple(view.detach().requires_grad_(True) for view in side)
            total = total + weighted_mean(_gradients(critic, views), weight)
        return self.penalty_weight / 2 * total


# By name, where a configuration chooses among them.
ADVERSARIAL_LOSSES: dict[str, type[AdversarialLoss]] = {
    "hinge": HingeLoss,
    "lsgan": LeastSquaresLoss,
    "relativistic": RelativisticLoss,
    "wgan_gp": WassersteinLoss,
}
