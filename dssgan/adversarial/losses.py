"""Losses of critics and separator, by the critics' scores."""

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
    """Punish a critic's gradient where it is steeper than 1, between fake and real.

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
    """What both sides minimise.

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
        """Say, score by score, what a critic loses; both of one shape."""
        raise NotImplementedError

    def separator(self, fake: Tensor, real: Tensor) -> Tensor:
        """Say, score by score, what the separator loses; both of one shape."""
        raise NotImplementedError

    def penalty(
        self, critic: Critic, real: tuple[Tensor, ...], fake: tuple[Tensor, ...], position: Tensor, weight: Tensor
    ) -> Tensor:
        """Return the weighted penalty on a critic's gradient; arguments as in `gradient_penalty`."""
        del critic, fake, position, weight
        return real[0].new_zeros(())


class WassersteinLoss(AdversarialLoss):
    """The paper's: a critic whose slope is at most 1 measures a distance, and the separator shortens it.

    Source: Stoller, Ewert, Dixon 2017, section 2.2, arXiv 1711.00048; Gulrajani et al. 2017, arXiv 1704.00028.

    Args:
        penalty_weight: the papers' lambda.
    """

    def __init__(self, *, penalty_weight: float = 10.0) -> None:
        super().__init__(penalty_weight=penalty_weight)

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Lose what the distance falls short by."""
        return fake - real

    def separator(self, fake: Tensor, real: Tensor) -> Tensor:  # noqa: ARG002
        """Lose where scores are low."""
        return -fake

    def penalty(
        self, critic: Critic, real: tuple[Tensor, ...], fake: tuple[Tensor, ...], position: Tensor, weight: Tensor
    ) -> Tensor:
        """Punish steepness between fake and real."""
        return self.penalty_weight * gradient_penalty(critic, real, fake, position, weight)


class HingeLoss(AdversarialLoss):
    """A critic loses where real scores are below 1 and others above -1.

    Source: Lim and Ye, "Geometric GAN", 2017, equation 9, arXiv 1705.02894.
    """

    def __init__(self) -> None:
        super().__init__()

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Lose inside the margins."""
        return functional.relu(1 - real) + functional.relu(1 + fake)

    def separator(self, fake: Tensor, real: Tensor) -> Tensor:  # noqa: ARG002
        """Lose where scores are low."""
        return -fake


class LeastSquaresLoss(AdversarialLoss):
    """A critic loses the squared distance of real scores from 1 and of others from 0.

    Source: Mao et al., "Least squares generative adversarial networks", 2016, equation 9, arXiv 1611.04076.
    """

    def __init__(self) -> None:
        super().__init__()

    def critic(self, real: Tensor, fake: Tensor) -> Tensor:
        """Lose the squared distance from both targets."""
        return (real - 1).square() + fake.square()

    def separator(self, fake: Tensor, real: Tensor) -> Tensor:  # noqa: ARG002
        """Lose the squared distance from 1."""
        return (fake - 1).square()


class RelativisticLoss(AdversarialLoss):
    """A critic loses where a fake score is above the real one it is paired with; both sides' gradients are penalised.

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
        """Lose where the fake one scores higher."""
        return functional.softplus(fake - real)

    def separator(self, fake: Tensor, real: Tensor) -> Tensor:
        """Lose where the real one scores higher."""
        return functional.softplus(real - fake)

    def penalty(
        self, critic: Critic, real: tuple[Tensor, ...], fake: tuple[Tensor, ...], position: Tensor, weight: Tensor
    ) -> Tensor:
        """Punish any slope at real sources (R1) and at estimates (R2)."""
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
